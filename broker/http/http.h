/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http - the network side: TLS 1.3, HTTP/1.1, bytes in and bytes out.
 *
 * Owns:    the listening sockets, the connections and the bytes of requests and replies.
 * Gives:   http_start, the ports that were really taken, http_stop: no new connections, drain
 *          what runs (dispatch_stop), send the last replies, stop.
 * Refuses: TLS below 1.3; more than three quarters of all connections to one address; headers
 *          that are doubled, malformed or claim a client certificate are noted for dispatch,
 *          which answers 400.
 * Wipes:   request bodies after use, secret replies after sending.
 * Knows:   alone in the tree libmicrohttpd and GnuTLS; no route, no policy. A client
 *          certificate is only carried: whose it is, auth says.
 * Threads: I/O threads of its own; http_start and http_stop from one thread, with the signals
 *          of the program blocked, so that its threads inherit that.
 */
#ifndef BROKER_HTTP_HTTP_H
#define BROKER_HTTP_HTTP_H

#include "broker/dispatch/dispatch.h"

struct http;

/* Appends one JSON object; returns the HTTP status. Called on a thread of http. */
typedef int http_health(void *ctx, struct buf *ret_json);

struct http_options {
	const char *listen;   /* "127.0.0.1:7443", "[::1]:7443"; port 0: any free one */
	const char *cert_pem; /* the server's chain; copied */
	const struct secret *key_pem; /* copied */
	const char
		*ca_pem; /* named to clients that are asked for a certificate; copied */
	struct dispatch *dispatch; /* borrowed; http_stop stops it */
	struct log *log;           /* borrowed; NULL is quiet */
	unsigned threads;          /* 0: one per core */
	unsigned connections;      /* 0: 4096 */
	const char *health_listen; /* plain HTTP, GET /health; NULL: none */
	http_health *health;
	void *health_ctx;
};

/* ERR_PORT_IN_USE names the address. */
MUST_CHECK bool http_start(const struct http_options *o, struct http **ret,
			   struct err *e);
unsigned http_port(const struct http *h);
unsigned http_health_port(const struct http *h); /* 0: none */
void http_stop(struct http *h);                  /* and frees it; NULL is fine */

#endif
