/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - tests as sentences, printed as TAP (Test Anything Protocol, version 13).
 *
 * Gives:   check("a sentence", holds), skip("a sentence", "why"), done() for main's end.
 * Threads: one.
 */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include "common/base.h"

#include <stdio.h>

struct check_counts {
	int run, failed;
};

UNUSED static struct check_counts *check_counts(void)
{
	static struct check_counts counts;
	return &counts;
}

#define check(says, holds) check_at(__FILE__, __LINE__, (says), (holds))

UNUSED static bool check_at(const char *file, int line, const char *says, bool holds)
{
	struct check_counts *c = check_counts();

	c->run++;
	printf("%sok %d - %s\n", holds ? "" : "not ", c->run, says);
	if (!holds) {
		c->failed++;
		printf("# at %s:%d\n", file, line);
	}
	fflush(stdout);
	return holds;
}

UNUSED static void skip(const char *says, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++check_counts()->run, says, why);
}

UNUSED static int done(void)
{
	printf("1..%d\n", check_counts()->run);
	return check_counts()->failed != 0;
}

#endif
