/* SPDX-License-Identifier: Apache-2.0 */
/* Of several permits and grants: which one counts, what is told, what is written. */
#include "tests/unit/gate_bed.h"

#define DAY_US (INT64_C(24) * 3600 * US_PER_S)
#define YEARS_US (5 * 365 * DAY_US)
enum { EPOCH = 3, WORDS_MAX = 4 };

/* One word of the owner; what is not said is a permit of ten minutes, unused, for H1. */
enum kind { NONE, PERMIT, COUNTED, STANDING };
struct word {
	enum kind kind;
	bool used, elsewhere, withdrawn, other_owner, old_epoch;
	int64_t days; /* of a grant; 0: 30 */
};

static const struct {
	const char *says;
	struct word words[WORDS_MAX]; /* the newest last */
	int64_t later_us;
	enum reason want;
	size_t counts; /* which of them, from 1; 0: not looked at */
} rows[] = {
	{ "no word is none", { { .kind = NONE } }, 0, REASON_NO_PERMIT, 0 },
	{ "a grant is good at any placement",
	  { { .kind = COUNTED } },
	  0,
	  REASON_ALLOWED,
	  1 },
	{ "a standing grant has no use to be used up",
	  { { .kind = STANDING, .used = true } },
	  0,
	  REASON_ALLOWED,
	  1 },
	{ "a grant that was used up is told so",
	  { { .kind = COUNTED, .used = true } },
	  0,
	  REASON_PERMIT_SPENT,
	  1 },
	{ "a permit before a grant",
	  { { .kind = PERMIT }, { .kind = COUNTED } },
	  0,
	  REASON_ALLOWED,
	  1 },
	{ "also an older one",
	  { { .kind = COUNTED }, { .kind = PERMIT } },
	  0,
	  REASON_ALLOWED,
	  2 },
	{ "a counted grant before a standing one",
	  { { .kind = STANDING }, { .kind = COUNTED } },
	  0,
	  REASON_ALLOWED,
	  2 },
	{ "of two alike the one that ends first",
	  { { .kind = COUNTED, .days = 9 },
	    { .kind = COUNTED, .days = 8 },
	    { .kind = COUNTED, .days = 10 } },
	  0,
	  REASON_ALLOWED,
	  2 },
	{ "one that is good, whatever else there is",
	  { { .kind = STANDING },
	    { .kind = PERMIT, .used = true },
	    { .kind = COUNTED, .elsewhere = true } },
	  0,
	  REASON_ALLOWED,
	  1 },
	{ "a permit that ran out leaves the grant",
	  { { .kind = COUNTED }, { .kind = PERMIT } },
	  600 * US_PER_S,
	  REASON_ALLOWED,
	  1 },
	{ "of refusals one for this host is told",
	  { { .kind = COUNTED, .used = true }, { .kind = STANDING, .elsewhere = true } },
	  0,
	  REASON_PERMIT_SPENT,
	  1 },
	{ "of two such the newer's",
	  { { .kind = COUNTED, .used = true }, { .kind = COUNTED, .days = 1 } },
	  DAY_US,
	  REASON_PERMIT_LATE,
	  2 },
	{ "the same the other way round",
	  { { .kind = COUNTED, .days = 1 }, { .kind = COUNTED, .used = true } },
	  DAY_US,
	  REASON_PERMIT_SPENT,
	  2 },
	{ "a grant for another host is told as such",
	  { { .kind = STANDING, .elsewhere = true } },
	  0,
	  REASON_PERMIT_OTHER,
	  1 },
	{ "a grant is its owner's",
	  { { .kind = STANDING, .other_owner = true } },
	  0,
	  REASON_PERMIT_OTHER,
	  1 },
	{ "a withdrawn grant is none",
	  { { .kind = STANDING, .withdrawn = true } },
	  0,
	  REASON_NO_PERMIT,
	  0 },
	{ "a permit of another placement does not hide a grant",
	  { { .kind = PERMIT, .old_epoch = true }, { .kind = STANDING } },
	  0,
	  REASON_ALLOWED,
	  2 },
	{ "a grant holds to its end",
	  { { .kind = STANDING, .days = 1 } },
	  DAY_US - 1,
	  REASON_ALLOWED,
	  1 },
	{ "and not longer",
	  { { .kind = STANDING, .days = 1 } },
	  DAY_US,
	  REASON_PERMIT_LATE,
	  1 },
	{ "a clock years behind opens nothing",
	  { { .kind = STANDING } },
	  -YEARS_US,
	  REASON_PERMIT_LATE,
	  1 },
	{ "a clock years ahead opens nothing",
	  { { .kind = STANDING } },
	  YEARS_US,
	  REASON_PERMIT_LATE,
	  1 },
};

struct scene {
	struct instance_row instance;
	struct placement_row placement;
	struct question q;
	struct uuid words[WORDS_MAX];
};

static void put_word(struct bed *b, struct scene *s, size_t n, const struct word *word)
{
	int64_t days = word->days == 0 ? 30 : word->days;
	struct permit_row p = { .instance = s->instance.id, .uses = 1 };

	must(&b->w, uuid_random(&p.id, &b->w.e), "uuid");
	s->words[n] = p.id;
	snprintf(p.purpose, sizeof p.purpose, "start");
	snprintf(p.hosts, sizeof p.hosts, "%s", word->elsewhere ? H2 : H2 "\n" H1);
	snprintf(p.issuer, sizeof p.issuer, "broker:test");
	snprintf(p.owner, sizeof p.owner, "%s", word->other_owner ? "bob" : "alice");
	p.created_us = WORLD_BEGIN_US + (int64_t)n;
	p.from_us = WORLD_BEGIN_US;
	p.until_us = p.from_us + days * DAY_US;
	if (word->kind == PERMIT) {
		p.epoch = EPOCH - word->old_epoch;
		p.until_us = p.from_us + 600 * US_PER_S;
	}
	p.uses = word->kind != STANDING;
	p.uses_left = p.uses - (p.uses && word->used);
	p.withdrawn = word->withdrawn;
	world_put(&b->w, TABLE_PERMIT, &p);
}

static struct scene scene_new(struct bed *b, const struct word words[WORDS_MAX])
{
	struct scene s = { .instance = bed_instance(b, "user"),
			   .q = { .purpose = PURPOSE_START } };

	must(&b->w, uuid_random(&s.q.attempt, &b->w.e), "uuid");
	s.placement.instance = s.q.instance = s.instance.id;
	snprintf(s.placement.host, sizeof s.placement.host, H1);
	s.placement.epoch = EPOCH;
	world_put(&b->w, TABLE_INSTANCE, &s.instance);
	world_put(&b->w, TABLE_PLACEMENT, &s.placement);
	for (size_t n = 0; n < WORDS_MAX && words[n].kind != NONE; n++)
		put_word(b, &s, n, &words[n]);
	return s;
}

static struct verdict asked(struct bed *b, const struct scene *s, int64_t later_us)
{
	struct principal h1 = { .kind = PRINCIPAL_HOST };
	struct verdict v;

	must(&b->w, read_host(b->r, H1, &h1.host, &b->w.e), "read_host");
	b->w.wall_us = WORLD_BEGIN_US + later_us;
	must(&b->w, gate_decides(b->gate, b->r, &h1, &s->q, &v, &b->w.e), "decides");
	b->w.wall_us = WORLD_BEGIN_US;
	return v;
}

static void test_choice(struct bed *b)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s = scene_new(b, rows[i].words);
		struct verdict v = asked(b, &s, rows[i].later_us);
		bool right = rows[i].counts == 0 ||
			     uuid_equal(&v.permit.id, &s.words[rows[i].counts - 1]);

		if (!check(rows[i].says, v.reason == rows[i].want && right))
			printf("# %s\n", reason_name(v.reason));
	}
}

static void test_burning(struct bed *b)
{
	static const struct word counted[WORDS_MAX] = { { .kind = COUNTED } };
	static const struct word standing[WORDS_MAX] = { { .kind = STANDING } };
	struct scene s = scene_new(b, counted);
	struct verdict v = asked(b, &s, 0);
	struct permit_row p;

	check("a counted grant loses a use and says to whom",
	      gate_burns(&v, &s.q.attempt, &p) && p.uses_left == 0 &&
		      uuid_equal(&p.used_by, &s.q.attempt) && p.used_us == v.now_us);
	v.reason = REASON_USE_COPY;
	check("a copy burns nothing", !gate_burns(&v, &s.q.attempt, &p));
	s = scene_new(b, standing);
	v = asked(b, &s, 0);
	check("a standing grant records its use and loses none",
	      gate_burns(&v, &s.q.attempt, &p) && p.uses_left == 0 &&
		      uuid_equal(&p.used_by, &s.q.attempt) && p.used_us == v.now_us);
	world_put(&b->w, TABLE_PERMIT, &p);
	v = asked(b, &s, 60 * US_PER_S - 1);
	check("not again within the minute, though the release rests on it",
	      gate_uses_word(&v) && !gate_burns(&v, &s.q.attempt, &p));
	v = asked(b, &s, 60 * US_PER_S);
	check("and then again", gate_burns(&v, &s.q.attempt, &p));
}

static void take_back(struct bed *b, const struct permit_row *row)
{
	struct permit_row p = *row;

	p.withdrawn = 1;
	world_put(&b->w, TABLE_PERMIT, &p);
}

/* The grant that counted is guarded, whether or not its row is written. */
static void test_guards(struct bed *b)
{
	static const struct word words[WORDS_MAX] = { { .kind = STANDING, .days = 2 },
						      { .kind = STANDING, .days = 3 } };
	struct scene s = scene_new(b, words);
	struct verdict v = asked(b, &s, 0);
	struct permit_row other;

	must(&b->w, read_permit(b->r, &s.words[1], &other, &b->w.e), "read_permit");
	take_back(b, &other);
	check("a grant that did not count may go", commits(b, &v));
	take_back(b, &v.permit);
	check("the one that counted may not", !commits(b, &v));
	v = asked(b, &s, 0);
	check("and nothing is left of them", v.reason == REASON_NO_PERMIT);
}

/* The reply was lost; the same attempt asks again. */
static void test_redelivery(struct bed *b)
{
	static const struct word words[WORDS_MAX] = { { .kind = COUNTED } };
	struct scene s = scene_new(b, words);
	struct verdict v = asked(b, &s, 0);
	struct release_row l = { .attempt = s.q.attempt,
				 .instance = s.instance.id,
				 .epoch = EPOCH,
				 .permit = s.words[0],
				 .at_us = WORLD_BEGIN_US };
	struct permit_row p;

	snprintf(l.host, sizeof l.host, H1);
	snprintf(l.purpose, sizeof l.purpose, "start");
	must(&b->w, gate_burns(&v, &s.q.attempt, &p), "burn");
	world_put(&b->w, TABLE_PERMIT, &p);
	world_put(&b->w, TABLE_RELEASE, &l);
	v.placement.attempt = s.q.attempt;
	world_put(&b->w, TABLE_PLACEMENT, &v.placement);
	v = asked(b, &s, 5 * US_PER_S);
	check("the same attempt again is served by the use that it burnt",
	      v.reason == REASON_ALLOWED && v.ask.permit == PERMIT_OF_THIS_ATTEMPT &&
		      !gate_burns(&v, &s.q.attempt, &p));
	check("while its grant stands", commits(b, &v));
	take_back(b, &v.permit);
	check("which is guarded", !commits(b, &v));
	v = asked(b, &s, 5 * US_PER_S);
	check("once that was taken back it gets nothing", v.reason == REASON_NO_PERMIT);
}

int main(void)
{
	struct bed b = { 0 };

	bed_open(&b);
	test_choice(&b);
	test_burning(&b);
	test_guards(&b);
	test_redelivery(&b);
	bed_close(&b);
	return done();
}
