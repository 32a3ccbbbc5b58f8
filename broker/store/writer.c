/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/writer.h"
#include "broker/store/batch.h"
#include "broker/store/checkpoint.h"
#include "broker/store/migrate.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

enum { BATCH_MAX = 512 };

struct writer {
	struct db *db;                 /* owned; the thread's, like the next three */
	struct mac *row, *audit;       /* owned */
	struct checkpoint *checkpoint; /* owned */
	int64_t log_limit;             /* pages at which to make the log start anew */
	int64_t log_next;              /* pages at which to have it moved next */
	const struct clock *clock;     /* borrowed */
	char *path;                    /* owned */
	int64_t margin_bytes;
	pthread_t thread;

	pthread_mutex_t watch_lock; /* of the next two */
	store_committed *watch;
	void *watch_ctx; /* borrowed */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work;
	struct change *first, **end; /* borrowed from who submitted */
	struct chain head;
	bool stopping;
};

static int64_t free_bytes(const char *path)
{
	struct statvfs fs;

	if (statvfs(path, &fs) != 0)
		return INT64_MAX; /* the write itself will tell */
	return (int64_t)(fs.f_bavail * fs.f_frsize);
}

/* Takes up to BATCH_MAX changes; NULL: the queue is empty and no more will come. */
static struct change *writer_take(struct writer *w)
{
	struct change *first, *last;

	pthread_mutex_lock(&w->lock);
	while (!w->first && !w->stopping)
		pthread_cond_wait(&w->work, &w->lock);
	first = last = w->first;
	for (int n = 1; last && last->next && n < BATCH_MAX; n++)
		last = last->next;
	if (last) {
		w->first = last->next;
		last->next = NULL;
	}
	if (!w->first)
		w->end = &w->first;
	pthread_mutex_unlock(&w->lock);
	return first;
}

static void writer_set_head(struct writer *w, const struct chain *head)
{
	pthread_mutex_lock(&w->lock);
	w->head = *head;
	pthread_mutex_unlock(&w->lock);
}

/* Who waits for a topic looks again before who made the change is told. */
static void writer_wake(struct writer *w, const struct change *c)
{
	if (c->result != COMMIT_OK || !change_topic(c, 0))
		return;
	pthread_mutex_lock(&w->watch_lock);
	if (w->watch)
		w->watch(w->watch_ctx, c);
	pthread_mutex_unlock(&w->watch_lock);
}

/* A change may be freed by its own done. */
static void writer_tell(struct writer *w, struct change *first)
{
	for (struct change *c = first, *next; c; c = next) {
		next = c->next;
		writer_wake(w, c);
		c->done(c->ctx, c->result, &c->err);
	}
}

/* The thread beside moves the log, a stretch at a time: a page written often moves once.
 * Near the limit it hurries, so that little is left for a commit to wait for. */
static void writer_move_log(struct writer *w, int64_t pages)
{
	bool anew = pages + LOG_LONG < w->log_next;
	bool hurries = pages >= w->log_limit - LOG_LONG / 2;

	if (anew)
		w->log_next = LOG_LONG;
	if (pages < w->log_next && !hurries)
		return;
	w->log_next = pages + LOG_LONG;
	checkpoint_poke(w->checkpoint);
}

/* Should that thread fall behind, or a full disk want the log used anew from its front,
 * the writer does the rest, waiting for readers but a moment. */
static void writer_trim_log(struct writer *w, bool committed)
{
	int64_t pages = db_log_pages(w->db);
	struct err e;

	if (committed && pages < w->log_limit) {
		writer_move_log(w, pages);
		return;
	}
	if (db_checkpoint(w->db, true, &e))
		w->log_limit = LOG_TOO_LONG;
	else
		w->log_limit = pages + LOG_TOO_LONG / 4;
}

static void writer_commit(struct writer *w, struct change *first)
{
	struct batch b = {
		.db = w->db,
		.row = w->row,
		.audit = w->audit,
		.clock = w->clock,
		.chain = w->head, /* only this thread writes it */
		.free_bytes = free_bytes(w->path),
		.margin_bytes = w->margin_bytes,
	};
	struct err e = { 0 };
	bool committed = batch_commit(&b, first, &e);

	if (committed)
		writer_set_head(w, &b.chain);
	writer_tell(w, first);
	writer_trim_log(w, committed);
}

static void *writer_run(void *arg)
{
	struct writer *w = arg;

	for (struct change *batch = writer_take(w); batch; batch = writer_take(w))
		writer_commit(w, batch);
	return NULL;
}

static void writer_free(struct writer *w)
{
	checkpoint_free(w->checkpoint);
	mac_free(w->row);
	mac_free(w->audit);
	db_free(w->db);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->lock);
	pthread_mutex_destroy(&w->watch_lock);
	free(w->path);
	free(w);
}

static bool writer_open(struct writer *w, const struct store_options *o, const char *name,
			struct err *e)
{
	if (!text_copy(w->head.writer, sizeof(w->head.writer), name))
		return err_set(e, ERR_INTERNAL, "the writer's name is too long");
	w->path = strdup(o->path);
	if (!w->path)
		return err_set(e, ERR_NO_MEMORY, "out of memory");
	return db_open(o->path, o->busy_ms ? o->busy_ms : STORE_BUSY_MS, &w->db, e) &&
	       mac_new(o->keys.row, &w->row, e) && mac_new(o->keys.audit, &w->audit, e) &&
	       migrate_up(w->db, w->row, e) && db_prepare(w->db, DB_WRITE, e) &&
	       checkpoint_start(o->path, &w->checkpoint, e) &&
	       thread_start("store-writer", writer_run, w, &w->thread, e);
}

bool writer_start(const struct store_options *o, const char *name, struct writer **ret,
		  struct err *e)
{
	struct writer *w = calloc(1, sizeof(*w));

	if (!w)
		return err_set(e, ERR_NO_MEMORY, "out of memory");
	pthread_mutex_init(&w->lock, NULL);
	pthread_mutex_init(&w->watch_lock, NULL);
	pthread_cond_init(&w->work, NULL);
	w->end = &w->first;
	w->log_limit = LOG_TOO_LONG;
	w->log_next = LOG_LONG;
	w->clock = o->clock;
	w->margin_bytes = o->margin_bytes;
	if (!writer_open(w, o, name, e)) {
		writer_free(w);
		return false;
	}
	*ret = w;
	return true;
}

void writer_stop(struct writer *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	writer_free(w);
}

void writer_submit(struct writer *w, struct change *c, commit_done *done, void *ctx)
{
	c->next = NULL;
	c->done = done;
	c->ctx = ctx;
	pthread_mutex_lock(&w->lock);
	assert(!w->stopping);
	*w->end = c;
	w->end = &c->next;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
}

void writer_head(struct writer *w, struct chain *ret)
{
	pthread_mutex_lock(&w->lock);
	*ret = w->head;
	pthread_mutex_unlock(&w->lock);
}

void writer_watch(struct writer *w, store_committed *watch, void *ctx)
{
	pthread_mutex_lock(&w->watch_lock);
	w->watch = watch;
	w->watch_ctx = ctx;
	pthread_mutex_unlock(&w->watch_lock);
}
