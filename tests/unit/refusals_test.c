/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/dispatch/refusals.h"

#include <stdio.h>
#include <string.h>

#include "broker/dispatch/limit.h"
#include "common/clock.h"
#include "tests/unit/check.h"

static struct audit_record refusal(const char *credential, const char *reason)
{
	struct audit_record a = { .count = 1 };

	snprintf(a.kind, sizeof a.kind, "person");
	snprintf(a.credential, sizeof a.credential, "%s", credential);
	snprintf(a.verb, sizeof a.verb, "release");
	snprintf(a.reason, sizeof a.reason, "%s", reason);
	return a;
}

static void repeats_check(void)
{
	OWNED(refusals) r = NULL;
	struct audit_record ended = { 0 }, a = refusal("t1", "forbidden"),
			    b = refusal("t1", "not_found"),
			    c = refusal("t2", "forbidden");
	struct err e = { 0 };
	int64_t t = 1;

	if (!check("a table is made", refusals_new(&r, &e)))
		return;
	check("the first refusal is a row",
	      !refusals_counts(r, &a, t, &ended) && ended.count == 0);
	check("its repeat is only counted", refusals_counts(r, &a, t + 1, &ended));
	check("and the next as well", refusals_counts(r, &a, t + 2, &ended));
	check("another reason is a row of its own", !refusals_counts(r, &b, t, &ended));
	check("another credential is a row of its own",
	      !refusals_counts(r, &c, t, &ended));
	check("nothing ends before its time",
	      !refusals_ended(r, t + 59 * US_PER_S, false, &ended));
	check("after 60 s the count comes out, without the first",
	      refusals_ended(r, t + 60 * US_PER_S, false, &ended) && ended.count == 2 &&
		      strcmp(ended.reason, "forbidden") == 0);
	check("once", !refusals_ended(r, t + 60 * US_PER_S, false, &ended));
	check("then a repeat is a row again",
	      !refusals_counts(r, &a, t + 61 * US_PER_S, &ended));
	check("counted", refusals_counts(r, &a, t + 62 * US_PER_S, &ended));
	check("at the stop every count comes out",
	      refusals_ended(r, t + 62 * US_PER_S, true, &ended) && ended.count == 1);
}

/* One who asks for a thousand different things pushes out counts, and loses none. */
static void overflow_check(void)
{
	OWNED(refusals) r = NULL;
	struct audit_record ended = { 0 }, out;
	struct err e = { 0 };
	int64_t rows = 0, counted = 0;

	if (!refusals_new(&r, &e))
		return;
	for (int i = 0; i < 2000; i++) {
		char name[16];
		struct audit_record a;

		snprintf(name, sizeof name, "t%d", i / 2);
		a = refusal(name, "forbidden");
		if (refusals_counts(r, &a, i + 1, &ended))
			continue;
		rows++;
		counted += ended.count;
	}
	while (refusals_ended(r, 5000, true, &out))
		counted += out.count;
	check("a full table loses no count", rows == 1000 && counted == 1000);
}

/* Nor does one who asks for ever new things fill the trail, and so the disk. */
static void flood_check(void)
{
	OWNED(refusals) r = NULL;
	struct audit_record ended = { 0 }, out, general = { 0 };
	struct err e = { 0 };
	int64_t rows = 0, counted = 0;

	if (!refusals_new(&r, &e))
		return;
	for (int i = 0; i < 5000; i++) {
		struct audit_record a = refusal("t1", "not_found");

		snprintf(a.instance.text, sizeof a.instance.text, "%036d", i);
		if (refusals_counts(r, &a, i + 1, &ended))
			continue;
		rows++;
		general = a;
	}
	check("of one identity so many refusals are rows of their own, then one is for "
	      "all",
	      rows == REFUSALS_OF_ONE + 1);
	check("which names who and why, but no instance",
	      strcmp(general.credential, "t1") == 0 &&
		      strcmp(general.reason, "not_found") == 0 &&
		      strcmp(general.target, "*") == 0 &&
		      !uuid_is_set(&general.instance));
	general = refusal("t2", "not_found");
	check("another identity is not touched by that",
	      !refusals_counts(r, &general, 5001, &ended) && general.target[0] == '\0');
	while (refusals_ended(r, 5002, true, &out))
		counted += out.count;
	check("and every one of them is counted", rows + counted == 5000);
}

static void limit_check(void)
{
	OWNED(limit) l = NULL;
	struct err e = { 0 };
	int taken = 0;

	if (!check("limits are made", limit_new(&l, &e)))
		return;
	while (taken < 10000 && limit_takes(l, "192.0.2.1", 1))
		taken++;
	check("an address may fail as often as its burst", taken == LIMIT_BURST);
	check("another address is not touched by that", limit_takes(l, "192.0.2.2", 1));
	check("after a second it has earned some credit",
	      limit_takes(l, "192.0.2.1", 1 + US_PER_S));
	while (limit_takes(l, "2001:db8::1", 1))
		;
	check("an IPv6 network counts as one", !limit_takes(l, "2001:db8::2", 1));
	check("another IPv6 network does not", limit_takes(l, "2001:db8:0:1::1", 1));
}

int main(void)
{
	repeats_check();
	overflow_check();
	flood_check();
	limit_check();
	return done();
}
