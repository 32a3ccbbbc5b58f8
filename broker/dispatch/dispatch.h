/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dispatch - takes an exchange from its bytes to its committed answer.
 *
 * Gives:   route, limits, identity, handler, commit, error replies and one log line for each
 *          request; refusals to proven identities in the audit trail.
 * Order:   what a handler staged is sent only after its change is durable. A stale guard runs
 *          the handler again, at most DISPATCH_TRIES times, then 409 conflict. A person's token
 *          is such a guard: once it is revoked nothing under way commits. A failed commit wipes
 *          the reply: 503 or 507.
 * Waiting: a handler that calls exchange_waits is parked, and run anew when a committed change
 *          has its topic. Stopping wakes all, and they are answered.
 * Refuses: by default: unknown paths, bodies that no route takes, everything while stopping.
 *          A reply with a secret and no audit record is a mistake of ours and aborts.
 * Knows:   nothing of libmicrohttpd; handlers only by their route.
 * Threads: dispatch_submit from any; workers run handlers, the store's writer ends them.
 */
#ifndef BROKER_DISPATCH_DISPATCH_H
#define BROKER_DISPATCH_DISPATCH_H

#include "broker/auth/auth.h"
#include "broker/exchange.h"
#include "common/log.h"

enum { DISPATCH_TRIES = 3, DISPATCH_DEADLINE_S = 30, DISPATCH_WORKERS_MAX = 64 };

struct dispatch;
struct worker; /* the caches of one worker thread; the api's */

struct dispatch_options {
	const struct route *routes; /* borrowed, matched in order */
	size_t n_routes;
	struct api *api;           /* borrowed; handed to every handler */
	struct auth *auth;         /* borrowed */
	struct store *store;       /* borrowed; must outlive the dispatch */
	const struct clock *clock; /* borrowed */
	struct log *log;           /* borrowed; NULL is quiet */
	unsigned workers;          /* 0: one per core, at least 2 */
	bool (*worker_new)(struct worker **ret, struct err *e); /* NULL: no caches */
	void (*worker_free)(struct worker *w);
};

MUST_CHECK bool dispatch_start(const struct dispatch_options *o, struct dispatch **ret,
			       struct err *e);
/* Takes x until x->finish(x) is called, which happens exactly once, perhaps before this
 * returns. After finish the dispatch does not touch x again. */
void dispatch_submit(struct dispatch *d, struct exchange *x);
/* The same without a transport: returns when x is finished. Sets x->finish and x->transport. */
void dispatch_run(struct dispatch *d, struct exchange *x);
/* How many bytes of body the route for this method and path would take; 0 where none. */
size_t dispatch_body_max(const struct dispatch *d, enum method method, const char *path);
/* Everything from now on is answered 503 stopping; returns when all taken exchanges are
 * finished and the workers have ended. Idempotent. */
void dispatch_stop(struct dispatch *d);
void dispatch_free(struct dispatch *d); /* stops first */
DEFINE_DROP(dispatch)

#endif
