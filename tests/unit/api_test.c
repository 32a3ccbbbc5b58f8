/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers with a clock that the test sets: what only time changes. */
#include "tests/unit/api_bed.h"

static void scene(struct bed *b)
{
	bed_open(b);
	host_put(b, '1', "h1");
	host_put(b, '2', "h2");
	as_person(b, ROLE_MEMBER, "alice");
	must(&b->w,
	     call(b, api_instance_put, "", "{\"name\":\"vm\",\"security\":\"host\"}") ==
		     ERR_NONE,
	     "instance");
	must(&b->w, place(b, "{\"host\":\"h1\"}") == ERR_NONE, "place");
}

#define PERMIT_1 "33333333-0000-4000-8000-000000000001"
#define PERMIT_2 "33333333-0000-4000-8000-000000000002"

static void test_permit_in_time(struct bed *b)
{
	check("a permit is made", permit(b, PERMIT_1, "{\"minutes\":10}") == ERR_NONE);
	at(b, 600 * US_PER_S);
	check("after its ten minutes it is late",
	      release(b, "h1", '1', "") == ERR_PERMIT_EXPIRED);
	at(b, -365 * DAY_US);
	check("and so it is for a clock that is a year behind",
	      release(b, "h1", '1', "") == ERR_PERMIT_EXPIRED);
	at(b, 600 * US_PER_S);
	as_person(b, ROLE_MEMBER, "alice");
	check("the owner sees it late", call(b, api_permit_list, "", "") == ERR_NONE &&
						said(b, "\"state\":\"late\""));
	check("a new permit serves",
	      permit(b, PERMIT_2, "{}") == ERR_NONE &&
		      release(b, "h1", '1', ",\"lease\":true") == ERR_NONE);
	check("the value comes sealed, with a lease",
	      said(b, "\"kind\":\"sealed\"") && said(b, "\"lease\":\"ey"));
}

static void test_redelivery_in_time(struct bed *b)
{
	at(b, 1200 * US_PER_S);
	check("a lost reply is given again for ten minutes",
	      release(b, "h1", '1', ",\"lease\":true") == ERR_NONE &&
		      said(b, "\"redelivered\":true"));
	at(b, 1200 * US_PER_S + 1);
	check("and not later", release(b, "h1", '1', "") == ERR_PERMIT_USED);
	check("a late attempt does not become a new one, not even with the copy",
	      release(b, "h1", '1', ",\"holds_copy\":1") == ERR_ATTEMPT_MISMATCH);
}

/* The lease as it stands in the reply. */
static struct lease lease_of(struct bed *b)
{
	const char *from = strstr(b->x.reply.body.at, "\"lease\":\"") + 9;
	struct lease l = { 0 };

	must(&b->w,
	     lease_check(b->statement,
			 (struct view){ (const uint8_t *)from, strcspn(from, "\"") }, &l,
			 &b->w.e),
	     "lease_check");
	return l;
}

static void test_lease(struct bed *b)
{
	struct lease l;

	at(b, DAY_US);
	as_host(b, "h1");
	check("the lease is renewed",
	      call(b, api_lease, "", "{\"version\":1,\"epoch\":1}") == ERR_NONE);
	l = lease_of(b);
	check("for seven days from now, for this host, version and epoch",
	      l.ends_us == WORLD_BEGIN_US + 8 * DAY_US &&
		      l.issued_us == WORLD_BEGIN_US + DAY_US && l.version == 1 &&
		      l.epoch == 1 && strcmp(l.host, b->x.who.host.key_hash) == 0);
	at(b, 30 * DAY_US);
	check("a lapsed lease is renewed when the broker answers",
	      call(b, api_lease, "", "{\"version\":1,\"epoch\":1}") == ERR_NONE);
	at(b, 30 * DAY_US);
}

/* The lease ends on day 37. */
static void test_fenced_with_copy(struct bed *b)
{
	const int64_t ends_us = 37 * DAY_US;

	host_state(b, "h1", "fenced");
	check("a fenced host with a copy keeps the instance",
	      place(b, "{\"host\":\"h2\"}") == ERR_PLACED_ELSEWHERE);
	check("and the refusal says until when",
	      strstr(b->e.detail, "T") != NULL && strstr(b->e.detail, "h1") != NULL);
	at(b, ends_us + GATE_SKEW_US - 1);
	check("to the end of its lease and what clocks may differ",
	      place(b, "{\"host\":\"h2\"}") == ERR_PLACED_ELSEWHERE);
	at(b, 31 * DAY_US);
	check("or until the operator says that it is off",
	      place(b, "{\"host\":\"h2\",\"host_is_off\":true}") == ERR_NONE &&
		      said(b, "\"moved\":true"));
	check("and the answer says how long it must stay off",
	      !said(b, "\"off_until\":null"));
	as_person(b, ROLE_MEMBER, "alice");
	check("explain shows it until then",
	      call(b, api_explain, "", "") == ERR_NONE && said(b, "earlier_host_is_off"));
	at(b, ends_us + GATE_SKEW_US);
	check("and not longer", call(b, api_explain, "", "") == ERR_NONE &&
					!said(b, "earlier_host_is_off"));
}

static void test_lapsed_lease_lets_go(struct bed *b)
{
	at(b, 40 * DAY_US);
	host_state(b, "h1", "approved");
	check("the next host starts with a permit",
	      permit(b, "33333333-0000-4000-8000-000000000003", "{}") == ERR_NONE &&
		      release(b, "h2", '2', ",\"lease\":true") == ERR_NONE);
	host_state(b, "h2", "fenced");
	check("fenced, it holds the instance while its lease runs",
	      place(b, "{\"host\":\"h1\"}") == ERR_PLACED_ELSEWHERE);
	at(b, 47 * DAY_US + GATE_SKEW_US);
	check("and lets go once the lease has ended",
	      place(b, "{\"host\":\"h1\"}") == ERR_NONE && said(b, "\"epoch\":3"));
	check("an old copy of the first host is not good there",
	      release(b, "h1", '3', ",\"holds_copy\":1") == ERR_PERMIT_FOREIGN);
}

/* A clock that is set back must neither hide the owner's word nor stretch an old one. */
static void test_clock_set_back(void)
{
	static struct bed b;

	scene(&b);
	at(&b, DAY_US);
	must(&b.w, permit(&b, PERMIT_1, "{}") == ERR_NONE, "permit");
	must(&b.w, release(&b, "h1", '1', "") == ERR_NONE, "release");
	at(&b, DAY_US - GATE_SKEW_US);
	check("a lost reply is given again though the clock was put right by a little",
	      release(&b, "h1", '1', "") == ERR_NONE);
	at(&b, 0);
	check("a clock set back by a day does not stretch the ten minutes",
	      release(&b, "h1", '1', "") == ERR_PERMIT_USED);
	check("a permit made then serves, though a used one has a later date",
	      permit(&b, PERMIT_2, "{}") == ERR_NONE &&
		      release(&b, "h1", '2', "") == ERR_NONE);
	bed_close(&b);
}

/* What a host was given holds until its end, whatever is given later. */
static void test_lease_is_never_shortened(void)
{
	static struct bed b;

	scene(&b);
	must(&b.w, permit(&b, PERMIT_1, "{}") == ERR_NONE, "permit");
	must(&b.w, release(&b, "h1", '1', ",\"lease\":true") == ERR_NONE, "release");
	b.api.lease_us = DAY_US; /* as after a restart with lease_days = 1 */
	as_host(&b, "h1");
	must(&b.w, call(&b, api_lease, "", "{\"version\":1,\"epoch\":1}") == ERR_NONE,
	     "lease");
	check("a shorter renewal does not end the lease that the host holds already",
	      lease_of(&b).ends_us == WORLD_BEGIN_US + 7 * DAY_US);
	must(&b.w, release(&b, "h1", '2', ",\"holds_copy\":1") == ERR_NONE, "use_copy");
	host_state(&b, "h1", "fenced");
	at(&b, 2 * DAY_US);
	check("so the fenced host keeps the instance while its first lease runs",
	      place(&b, "{\"host\":\"h2\"}") == ERR_PLACED_ELSEWHERE);
	at(&b, 7 * DAY_US + GATE_SKEW_US);
	check("and not longer", place(&b, "{\"host\":\"h2\"}") == ERR_NONE);
	bed_close(&b);
}

int main(void)
{
	static struct bed b;

	scene(&b);
	test_permit_in_time(&b);
	test_redelivery_in_time(&b);
	test_lease(&b);
	test_fenced_with_copy(&b);
	test_lapsed_lease_lets_go(&b);
	bed_close(&b);
	test_clock_set_back();
	test_lease_is_never_shortened();
	return done();
}
