/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/copies.h"

#include "tests/unit/check.h"
#include "tests/unit/state_dir.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WRITERS = 4, TIMES = 50 };

struct race {
	const char *dir;
	atomic_int failed;
};

static void *note_times(void *ctx)
{
	struct race *r = ctx;

	for (int i = 1; i <= TIMES; i++) {
		struct err e = { 0 };

		if (!copy_note_time(r->dir, i * INT64_C(1000000), &e))
			r->failed++;
	}
	return NULL;
}

static void test_latest_time(const char *dir)
{
	struct race r = { .dir = dir };
	pthread_t all[WRITERS];
	int n = 0;

	while (n < WRITERS && pthread_create(&all[n], NULL, note_times, &r) == 0)
		n++;
	for (int i = 0; i < n; i++)
		pthread_join(all[i], NULL);
	check("guests that start at once all store the time", n > 1 && r.failed == 0);
}

int main(void)
{
	CLEANUP(state_dir_done) struct state_dir dir = state_dir_make();

	test_latest_time(dir.path);
	return done();
}
