/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkey - P-256 keys as the files of this directory see them.
 *
 * Form:    a SubjectPublicKeyInfo is always the same 27 bytes (RFC 5480: id-ecPublicKey,
 *          secp256r1, uncompressed point) and the point's 64; no other spelling is taken.
 * Refuses: points off the curve, other curves, compressed points, explicit parameters.
 * Threads: an EVP_PKEY may be shared; it is not changed after it was made.
 */
#ifndef CRYPTO_PKEY_H
#define CRYPTO_PKEY_H

#include "crypto/evp.h"
#include "crypto/pki.h"

enum { PKEY_POINT = 65, PKEY_COORDINATE = 32, PKEY_SPKI = 91 };

EVP_PKEY *pkey_evp(const struct pkey *k); /* borrowed */
/* Takes another reference to a key of somebody else's; P-256 only. */
MUST_CHECK bool pkey_share(EVP_PKEY *key, struct pkey **ret);
/* 04, x, y. */
MUST_CHECK bool pkey_point(const EVP_PKEY *key, uint8_t ret[PKEY_POINT]);
/* On the curve (SP 800-56A, 5.6.2.3.4 partial validation), or NULL. The caller frees it. */
EVP_PKEY *pkey_from_point(const uint8_t point[PKEY_POINT]);
/* ECDSA with SHA-256, in DER. */
MUST_CHECK bool pkey_sign(const EVP_PKEY *key, struct view text, uint8_t *ret, size_t cap,
			  size_t *ret_len);
bool pkey_verifies(EVP_PKEY *key, struct view text, struct view signature);

#endif
