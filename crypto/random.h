/* SPDX-License-Identifier: Apache-2.0 */
/*
 * random - bytes from the kernel by OpenSSL's generator (RAND_bytes, RAND_priv_bytes).
 *
 * Threads: any.
 */
#ifndef CRYPTO_RANDOM_H
#define CRYPTO_RANDOM_H

#include "common/secret.h"

MUST_CHECK bool random_bytes(uint8_t *ret, size_t len,
			     struct err *e); /* public: nonces, ids */
MUST_CHECK bool random_secret(size_t len, struct secret **ret,
			      struct err *e); /* private */
/* 48 random bytes as 64 base64 characters (RFC 4648, section 4): a generated vTPM secret. */
MUST_CHECK bool random_passphrase(struct secret **ret, struct err *e);
/* 32 random bytes as 43 base64url characters: a bearer or enrolment token. */
MUST_CHECK bool random_token(struct secret **ret, struct err *e);

#endif
