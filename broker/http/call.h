/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call - one HTTP request as libmicrohttpd tells it, from the request line to the last byte.
 *
 * Owns:    the exchange, the body's bytes, the copy of the request target.
 * Life:    call_begin at the request line; call_handle for the headers, for each piece of the
 *          body and at its end, where the connection is suspended and the exchange goes to
 *          dispatch; once more after dispatch has resumed it, to send; call_end when
 *          libmicrohttpd is done with it, also when the client has died meanwhile.
 * Rule:    between suspension and resumption no thread of http touches the call.
 * Refuses: bodies far beyond what the route takes: the connection is closed.
 * Threads: the connection's I/O thread; `finish` comes on any.
 */
#ifndef BROKER_HTTP_CALL_H
#define BROKER_HTTP_CALL_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "broker/dispatch/dispatch.h"

/* What calls and connections share; the http's. */
struct call_shared {
	struct dispatch *dispatch; /* borrowed */
	atomic_size_t owed;        /* calls that went to dispatch and have not ended */
	atomic_bool closing;       /* replies end their connection */
};

struct call;

struct call *call_begin(struct call_shared *shared, const char *target);
enum MHD_Result call_handle(struct call *c, struct MHD_Connection *connection,
			    const char *method, const char *upload, size_t *upload_len);
void call_end(struct call *c); /* NULL is fine */

#endif
