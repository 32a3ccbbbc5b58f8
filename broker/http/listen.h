/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen - a listening socket from "address:port".
 *
 * Gives:   listen_open, with the port that was really taken.
 * Refuses: names (only numeric addresses), ports above 65535: ERR_CONFIG; a port in use:
 *          ERR_PORT_IN_USE.
 * Threads: no state.
 */
#ifndef BROKER_HTTP_LISTEN_H
#define BROKER_HTTP_LISTEN_H

#include "common/err.h"

struct listener {
	int fd; /* owned by the caller; non-blocking, close-on-exec */
	bool v6;
	unsigned port;
};

MUST_CHECK bool listen_open(const char *text, struct listener *ret, struct err *e);

#endif
