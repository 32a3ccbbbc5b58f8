/* SPDX-License-Identifier: Apache-2.0 */
/*
 * belongs - the commands over what belongs to an instance: its permits, grants and hand-overs.
 *
 * Gives:   the list of one kind, and the end of a permit or grant; the instance is the first
 *          word of the command, which of them the second.
 * Refuses: what resolve.h says of these words.
 * Threads: one.
 */
#ifndef CLIENT_CTL_BELONGS_H
#define CLIENT_CTL_BELONGS_H

#include "client/ctl/show.h"

/* nouns is the path's word for them: "permits". */
MUST_CHECK bool belongs_list(struct ctl *ctl, const char *nouns,
			     const struct show_columns *as, struct err *e);
/* noun is "permit" or "grant". */
MUST_CHECK bool belongs_delete(struct ctl *ctl, const char *noun, struct err *e);

#endif
