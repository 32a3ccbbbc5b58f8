/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process - is that process still the one it was? (proc(5), /proc/PID/stat)
 *
 * Gives:   the start time of a process in clock ticks after boot, which a reused pid does
 *          not share.
 * Threads: no state.
 */
#ifndef CLIENT_COMPUTE_PROCESS_H
#define CLIENT_COMPUTE_PROCESS_H

#include "common/base.h"

int64_t process_since(int64_t pid); /* 0: there is no such process */
bool process_lives(int64_t pid, int64_t since);

#endif
