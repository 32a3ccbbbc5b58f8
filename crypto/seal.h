/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal - secrets on their way to a host: JWE compact (RFC 7516), ECDH-ES + A256GCM on P-256
 *        (RFC 7518, 4.6 and 5.3).
 *
 * Header:  alg, enc, typ "vtpm-release", epk, kid (recipient's JWK thumbprint), instance, secret, version,
 *          purpose, epoch, attempt, nonce, and handover when it is part of one - all protected,
 *          so all bound to the value.
 * Gives:   seal_jwe (a sealer is parsed once per recipient), open_jwe, which returns the
 *          header it authenticated; the caller compares it with what it asked for.
 * Refuses: other algorithms, "zip", "crit", a foreign kid, points off the curve,
 *          any flipped bit: ERR_BAD_SEALED.
 * Threads: a sealer belongs to one thread; a recipient pkey may be shared.
 */
#ifndef CRYPTO_SEAL_H
#define CRYPTO_SEAL_H

#include "crypto/pki.h"

#define SEAL_TYP "vtpm-release"
enum { SEAL_NONCE_MIN = 16 };

struct seal_header {
	char kid[PKI_KID];
	struct uuid instance;
	struct uuid secret;
	int64_t version;
	char purpose[16];
	int64_t epoch;
	struct uuid attempt;
	char nonce[64];   /* chosen by the host: 16..63 base64url characters */
	int64_t handover; /* its number, from 1; 0: this is no part of one */
};

struct sealer;

MUST_CHECK bool sealer_new(const struct pkey *recipient, struct sealer **ret,
			   struct err *e);
void sealer_free(struct sealer *s);
/* header->kid is filled in by the sealer. Appends the compact form to ret. */
MUST_CHECK bool seal_jwe(struct sealer *s, struct seal_header *header,
			 const struct secret *plain, struct buf *ret, struct err *e);
MUST_CHECK bool open_jwe(const struct pkey *own, struct view compact,
			 struct seal_header *ret_header, struct secret **ret,
			 struct err *e);
DEFINE_DROP(sealer)

#endif
