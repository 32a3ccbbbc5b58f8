/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"
#include "tests/unit/check.h"

#include <string.h>

enum {
	USER = 1 << SECURITY_USER,
	HOST = 1 << SECURITY_HOST,
	DEPL = 1 << SECURITY_DEPLOYMENT
};

#define ALLOWS(set)              \
	{                        \
		.allowed = (set) \
	}
#define PREFERS(s)                                             \
	{                                                      \
		.has_default = true, .preferred = SECURITY_##s \
	}
#define BOTH(set, s)                                                             \
	{                                                                        \
		.allowed = (set), .has_default = true, .preferred = SECURITY_##s \
	}
#define ASKED(s) [SOURCE_REQUEST] = PREFERS(s)

/* clang-format off */
static const struct {
	const char *says;
	struct opinion from[SOURCES];
	struct choice want;
} rows[] = {
	{ "where nobody says anything it is user",
	  { { 0 } },
	  { .ok = true, .security = SECURITY_USER, .decided_by = SOURCES, .by_strength = true } },
	{ "the request is taken where nobody objects",
	  { ASKED(DEPLOYMENT) },
	  { .ok = true, .security = SECURITY_DEPLOYMENT, .decided_by = SOURCE_REQUEST } },
	{ "the request is taken over every default",
	  { [SOURCE_IMAGE] = PREFERS(HOST), ASKED(DEPLOYMENT) },
	  { .ok = true, .security = SECURITY_DEPLOYMENT, .decided_by = SOURCE_REQUEST } },
	{ "a request that the image does not allow is a conflict of these two",
	  { [SOURCE_DEPLOYMENT] = ALLOWS(USER | DEPL), [SOURCE_IMAGE] = ALLOWS(USER),
	    ASKED(DEPLOYMENT) },
	  { .decided_by = SOURCE_REQUEST, .security = SECURITY_DEPLOYMENT,
	    .conflict = 1 << SOURCE_REQUEST | 1 << SOURCE_IMAGE } },
	{ "a request that two sources do not allow names both",
	  { [SOURCE_DEPLOYMENT] = ALLOWS(USER), [SOURCE_IMAGE] = ALLOWS(USER), ASKED(HOST) },
	  { .decided_by = SOURCE_REQUEST, .security = SECURITY_HOST,
	    .conflict = 1 << SOURCE_REQUEST | 1 << SOURCE_DEPLOYMENT | 1 << SOURCE_IMAGE } },
	{ "the image's default comes before the deployment's",
	  { [SOURCE_DEPLOYMENT] = PREFERS(USER), [SOURCE_IMAGE] = PREFERS(DEPLOYMENT) },
	  { .ok = true, .security = SECURITY_DEPLOYMENT, .decided_by = SOURCE_IMAGE } },
	{ "the flavor's default comes before the project's",
	  { [SOURCE_PROJECT] = PREFERS(USER), [SOURCE_FLAVOR] = PREFERS(HOST) },
	  { .ok = true, .security = SECURITY_HOST, .decided_by = SOURCE_FLAVOR } },
	{ "a default outside of what all allow is passed over",
	  { [SOURCE_DEPLOYMENT] = BOTH(USER | HOST, HOST), [SOURCE_IMAGE] = PREFERS(DEPLOYMENT) },
	  { .ok = true, .security = SECURITY_HOST, .decided_by = SOURCE_DEPLOYMENT } },
	{ "without a default the strongest that all allow is taken",
	  { [SOURCE_DEPLOYMENT] = ALLOWS(HOST | DEPL), [SOURCE_IMAGE] = ALLOWS(USER | HOST) },
	  { .ok = true, .security = SECURITY_HOST, .decided_by = SOURCES, .by_strength = true } },
	{ "two sources with nothing in common are a conflict",
	  { [SOURCE_DEPLOYMENT] = ALLOWS(USER), [SOURCE_IMAGE] = ALLOWS(DEPL) },
	  { .conflict = 1 << SOURCE_DEPLOYMENT | 1 << SOURCE_IMAGE } },
	{ "a source that could be met is not named in a conflict",
	  { [SOURCE_DEPLOYMENT] = ALLOWS(USER), [SOURCE_PROJECT] = ALLOWS(USER | HOST | DEPL),
	    [SOURCE_IMAGE] = ALLOWS(DEPL) },
	  { .conflict = 1 << SOURCE_DEPLOYMENT | 1 << SOURCE_IMAGE } },
	{ "three sources that agree in pairs alone are all named",
	  { [SOURCE_DEPLOYMENT] = ALLOWS(USER | HOST), [SOURCE_FLAVOR] = ALLOWS(HOST | DEPL),
	    [SOURCE_IMAGE] = ALLOWS(USER | DEPL) },
	  { .conflict = 1 << SOURCE_DEPLOYMENT | 1 << SOURCE_FLAVOR | 1 << SOURCE_IMAGE } },
	{ "a request does not mend a conflict of others",
	  { [SOURCE_DEPLOYMENT] = ALLOWS(USER), [SOURCE_IMAGE] = ALLOWS(DEPL), ASKED(USER) },
	  { .conflict = 1 << SOURCE_DEPLOYMENT | 1 << SOURCE_IMAGE } },
	{ "a source that allows only unknown policies allows nothing",
	  { [SOURCE_IMAGE] = ALLOWS(1 << SECURITIES) },
	  { .conflict = 1 << SOURCE_IMAGE } },
	{ "a request outside the list is a conflict",
	  { [SOURCE_REQUEST] = { .has_default = true, .preferred = SECURITIES } },
	  { .decided_by = SOURCE_REQUEST, .security = SECURITIES,
	    .conflict = 1 << SOURCE_REQUEST } },
};
/* clang-format on */

static bool same(const struct choice *a, const struct choice *b)
{
	if (a->ok != b->ok || a->conflict != b->conflict)
		return false;
	return !a->ok || (a->security == b->security && a->decided_by == b->decided_by &&
			  a->by_strength == b->by_strength);
}

/* Every pair of sets of deployment and image, under every request: three plain truths. */
static void check_all_pairs(void)
{
	bool inside = true, named = true, decided = true;

	for (unsigned i = 0; i < 8 * 8 * (SECURITIES + 1); i++) {
		unsigned d = i % 8, m = i / 8 % 8, r = i / 64;
		unsigned open = (d ? d : 7) & (m ? m : 7);
		struct opinion from[SOURCES] = {
			[SOURCE_DEPLOYMENT] = ALLOWS(d), [SOURCE_IMAGE] = ALLOWS(m)
		};
		struct choice c;

		from[SOURCE_REQUEST].has_default = r < SECURITIES;
		from[SOURCE_REQUEST].preferred = (enum security)r;
		policy_choose(from, &c);
		inside = inside && (!c.ok || (open & 1u << c.security));
		named = named && c.ok == (c.conflict == 0);
		decided = decided &&
			  c.ok == (open && (r == SECURITIES || (open & 1u << r)));
	}
	check("a choice always lies in what all allow", inside);
	check("a refused choice always names a source", named);
	check("it is refused only where nothing is open, or the request is not", decided);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct choice got;

		policy_choose(rows[i].from, &got);
		check(rows[i].says, same(&got, &rows[i].want));
	}
	check_all_pairs();
	check("the sources have names",
	      strcmp(source_name(SOURCE_IMAGE), "image") == 0 &&
		      strcmp(source_name(SOURCES), "built-in") == 0);
	return done();
}
