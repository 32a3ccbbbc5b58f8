/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health - GET /health on a plain listener of its own, for probes on the same machine.
 *
 * Gives:   whatever the http_health callback says, as JSON; 404 for all else.
 * Owns:    its listening socket and one thread.
 * Threads: the callback runs on that thread.
 */
#ifndef BROKER_HTTP_HEALTH_H
#define BROKER_HTTP_HEALTH_H

#include "broker/http/http.h"
#include "broker/http/noise.h"

struct health;

MUST_CHECK bool health_start(const struct http_options *o, struct noise *noise,
			     struct health **ret, struct err *e);
unsigned health_port(const struct health *h);
void health_stop(struct health *h); /* and frees it; NULL is fine */

#endif
