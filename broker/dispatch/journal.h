/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal - one log line for each request, written beside the path of the request.
 *
 * Gives:   journal_add, which copies a line into a fixed ring and never waits for the log;
 *          a thread writes them out, some 20 ms later to take several at once, and calls
 *          `tick` about once a second.
 * Refuses: more than the ring holds: such lines are counted, and the number is logged.
 * Knows:   no exchange; only what a line shows.
 * Threads: journal_add from any; tick on the journal's own thread.
 */
#ifndef BROKER_DISPATCH_JOURNAL_H
#define BROKER_DISPATCH_JOURNAL_H

#include "common/log.h"

struct journal_line {
	char request_id[40];
	char who[80];
	char verb[32];
	int status;
	int64_t took_us;
	enum err_kind failed; /* ERR_NONE where the request went well */
	char why[160];        /* the failure's trail; its cause stands last */
};

struct journal;
typedef void journal_tick(void *ctx);

MUST_CHECK bool journal_start(struct log *log, journal_tick *tick, void *ctx,
			      struct journal **ret, struct err *e);
void journal_add(struct journal *j, const struct journal_line *line);
void journal_stop(struct journal *j); /* writes what is left, and frees; NULL is fine */

#endif
