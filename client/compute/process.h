/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process - is that process still the one it was? (proc(5), /proc/PID/stat)
 *
 * Gives:   the start time of a process in clock ticks after boot, which a reused pid does
 *          not share; a list of processes to be watched.
 * Threads: no state.
 */
#ifndef CLIENT_COMPUTE_PROCESS_H
#define CLIENT_COMPUTE_PROCESS_H

#include "common/base.h"

int64_t process_since(int64_t pid); /* 0: there is no such process */
bool process_lives(int64_t pid, int64_t since);

struct process {
	int64_t pid, since;
};
struct processes {
	struct process *at; /* owned */
	size_t n;
	bool failed; /* one did not fit: as if it did not live */
};
void processes_add(struct processes *l, struct process p);
bool processes_live(const struct processes *l); /* all of them */
void processes_done(struct processes *l);       /* for CLEANUP(processes_done) */

#endif
