/* SPDX-License-Identifier: Apache-2.0 */
/*
 * park - exchanges that wait for something to happen: long polls.
 *
 * Gives:   park_put, which keeps an exchange until its topic is woken or its time has come,
 *          and then hands it to `ready`; park_wake; park_stop.
 * Rule:    no wake-up is lost. A ticket is taken before a handler reads anything; what was
 *          woken after that ticket is not parked, but is to be read again.
 * Refuses: more than PARK_PER_PEER of one identity at once.
 * Owns:    no exchange: it links them by x->next. A parked one holds no worker and no snapshot.
 * Threads: any; one lock, under which `ready` is called. A thread of its own watches the time.
 */
#ifndef BROKER_DISPATCH_PARK_H
#define BROKER_DISPATCH_PARK_H

#include "broker/exchange.h"
#include "common/clock.h"

enum { PARK_PER_PEER = 16 };

struct park;
typedef void park_ready(void *ctx, struct exchange *x);

MUST_CHECK bool park_start(const struct clock *clock, park_ready *ready, void *ctx,
			   struct park **ret, struct err *e);
void park_free(struct park *p); /* after park_stop, with nothing parked; NULL is fine */
uint64_t park_ticket(struct park *p);
/* x->wait says for what; x->wait.ticket is older than all that x was read from. Where it cannot stay
 * it is handed on at once. False: there are too many of its peer. */
MUST_CHECK bool park_put(struct park *p, struct exchange *x);
void park_wake(struct park *p, const char *topic);
/* All that wait, and all that would from now on, are ready, and must be answered. Idempotent. */
void park_stop(struct park *p);
DEFINE_DROP(park)

#endif
