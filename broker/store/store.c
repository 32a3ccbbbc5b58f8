/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/store.h"
#include "broker/store/reader.h"
#include "broker/store/writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct store {
	struct writer *writer; /* owned */
	char *path;            /* owned */
	int busy_ms;
	struct store_keys keys;
	char name[WRITER_SIZE];
};

static bool store_start(struct store *s, const struct store_options *o, struct err *e)
{
	struct uuid boot;

	if (!uuid_random(&boot, e))
		return false;
	if (!text_format(s->name, sizeof(s->name), "%s:%s", o->writer, boot.text))
		return err_set(e, ERR_INTERNAL, "the writer's name is too long");
	s->path = strdup(o->path);
	if (!s->path)
		return err_set(e, ERR_NO_MEMORY, "out of memory");
	s->keys = o->keys;
	s->busy_ms = o->busy_ms ? o->busy_ms : STORE_BUSY_MS;
	return writer_start(o, s->name, &s->writer, e);
}

bool store_open(const struct store_options *o, struct store **ret, struct err *e)
{
	OWNED(store) s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(e, ERR_NO_MEMORY, "out of memory");
	if (!store_start(s, o, e))
		return false;
	*ret = store_move(&s);
	return true;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	writer_stop(s->writer);
	free(s->path);
	free(s);
}

const char *store_writer_name(const struct store *s)
{
	return s->name;
}

void store_audit_head(struct store *s, int64_t *ret_number,
		      char ret_hex[2 * MAC_BYTES + 1])
{
	struct chain head;

	writer_head(s->writer, &head);
	*ret_number = head.number;
	text_hex((struct view){ head.mac, MAC_BYTES }, ret_hex);
}

void store_submit(struct store *s, struct change *c, commit_done *done, void *ctx)
{
	writer_submit(s->writer, c, done, ctx);
}

void store_watch(struct store *s, store_committed *watch, void *ctx)
{
	writer_watch(s->writer, watch, ctx);
}

/* Somebody waiting for one change. */
struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t told;
	bool done;
	enum commit result;
	struct err *e; /* borrowed */
};

static void waiter_told(void *ctx, enum commit result, const struct err *e)
{
	struct waiter *w = ctx;

	pthread_mutex_lock(&w->lock);
	w->done = true;
	w->result = result;
	if (result == COMMIT_FAILED)
		*w->e = *e;
	pthread_cond_signal(&w->told);
	pthread_mutex_unlock(&w->lock);
}

bool store_commit(struct store *s, struct change *c, struct err *e)
{
	struct waiter w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false,
			    COMMIT_FAILED, e };

	store_submit(s, c, waiter_told, &w);
	pthread_mutex_lock(&w.lock);
	while (!w.done)
		pthread_cond_wait(&w.told, &w.lock);
	pthread_mutex_unlock(&w.lock);
	if (w.result == COMMIT_STALE)
		return err_set(e, ERR_CONFLICT,
			       "somebody else changed this at the same time");
	return w.result == COMMIT_OK;
}

bool reader_open(struct store *s, struct reader **ret, struct err *e)
{
	OWNED(reader) r = calloc(1, sizeof(*r));

	if (!r)
		return err_set(e, ERR_NO_MEMORY, "out of memory");
	if (!db_open(s->path, s->busy_ms, &r->db, e) || !db_prepare(r->db, DB_READ, e) ||
	    !mac_new(s->keys.row, &r->row, e) || !mac_new(s->keys.audit, &r->audit, e))
		return false;
	*ret = reader_move(&r);
	return true;
}

void reader_free(struct reader *r)
{
	if (!r)
		return;
	mac_free(r->row);
	mac_free(r->audit);
	db_free(r->db);
	free(r);
}

bool reader_begin(struct reader *r, struct err *e)
{
	return db_run(r->db, SQL_BEGIN_READ, e);
}

void reader_end(struct reader *r)
{
	struct err e;

	if (db_in_transaction(r->db) && !db_run(r->db, SQL_COMMIT, &e))
		db_rollback(r->db);
}
