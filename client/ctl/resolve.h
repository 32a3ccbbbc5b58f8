/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve - what a person types for an instance, a permit or a grant, to its UUID.
 *
 * Gives:   a whole UUID as it is, without asking; else the one instance with this name, or
 *          whose UUID begins so.
 * Refuses: several (ERR_AMBIGUOUS, the candidates listed on stderr), none (ERR_NOT_FOUND). A
 *          name is not preferred to a UUID: another could have chosen it to be mistaken.
 * Threads: one.
 */
#ifndef CLIENT_CTL_RESOLVE_H
#define CLIENT_CTL_RESOLVE_H

#include "client/ctl/ctl.h"

MUST_CHECK bool resolve_instance(struct ctl *ctl, const char *text, struct uuid *ret,
				 struct err *e);
/* One of the owner's words for it: noun is "permit" or "grant". */
MUST_CHECK bool resolve_word(struct ctl *ctl, const char *noun,
			     const struct uuid *instance, const char *text,
			     struct uuid *ret, struct err *e);

#endif
