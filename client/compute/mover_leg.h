/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mover_leg - one hand-over while the mover takes it on, for the files that do so.
 *
 * Gives:   what is seen of it, and the words that are said of it to the broker.
 * Threads: the mover's.
 */
#ifndef CLIENT_COMPUTE_MOVER_LEG_H
#define CLIENT_COMPUTE_MOVER_LEG_H

#include "client/compute/agent.h"
#include "client/compute/course.h"
#include "client/compute/handovers.h"

/* What holds for all of them. */
struct rounds {
	struct agent *agent; /* borrowed */
	bool silent,
		was_silent; /* the broker did not answer in this round, in the last */
	enum err_kind told; /* the last trouble in the log, and when */
	int64_t told_us;
};

/* One hand-over being taken on. */
struct leg {
	struct agent *agent;   /* borrowed */
	struct rounds *rounds; /* borrowed */
	struct move move;
	struct sight sight;
	struct handover broker; /* as last seen; state "" when it was not seen */
};

bool leg_is_source(const struct leg *l);
bool leg_is_cold(const struct leg *l); /* then there is no guest to look at */
MUST_CHECK bool leg_look(struct leg *l, struct err *e);
MUST_CHECK bool leg_ask_broker(struct leg *l, struct err *e);
/* As it was seen. Else ERR_CONFLICT: a start here has ended it for this host, perhaps. */
MUST_CHECK bool leg_is_on_record(const struct leg *l, struct err *e);

/* The rest is mover_say.c. */
bool leg_is_heard(const struct leg *l, struct err *e);
/* The word on record; nothing comes of one that stands already. */
MUST_CHECK bool leg_say(struct leg *l, struct err *e);
/* A source of which nothing runs, and that does not know why, can only ask. That it said so lets
 * an operator decide, should the destination be lost. */
MUST_CHECK bool leg_ask_abort(struct leg *l, struct err *e);

#endif
