/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent - the one long-lived program of a compute host: holds the connections to the broker and
 *         to libvirt, answers the hook and `run`, reports what guests did.
 *
 * Owns:    everything below; it dies with agent_serve's end.
 * Gives:   agent_serve, until SIGTERM or SIGINT.
 * Threads: one accepts; one per request; one for upkeep, one that hears the broker and its tasks,
 *          one for guests on the move; libvirt's own two.
 */
#ifndef CLIENT_COMPUTE_AGENT_H
#define CLIENT_COMPUTE_AGENT_H

#include "client/compute/awaited.h"
#include "client/compute/broker.h"
#include "client/compute/copies.h"
#include "client/compute/guests.h"
#include "client/compute/libvirt.h"
#include "client/compute/marks.h"
#include "client/compute/spool.h"
#include "client/compute/turns.h"
#include "client/compute/watch.h"
#include "common/clock.h"
#include "common/log.h"

#include <stdatomic.h>

struct agent {
	const struct config *config; /* borrowed */
	const struct clock *clock;   /* borrowed */
	struct log *log;             /* owned, like all that follow */
	struct identity *id;
	struct broker *broker;
	struct libvirt *libvirt; /* NULL: this agent serves `run` alone */
	struct spool *spool;
	struct turns *turns;
	struct marks *purposes; /* what the next `prepare` of a guest is for */
	struct marks
		*vetoed;     /* guests that libvirt tried to start before we could help */
	struct marks *asked; /* when this process asked for a guest's secret */
	struct watch *watch; /* what libvirt tells of guests on the move */
	struct awaited *awaited; /* guests that are on their way here */
	int64_t started_us;      /* this process, monotonic */
	_Atomic int64_t
		up_us; /* when the present connection to libvirt began; 0: none yet */
	atomic_bool stopping;
	atomic_bool runs_changed; /* `run` began what upkeep has not seen yet */
	atomic_int wake;          /* an eventfd that upkeep sleeps on */
	atomic_int moved;         /* and one for the mover */
};

MUST_CHECK bool agent_serve(const struct config *config, int ready_fd, struct err *e);
/* Upkeep looks at once, not at its next tick. */
void agent_wake(struct agent *a);
/* The mover looks at once at every guest on the move. */
void agent_move(struct agent *a);
const char *agent_state_dir(const struct agent *a);
struct lease_holder agent_holder(const struct agent *a);

#endif
