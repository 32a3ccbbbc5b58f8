/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gate_bed.h"

#define ATTEMPT_2 "aaaaaaaa-0000-4000-8000-000000000002"
#define YEARS_US (INT64_C(5) * 365 * 24 * 3600 * US_PER_S)

/* The rows of one instance, as they stand when everything is in order for h1 to start it. */
struct scene {
	struct instance_row instance;
	struct placement_row placement;
	struct permit_row permit;
	struct copy_row copy;
	struct release_row release;
	struct question q;
	struct principal who;
	bool no_permit, with_copy, with_release;
	int64_t later_us;
};

static struct uuid uuid_of(const char *text)
{
	struct uuid u;

	snprintf(u.text, sizeof u.text, "%s", text);
	return u;
}

static struct scene scene_new(struct bed *b, const char *security)
{
	struct scene s = { .instance = bed_instance(b, security),
			   .q = { .purpose = PURPOSE_START } };

	must(&b->w, uuid_random(&s.permit.id, &b->w.e), "uuid");
	must(&b->w, uuid_random(&s.q.attempt, &b->w.e), "uuid");
	s.q.instance = s.placement.instance = s.permit.instance = s.copy.instance =
		s.release.instance = s.instance.id;
	snprintf(s.placement.host, sizeof s.placement.host, H1);
	snprintf(s.permit.hosts, sizeof s.permit.hosts, H1);
	snprintf(s.permit.purpose, sizeof s.permit.purpose, "start");
	snprintf(s.permit.issuer, sizeof s.permit.issuer, "broker:test");
	snprintf(s.permit.owner, sizeof s.permit.owner, "alice");
	snprintf(s.copy.host, sizeof s.copy.host, H1);
	snprintf(s.release.host, sizeof s.release.host, H1);
	snprintf(s.release.purpose, sizeof s.release.purpose, "start");
	s.placement.epoch = s.permit.epoch = s.copy.epoch = s.release.epoch = 3;
	s.permit.uses = s.permit.uses_left = 1;
	s.permit.from_us = s.release.at_us = WORLD_BEGIN_US;
	s.permit.until_us = WORLD_BEGIN_US + 600 * US_PER_S;
	s.who.kind = PRINCIPAL_HOST;
	return s;
}

static void scene_put(struct bed *b, const struct scene *s)
{
	world_put(&b->w, TABLE_INSTANCE, &s->instance);
	if (s->placement.host[0] != '\0')
		world_put(&b->w, TABLE_PLACEMENT, &s->placement);
	if (!s->no_permit)
		world_put(&b->w, TABLE_PERMIT, &s->permit);
	if (s->with_copy)
		world_put(&b->w, TABLE_COPY, &s->copy);
	if (s->with_release)
		world_put(&b->w, TABLE_RELEASE, &s->release);
}

/* Puts the scene, asks as `host` (a key hash) and says what came out. */
static enum reason asked_by(struct bed *b, struct scene *s, const char *host,
			    struct verdict *ret)
{
	struct world *w = &b->w;

	must(w, read_host(b->r, host, &s->who.host, &w->e), "read_host");
	w->wall_us = WORLD_BEGIN_US + s->later_us;
	must(w, gate_decides(b->gate, b->r, &s->who, &s->q, ret, &w->e), "gate_decides");
	w->wall_us = WORLD_BEGIN_US;
	return ret->reason;
}

static enum reason comes_out(struct bed *b, struct scene *s)
{
	struct verdict v;

	scene_put(b, s);
	return asked_by(b, s, H1, &v);
}

static void plain(struct scene *s)
{
	(void)s;
}
static void unpermitted(struct scene *s)
{
	s->no_permit = true;
}
static void spent(struct scene *s)
{
	s->permit.uses_left = 0;
}
static void late(struct scene *s)
{
	s->later_us = 600 * US_PER_S;
}
static void just_in_time(struct scene *s)
{
	s->later_us = 600 * US_PER_S - 1;
}
static void clock_back(struct scene *s)
{
	s->later_us = -YEARS_US;
}
static void clock_ahead(struct scene *s)
{
	s->later_us = YEARS_US;
}
static void of_old_epoch(struct scene *s)
{
	s->permit.epoch = 2;
}
static void of_other_host(struct scene *s)
{
	snprintf(s->permit.hosts, sizeof s->permit.hosts, H2);
}
static void of_former_owner(struct scene *s)
{
	snprintf(s->permit.owner, sizeof s->permit.owner, "bob");
}
static void of_other_purpose(struct scene *s)
{
	snprintf(s->permit.purpose, sizeof s->permit.purpose, "reboot");
}
static void withdrawn(struct scene *s)
{
	s->permit.withdrawn = 1;
}
static void unplaced(struct scene *s)
{
	s->placement.host[0] = '\0';
}
static void placed_elsewhere_secret_known(struct scene *s)
{
	snprintf(s->placement.host, sizeof s->placement.host, H2);
	s->q.secret = s->instance.secret;
}
static void placed_elsewhere(struct scene *s)
{
	snprintf(s->placement.host, sizeof s->placement.host, H2);
}
static void other_secret(struct scene *s)
{
	s->q.secret = s->instance.id;
}
static void other_host_set(struct scene *s)
{
	snprintf(s->instance.hosts, sizeof s->instance.hosts, "h2\nh3");
}
static void own_host_set(struct scene *s)
{
	snprintf(s->instance.hosts, sizeof s->instance.hosts, "h2\nh1");
}
static void copy_held(struct scene *s)
{
	s->no_permit = s->with_copy = true;
	s->instance.version = s->copy.version = s->q.holds_copy = 2;
}
static void copy_lost(struct scene *s)
{
	copy_held(s);
	s->q.holds_copy = 0;
}
static void copy_of_old_epoch(struct scene *s)
{
	copy_held(s);
	s->copy.epoch = 2;
}
static void copy_of_old_version(struct scene *s)
{
	copy_held(s);
	s->copy.version = s->q.holds_copy = 1;
}
static void copy_erased(struct scene *s)
{
	copy_held(s);
	s->copy.erased_us = 1;
}
static void released_before(struct scene *s)
{
	spent(s);
	s->with_release = true;
	s->release.attempt = s->q.attempt;
	s->release.permit = s->permit.id;
	s->placement.attempt = s->q.attempt;
}
static void released_10_minutes_ago(struct scene *s)
{
	released_before(s);
	s->later_us = 600 * US_PER_S;
}
static void released_long_ago(struct scene *s)
{
	released_before(s);
	s->later_us = 600 * US_PER_S + 1;
}
static void released_to_other(struct scene *s)
{
	released_before(s);
	snprintf(s->release.host, sizeof s->release.host, H2);
}
static void released_for_other_purpose(struct scene *s)
{
	released_before(s);
	snprintf(s->release.purpose, sizeof s->release.purpose, "reboot");
}
static void released_at_old_epoch(struct scene *s)
{
	released_before(s);
	s->release.epoch = 2;
}
static void released_then_stopped(struct scene *s)
{
	released_before(s);
	s->placement.stopped = 1;
}
static void released_then_again(struct scene *s)
{
	released_before(s);
	s->placement.attempt = uuid_of(ATTEMPT_2);
}

static const struct {
	const char *says, *security;
	void (*but)(struct scene *s);
	enum reason want;
} rows[] = {
	{ "user: with a permit the placed host starts", "user", plain, REASON_ALLOWED },
	{ "user: without a permit it does not", "user", unpermitted, REASON_NO_PERMIT },
	{ "a spent permit is told as such", "user", spent, REASON_PERMIT_SPENT },
	{ "a permit ends at its end", "user", late, REASON_PERMIT_LATE },
	{ "and holds until then", "user", just_in_time, REASON_ALLOWED },
	{ "a clock years behind opens nothing", "user", clock_back, REASON_PERMIT_LATE },
	{ "a clock years ahead opens nothing", "user", clock_ahead, REASON_PERMIT_LATE },
	{ "a permit is for one placement", "user", of_old_epoch, REASON_PERMIT_OTHER },
	{ "a permit is for one host", "user", of_other_host, REASON_PERMIT_OTHER },
	{ "a permit is its owner's", "user", of_former_owner, REASON_PERMIT_OTHER },
	{ "a permit is for one purpose", "user", of_other_purpose, REASON_NO_PERMIT },
	{ "a withdrawn permit is none", "user", withdrawn, REASON_NO_PERMIT },
	{ "unplaced, no host sees it", "deployment", unplaced, REASON_UNKNOWN_INSTANCE },
	{ "placed elsewhere, a host does not see it", "deployment", placed_elsewhere,
	  REASON_UNKNOWN_INSTANCE },
	{ "but is told why when its domain names the secret", "deployment",
	  placed_elsewhere_secret_known, REASON_NOT_PLACED_HERE },
	{ "a domain with another secret is told so", "deployment", other_secret,
	  REASON_OTHER_SECRET },
	{ "outside the host set nothing starts", "deployment", other_host_set,
	  REASON_OUTSIDE_SET },
	{ "inside the host set it does", "deployment", own_host_set, REASON_ALLOWED },
	{ "deployment: being placed is enough", "deployment", unpermitted,
	  REASON_ALLOWED },
	{ "host: the first time a permit", "host", plain, REASON_ALLOWED },
	{ "host: never nothing at all", "host", unpermitted, REASON_NO_PERMIT },
	{ "host: then the copy", "host", copy_held, REASON_USE_COPY },
	{ "host: a lost copy needs a permit", "host", copy_lost, REASON_NO_PERMIT },
	{ "host: a copy of an earlier placement does not count", "host",
	  copy_of_old_epoch, REASON_NO_PERMIT },
	{ "host: nor one of an earlier value", "host", copy_of_old_version,
	  REASON_NO_PERMIT },
	{ "host: nor one that was erased", "host", copy_erased, REASON_NO_PERMIT },
	{ "a lost reply is asked for again, without a second permit", "user",
	  released_before, REASON_ALLOWED },
	{ "up to 10 minutes later", "user", released_10_minutes_ago, REASON_ALLOWED },
	{ "and not later", "user", released_long_ago, REASON_PERMIT_SPENT },
	{ "not by another host", "user", released_to_other, REASON_PERMIT_SPENT },
	{ "not for another purpose", "user", released_for_other_purpose,
	  REASON_PERMIT_SPENT },
	{ "not after another placement", "user", released_at_old_epoch,
	  REASON_PERMIT_SPENT },
	{ "not once the guest has stopped", "user", released_then_stopped,
	  REASON_PERMIT_SPENT },
	{ "not once a newer start was released", "user", released_then_again,
	  REASON_PERMIT_SPENT },
};

static void test_facts(struct bed *b)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s = scene_new(b, rows[i].security);
		enum reason got;

		rows[i].but(&s);
		got = comes_out(b, &s);
		if (!check(rows[i].says, got == rows[i].want))
			printf("# %s\n", reason_name(got));
	}
}

/* Whatever a verdict rests on may move before it is committed; then it must not be. */
static void test_guards(struct bed *b)
{
	struct scene s = scene_new(b, "user");
	struct verdict v;

	scene_put(b, &s);
	check("a verdict commits while its rows stand",
	      asked_by(b, &s, H1, &v) == REASON_ALLOWED && commits(b, &v));
	world_put(&b->w, TABLE_HOST, &v.host);
	check("not when the host's row was written, as a fence does", !commits(b, &v));
	(void)asked_by(b, &s, H1, &v);
	world_put(&b->w, TABLE_PLACEMENT, &v.placement);
	check("not when the placement was", !commits(b, &v));
	(void)asked_by(b, &s, H1, &v);
	world_put(&b->w, TABLE_PERMIT, &v.permit);
	check("not when the permit was", !commits(b, &v));
	(void)asked_by(b, &s, H1, &v);
	world_put(&b->w, TABLE_INSTANCE, &v.instance);
	check("not when the instance was", !commits(b, &v));
	(void)asked_by(b, &s, H1, &v);
	check("and again once it is asked anew", commits(b, &v));
}

static struct principal a_person(enum role role, const char *subject, const char *project)
{
	struct principal p = { .kind = PRINCIPAL_PERSON, .role = role };

	snprintf(p.token.issuer, sizeof p.token.issuer, "broker:test");
	snprintf(p.token.subject, sizeof p.token.subject, "%s", subject);
	snprintf(p.token.project, sizeof p.token.project, "%s", project);
	return p;
}

static void test_sight(struct bed *b)
{
	struct scene s = scene_new(b, "user");
	struct instance_row *i = &s.instance;
	struct principal owner = a_person(ROLE_MEMBER, "alice", "p1");
	struct principal member = a_person(ROLE_MEMBER, "bob", "p1");
	struct principal stranger = a_person(ROLE_MEMBER, "alice", "p2");
	struct principal operator= a_person(ROLE_OPERATOR, "alice", "p1");
	struct principal admin = a_person(ROLE_HOST_ADMIN, "alice", "p1");
	struct principal auditor = a_person(ROLE_AUDITOR, "eve", "p9");
	struct principal foreign = owner;

	i->head.generation = 1;
	snprintf(foreign.token.issuer, sizeof foreign.token.issuer, "https://elsewhere");
	check("the owner sees and owns",
	      gate_sees(&owner, i, NULL) && gate_is_owner(&owner, i));
	check("a member sees and does not own",
	      gate_sees(&member, i, NULL) && !gate_is_owner(&member, i));
	check("the same name in another project is a stranger",
	      !gate_sees(&stranger, i, NULL) && !gate_is_owner(&stranger, i));
	check("the same name of another issuer is a stranger",
	      !gate_sees(&foreign, i, NULL) && !gate_is_owner(&foreign, i));
	check("the owner's operator token is not the owner",
	      gate_sees(&operator, i, NULL) && !gate_is_owner(&operator, i));
	check("a host-admin sees no instance", !gate_sees(&admin, i, NULL));
	check("an auditor sees all", gate_sees(&auditor, i, NULL));
	i->head.generation = 0;
	check("nobody sees what is not there", !gate_sees(&auditor, i, NULL));
}

static void test_scope(void)
{
	struct token_row t = { .issuer = "broker:test", .project = "p1" };

	check("no scope is the token's own project",
	      gate_reaches_project(&t, "broker:test", "p1") &&
		      !gate_reaches_project(&t, "broker:test", "p2"));
	snprintf(t.projects, sizeof t.projects, "p2\np3");
	check("a scope names projects of the token's issuer",
	      gate_reaches_project(&t, "broker:test", "p3") &&
		      !gate_reaches_project(&t, "https://elsewhere", "p3") &&
		      !gate_reaches_project(&t, "broker:test", "p1") &&
		      !gate_reaches_project(&t, "broker:test", "p"));
	snprintf(t.projects, sizeof t.projects, "*");
	check("* is every project", gate_reaches_project(&t, "https://elsewhere", "p3"));
	check("no hosts in the scope is no host", !gate_reaches_host(&t, "h1"));
	snprintf(t.hosts, sizeof t.hosts, "h1\nh22");
	check("a scope names hosts whole", gate_reaches_host(&t, "h22") &&
						   gate_reaches_host(&t, "h1") &&
						   !gate_reaches_host(&t, "h2"));
}

static void test_fenced(struct bed *b)
{
	struct scene s = scene_new(b, "deployment");
	struct verdict v;
	struct host_row h1;

	scene_put(b, &s);
	must(&b->w, read_host(b->r, H1, &h1, &b->w.e), "read_host");
	snprintf(h1.state, sizeof h1.state, "fenced");
	world_put(&b->w, TABLE_HOST, &h1);
	check("a fenced host gets nothing, even for its own guest",
	      asked_by(b, &s, H1, &v) == REASON_FENCED);
	must(&b->w, read_host(b->r, H2, &h1, &b->w.e), "read_host");
	snprintf(h1.state, sizeof h1.state, "revoked");
	world_put(&b->w, TABLE_HOST, &h1);
	(void)asked_by(b, &s, H2, &v);
	check("a barred host is explained as one, also where it has no guest",
	      v.ask.party == PARTY_FENCED_HOST);
}

int main(void)
{
	struct bed b = { 0 };

	bed_open(&b);
	test_facts(&b);
	test_guards(&b);
	test_sight(&b);
	test_scope();
	test_fenced(&b);
	bed_close(&b);
	return done();
}
