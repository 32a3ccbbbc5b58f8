/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mover - takes every hand-over on record on: looks at the guest, says what was seen, does what
 *         the broker has decided, until nothing of it is left.
 *
 * Order:   looks without the instance's turn, because libvirtd may hold the guest for a hook
 *          that waits for the turn; decides and records with it; acts and tells without it.
 * Ends:    aborted lifts the mark; committed erases the source's copy and, once the broker says
 *          that the guest ran elsewhere, its stale TPM state; the destination's copy gets its
 *          lease. Whoever lost destroys what is left of the guest.
 * Again:   on every event of libvirt and of the broker, and every second or so.
 * Threads: mover_run is a thread's body; it ends when the agent is stopping.
 */
#ifndef CLIENT_COMPUTE_MOVER_H
#define CLIENT_COMPUTE_MOVER_H

#include "client/compute/agent.h"

void *mover_run(void *agent);
/* Ends the last word of one hand-over: erases, wipes, keeps. False: again later. */
struct move;
struct handover;
MUST_CHECK bool mover_close(struct agent *a, const struct move *m,
			    const struct handover *h, struct err *e);
/* The guest of a cold move may be started as soon as that is committed: what the mover would do
 * next is done now, so that the copy is there. The caller has the turn. */
MUST_CHECK bool mover_settle_cold(struct agent *a, const struct uuid *instance,
				  struct err *e);

#endif
