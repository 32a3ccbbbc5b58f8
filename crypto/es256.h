/* SPDX-License-Identifier: Apache-2.0 */
/*
 * es256 - ECDSA on P-256 with SHA-256 as JWS carries it (RFC 7518, 3.4).
 *
 * Form:    r and s side by side, 32 bytes each; OpenSSL itself speaks DER.
 * Knows:   nothing of whose key it is.
 * Threads: no state.
 */
#ifndef CRYPTO_ES256_H
#define CRYPTO_ES256_H

#include "crypto/pkey.h"

enum { ES256_BYTES = 64 };

MUST_CHECK bool es256_sign(const struct pkey *key, struct view text,
			   uint8_t ret[ES256_BYTES]);
MUST_CHECK bool es256_verifies(const struct pkey *key, struct view text,
			       const uint8_t raw[ES256_BYTES]);

#endif
