/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hint - what to do next, as a command that can be typed.
 *
 * Gives:   a next step with "ID" replaced by the instance that this run named, and the purpose
 *          added to a permit for another than start.
 * Threads: one.
 */
#ifndef CLIENT_CTL_HINT_H
#define CLIENT_CTL_HINT_H

#include "client/ctl/ctl.h"

/* purpose may be NULL: start. */
void hint_next(const struct ctl *ctl, const char *next, const char *purpose,
	       struct buf *to);

#endif
