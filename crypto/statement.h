/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement - signed claims that a third party carries: JWS compact (RFC 7515), ES256.
 *
 * A lease says: host (key hash) may use its copy of instance's secret version, placed at
 * epoch, until `ends`. typ "vtpm-lease". Made by the broker's statement key, checked by agents.
 * Refuses: another alg or typ, "crit", a wrong signature: ERR_BAD_SEALED.
 * Knows:   no clock; the reader compares `issued` and `ends` (two minutes of skew allowed).
 * Threads: no state.
 */
#ifndef CRYPTO_STATEMENT_H
#define CRYPTO_STATEMENT_H

#include "crypto/pki.h"

struct lease {
	char host[PKI_HASH_HEX]; /* hash of the host's identity key */
	struct uuid instance;
	int64_t version;
	int64_t epoch;
	int64_t issued_us;
	int64_t ends_us;
};

MUST_CHECK bool lease_sign(const struct pkey *statement, const struct lease *l,
			   struct buf *ret, struct err *e);
MUST_CHECK bool lease_check(const struct pkey *statement, struct view compact,
			    struct lease *ret, struct err *e);

#endif
