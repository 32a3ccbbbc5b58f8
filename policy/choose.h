/* SPDX-License-Identifier: Apache-2.0 */
/*
 * choose - which policy a new instance gets, from all who have a say.
 *
 * Gives:   policy_choose: the request if all allow it; else the most specific default that all
 *          allow (image, flavor, project, deployment); else the strongest that all allow.
 * Refuses: a request that somebody does not allow, and sources with nothing in common; it
 *          names the sources in conflict, the fewest that cannot be met together.
 * Threads: pure.
 */
#ifndef POLICY_CHOOSE_H
#define POLICY_CHOOSE_H

#include "policy/lists.h"

/* A set is BIT(security) | ...; 0 means: this source says nothing. */
enum source {
	SOURCE_DEPLOYMENT,
	SOURCE_PROJECT,
	SOURCE_FLAVOR,
	SOURCE_IMAGE,
	SOURCE_REQUEST,
	SOURCES
};
struct opinion {
	unsigned allowed; /* set, 0: none stated */
	bool has_default;
	enum security preferred; /* the default; for SOURCE_REQUEST the request itself */
};
struct choice {
	bool ok;
	enum security security;
	enum source decided_by; /* whose default or request it is; SOURCES: nobody's */
	bool by_strength;  /* nobody had a default in the intersection: its strongest */
	unsigned conflict; /* !ok: BIT(source) of those that cannot be met together */
};
void policy_choose(const struct opinion from[SOURCES], struct choice *ret);
const char *source_name(enum source s);

#endif
