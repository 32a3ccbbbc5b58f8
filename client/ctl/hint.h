/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hint - what to do next, as a command that can be typed.
 *
 * Gives:   a next step with "ID" replaced by the instance that this run named, "NAME" by the
 *          host that it is about, and the purpose added to a grant, or to a permit for another
 *          than start.
 * Threads: one.
 */
#ifndef CLIENT_CTL_HINT_H
#define CLIENT_CTL_HINT_H

#include "client/ctl/ctl.h"

/* What a next step is about; either may be NULL: an unknown host, start. */
struct hint {
	const char *host, *purpose;
};

void hint_next(const struct ctl *ctl, const char *next, struct hint about,
	       struct buf *to);

#endif
