/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ecdh - ECDH-ES on P-256 down to a content key (RFC 7518, 4.6, direct agreement, A256GCM).
 *
 * Gives:   ecdh_send with a fresh ephemeral key, ecdh_receive with one's own.
 * Refuses: to receive from a point that is not on the curve: ERR_BAD_SEALED. A sender's
 *          recipient is validated once, by ecdh_recipient, not at every sealing.
 * Wipes:   the shared secret; the content key is the caller's to wipe.
 * Threads: a maker belongs to one thread; a recipient may be shared.
 */
#ifndef CRYPTO_ECDH_H
#define CRYPTO_ECDH_H

#include "common/text.h"
#include "crypto/pkey.h"

struct ecdh_point { /* the members of a JWK */
	char x[B64URL_SIZE(PKEY_COORDINATE)];
	char y[B64URL_SIZE(PKEY_COORDINATE)];
};

EVP_PKEY_CTX *ecdh_maker(void); /* NULL on failure; the caller frees it */
/* The public half alone, validated. */
MUST_CHECK bool ecdh_recipient(const struct pkey *from, struct pkey **ret, struct err *e);
MUST_CHECK bool ecdh_send(EVP_PKEY_CTX *maker, const struct pkey *to,
			  struct ecdh_point *ret_epk, uint8_t *ret_key, size_t key_len,
			  struct err *e);
MUST_CHECK bool ecdh_receive(const struct pkey *own, const struct ecdh_point *epk,
			     uint8_t *ret_key, size_t key_len, struct err *e);

#endif
