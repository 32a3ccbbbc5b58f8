/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

enum { ALL_SECURITIES = (1 << SECURITIES) - 1 };

/* What a source leaves open; a source that says nothing leaves everything open. */
static unsigned source_leaves(const struct opinion *o)
{
	return o->allowed ? o->allowed & ALL_SECURITIES : ALL_SECURITIES;
}

/* What the sources in `of` leave open together. The request asks; it does not allow. */
static unsigned sources_leave(const struct opinion from[SOURCES], unsigned of)
{
	unsigned set = ALL_SECURITIES;

	for (unsigned s = 0; s < SOURCE_REQUEST; s++) {
		if (of & BIT(s))
			set &= source_leaves(&from[s]);
	}
	return set;
}

/* The fewest sources that cannot be met together: every one of them is needed for the
 * conflict. */
static unsigned smallest_conflict(const struct opinion from[SOURCES])
{
	unsigned of = BIT(SOURCE_REQUEST) - 1;

	for (unsigned s = 0; s < SOURCE_REQUEST; s++) {
		if (sources_leave(from, of & ~BIT(s)) == 0)
			of &= ~BIT(s);
	}
	return of;
}

static unsigned sources_against(const struct opinion from[SOURCES], enum security wanted)
{
	unsigned against = 0;

	for (unsigned s = 0; s < SOURCE_REQUEST; s++) {
		if (from[s].allowed && !(source_leaves(&from[s]) & BIT(wanted)))
			against |= BIT(s);
	}
	return against;
}

static bool is_in(unsigned set, const struct opinion *o)
{
	return o->has_default && (unsigned)o->preferred < SECURITIES &&
	       (set & BIT(o->preferred));
}

static void choose_request(const struct opinion from[SOURCES], unsigned set,
			   struct choice *ret)
{
	const struct opinion *request = &from[SOURCE_REQUEST];

	ret->decided_by = SOURCE_REQUEST;
	ret->security = request->preferred;
	ret->ok = is_in(set, request);
	if (!ret->ok)
		ret->conflict =
			BIT(SOURCE_REQUEST) | sources_against(from, request->preferred);
}

/* The most specific default that is still open, else the strongest that is. */
static void choose_default(const struct opinion from[SOURCES], unsigned set,
			   struct choice *ret)
{
	ret->ok = true;
	for (unsigned s = SOURCE_REQUEST; s-- > 0;) {
		if (is_in(set, &from[s])) {
			ret->decided_by = (enum source)s;
			ret->security = from[s].preferred;
			return;
		}
	}
	ret->by_strength = true;
	ret->decided_by = SOURCES;
	ret->security = (enum security)__builtin_ctz(set);
}

void policy_choose(const struct opinion from[SOURCES], struct choice *ret)
{
	unsigned set = sources_leave(from, BIT(SOURCES) - 1);

	*ret = (struct choice){ 0 };
	if (set == 0)
		ret->conflict = smallest_conflict(from);
	else if (from[SOURCE_REQUEST].has_default)
		choose_request(from, set, ret);
	else
		choose_default(from, set, ret);
}

const char *source_name(enum source s)
{
	static const char *const names[SOURCES] = {
		[SOURCE_DEPLOYMENT] = "deployment", [SOURCE_PROJECT] = "project",
		[SOURCE_FLAVOR] = "flavor",         [SOURCE_IMAGE] = "image",
		[SOURCE_REQUEST] = "request",
	};

	return (unsigned)s < SOURCES ? names[s] : "built-in";
}
