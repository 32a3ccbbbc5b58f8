/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/awaited.h"

#include "common/clock.h"
#include "tests/unit/check.h"

#include <stdio.h>

static struct awaited_guest guest(int n, int64_t number, int64_t at_us)
{
	struct awaited_guest g = { .handover = { .number = number }, .at_us = at_us };

	snprintf(g.handover.instance.text, sizeof(g.handover.instance.text),
		 "00000000-0000-4000-8000-%012d", n);
	return g;
}

static bool takes(struct awaited *w, int n, int64_t now_us, int64_t number)
{
	struct awaited_guest g = guest(n, 0, 0), got;

	return awaited_take(w, &g.handover.instance, now_us, &got) &&
	       got.handover.number == number;
}

static void put(struct awaited *w, int n, int64_t number, int64_t at_us)
{
	struct awaited_guest g = guest(n, number, at_us);

	awaited_put(w, &g);
}

static void test_once(struct awaited *w)
{
	put(w, 1, 7, 100);
	check("another guest is not awaited", !takes(w, 2, 101, 7));
	check("one that is is taken", takes(w, 1, 101, 7));
	check("once", !takes(w, 1, 101, 7));
	put(w, 1, 7, 100);
	put(w, 1, 8, 100);
	check("a later consent stands for an earlier one", takes(w, 1, 101, 8));
	check("which is gone", !takes(w, 1, 101, 7));
	put(w, 1, 7, 100);
	check("after its time it is of no use",
	      !takes(w, 1, 100 + AWAITED_S * US_PER_S, 7));
}

static void test_full(struct awaited *w)
{
	bool rest = true;

	for (int i = 0; i <= AWAITED_MAX; i++)
		put(w, i, i, 100 + i);
	check("in a full table the oldest gives way", !takes(w, 0, 101, 0));
	for (int i = 1; i <= AWAITED_MAX; i++)
		rest &= takes(w, i, 101, i);
	check("and no other", rest);
}

int main(void)
{
	struct awaited *w = NULL;
	struct err e = { 0 };

	check("there is a table", awaited_new(&w, &e));
	test_once(w);
	test_full(w);
	awaited_free(w);
	return done();
}
