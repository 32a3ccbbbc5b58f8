/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stop - SIGINT and SIGTERM for a command that has to clear up before it ends.
 *
 * Gives:   stop_wait, which sleeps, and ends early when somebody wants the command to end.
 * Once:    the first signal is told; from then on they do what they always do, so that a command
 *          that does not come to its end can be ended.
 * Threads: begin it before any other thread; wait in one.
 */
#ifndef CLIENT_COMPUTE_STOP_H
#define CLIENT_COMPUTE_STOP_H

#include "common/base.h"

#include <signal.h>

struct stop {
	sigset_t set, before;
	bool wanted; /* a signal came */
};

void stop_begin(struct stop *s);
void stop_done(struct stop *s); /* for CLEANUP(stop_done) */
/* True when the signal came just now; at the latest after ms. */
bool stop_wait(struct stop *s, int64_t ms);

#endif
