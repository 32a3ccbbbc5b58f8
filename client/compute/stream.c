/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/stream.h"

#include "client/compute/cold.h"
#include "client/compute/consent.h"
#include "client/compute/news.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ASKS = 16, ARRIVALS = 16, WAIT_S = 25, AGAIN_MS = 200, SLOWEST_MS = 5000 };

struct task {
	struct agent *agent; /* borrowed */
	struct inquiry inquiry;
	struct handover handover;
	bool is_inquiry;
	bool taken; /* there is a thread to be joined */
	atomic_bool ended;
	pthread_t thread;
};

struct stream {
	struct agent *agent; /* borrowed */
	struct task asks[ASKS], arrivals[ARRIVALS];
	struct news news;
	bool knows;  /* news.next is where the stream goes on */
	bool missed; /* an arrival found no place: it is to be told again */
	int pause_ms;
};

static void *run_task(void *ctx)
{
	struct task *t = ctx;

	if (t->is_inquiry)
		consent_answer(t->agent, &t->inquiry);
	else
		cold_arrive(t->agent, &t->handover);
	t->ended = true;
	return NULL;
}

static void pause_ms(int64_t ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static struct task *free_place(struct task *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct task *t = &all[i];

		if (t->taken && !t->ended)
			continue;
		if (t->taken)
			pthread_join(t->thread, NULL);
		t->taken = false;
		t->ended = false;
		return t;
	}
	return NULL;
}

/* Waits for a place: what is not taken now would have to be told again. */
static struct task *take_place(struct stream *s)
{
	struct task *t = NULL;

	while (!s->agent->stopping && (t = free_place(s->asks, ASKS)) == NULL)
		pause_ms(5);
	return t;
}

static void start_task(struct stream *s, struct task *t)
{
	t->agent = s->agent;
	t->taken = pthread_create(&t->thread, NULL, run_task, t) == 0;
	if (!t->taken)
		log_event(s->agent->log, LOG_LEVEL_ERROR, "no thread for what was heard",
			  NULL);
}

static void on_inquiry(void *ctx, const struct inquiry *q)
{
	struct stream *s = ctx;
	struct task *t = take_place(s);

	if (t == NULL)
		return;
	t->is_inquiry = true;
	t->inquiry = *q;
	start_task(s, t);
}

static bool is_cold_arrival(const struct stream *s, const struct handover *h)
{
	return strcmp(h->mode, "cold") == 0 &&
	       (handover_is(h, "prepared") || handover_is(h, "offered")) &&
	       strcmp(h->destination, s->agent->id->hash) == 0;
}

/* Told at each step of it: one is enough. */
static bool is_under_way(const struct stream *s, const struct handover *h)
{
	for (size_t i = 0; i < ARRIVALS; i++) {
		const struct task *t = &s->arrivals[i];

		if (t->taken && !t->ended && t->handover.number == h->number &&
		    uuid_equal(&t->handover.instance, &h->instance))
			return true;
	}
	return false;
}

/* Up to the claim all that is new of it is what this host or the other one has just done. */
static bool concerns_mover(const struct handover *h)
{
	return !(handover_is(h, "prepared") || handover_is(h, "offered") ||
		 handover_is(h, "claimed"));
}

/* An arrival waits long for its source, which may wait for an answer of this host: it holds up no
 * ask. */
static void on_handover(void *ctx, const struct handover *h)
{
	struct stream *s = ctx;
	struct task *t;

	if (concerns_mover(h))
		agent_move(s->agent);
	if (!is_cold_arrival(s, h) || is_under_way(s, h))
		return;
	t = free_place(s->arrivals, ARRIVALS);
	s->missed |= t == NULL;
	if (t == NULL)
		return;
	t->is_inquiry = false;
	t->handover = *h;
	start_task(s, t);
}

static bool hear(struct stream *s, struct err *e)
{
	struct broker *b = s->agent->broker;
	bool ok;

	if (s->missed && free_place(s->arrivals, ARRIVALS) != NULL)
		s->missed = s->knows = false;
	ok = s->knows ? news_await(b, &s->news, e) : news_all(b, &s->news, e);
	/* Whoever answers next may know less than the one before: a database put back. */
	s->knows = ok && !s->news.reset;
	if (ok && s->news.strange > 0)
		log_event(s->agent->log, LOG_LEVEL_WARN,
			  "the broker tells what is not understood", NULL);
	return ok;
}

/* More slowly while nobody answers; what was missed meanwhile is asked for. */
static void slow_down(struct stream *s, const struct err *e)
{
	if (s->pause_ms == 0 && !s->agent->stopping)
		log_err(s->agent->log, LOG_LEVEL_WARN, "the broker is not heard", e);
	s->pause_ms = s->pause_ms == 0 ? AGAIN_MS : s->pause_ms * 2;
	if (s->pause_ms > SLOWEST_MS)
		s->pause_ms = SLOWEST_MS;
	for (int ms = 0; ms < s->pause_ms && !s->agent->stopping; ms += AGAIN_MS)
		pause_ms(AGAIN_MS);
}

static void join(struct task *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].taken)
			pthread_join(all[i].thread, NULL);
}

void *stream_run(void *agent)
{
	struct agent *a = agent;
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		log_event(a->log, LOG_LEVEL_ERROR, "no memory to hear the broker", NULL);
		return NULL;
	}
	s->agent = a;
	s->news = (struct news){ .inquiry = on_inquiry,
				 .handover = on_handover,
				 .ctx = s,
				 .wait_s = WAIT_S,
				 .called_off = &a->stopping };
	while (!a->stopping) {
		struct err e = { 0 };

		if (hear(s, &e))
			s->pause_ms = 0;
		else
			slow_down(s, &e);
	}
	join(s->asks, ASKS);
	join(s->arrivals, ARRIVALS);
	free(s);
	return NULL;
}
