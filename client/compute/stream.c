/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/stream.h"

#include "client/compute/cold.h"
#include "client/compute/consent.h"
#include "client/compute/news.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TASKS = 16, WAIT_S = 25, AGAIN_MS = 200, SLOWEST_MS = 10000 };

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
	struct task *tasks;  /* owned, TASKS of them */
	struct news news;
	bool knows; /* news.next is where the stream goes on */
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

/* Waits for a place: what is not taken now would have to be told again. */
static struct task *take_place(struct stream *s)
{
	while (!s->agent->stopping) {
		for (size_t i = 0; i < TASKS; i++) {
			struct task *t = &s->tasks[i];

			if (t->taken && !t->ended)
				continue;
			if (t->taken)
				pthread_join(t->thread, NULL);
			t->taken = false;
			t->ended = false;
			return t;
		}
		pause_ms(5);
	}
	return NULL;
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

static void on_handover(void *ctx, const struct handover *h)
{
	struct stream *s = ctx;
	struct task *t;

	agent_move(s->agent);
	if (!is_cold_arrival(s, h) || (t = take_place(s)) == NULL)
		return;
	t->is_inquiry = false;
	t->handover = *h;
	start_task(s, t);
}

static bool hear(struct stream *s, struct err *e)
{
	struct broker *b = s->agent->broker;

	bool ok = s->knows ? news_await(b, &s->news, e) : news_all(b, &s->news, e);

	/* Whoever answers next may know less than the one before: a database put back. */
	s->knows = ok && !s->news.reset;
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

void *stream_run(void *agent)
{
	struct agent *a = agent;
	struct stream s = { .agent = a };

	s.news = (struct news){ .inquiry = on_inquiry,
				.handover = on_handover,
				.ctx = &s,
				.wait_s = WAIT_S,
				.called_off = &a->stopping };
	s.tasks = calloc(TASKS, sizeof(*s.tasks));
	while (s.tasks != NULL && !s.agent->stopping) {
		struct err e = { 0 };

		if (hear(&s, &e))
			s.pause_ms = 0;
		else
			slow_down(&s, &e);
	}
	for (size_t i = 0; s.tasks != NULL && i < TASKS; i++)
		if (s.tasks[i].taken)
			pthread_join(s.tasks[i].thread, NULL);
	free(s.tasks);
	return NULL;
}
