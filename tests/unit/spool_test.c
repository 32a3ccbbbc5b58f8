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
	struct spool_count count = { 0 };

	*ret_first = 0;
	if (!spool_batch(s, &body, &count, &e) ||
	    !json_parse((struct view){ (const uint8_t *)body.at, body.len }, &tree, &e) ||
	    !json_get_integer(tree, "seq", ret_first))
		return 0;
	return json_count(tree, "reports") == count.reports ? count.reports : 0;
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

static bool damage(const char *dir, int64_t seq, const char *text)
{
	char path[128];
	FILE *f;

	if (!text_format(path, sizeof(path), "%s/spool/%020lld.json", dir,
			 (long long)seq))
		return false;
	if (text == NULL)
		return remove(path) == 0;
	f = fopen(path, "w");
	if (f == NULL)
		return false;
	fputs(text, f);
	return fclose(f) == 0;
}

/* 101 to 150 wait. */
static void test_damage(const char *dir)
{
	OWNED(spool) s = NULL;
	struct err e = { 0 };
	int64_t first;

	if (!check("a spool opens once more", spool_open(dir, &s, &e)) ||
	    !check("three reports are lost", damage(dir, 101, "{\"kin") &&
						     damage(dir, 110, NULL) &&
						     damage(dir, 150, "")))
		return;
	check("those up to a lost one are sent", batch(s, &first) == 8 && first == 102);
	check("and taken", spool_taken(s, 109, &e));
	check("the lost one is passed over", batch(s, &first) == 39 && first == 111);
	check("when none is left nothing waits",
	      spool_taken(s, 149, &e) && batch(s, &first) == 0 && spool_waiting(s) == 0);
}

static void test_senders(const char *dir)
{
	OWNED(spool) s = NULL;
	struct err e = { 0 };

	check("somebody sends",
	      spool_open(dir, &s, &e) && spool_hold(s, INT64_MAX / 2, &e));
	check("nobody else does meanwhile, nor waits beyond the deadline",
	      !spool_hold(s, 1, &e) && e.kind == ERR_DEADLINE);
	spool_let_go(s);
	check("then the next may", spool_hold(s, 1, &e));
	spool_let_go(s);
}

static bool add_kind(struct spool *s, const char *kind)
{
	struct uuid id = { "11111111-2222-4333-8444-555555555555" };
	struct err e = { 0 };

	return spool_add(s, kind, &id, &id, INT64_C(1800000000000000), &e);
}

static size_t batch_text(struct spool *s, struct buf *text)
{
	struct spool_count n = { 0 };
	struct err e = { 0 };

	buf_done(text);
	*text = (struct buf){ 0 };
	return spool_batch(s, text, &n, &e) ? n.reports : SIZE_MAX;
}

static void test_few(const char *dir)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	OWNED(spool) s = NULL;
	struct err e = { 0 };
	char first_id[64];

	check("a new spool is empty", spool_open(dir, &s, &e) && spool_waiting(s) == 0 &&
					      batch_text(s, &text) == 0);
	check("reports come out in order, from 1",
	      add_kind(s, "started") && add_kind(s, "stopped") &&
		      batch_text(s, &text) == 2 &&
		      strstr(text.at, "\"seq\":1}") != NULL &&
		      strstr(text.at, "started") < strstr(text.at, "stopped"));
	check("and with the time in RFC 3339",
	      strstr(text.at, "\"at\":\"2027-01-15T08:00:00Z\"") != NULL);
	memcpy(first_id, text.at, 60);
	check("what was taken is gone", spool_taken(s, 1, &e) && spool_waiting(s) == 1 &&
						batch_text(s, &text) == 1 &&
						strstr(text.at, "\"seq\":2}") != NULL);
	check("taking it twice changes nothing",
	      spool_taken(s, 1, &e) && spool_waiting(s) == 1);
	check("what was never made cannot be taken", !spool_taken(s, 3, &e));
	spool_free(spool_move(&s));
	err_clear(&e);
	check("after a restart the same report waits, in the same spool",
	      spool_open(dir, &s, &e) && spool_waiting(s) == 1 &&
		      batch_text(s, &text) == 1 &&
		      strstr(text.at, "\"seq\":2}") != NULL &&
		      memcmp(first_id, text.at, 60) == 0);
	check("numbers go on after all was taken and the agent restarted",
	      spool_taken(s, 2, &e) &&
		      (spool_free(spool_move(&s)), spool_open(dir, &s, &e)) &&
		      add_kind(s, "used_copy") && batch_text(s, &text) == 1 &&
		      strstr(text.at, "\"seq\":3}") != NULL);
}

int main(void)
{
	CLEANUP(state_dir_done) struct state_dir dir = state_dir_make();
	CLEANUP(state_dir_done) struct state_dir small = state_dir_make();

	test_few(small.path);
	test_many(dir.path);
	test_again(dir.path);
	test_damage(dir.path);
	test_senders(dir.path);
	return done();
}
