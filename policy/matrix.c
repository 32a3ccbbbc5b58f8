/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

/* One record taken away from an ask that has them all. */
struct lack {
	const char *name;
	void (*take)(struct ask *ask);
};

static void take_nothing(struct ask *a)
{
	(void)a;
}

static void take_visible(struct ask *a)
{
	a->visible = false;
}

static void take_supports(struct ask *a)
{
	a->host_supports = false;
}

static void take_new_enough(struct ask *a)
{
	a->host_new_enough = false;
}

static void take_host_set(struct ask *a)
{
	a->host_in_set = false;
}

static void take_secret(struct ask *a)
{
	a->secret_matches = false;
}

static void take_handover(struct ask *a)
{
	a->handover = false;
}

static void take_settled(struct ask *a)
{
	a->held = true;
}

static void take_clone(struct ask *a)
{
	a->clone_record = false;
}

static void take_run(struct ask *a)
{
	a->ran_before = false;
}

static void take_permit(struct ask *a)
{
	a->permit = PERMIT_NONE;
}

static void take_copy(struct ask *a)
{
	a->holds_copy = false;
}

static void take_release(struct ask *a)
{
	a->released_before = false;
}

static void take_copy_and_permit(struct ask *a)
{
	a->holds_copy = false;
	a->permit = PERMIT_NONE;
}

static void take_permit_time(struct ask *a)
{
	a->holds_copy = false;
	a->permit = PERMIT_LATE;
}

static void take_permit_use(struct ask *a)
{
	a->holds_copy = false;
	a->permit = PERMIT_SPENT;
}

static void take_permit_target(struct ask *a)
{
	a->holds_copy = false;
	a->permit = PERMIT_OF_OTHER;
}

static const struct lack lacks[] = {
	{ "", take_nothing },
	{ "visible", take_visible },
	{ "host_supports", take_supports },
	{ "host_new_enough", take_new_enough },
	{ "host_in_set", take_host_set },
	{ "secret_matches", take_secret },
	{ "handover", take_handover },
	{ "not_held", take_settled },
	{ "clone_record", take_clone },
	{ "ran_before", take_run },
	{ "permit", take_permit },
	{ "copy", take_copy },
	{ "release_before", take_release },
	{ "copy, permit", take_copy_and_permit },
	{ "copy, permit in time", take_permit_time },
	{ "copy, permit unused", take_permit_use },
	{ "copy, permit for this", take_permit_target },
};

static struct ask all_records(unsigned purpose, unsigned security, unsigned party)
{
	return (struct ask){
		.security = (enum security)security,
		.purpose = (enum purpose)purpose,
		.party = (enum party)party,
		.visible = true,
		.host_supports = true,
		.host_in_set = true,
		.host_new_enough = true,
		.secret_matches = true,
		.permit = PERMIT_GOOD,
		.released_before = true,
		.holds_copy = true,
		.handover = true,
		.ran_before = true,
		.clone_record = true,
	};
}

static size_t walk_lacks(struct cell base, void (*each)(void *, const struct cell *),
			 void *ctx)
{
	for (size_t i = 0; i < ARRAY_LEN(lacks); i++) {
		struct cell cell = base;

		lacks[i].take(&cell.ask);
		cell.missing = lacks[i].name;
		cell.reason = policy_decide(&cell.ask);
		each(ctx, &cell);
	}
	return ARRAY_LEN(lacks);
}

size_t policy_matrix(void (*each)(void *ctx, const struct cell *cell), void *ctx)
{
	size_t n = 0;

	for (unsigned purpose = 0; purpose < PURPOSE_COUNT; purpose++)
		for (unsigned security = 0; security < SECURITIES; security++)
			for (unsigned party = 0; party < PARTIES; party++) {
				struct cell base = { .ask = all_records(purpose, security,
									party) };

				n += walk_lacks(base, each, ctx);
			}
	return n;
}
