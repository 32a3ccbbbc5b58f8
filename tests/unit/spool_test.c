/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/spool.h"

#include "common/json.h"
#include "tests/unit/check.h"
#include "tests/unit/state_dir.h"

#include <string.h>

static bool add(struct spool *s, int n)
{
	struct uuid id = { "11111111-2222-4333-8444-555555555555" };
	struct err e = { 0 };

	for (int i = 0; i < n; i++)
		if (!spool_add(s, "stopped", &id, &id, 1700000000000000, &e))
			return false;
	return true;
}

/* The batch as the broker reads it: how many reports, and the number of the first. */
static size_t batch(struct spool *s, int64_t *ret_first)
{
	CLEANUP(buf_done) struct buf body = { 0 };
	OWNED(json) tree = NULL;
	struct err e = { 0 };
	size_t count = 0;

	*ret_first = 0;
	if (!spool_batch(s, &body, &count, &e) ||
	    !json_parse((struct view){ (const uint8_t *)body.at, body.len }, &tree, &e) ||
	    !json_get_integer(tree, "seq", ret_first))
		return 0;
	return json_count(tree, "reports") == count ? count : 0;
}

static void test_many(const char *dir)
{
	OWNED(spool) s = NULL;
	struct err e = { 0 };
	int64_t first;

	check("a spool opens", spool_open(dir, &s, &e));
	check("it takes more reports than a batch has", add(s, 150));
	check("a batch is as large as batches are",
	      batch(s, &first) == SPOOL_BATCH && first == 1);
	check("what the broker took is forgotten",
	      spool_taken(s, SPOOL_BATCH, &e) && spool_waiting(s) == 50);
	check("the next batch goes on there", batch(s, &first) == 50 && first == 101);
	check("what was never made cannot be taken", !spool_taken(s, 151, &e));
}

static void test_again(const char *dir)
{
	OWNED(spool) s = NULL;
	struct err e = { 0 };
	int64_t first;

	check("a spool opens again", spool_open(dir, &s, &e));
	check("what waited still waits", spool_waiting(s) == 50);
	check("and has its numbers", batch(s, &first) == 50 && first == 101);
	check("an older number takes nothing",
	      spool_taken(s, 7, &e) && spool_waiting(s) == 50);
}

int main(void)
{
	CLEANUP(state_dir_done) struct state_dir dir = state_dir_make();

	test_many(dir.path);
	test_again(dir.path);
	return done();
}
