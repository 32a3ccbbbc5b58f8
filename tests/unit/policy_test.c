/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"
#include "tests/unit/check.h"

#include <string.h>

#define ASKS(who, what, under) \
	.party = PARTY_##who, .purpose = PURPOSE_##what, .security = SECURITY_##under

/* What an asker has in order unless the row says otherwise. */
enum without {
	VISIBLE = 1,
	SUPPORT = 2,
	HOST_SET = 4,
	NEW_CLIENT = 8,
	RIGHT_SECRET = 16
};

/* clang-format off */
static const struct {
	const char *says;
	struct ask ask;
	enum reason want;
} rows[] = {
	/* deployment */
	{ "deployment: a host gets the secret of a guest placed on it",
	  { ASKS(PLACED_HOST, START, DEPLOYMENT) }, REASON_ALLOWED },
	{ "deployment: a host gets nothing of a guest placed elsewhere",
	  { ASKS(OTHER_HOST, START, DEPLOYMENT) }, REASON_NOT_PLACED_HERE },
	{ "deployment: a fenced host gets nothing, even for its own guest",
	  { ASKS(FENCED_HOST, START, DEPLOYMENT) }, REASON_FENCED },
	{ "deployment: a reboot is only of a guest that ran there before",
	  { ASKS(PLACED_HOST, REBOOT, DEPLOYMENT) }, REASON_NO_RECORD },
	{ "deployment: a guest that ran there starts again after a reboot",
	  { ASKS(PLACED_HOST, REBOOT, DEPLOYMENT), .ran_before = true }, REASON_ALLOWED },
	{ "deployment: while a hand-over holds the guest its host gets nothing",
	  { ASKS(PLACED_HOST, START, DEPLOYMENT), .held = true }, REASON_HELD },
	{ "deployment: nor does it resume the guest",
	  { ASKS(PLACED_HOST, RESUME, DEPLOYMENT), .ran_before = true, .held = true }, REASON_HELD },
	{ "deployment: a host that the guest is not placed on is told that first",
	  { ASKS(OTHER_HOST, START, DEPLOYMENT), .held = true }, REASON_NOT_PLACED_HERE },
	{ "deployment: the destination may ask again for what it has claimed",
	  { ASKS(OTHER_HOST, MIGRATE_IN, DEPLOYMENT), .handover = true, .held = true },
	  REASON_ALLOWED },
	{ "deployment: and not without the hand-over",
	  { ASKS(OTHER_HOST, MIGRATE_IN, DEPLOYMENT), .held = true }, REASON_NO_RECORD },
	{ "deployment: the next host starts an evacuated guest once it is placed there",
	  { ASKS(PLACED_HOST, EVACUATE, DEPLOYMENT) }, REASON_ALLOWED },
	{ "deployment: not even the owner reads the value",
	  { ASKS(OWNER, READ_BACK, DEPLOYMENT) }, REASON_NO_READER },
	{ "deployment: a clone takes the owner's record",
	  { ASKS(PLACED_HOST, CLONE, DEPLOYMENT), .permit = PERMIT_GOOD }, REASON_NO_RECORD },

	/* user */
	{ "user: a start without the owner's word is refused",
	  { ASKS(PLACED_HOST, START, USER) }, REASON_NO_PERMIT },
	{ "user: a start with the owner's permit is allowed",
	  { ASKS(PLACED_HOST, START, USER), .permit = PERMIT_GOOD }, REASON_ALLOWED },
	{ "user: the same attempt again, after a lost reply, is allowed",
	  { ASKS(PLACED_HOST, START, USER), .permit = PERMIT_OF_THIS_ATTEMPT }, REASON_ALLOWED },
	{ "user: the same attempt again from a host fenced meanwhile is refused",
	  { ASKS(FENCED_HOST, START, USER), .permit = PERMIT_OF_THIS_ATTEMPT }, REASON_FENCED },
	{ "user: the owner's word does not settle a hand-over",
	  { ASKS(PLACED_HOST, START, USER), .permit = PERMIT_GOOD, .held = true }, REASON_HELD },
	{ "user: the same attempt again, once its guest is being handed over, is refused",
	  { ASKS(PLACED_HOST, START, USER), .permit = PERMIT_OF_THIS_ATTEMPT, .held = true },
	  REASON_HELD },
	{ "user: a permit that has run out is refused",
	  { ASKS(PLACED_HOST, START, USER), .permit = PERMIT_LATE }, REASON_PERMIT_LATE },
	{ "user: a permit used before is refused",
	  { ASKS(PLACED_HOST, START, USER), .permit = PERMIT_SPENT }, REASON_PERMIT_SPENT },
	{ "user: a permit for another host, purpose or placement is refused",
	  { ASKS(PLACED_HOST, START, USER), .permit = PERMIT_OF_OTHER }, REASON_PERMIT_OTHER },
	{ "user: a copy that a host kept does not stand in for the owner",
	  { ASKS(PLACED_HOST, START, USER), .released_before = true, .holds_copy = true },
	  REASON_NO_PERMIT },
	{ "user: a reboot takes a standing grant",
	  { ASKS(PLACED_HOST, REBOOT, USER), .ran_before = true }, REASON_NO_PERMIT },
	{ "user: a reboot under a standing grant is allowed",
	  { ASKS(PLACED_HOST, REBOOT, USER), .ran_before = true, .permit = PERMIT_GOOD }, REASON_ALLOWED },
	{ "user: an autostart takes a standing grant",
	  { ASKS(PLACED_HOST, AUTOSTART, USER) }, REASON_NO_PERMIT },
	{ "user: resuming a managed save takes the owner's word",
	  { ASKS(PLACED_HOST, RESUME, USER), .ran_before = true }, REASON_NO_PERMIT },
	{ "user: a rescue system takes the owner's word",
	  { ASKS(PLACED_HOST, RESCUE, USER) }, REASON_NO_PERMIT },
	{ "user: a placed host gains nothing by calling a start a migration",
	  { ASKS(PLACED_HOST, MIGRATE_IN, USER), .permit = PERMIT_GOOD }, REASON_NO_RECORD },
	{ "user: a hand-over takes the owner's word for the destination",
	  { ASKS(OTHER_HOST, MIGRATE_IN, USER), .handover = true },
	  REASON_NO_PERMIT },
	{ "user: the owner reads the value back",
	  { ASKS(OWNER, READ_BACK, USER) }, REASON_ALLOWED },
	{ "user: an operator does not read the value",
	  { ASKS(OPERATOR, READ_BACK, USER) }, REASON_NOT_THIS_PARTY },
	{ "user: a member of the project does not read the value",
	  { ASKS(MEMBER, READ_BACK, USER) }, REASON_NOT_THIS_PARTY },

	/* host */
	{ "host: the first start takes the owner's permit",
	  { ASKS(PLACED_HOST, START, HOST) }, REASON_NO_PERMIT },
	{ "host: the first start with the owner's permit is allowed",
	  { ASKS(PLACED_HOST, START, HOST), .permit = PERMIT_GOOD }, REASON_ALLOWED },
	{ "host: from then on the host's own copy serves",
	  { ASKS(PLACED_HOST, START, HOST), .released_before = true, .holds_copy = true },
	  REASON_USE_COPY },
	{ "host: not while a hand-over holds the guest",
	  { ASKS(PLACED_HOST, START, HOST), .released_before = true, .holds_copy = true,
	    .held = true }, REASON_HELD },
	{ "host: a copy burns no permit",
	  { ASKS(PLACED_HOST, START, HOST), .released_before = true, .holds_copy = true,
	    .permit = PERMIT_GOOD }, REASON_USE_COPY },
	{ "host: a lost copy takes the owner's permit again",
	  { ASKS(PLACED_HOST, START, HOST), .released_before = true }, REASON_NO_PERMIT },
	{ "host: a copy from another placement is only bytes",
	  { ASKS(PLACED_HOST, START, HOST), .holds_copy = true }, REASON_NO_PERMIT },
	{ "host: a copy on a fenced host does not serve",
	  { ASKS(FENCED_HOST, START, HOST), .released_before = true, .holds_copy = true }, REASON_FENCED },
	{ "host: a copy on the host that the guest left does not serve",
	  { ASKS(OTHER_HOST, START, HOST), .released_before = true, .holds_copy = true }, REASON_NOT_PLACED_HERE },
	{ "host: a copy serves after a reboot of the host",
	  { ASKS(PLACED_HOST, REBOOT, HOST), .released_before = true, .holds_copy = true,
	    .ran_before = true }, REASON_USE_COPY },
	{ "host: a copy does not serve a rescue system",
	  { ASKS(PLACED_HOST, RESCUE, HOST), .released_before = true, .holds_copy = true },
	  REASON_NO_PERMIT },
	{ "host: a copy does not serve after a rebuild",
	  { ASKS(PLACED_HOST, REBUILD, HOST), .released_before = true, .holds_copy = true },
	  REASON_NO_PERMIT },
	{ "host: evacuation takes the owner's permit on the new host",
	  { ASKS(PLACED_HOST, EVACUATE, HOST), .released_before = true, .holds_copy = true },
	  REASON_NO_PERMIT },
	{ "host: the destination of an open hand-over is served",
	  { ASKS(OTHER_HOST, MIGRATE_IN, HOST), .handover = true },
	  REASON_ALLOWED },
	{ "host: a migration without a hand-over is refused",
	  { ASKS(OTHER_HOST, MIGRATE_IN, HOST) }, REASON_NO_RECORD },
	{ "host: the owner reads the value back",
	  { ASKS(OWNER, READ_BACK, HOST) }, REASON_ALLOWED },

	/* whoever */
	{ "the owner does not start a guest himself",
	  { ASKS(OWNER, START, USER), .permit = PERMIT_GOOD },
	  REASON_NOT_THIS_PARTY },
	{ "a host does not read back",
	  { ASKS(PLACED_HOST, READ_BACK, USER) }, REASON_NOT_THIS_PARTY },
	{ "a purpose outside the list is refused",
	  { .purpose = PURPOSE_COUNT, .party = PARTY_PLACED_HOST }, REASON_NOT_THIS_PARTY },
	{ "a policy outside the list is refused",
	  { .security = SECURITIES, .party = PARTY_PLACED_HOST }, REASON_NO_RECORD },
};

/* A guest placed on the asking host, under the weakest policy, but for one thing. */
static const struct {
	const char *says;
	unsigned without;
	enum reason want;
} lacks[] = {
	{ "nobody learns of an instance that is not theirs to see", VISIBLE,
	  REASON_UNKNOWN_INSTANCE },
	{ "a host that does not support the policy gets nothing", SUPPORT,
	  REASON_UNSUPPORTED },
	{ "a host outside the instance's host set gets nothing", HOST_SET,
	  REASON_OUTSIDE_SET },
	{ "a host whose client is too old gets nothing", NEW_CLIENT,
	  REASON_TOO_OLD },
	{ "a domain that names another secret gets nothing", RIGHT_SECRET,
	  REASON_OTHER_SECRET },
};
/* clang-format on */

/* Properties of the whole matrix, asserted independently of the rules that fill it. */
struct walk {
	struct cell whole; /* the present (purpose, policy, party) with all records */
	size_t cells, allowed;
	size_t to_fenced, to_strangers, to_persons, read_by_others, read_deployment;
	size_t user_without_word, made_by_lack, without_code, better_than_start;
	size_t migrated_without_record, disclosed, held_start;
};

static bool is_person(enum party p)
{
	return p < PARTY_PLACED_HOST;
}

static bool has_word(const struct ask *a)
{
	return a->permit == PERMIT_GOOD || a->permit == PERMIT_OF_THIS_ATTEMPT;
}

static bool is_move(enum purpose p)
{
	return p == PURPOSE_MIGRATE_IN || p == PURPOSE_COLD_MIGRATE || p == PURPOSE_CLONE;
}

/* Naming another purpose must not bring what a plain start would not. */
static bool start_would_do(const struct ask *a)
{
	struct ask start = *a;

	start.purpose = PURPOSE_START;
	return reason_allows(policy_decide(&start));
}

static void look_at_allowed(struct walk *w, const struct ask *a)
{
	bool release = purpose_is_release(a->purpose);

	w->allowed++;
	w->to_fenced += a->party == PARTY_FENCED_HOST;
	w->to_strangers +=
		a->party == PARTY_OTHER_HOST && !a->handover && !a->clone_record;
	w->to_persons += release && is_person(a->party);
	w->read_by_others += !release && a->party != PARTY_OWNER;
	w->read_deployment += !release && a->security == SECURITY_DEPLOYMENT;
	w->user_without_word += release && a->security == SECURITY_USER && !has_word(a);
	w->migrated_without_record +=
		is_move(a->purpose) && !a->handover && !a->clone_record;
	w->disclosed += !a->visible;
	w->held_start += a->held && release && a->purpose != PURPOSE_MIGRATE_IN &&
			 a->purpose != PURPOSE_COLD_MIGRATE;
	w->better_than_start += release && !is_move(a->purpose) && !start_would_do(a);
}

static void look(void *ctx, const struct cell *cell)
{
	struct walk *w = ctx;
	bool allowed = reason_allows(cell->reason);

	w->cells++;
	if (cell->missing[0] == '\0')
		w->whole = *cell;
	w->made_by_lack += allowed && !reason_allows(w->whole.reason);
	w->without_code += !allowed && reason_err(cell->reason) == ERR_NONE;
	if (allowed)
		look_at_allowed(w, &cell->ask);
}

static void check_matrix(void)
{
	struct walk w = { 0 };
	size_t n = policy_matrix(look, &w);

	printf("# %zu cells: %zu allowed, %zu refused\n", n, w.allowed, n - w.allowed);
	check("the matrix is walked whole", n == w.cells && n > 5000);
	check("some cells allow", w.allowed > 0);
	check("no fenced host is ever allowed", w.to_fenced == 0);
	check("no other host is allowed without a hand-over or a clone",
	      w.to_strangers == 0);
	check("no person ever gets a release", w.to_persons == 0);
	check("no party but the owner ever reads", w.read_by_others == 0);
	check("a deployment secret is never read", w.read_deployment == 0);
	check("under user nothing is released without the owner's word",
	      w.user_without_word == 0);
	check("no move is allowed without its record", w.migrated_without_record == 0);
	check("nothing but the move itself is allowed while a hand-over holds the guest",
	      w.held_start == 0);
	check("nothing is allowed to one who may not see the instance", w.disclosed == 0);
	check("taking a record away never turns a refusal into an allowance",
	      w.made_by_lack == 0);
	check("a host gains nothing by naming another purpose", w.better_than_start == 0);
	check("every refusal names an error code", w.without_code == 0);
}

static void check_names(void)
{
	bool purposes = true, securities = true, parties = true;

	for (unsigned i = 0; i < PURPOSE_COUNT; i++) {
		enum purpose p = PURPOSE_COUNT;
		const char *name = purpose_name((enum purpose)i);

		purposes = purposes && purpose_parse(name, &p) && (unsigned)p == i;
	}
	for (unsigned i = 0; i < SECURITIES; i++) {
		enum security s = SECURITIES;
		const char *name = security_name((enum security)i);

		securities = securities && security_parse(name, &s) && (unsigned)s == i;
	}
	for (unsigned i = 0; i < PARTIES; i++)
		parties = parties && strcmp(party_name((enum party)i), "unknown") != 0;
	check("every purpose is parsed from its name", purposes);
	check("every policy is parsed from its name", securities);
	check("every party has a name", parties);
	check("what is in no list has no name",
	      strcmp(purpose_name(PURPOSE_COUNT), "unknown") == 0 &&
		      strcmp(security_name(SECURITIES), "unknown") == 0 &&
		      strcmp(party_name(PARTIES), "unknown") == 0 &&
		      strcmp(reason_text(REASON_COUNT), "unknown") == 0);
}

static void check_parsing(void)
{
	static const char *const bad[] = {
		"", "Start", "start ", "star", "starts", "user"
	};
	enum purpose p = PURPOSE_COUNT;
	enum security s = SECURITIES;
	bool refused = true;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refused = refused && !purpose_parse(bad[i], &p);
	check("no other word is a purpose", refused && p == PURPOSE_COUNT);
	check("no other word is a policy",
	      !security_parse("User", &s) && !security_parse("", &s) &&
		      !security_parse(NULL, &s) && s == SECURITIES);
	check("read-back is no release", !purpose_is_release(PURPOSE_READ_BACK));
	check("a purpose outside the list is no release",
	      !purpose_is_release(PURPOSE_COUNT));
	check("a reason's name is its error's code",
	      strcmp(reason_name(REASON_NO_PERMIT), "permit_missing") == 0 &&
		      strcmp(reason_name(REASON_FENCED), "host_fenced") == 0 &&
		      strcmp(reason_name(REASON_ALLOWED), "allowed") == 0 &&
		      strcmp(reason_name(REASON_USE_COPY), "use_copy") == 0);
	check("a reason outside the list does not allow",
	      !reason_allows(REASON_COUNT) && reason_err(REASON_COUNT) != ERR_NONE);
}

static struct ask complete(struct ask ask, unsigned without)
{
	ask.visible = !(without & VISIBLE);
	ask.host_supports = !(without & SUPPORT);
	ask.host_in_set = !(without & HOST_SET);
	ask.host_new_enough = !(without & NEW_CLIENT);
	ask.secret_matches = !(without & RIGHT_SECRET);
	return ask;
}

static void check_rows(void)
{
	const struct ask start = { ASKS(PLACED_HOST, START, DEPLOYMENT) };
	const struct ask nothing = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ask ask = complete(rows[i].ask, 0);

		check(rows[i].says, policy_decide(&ask) == rows[i].want);
	}
	for (size_t i = 0; i < ARRAY_LEN(lacks); i++) {
		struct ask ask = complete(start, lacks[i].without);

		check(lacks[i].says, policy_decide(&ask) == lacks[i].want);
	}
	check("an ask of nothing is refused", !reason_allows(policy_decide(&nothing)));
}

int main(void)
{
	check_rows();
	check_matrix();
	check_names();
	check_parsing();
	return done();
}
