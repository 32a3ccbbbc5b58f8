/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/dispatch/dispatch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/dispatch/journal.h"
#include "broker/dispatch/limit.h"
#include "broker/dispatch/park.h"
#include "broker/dispatch/queue.h"
#include "broker/dispatch/refusals.h"
#include "broker/dispatch/request.h"
#include "broker/dispatch/route.h"

enum { HEAD_EVERY_S = 300 };

struct crew { /* one worker thread */
	pthread_t thread;
	struct dispatch *d;
	struct reader *db;     /* owned */
	struct worker *caches; /* owned, or NULL */
};

struct dispatch {
	struct dispatch_options o;
	struct route_table routes;
	struct limit *limit;       /* owned */
	struct refusals *refusals; /* owned */
	struct journal *journal;   /* owned */
	struct park *park;         /* owned */
	struct queue *queue; /* owned; audit rows on their way count as under way too */
	struct crew crew[DISPATCH_WORKERS_MAX];
	int64_t head_due_us; /* the journal's thread, then dispatch_free */
	int64_t head_logged;
	unsigned n_crew;    /* with a reader */
	unsigned n_running; /* with a thread */
};

static int64_t now_us(const struct dispatch *d)
{
	return clock_monotonic_us(d->o.clock);
}

/* Ends. */

/* Nothing of x may be touched after its finish. */
static void finish(struct dispatch *d, struct exchange *x)
{
	struct journal_line line;

	assert(x->reply.status != 0);
	request_line(x, now_us(d), &line);
	journal_add(d->journal, &line);
	x->finish(x);
	queue_leave(d->queue);
}

static void fail(struct dispatch *d, struct exchange *x, const struct err *e)
{
	exchange_problem(x, e);
	finish(d, x);
}

/* On the writer thread. */
static void change_done(void *ctx, enum commit result, const struct err *e)
{
	struct exchange *x = ctx;
	struct dispatch *d = x->dispatch;

	if (result == COMMIT_OK) {
		finish(d, x);
	} else if (result == COMMIT_STALE) {
		x->tries++;
		queue_put(d->queue, x);
	} else {
		fail(d, x, e);
	}
}

/* The refusal stands, whether its row could be written or not. */
static void refusal_done(void *ctx, enum commit result, const struct err *e)
{
	struct exchange *x = ctx;

	(void)result;
	(void)e;
	finish(x->dispatch, x);
}

struct row { /* an audit row of its own: repeats of a refusal */
	struct dispatch *d;
	struct change *change; /* owned */
};

static void row_done(void *ctx, enum commit result, const struct err *e)
{
	struct row *r = ctx;
	struct dispatch *d = r->d;

	if (result != COMMIT_OK)
		log_err(d->o.log, LOG_LEVEL_ERROR, "audit_row_lost", e);
	change_free(r->change);
	free(r);
	queue_leave(d->queue);
}

static void row_write(struct dispatch *d, const struct audit_record *a)
{
	struct row *r = calloc(1, sizeof *r);
	struct err e = { 0 };

	if (r == NULL || !change_new(&r->change, &e)) {
		log_event(d->o.log, LOG_LEVEL_ERROR, "audit_row_lost", "verb", a->verb,
			  NULL);
		free(r);
		return;
	}
	r->d = d;
	*change_audit(r->change) = *a;
	change_set_class(r->change, CHANGE_AUDIT_ONLY);
	(void)queue_enter(d->queue);
	store_submit(d->o.store, r->change, row_done, r);
}

static void rows_flush(struct dispatch *d, bool all)
{
	struct audit_record a;

	while (refusals_ended(d->refusals, now_us(d), all, &a))
		row_write(d, &a);
}

/* In the log the chain's end stands outside of the database: a tail cut off later shows. */
static void head_log(struct dispatch *d, const char *when)
{
	char mac[2 * MAC_BYTES + 1], number_text[24];
	int64_t number;

	store_audit_head(d->o.store, &number, mac);
	if (number == d->head_logged)
		return;
	d->head_logged = number;
	(void)snprintf(number_text, sizeof number_text, "%lld", (long long)number);
	log_event(d->o.log, LOG_LEVEL_INFO, "audit_head", "writer",
		  store_writer_name(d->o.store), "number", number_text, "mac", mac,
		  "when", when, NULL);
}

/* On the journal's thread. */
static void tick(void *ctx)
{
	struct dispatch *d = ctx;

	rows_flush(d, false);
	if (now_us(d) < d->head_due_us)
		return;
	head_log(d, d->head_logged < 0 ? "started" : "running");
	d->head_due_us = now_us(d) + HEAD_EVERY_S * US_PER_S;
}

/* Work. */

static void refuse(struct dispatch *d, struct exchange *x, struct err *e)
{
	struct audit_record a, ended = { 0 };

	if (request_is_anonymous(x, e) &&
	    !limit_takes(d->limit, x->peer == NULL ? "" : x->peer->address, now_us(d)))
		err_set(e, ERR_RATE_LIMITED, "too many failures from this address");
	exchange_problem(x, e);
	if (!request_refusal(x, e, clock_wall_us(d->o.clock), &a) ||
	    refusals_counts(d->refusals, &a, now_us(d), &ended)) {
		finish(d, x);
		return;
	}
	if (ended.count > 0)
		row_write(d, &ended);
	change_reset(x->change);
	*change_audit(x->change) = a;
	change_set_class(x->change, CHANGE_AUDIT_ONLY);
	store_submit(d->o.store, x->change, refusal_done, x);
}

static bool handle(struct dispatch *d, struct exchange *x, struct err *e)
{
	x->wait.run_us = now_us(d);
	x->wait.topic[0] = '\0';
	x->wait.ticket = park_ticket(d->park); /* before anything is read */
	if (x->wait.run_us > x->ends_us)
		return err_set(e, ERR_DEADLINE, "the broker is too busy");
	if (x->tries >= DISPATCH_TRIES)
		return err_set(e, ERR_CONFLICT, "what this rests on kept changing");
	return request_admit(&d->routes, d->o.auth, x, e) &&
	       x->route->handler(d->o.api, x, e) && change_ok(x->change, e);
}

static void commit(struct dispatch *d, struct exchange *x)
{
	bool gives_secret = x->reply.secret != NULL || x->route->releases;

	assert(x->reply.status != 0);
	assert(!gives_secret || change_has_audit(x->change));
	if (change_is_empty(x->change)) {
		finish(d, x);
		return;
	}
	if (!change_has_audit(x->change))
		(void)exchange_audit(x, clock_wall_us(d->o.clock));
	if (x->who.kind == PRINCIPAL_PERSON) /* a host's row is the handler's to guard */
		change_guard(x->change, TABLE_TOKEN, &x->who.token);
	store_submit(d->o.store, x->change, change_done, x);
}

/* A long poll. */
static void wait(struct dispatch *d, struct exchange *x)
{
	struct err e = { 0 };

	assert(x->reply.status == 0 && change_is_empty(x->change));
	x->tries = 0;
	if (park_put(d->park, x))
		return;
	err_set(&e, ERR_RATE_LIMITED, "too many requests of this identity are waiting");
	fail(d, x, &e);
}

/* On the park's lock: a worker takes it up again, and has as long as for any request. */
static void wait_ended(void *ctx, struct exchange *x)
{
	struct dispatch *d = ctx;

	x->ends_us = now_us(d) + DISPATCH_DEADLINE_S * US_PER_S;
	queue_put(d->queue, x);
}

/* On the writer thread. */
static void committed(void *ctx, const struct change *c)
{
	struct dispatch *d = ctx;
	const char *topic;

	for (size_t i = 0; (topic = change_topic(c, i)) != NULL; i++)
		park_wake(d->park, topic);
}

/* The same through all tries. */
static bool give_id(struct exchange *x, struct err *e)
{
	struct uuid id;

	if (x->request_id[0] != '\0')
		return true;
	if (!uuid_random(&id, e))
		return false;
	memcpy(x->request_id, id.text, sizeof id.text);
	return true;
}

static bool prepare(struct exchange *x, struct err *e)
{
	if (x->change == NULL && !change_new(&x->change, e))
		return false;
	change_reset(x->change);
	exchange_drop_reply(x);
	return give_id(x, e);
}

static void *crew_run(void *arg)
{
	struct crew *w = arg;
	struct exchange *x;

	(void)pthread_setname_np(pthread_self(), "worker");
	while ((x = queue_take(w->d->queue)) != NULL) {
		struct err e = { 0 };

		x->db = w->db;
		x->worker = w->caches;
		if (!prepare(x, &e))
			fail(w->d, x, &e);
		else if (!handle(w->d, x, &e))
			refuse(w->d, x, &e);
		else if (x->wait.topic[0] != '\0')
			wait(w->d, x);
		else
			commit(w->d, x);
	}
	return NULL;
}

void dispatch_submit(struct dispatch *d, struct exchange *x)
{
	struct err e = { 0 };

	x->dispatch = d;
	x->started_us = now_us(d);
	x->ends_us = x->started_us + DISPATCH_DEADLINE_S * US_PER_S;
	if (queue_enter(d->queue)) {
		queue_put(d->queue, x);
		return;
	}
	if (give_id(x, &e))
		err_set(&e, ERR_STOPPING, "the broker is stopping");
	fail(d, x, &e);
}

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool is_done;
};

static void waiter_finish(struct exchange *x)
{
	struct waiter *w = x->transport;

	pthread_mutex_lock(&w->lock);
	w->is_done = true;
	pthread_cond_signal(&w->done);
	pthread_mutex_unlock(&w->lock);
}

void dispatch_run(struct dispatch *d, struct exchange *x)
{
	struct waiter w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };

	x->finish = waiter_finish;
	x->transport = &w;
	dispatch_submit(d, x);
	pthread_mutex_lock(&w.lock);
	while (!w.is_done)
		pthread_cond_wait(&w.done, &w.lock);
	pthread_mutex_unlock(&w.lock);
}

size_t dispatch_body_max(const struct dispatch *d, enum method method, const char *path)
{
	char args[PATH_ARGS][PATH_SEGMENT];
	const struct route *r;
	struct err e = { 0 };
	struct path p;

	if (!path_parse(path, &p, &e) ||
	    !route_find(&d->routes, method, &p, &r, args, &e))
		return 0;
	return r->body_max;
}

/* Life. */

static unsigned crew_size(unsigned asked)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = asked != 0 ? asked : cores < 2 ? 2 : (unsigned)cores;

	return n > DISPATCH_WORKERS_MAX ? DISPATCH_WORKERS_MAX : n;
}

static bool crew_open(struct dispatch *d, struct crew *w, struct err *e)
{
	w->d = d;
	if (!reader_open(d->o.store, &w->db, e))
		return false;
	if (d->o.worker_new != NULL && !d->o.worker_new(&w->caches, e)) {
		reader_free(w->db);
		return false;
	}
	d->n_crew++;
	return true;
}

static bool parts_open(struct dispatch *d, struct err *e)
{
	unsigned n = crew_size(d->o.workers);

	if (!queue_new(&d->queue, e) || !limit_new(&d->limit, e) ||
	    !refusals_new(&d->refusals, e) ||
	    !park_start(d->o.clock, wait_ended, d, &d->park, e) ||
	    !journal_start(d->o.log, tick, d, &d->journal, e))
		return false;
	for (unsigned i = 0; i < n; i++)
		if (!crew_open(d, &d->crew[i], e))
			return false;
	return true;
}

static bool crew_start(struct dispatch *d, struct err *e)
{
	for (; d->n_running < d->n_crew; d->n_running++) {
		struct crew *w = &d->crew[d->n_running];

		if (pthread_create(&w->thread, NULL, crew_run, w) != 0)
			return err_set(e, ERR_NO_MEMORY, "a worker thread");
	}
	return true;
}

bool dispatch_start(const struct dispatch_options *o, struct dispatch **ret,
		    struct err *e)
{
	OWNED(dispatch) d = calloc(1, sizeof *d);

	if (d == NULL)
		return err_set(e, ERR_NO_MEMORY, "dispatch");
	d->o = *o;
	d->routes = (struct route_table){ o->routes, o->n_routes };
	d->head_logged = -1;
	if (!parts_open(d, e) || !crew_start(d, e))
		return err_wrap(e, "dispatch");
	store_watch(d->o.store, committed, d);
	*ret = dispatch_move(&d);
	return true;
}

void dispatch_stop(struct dispatch *d)
{
	park_stop(d->park);
	queue_drain(d->queue);
	store_watch(d->o.store, NULL, NULL);
	rows_flush(d, true);
	queue_drain(d->queue);
	queue_end(d->queue);
	for (; d->n_running > 0; d->n_running--)
		pthread_join(d->crew[d->n_running - 1].thread, NULL);
}

void dispatch_free(struct dispatch *d)
{
	if (d == NULL)
		return;
	if (d->journal != NULL)
		dispatch_stop(d);
	journal_stop(d->journal);
	if (d->queue != NULL)
		queue_drain(d->queue);
	if (d->journal != NULL)
		head_log(d, "stopped");
	for (unsigned i = 0; i < d->n_crew; i++) {
		reader_free(d->crew[i].db);
		if (d->o.worker_free != NULL)
			d->o.worker_free(d->crew[i].caches);
	}
	park_free(d->park);
	refusals_free(d->refusals);
	limit_free(d->limit);
	queue_free(d->queue);
	free(d);
}
