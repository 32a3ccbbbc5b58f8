/* SPDX-License-Identifier: Apache-2.0 */
/*
 * incoming - the destination's side of a move, up to the key: a live one as libvirt's hook goes
 *          through it, a cold one as cold.h does.
 *
 * Ask:     at `migrate begin`: the source, through the broker. Its refusal reaches whoever migrates
 *          before anything has moved; an offline migration, for which no more is called, ends here.
 * Get:     at `prepare begin`: claims what the source offered for that ask, or asks first where
 *          there was none.
 * Records: the hand-over, durably, before it is claimed; from then on mover.h takes it on.
 * Checks:  as release.h; a relayed secret also for its sender's certificate.
 * Threads: the caller has the instance's turn.
 */
#ifndef CLIENT_COMPUTE_INCOMING_H
#define CLIENT_COMPUTE_INCOMING_H

#include "client/compute/agent.h"

struct incoming {
	struct uuid instance, secret; /* as the domain names them */
	const char *purpose;          /* migrate-in or cold-migrate */
	int wait_ms;                  /* for all of it */
	int64_t number, parts; /* out: of the hand-over, and of a cold move's state */
	bool unanswered;       /* out: nobody decided, and the source was not heard */
};

/* Its consent is kept in memory, for the next incoming_get of that guest. */
MUST_CHECK bool incoming_ask(struct agent *a, struct incoming *in, struct err *e);
/* On success *guest is what is on record now. */
MUST_CHECK bool incoming_get(struct agent *a, struct incoming *in, struct guest *guest,
			     struct secret **ret, struct err *e);
/* The key led to no guest: nothing of it has run. */
MUST_CHECK bool incoming_give_up(struct agent *a, const struct uuid *instance,
				 struct err *e);
/* Is a guest on its way here? Then its start and its end are not told as those of others. */
bool incoming_is_open(struct agent *a, const struct uuid *instance);

#endif
