/* SPDX-License-Identifier: Apache-2.0 */
/* Guards, batches, and what `done` promises. */
#include "tests/unit/store_bed.h"

enum { MANY = 1000 };

/* A change of its own, told once. */
struct sent {
	struct change *change; /* owned */
	int told;
	enum commit result;
	enum err_kind kind;
};

/* Counts what was told; can hold the writer in its first `done` until all is queued. */
struct desk {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	int told;
	bool holding, held;
};

static struct desk desk = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false,
			    false };

static void told(void *ctx, enum commit result, const struct err *e)
{
	struct sent *s = ctx;

	pthread_mutex_lock(&desk.lock);
	s->told++;
	s->result = result;
	s->kind = e->kind;
	desk.told++;
	pthread_cond_broadcast(&desk.moved);
	pthread_mutex_unlock(&desk.lock);
}

static void hold(UNUSED void *ctx, UNUSED enum commit result, UNUSED const struct err *e)
{
	pthread_mutex_lock(&desk.lock);
	desk.held = true;
	pthread_cond_broadcast(&desk.moved);
	while (desk.holding)
		pthread_cond_wait(&desk.moved, &desk.lock);
	desk.held = false;
	pthread_cond_broadcast(&desk.moved);
	pthread_mutex_unlock(&desk.lock);
}

/* From here to writer_let, all that is submitted waits and becomes one batch. */
static void writer_hold(struct bed *b)
{
	change_reset(b->change);
	desk.holding = true;
	store_submit(b->store, b->change, hold, NULL);
	pthread_mutex_lock(&desk.lock);
	while (!desk.held)
		pthread_cond_wait(&desk.moved, &desk.lock);
	pthread_mutex_unlock(&desk.lock);
}

static void writer_let(int expected)
{
	pthread_mutex_lock(&desk.lock);
	desk.holding = false;
	pthread_cond_broadcast(&desk.moved);
	while (desk.told < expected)
		pthread_cond_wait(&desk.moved, &desk.lock);
	desk.told = 0;
	pthread_mutex_unlock(&desk.lock);
}

static void send(struct bed *b, struct sent *s)
{
	s->told = 0;
	store_submit(b->store, s->change, told, s);
}

static struct sent *sent_new(struct bed *b, size_t n)
{
	struct sent *s = calloc(n, sizeof(*s));

	for (size_t i = 0; i < n; i++)
		need(b, change_new(&s[i].change, &b->e), "a change");
	return s;
}

static void sent_free(struct sent *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		change_free(s[i].change);
	free(s);
}

static void put_named(struct sent *s, int n, const char *name)
{
	struct instance_row row = bed_instance(n, name, "p");

	change_reset(s->change);
	change_put(s->change, TABLE_INSTANCE, &row);
	change_audit(s->change);
}

static struct instance_row instance_now(struct bed *b, int n)
{
	struct instance_row row;
	struct uuid id = bed_uuid(n);

	need(b, read_instance(b->reader, &id, &row, &b->e), "reading an instance");
	return row;
}

static int64_t audits(struct bed *b)
{
	return raw_count(b, "SELECT count(*) FROM audit");
}

static void generations(struct bed *b)
{
	struct instance_row row = bed_instance(1, "one", "p");

	check("a put of generation 0 creates", bed_put(b, TABLE_INSTANCE, &row));
	check("once more it is stale: the row exists",
	      !bed_put(b, TABLE_INSTANCE, &row) && b->e.kind == ERR_CONFLICT);
	row = instance_now(b, 1);
	check("a created row has generation 1", row.head.generation == 1);
	strcpy(row.name, "renamed");
	check("a put of the present generation replaces",
	      bed_put(b, TABLE_INSTANCE, &row));
	check("and makes the next", instance_now(b, 1).head.generation == 2);
	check("a put of an older generation is stale",
	      !bed_put(b, TABLE_INSTANCE, &row) && b->e.kind == ERR_CONFLICT);
	row.head.generation = 9;
	check("and so is one of a generation yet to come",
	      !bed_put(b, TABLE_INSTANCE, &row) && b->e.kind == ERR_CONFLICT);
	check("a stale put changes nothing",
	      strcmp(instance_now(b, 1).name, "renamed") == 0);
}

static bool guarded(struct bed *b, const struct instance_row *guard, int n)
{
	struct instance_row made = bed_instance(n, "made", "p");

	change_reset(b->change);
	change_guard(b->change, TABLE_INSTANCE, guard);
	change_put(b->change, TABLE_INSTANCE, &made);
	change_audit(b->change);
	return store_commit(b->store, b->change, &b->e);
}

static void guards(struct bed *b)
{
	struct instance_row now = instance_now(b, 1), absent = bed_instance(77, "", "");
	int64_t before = audits(b);

	check("a guard of the present generation lets the change in",
	      guarded(b, &now, 10));
	check("a guard of absence holds while the row is absent",
	      guarded(b, &absent, 11));
	now.head.generation--;
	check("an old generation does not",
	      !guarded(b, &now, 12) && b->e.kind == ERR_CONFLICT);
	absent.head.generation = 1;
	check("nor does a row that is gone", !guarded(b, &absent, 12));
	absent = bed_instance(1, "", "");
	check("nor absence once the row exists", !guarded(b, &absent, 12));
	check("a stale change leaves no row", instance_now(b, 12).head.generation == 0);
	check("and no audit record", audits(b) == before + 2);
}

static void own_row(struct bed *b)
{
	struct instance_row now = instance_now(b, 1);

	change_reset(b->change);
	change_put(b->change, TABLE_INSTANCE, &now);
	change_guard(b->change, TABLE_INSTANCE, &now);
	check("a change may guard what it replaces, in any order",
	      store_commit(b->store, b->change, &b->e));
	now = instance_now(b, 1);
	change_reset(b->change);
	change_put(b->change, TABLE_INSTANCE, &now);
	change_put(b->change, TABLE_INSTANCE, &now);
	check("but not replace it twice",
	      !store_commit(b->store, b->change, &b->e) && b->e.kind == ERR_CONFLICT);
	check("and then nothing of it was written",
	      instance_now(b, 1).head.generation == now.head.generation);
}

/* One batch: good, stale, good, refused by a constraint, good. */
static void one_batch(struct bed *b)
{
	struct sent *s = sent_new(b, 6);
	struct instance_row old = instance_now(b, 1);
	struct placement_row orphan = { .instance = bed_uuid(404) };
	int64_t before = audits(b);

	old.head.generation--;
	put_named(&s[0], 20, "a");
	put_named(&s[1], 21, "b");
	change_guard(s[1].change, TABLE_INSTANCE, &old);
	put_named(&s[2], 22, "c");
	put_named(&s[3], 23, "d");
	change_put(s[3].change, TABLE_PLACEMENT, &orphan);
	put_named(&s[4], 24, "e");
	put_named(&s[5], 24, "f");
	writer_hold(b);
	for (int i = 0; i < 6; i++)
		send(b, &s[i]);
	writer_let(6);
	check("in one batch the good changes are committed",
	      s[0].result == COMMIT_OK && s[2].result == COMMIT_OK &&
		      s[4].result == COMMIT_OK &&
		      instance_now(b, 20).head.generation == 1 &&
		      instance_now(b, 22).head.generation == 1);
	check("a stale guard undoes its own change only",
	      s[1].result == COMMIT_STALE && instance_now(b, 21).head.generation == 0);
	check("so does a change that contradicts what is stored",
	      s[3].result == COMMIT_FAILED && s[3].kind == ERR_INTERNAL &&
		      instance_now(b, 23).head.generation == 0);
	check("of two changes of one row the second is stale",
	      s[5].result == COMMIT_STALE && strcmp(instance_now(b, 24).name, "e") == 0);
	check("and the audit trail has the committed ones alone",
	      audits(b) == before + 3);
	sent_free(s, 6);
}

static void row_bad_in_batch(struct bed *b)
{
	struct sent *s = sent_new(b, 2);
	struct instance_row row = instance_now(b, 20);

	raw(b, "UPDATE instance SET owner = 'me' WHERE name = 'a'");
	change_put(s[0].change, TABLE_INSTANCE, &row);
	put_named(&s[1], 25, "g");
	writer_hold(b);
	send(b, &s[0]);
	send(b, &s[1]);
	writer_let(2);
	check("a row that does not verify fails its own change only",
	      s[0].result == COMMIT_FAILED && s[0].kind == ERR_ROW_TAMPERED &&
		      s[1].result == COMMIT_OK);
	sent_free(s, 2);
}

static void many(struct bed *b)
{
	struct sent *s = sent_new(b, MANY);
	int good = 0, once = 0;
	int64_t before = audits(b);

	for (int i = 0; i < MANY; i++)
		put_named(&s[i], 1000 + i, "many");
	writer_hold(b);
	for (int i = 0; i < MANY; i++)
		send(b, &s[i]);
	writer_let(MANY);
	for (int i = 0; i < MANY; i++) {
		good += s[i].result == COMMIT_OK;
		once += s[i].told == 1;
	}
	check("a thousand queued changes are all committed", good == MANY);
	check("and each one is told once", once == MANY);
	check("with a record each", audits(b) == before + MANY);
	sent_free(s, MANY);
}

/* Each thread adds one to the same row until it has done so `turns` times. */
struct adder {
	struct bed *b;
	int turns, stale;
	bool failed;
};

static void *adder_run(void *arg)
{
	struct adder *a = arg;
	struct reader *r = NULL;
	struct change *c = NULL;
	struct spool_row row;
	struct err e;

	a->failed = !reader_open(a->b->store, &r, &e) || !change_new(&c, &e);
	while (!a->failed && a->turns > 0) {
		a->failed = !read_spool(r, "counter", &row, &e);
		row.seq++;
		strcpy(row.host, "counter");
		change_reset(c);
		change_put(c, TABLE_SPOOL, &row);
		if (store_commit(a->b->store, c, &e))
			a->turns--;
		else if (e.kind == ERR_CONFLICT)
			a->stale++;
		else
			a->failed = true;
	}
	change_free(c);
	reader_free(r);
	return NULL;
}

static void concurrent(struct bed *b)
{
	enum { THREADS = 6, TURNS = 40 };
	pthread_t threads[THREADS];
	struct adder adders[THREADS];
	struct spool_row row;
	bool failed = false;
	int stale = 0;

	for (int i = 0; i < THREADS; i++) {
		adders[i] = (struct adder){ b, TURNS, 0, false };
		need(b, pthread_create(&threads[i], NULL, adder_run, &adders[i]) == 0,
		     "a thread");
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		failed |= adders[i].failed;
		stale += adders[i].stale;
	}
	printf("# %d changes were stale and tried again\n", stale);
	check("six threads that add to one row lose no addition and double none",
	      !failed && read_spool(b->reader, "counter", &row, &b->e) &&
		      row.seq == THREADS * TURNS &&
		      row.head.generation == THREADS * TURNS);
}

static void full_queue_at_stop(struct bed *b)
{
	struct sent *s = sent_new(b, MANY);
	struct desk *d = &desk;
	int good = 0;

	for (int i = 0; i < MANY; i++) {
		put_named(&s[i], 5000 + i, "last");
		send(b, &s[i]);
	}
	bed_close(b);
	for (int i = 0; i < MANY; i++)
		good += s[i].told == 1 && s[i].result == COMMIT_OK;
	d->told = 0;
	check("closing the store commits all that waits, and tells it", good == MANY);
	sent_free(s, MANY);
	bed_open(b);
	check("it is all there afterwards",
	      raw_count(b, "SELECT count(*) FROM instance WHERE name = 'last'") == MANY);
}

static void limits(struct bed *b)
{
	struct instance_row row = bed_instance(1, "one", "p");

	change_reset(b->change);
	check("a new change is empty", change_is_empty(b->change));
	for (int i = 0; i < CHANGE_MAX + 1; i++)
		change_guard(b->change, TABLE_INSTANCE, &row);
	check("a change of guards alone is empty as well", change_is_empty(b->change));
	check("too many parts make a change fail, and it says so",
	      !change_ok(b->change, &b->e) && b->e.kind == ERR_INTERNAL);
	check("at the store too",
	      !store_commit(b->store, b->change, &b->e) && b->e.kind == ERR_INTERNAL);
	change_reset(b->change);
	check("reset makes it good again", change_ok(b->change, &b->e));
	check("an empty change commits", store_commit(b->store, b->change, &b->e));
}

static void unique_names(struct bed *b)
{
	struct host_row one = { .key_hash = "k1", .name = "n1", .state = "approved" };
	struct host_row two = { .key_hash = "k2", .name = "n1", .state = "pending" };

	need(b, bed_put(b, TABLE_HOST, &one), "a host");
	check("a second host of the same name is stale: somebody was faster",
	      !bed_put(b, TABLE_HOST, &two) && b->e.kind == ERR_CONFLICT);
	need(b, read_host(b->reader, "k1", &one, &b->e), "the host");
	strcpy(one.state, "revoked");
	check("a revoked host gives its name free",
	      bed_put(b, TABLE_HOST, &one) && bed_put(b, TABLE_HOST, &two));
	check("and the name finds the new one",
	      read_host_by_name(b->reader, "n1", &two, &b->e) &&
		      strcmp(two.key_hash, "k2") == 0);
}

int main(void)
{
	struct bed b;

	bed_up(&b);
	generations(&b);
	guards(&b);
	own_row(&b);
	one_batch(&b);
	row_bad_in_batch(&b);
	many(&b);
	concurrent(&b);
	unique_names(&b);
	limits(&b);
	full_queue_at_stop(&b);
	bed_down(&b);
	return done();
}
