/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - a client that keeps N connections busy over mutual TLS and counts what comes back.
 *
 * Gives:   load_run: each connection sends its next request when the reply is in, until the time
 *          is over; with `fresh`, each request comes on a connection of its own, with a full
 *          handshake. Handshakes of kept connections are done before the clock runs.
 * Asks:    load_ask writes the request of connection i, and is told each reply.
 * Knows:   one thread, epoll, OpenSSL; loopback only.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include "common/err.h"

enum { LOAD_REQUEST = 1024, LOAD_REPLY = 8192, LOAD_STATUSES = 600 };

struct load_options {
	unsigned port;
	const char *ca, *certificate,
		*key; /* PEM files; certificate NULL: none is sent */
	unsigned connections;
	double seconds;
	bool fresh;
	int server; /* process whose CPU time is counted while the clock runs; 0: none */
	size_t (*ask)(void *ctx, unsigned connection, char ret[LOAD_REQUEST]);
	void (*reply)(void *ctx, const char *reply,
		      size_t len); /* NUL-terminated; may be NULL */
	void *ctx;
};

struct load_result {
	int64_t requests, errors;
	double seconds;
	int64_t p50_us, p99_us;
	int64_t statuses[LOAD_STATUSES];
	double client_cpu_s, server_cpu_s;
};

MUST_CHECK bool load_run(const struct load_options *o, struct load_result *ret,
			 struct err *e);

#endif
