/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/dispatch/journal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { NS_PER_S = 1000 * 1000 * 1000 };
enum { LINES = 2048, HALF = LINES / 2, AT_ONCE = 32, NAP_NS = 20 * 1000 * 1000 };

struct journal {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_t thread;
	struct log *log; /* borrowed */
	journal_tick *tick;
	void *ctx; /* borrowed */
	bool stopping;
	uint64_t written, added, lost;
	struct journal_line at[LINES];
};

static void write_line(struct journal *j, const struct journal_line *l)
{
	char status[16], ms[32];
	enum log_level level = l->status >= 500 ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO;
	bool ok = l->failed == ERR_NONE;

	(void)snprintf(status, sizeof status, "%d", l->status);
	(void)snprintf(ms, sizeof ms, "%.1f", (double)l->took_us / 1000);
	log_event(j->log, level, "request", "id", l->request_id, "who", l->who, "verb",
		  l->verb, "status", status, "ms", ms, ok ? NULL : "code",
		  ok ? NULL : err_info(l->failed)->code, "why", l->why, NULL);
}

/* Takes up to AT_ONCE lines out of the ring; the lock is held. */
static size_t take(struct journal *j, struct journal_line out[AT_ONCE],
		   uint64_t *ret_lost)
{
	size_t n = 0;

	while (n < AT_ONCE && j->written < j->added)
		out[n++] = j->at[j->written++ % LINES];
	*ret_lost = j->lost;
	j->lost = 0;
	return n;
}

static void write_out(struct journal *j)
{
	struct journal_line out[AT_ONCE];
	uint64_t lost;
	size_t n = take(j, out, &lost);
	char count[24];

	pthread_mutex_unlock(&j->lock);
	for (size_t i = 0; i < n; i++)
		write_line(j, &out[i]);
	if (lost > 0) {
		(void)snprintf(count, sizeof count, "%llu", (unsigned long long)lost);
		log_event(j->log, LOG_LEVEL_WARN, "lines_lost", "count", count, NULL);
	}
	pthread_mutex_lock(&j->lock);
}

/* Under load the lines are left to gather: a wake for each costs more than to write it.
 * The lock is held. */
static void nap(struct journal *j)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += NAP_NS;
	if (until.tv_nsec >= NS_PER_S) {
		until.tv_nsec -= NS_PER_S;
		until.tv_sec++;
	}
	while (!j->stopping && j->added - j->written < HALF &&
	       pthread_cond_timedwait(&j->filled, &j->lock, &until) == 0)
		;
}

static void *journal_run(void *arg)
{
	struct journal *j = arg;
	struct timespec next, now;

	(void)pthread_setname_np(pthread_self(), "journal");
	clock_gettime(CLOCK_MONOTONIC, &next);
	pthread_mutex_lock(&j->lock);
	while (!j->stopping || j->written < j->added) {
		if (!j->stopping && j->written == j->added)
			if (pthread_cond_timedwait(&j->filled, &j->lock, &next) == 0)
				nap(j);
		if (j->written < j->added)
			write_out(j);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > next.tv_sec ||
		    (now.tv_sec == next.tv_sec && now.tv_nsec >= next.tv_nsec)) {
			pthread_mutex_unlock(&j->lock);
			j->tick(j->ctx);
			pthread_mutex_lock(&j->lock);
			next = now;
			next.tv_sec++;
		}
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

static void journal_free(struct journal *j)
{
	pthread_cond_destroy(&j->filled);
	pthread_mutex_destroy(&j->lock);
	free(j);
}

bool journal_start(struct log *log, journal_tick *tick, void *ctx, struct journal **ret,
		   struct err *e)
{
	struct journal *j = calloc(1, sizeof *j);
	pthread_condattr_t monotonic;

	if (j == NULL)
		return err_set(e, ERR_NO_MEMORY, "journal");
	j->log = log;
	j->tick = tick;
	j->ctx = ctx;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&j->filled, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&j->lock, NULL);
	if (pthread_create(&j->thread, NULL, journal_run, j) != 0) {
		journal_free(j);
		return err_set(e, ERR_NO_MEMORY, "a thread for the journal");
	}
	*ret = j;
	return true;
}

void journal_add(struct journal *j, const struct journal_line *line)
{
	pthread_mutex_lock(&j->lock);
	if (j->added - j->written == LINES)
		j->lost++;
	else
		j->at[j->added++ % LINES] = *line;
	if (j->added - j->written == 1 || j->added - j->written == HALF)
		pthread_cond_signal(&j->filled);
	pthread_mutex_unlock(&j->lock);
}

void journal_stop(struct journal *j)
{
	if (j == NULL)
		return;
	pthread_mutex_lock(&j->lock);
	j->stopping = true;
	pthread_cond_signal(&j->filled);
	pthread_mutex_unlock(&j->lock);
	pthread_join(j->thread, NULL);
	journal_free(j);
}
