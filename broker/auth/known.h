/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known - client certificates that were verified before, by the SHA-256 of their bytes.
 *
 * A host that connects again shows the same certificate, and its signature does not change;
 * checking it costs a third of a new connection. Dates are not part of this: auth looks at
 * them, and at the host's row, on every request.
 * Owns:    a fixed table; a newcomer takes the place of whoever had its slot.
 * Refuses: to remember a certificate that was refused.
 * Threads: any; one lock.
 */
#ifndef BROKER_AUTH_KNOWN_H
#define BROKER_AUTH_KNOWN_H

#include "crypto/mac.h"
#include "crypto/pki.h"

enum { DIGEST_BYTES = 32 };

struct known;

MUST_CHECK bool known_new(struct known **ret, struct err *e);
void known_free(struct known *k);
bool known_find(struct known *k, const uint8_t digest[DIGEST_BYTES],
		struct cert_facts *ret);
void known_add(struct known *k, const uint8_t digest[DIGEST_BYTES],
	       const struct cert_facts *f);
DEFINE_DROP(known)

#endif
