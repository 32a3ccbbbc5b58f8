/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own_copy - this host's sealed copy where a hand-over comes into it.
 *
 * Open:    the value, for the source to seal to the destination: only of the version that is in
 *          force. Its lease is not asked for: the broker has just said that the guest is here.
 * Seal:    what came from another host, sealed anew to this one: it opens also when the
 *          sender's certificate is long over. Kept beside the hand-over until it has a lease.
 * Blocked: a copy older than a hand-over of this guest is not used, until the very same
 *          hand-over is aborted, or the broker releases anew.
 * Threads: the caller has the instance's turn.
 */
#ifndef CLIENT_COMPUTE_OWN_COPY_H
#define CLIENT_COMPUTE_OWN_COPY_H

#include "client/compute/agent.h"
#include "client/compute/moves.h"

MUST_CHECK bool own_copy_open(struct agent *a, const struct guest *g, int64_t version,
			      struct secret **ret, struct err *e);
struct own_copy_seal {
	const struct move *move; /* borrowed */
	const char *purpose, *nonce;
	const struct secret *value; /* borrowed */
};
MUST_CHECK bool own_copy_seal(struct agent *a, const struct own_copy_seal *s,
			      struct err *e);
/* ERR_HANDOVER_OPEN where it must not be used. */
MUST_CHECK bool own_copy_is_free(struct agent *a, const struct uuid *instance,
				 struct err *e);
/* The broker has released anew. What is on record of an earlier hand-over is over thereby, what
 * this host owed of a departure too; only an arrival that is known to have come, and that brought
 * this very placement, goes on. */
struct own_copy_release {
	struct uuid instance;
	int64_t number; /* the newest hand-over */
	int64_t epoch;  /* of the placement */
};
MUST_CHECK bool own_copy_unblock(struct agent *a, const struct own_copy_release *r,
				 struct err *e);

#endif
