/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request - what holds for every request before its handler runs, and what is written down
 *           when it is refused.
 *
 * Gives:   request_admit (headers, route, size, content type, identity), request_refusal.
 * Refuses: headers that claim a client certificate, bodies that the route does not take.
 * Knows:   one exchange at a time; no queue, no commit.
 * Threads: the exchange's own.
 */
#ifndef BROKER_DISPATCH_REQUEST_H
#define BROKER_DISPATCH_REQUEST_H

#include "broker/auth/auth.h"
#include "broker/dispatch/journal.h"
#include "broker/dispatch/route.h"

/* Sets x->route, x->args and x->who. */
MUST_CHECK bool request_admit(const struct route_table *t, struct auth *auth,
			      struct exchange *x, struct err *e);
/* True: the error goes into the audit trail, as *ret says. What the handler noted is kept. */
bool request_refusal(struct exchange *x, const struct err *e, int64_t wall_us,
		     struct audit_record *ret);
/* A failure of somebody who did not prove who he is: it is counted against his address. */
bool request_is_anonymous(const struct exchange *x, const struct err *e);
void request_line(const struct exchange *x, int64_t monotonic_us,
		  struct journal_line *ret);

#endif
