/* SPDX-License-Identifier: Apache-2.0 */
/*
 * awaited - guests that their source lets go to this host, from one call of libvirt's hook to the
 *           next.
 *
 * Why:     the source is asked at `migrate begin`, which alone is called for an offline migration
 *          too; its key is fetched at `prepare begin`, once libvirt has taken the guest up.
 * Owns:    a table of AWAITED_MAX; when it is full the oldest gives way, and its migration fails.
 * Holds:   no secret. An entry is of use for AWAITED_S, once.
 * Threads: any.
 */
#ifndef CLIENT_COMPUTE_AWAITED_H
#define CLIENT_COMPUTE_AWAITED_H

#include "client/compute/handovers.h"

enum { AWAITED_MAX = 256, AWAITED_S = 30 };

struct awaited_guest {
	struct uuid attempt; /* of the ask that was consented to */
	char nonce[NONCE_SIZE];
	struct handover handover; /* as it was then */
	int64_t at_us;            /* monotonic; 0: none */
};

struct awaited;

MUST_CHECK bool awaited_new(struct awaited **ret, struct err *e);
void awaited_free(struct awaited *w);
/* In place of what was there of the same instance. */
void awaited_put(struct awaited *w, const struct awaited_guest *g);
/* Takes it out; false when there is none, or none of use any more. */
bool awaited_take(struct awaited *w, const struct uuid *instance, int64_t now_us,
		  struct awaited_guest *ret);

#endif
