/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/copies.h"

#include "common/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/state_dir.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#define ID "11111111-1111-4111-8111-111111111111"

static const struct uuid id = { ID }, other = { "22222222-2222-4222-8222-222222222222" };

/* ---- the latest time ---- */

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

/* ---- copies and leases ---- */

struct world {
	struct pkey *statement, *foreign, *identity;
	char host[PKI_HASH_HEX];
};

static bool sign(const struct pkey *key, const struct lease *l, struct copy *c)
{
	struct err e = { 0 };

	buf_done(&c->lease);
	c->lease = (struct buf){ 0 };
	return lease_sign(key, l, &c->lease, &e);
}

static enum err_kind usable(const char *dir, const struct copy *c, const struct world *w,
			    int64_t now_us)
{
	struct lease_holder me = { w->statement, w->host };
	struct err e = { 0 };

	return copy_is_usable(dir, c, &me, now_us, &e) ? ERR_NONE : e.kind;
}

static void test_leases(const char *dir, struct world *w)
{
	const int64_t now = INT64_C(1800000000) * US_PER_S, day = 86400 * US_PER_S;
	CLEANUP(copy_done)
	struct copy c = { .instance = id, .secret = other, .version = 2, .epoch = 5 };
	struct lease good = { .instance = id,
			      .version = 2,
			      .epoch = 5,
			      .issued_us = now,
			      .ends_us = now + 7 * day };
	struct lease bad;
	struct err e = { 0 };

	memcpy(good.host, w->host, sizeof(good.host));
	check("a copy is usable while its lease lasts",
	      sign(w->statement, &good, &c) && usable(dir, &c, w, now + day) == ERR_NONE);
	check("also a moment before its end",
	      usable(dir, &c, w, good.ends_us - 1) == ERR_NONE);
	check("not from its end on", usable(dir, &c, w, good.ends_us) == ERR_LEASE_ENDED);
	check("not before it was issued, beyond two minutes",
	      usable(dir, &c, w, now - 60 * US_PER_S) == ERR_NONE &&
		      usable(dir, &c, w, now - 121 * US_PER_S) == ERR_CLOCK);
	check("not while the clock is behind the latest time stored",
	      copy_note_time(dir, now + 2 * day, &e) &&
		      usable(dir, &c, w, now + day) == ERR_CLOCK &&
		      usable(dir, &c, w, now + 2 * day - 60 * US_PER_S) == ERR_NONE);
	check("the latest time does not go back by itself",
	      copy_note_time(dir, now, &e) && usable(dir, &c, w, now + day) == ERR_CLOCK);
	check("a fresh lease that agrees with the clock puts it right",
	      copy_note_lease(dir, &good, now + US_PER_S, &e) &&
		      usable(dir, &c, w, now + day) == ERR_NONE);
	check("one that does not agree does not",
	      !copy_note_lease(dir, &good, now + 2 * day, &e) && e.kind == ERR_CLOCK);
	bad = good;
	bad.host[0] = bad.host[0] == 'a' ? 'b' : 'a';
	check("another host's lease is refused",
	      sign(w->statement, &bad, &c) && usable(dir, &c, w, now) == ERR_BAD_SEALED);
	bad = good;
	bad.instance = other;
	check("another instance's lease is refused",
	      sign(w->statement, &bad, &c) && usable(dir, &c, w, now) == ERR_BAD_SEALED);
	bad = good;
	bad.version = 3;
	check("another version's lease is refused",
	      sign(w->statement, &bad, &c) && usable(dir, &c, w, now) == ERR_BAD_SEALED);
	bad = good;
	bad.epoch = 4;
	check("an earlier placement's lease is refused",
	      sign(w->statement, &bad, &c) && usable(dir, &c, w, now) == ERR_BAD_SEALED);
	check("a lease that somebody else signed is refused",
	      sign(w->foreign, &good, &c) && usable(dir, &c, w, now) == ERR_BAD_SEALED);
}

static void test_copies(const char *dir)
{
	CLEANUP(copy_done)
	struct copy c = { .instance = id, .secret = other, .version = 2, .epoch = 5 };
	CLEANUP(copy_done) struct copy back = { 0 };
	struct path path;
	struct stat st;
	struct err e = { 0 };
	bool found = true, was = false;

	buf_add(&c.jwe, "a.b.c.d.e");
	buf_add(&c.lease, "f.g.h");
	check("without a copy there is none",
	      copy_load(dir, &id, &back, &found, &e) && !found);
	check("a copy comes back as it was",
	      copy_save(dir, &c, &e) && copy_load(dir, &id, &back, &found, &e) && found &&
		      strcmp(back.jwe.at, "a.b.c.d.e") == 0 &&
		      strcmp(back.lease.at, "f.g.h") == 0 && back.version == 2 &&
		      back.epoch == 5 && uuid_equal(&back.secret, &other));
	check("in a file that only its owner reads",
	      path_set(&path, &e, "%s/copies/" ID ".json", dir) &&
		      stat(path.text, &st) == 0 && (st.st_mode & 0777) == 0600);
	check("erasing it says that it was there", copy_erase(dir, &id, &was, &e) && was);
	check("and then that it was not", copy_erase(dir, &id, &was, &e) && !was);
	copy_done(&back);
	check("a damaged copy is an error, not a copy",
	      file_write(path.text, (struct view){ (const uint8_t *)"{\"jwe\":1}", 9 },
			 0600, &e) &&
		      !copy_load(dir, &id, &back, &found, &e));
}

int main(void)
{
	CLEANUP(state_dir_done) struct state_dir dir = state_dir_make();
	struct world w = { 0 };
	struct path copies;
	struct err e = { 0 };

	if (!path_set(&copies, &e, "%s/copies", dir.path) ||
	    !file_make_dir(copies.text, 0700, &e) || !pkey_new(&w.statement, &e) ||
	    !pkey_new(&w.foreign, &e) || !pkey_new(&w.identity, &e) ||
	    !pkey_hash(w.identity, w.host, &e))
		return 99;
	test_latest_time(dir.path);
	test_copies(dir.path);
	test_leases(dir.path, &w);
	pkey_free(w.statement);
	pkey_free(w.foreign);
	pkey_free(w.identity);
	return done();
}
