/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/dispatch/park.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BUCKETS = 4096, NS_PER_US = 1000, NS_PER_S = 1000 * 1000 * 1000 };

/* Topics share buckets: who shares one with a topic that is woken looks again for nothing. */
struct bucket {
	struct exchange *first; /* borrowed */
	uint64_t woken;         /* the ticket of the last wake-up */
};

struct park {
	const struct clock *clock; /* borrowed */
	park_ready *ready;
	void *ctx; /* borrowed */
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t sooner;
	uint64_t tickets;
	int64_t next_us; /* when the first of all is due; INT64_MAX: nothing waits */
	bool stopped, ended;
	unsigned peers[BUCKETS]; /* how many wait, by identity */
	struct bucket buckets[BUCKETS];
};

static unsigned bucket_of(const char *text)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *text != '\0'; text++)
		h = (h ^ (uint8_t)*text) * 16777619u;
	return h % BUCKETS;
}

static const char *peer_of(const struct exchange *x)
{
	if (x->who.kind == PRINCIPAL_HOST)
		return x->who.host.key_hash;
	return x->who.kind == PRINCIPAL_PERSON ? x->who.token.id.text : "";
}

/* The counter is shared like a bucket; where it is full the peers themselves are counted. */
static bool has_too_many(const struct park *p, const struct exchange *x)
{
	unsigned n = 0;

	if (p->peers[bucket_of(peer_of(x))] < PARK_PER_PEER)
		return false;
	for (unsigned i = 0; i < BUCKETS; i++)
		for (const struct exchange *y = p->buckets[i].first; y != NULL;
		     y = y->next)
			n += strcmp(peer_of(x), peer_of(y)) == 0;
	return n >= PARK_PER_PEER;
}

static void release(struct park *p, struct exchange *x)
{
	x->next = NULL;
	p->ready(p->ctx, x);
}

/* Takes the exchanges out of one bucket that are due by then, or wait for this topic. */
static void bucket_release(struct park *p, struct bucket *b, const char *topic,
			   int64_t due_us)
{
	struct exchange **at = &b->first, *x;

	while ((x = *at) != NULL) {
		bool is_due = x->wait.until_us <= due_us;

		if (!is_due && (topic == NULL || strcmp(topic, x->wait.topic) != 0)) {
			at = &x->next;
			continue;
		}
		*at = x->next;
		p->peers[bucket_of(peer_of(x))]--;
		release(p, x);
	}
}

static int64_t next_due(const struct park *p)
{
	int64_t first = INT64_MAX;

	for (unsigned i = 0; i < BUCKETS; i++)
		for (const struct exchange *x = p->buckets[i].first; x != NULL;
		     x = x->next)
			if (x->wait.until_us < first)
				first = x->wait.until_us;
	return first;
}

static void release_due(struct park *p, int64_t due_us)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		bucket_release(p, &p->buckets[i], NULL, due_us);
	p->next_us = next_due(p);
}

/* Sleeps until then, or until something is due sooner; at most a second, for the clock may be
 * one that is set. */
static void sleep_until(struct park *p, int64_t now_us)
{
	int64_t us = p->next_us - now_us;
	struct timespec t;

	if (p->next_us == INT64_MAX) {
		pthread_cond_wait(&p->sooner, &p->lock);
		return;
	}
	us = us > US_PER_S ? US_PER_S : us;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += us % US_PER_S * NS_PER_US;
	t.tv_sec += us / US_PER_S + t.tv_nsec / NS_PER_S;
	t.tv_nsec %= NS_PER_S;
	(void)pthread_cond_timedwait(&p->sooner, &p->lock, &t);
}

static void *park_run(void *arg)
{
	struct park *p = arg;

	(void)pthread_setname_np(pthread_self(), "park");
	pthread_mutex_lock(&p->lock);
	while (!p->ended) {
		int64_t now_us = clock_monotonic_us(p->clock);

		if (now_us >= p->next_us)
			release_due(p, now_us);
		else
			sleep_until(p, now_us);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static bool park_open(struct park *p, struct err *e)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&p->sooner, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&p->lock, NULL);
	p->has_thread = pthread_create(&p->thread, NULL, park_run, p) == 0;
	return p->has_thread || err_set(e, ERR_NO_MEMORY, "a thread for long polls");
}

bool park_start(const struct clock *clock, park_ready *ready, void *ctx,
		struct park **ret, struct err *e)
{
	OWNED(park) p = calloc(1, sizeof *p);

	if (p == NULL)
		return err_set(e, ERR_NO_MEMORY, "park");
	p->clock = clock;
	p->ready = ready;
	p->ctx = ctx;
	p->next_us = INT64_MAX;
	if (!park_open(p, e))
		return false;
	*ret = park_move(&p);
	return true;
}

void park_free(struct park *p)
{
	if (p == NULL)
		return;
	if (p->has_thread) {
		pthread_mutex_lock(&p->lock);
		assert(next_due(p) == INT64_MAX);
		p->ended = true;
		pthread_cond_signal(&p->sooner);
		pthread_mutex_unlock(&p->lock);
		pthread_join(p->thread, NULL);
	}
	pthread_cond_destroy(&p->sooner);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

uint64_t park_ticket(struct park *p)
{
	uint64_t ticket;

	pthread_mutex_lock(&p->lock);
	ticket = p->tickets;
	pthread_mutex_unlock(&p->lock);
	return ticket;
}

static void keep(struct park *p, struct bucket *b, struct exchange *x)
{
	x->next = b->first;
	b->first = x;
	p->peers[bucket_of(peer_of(x))]++;
	if (x->wait.until_us < p->next_us) {
		p->next_us = x->wait.until_us;
		pthread_cond_signal(&p->sooner);
	}
}

bool park_put(struct park *p, struct exchange *x)
{
	struct bucket *b = &p->buckets[bucket_of(x->wait.topic)];
	bool fits = true;

	pthread_mutex_lock(&p->lock);
	x->wait.must_answer = p->stopped;
	if (p->stopped || b->woken > x->wait.ticket)
		release(p, x);
	else if (has_too_many(p, x))
		fits = false;
	else
		keep(p, b, x);
	pthread_mutex_unlock(&p->lock);
	return fits;
}

void park_wake(struct park *p, const char *topic)
{
	struct bucket *b = &p->buckets[bucket_of(topic)];

	pthread_mutex_lock(&p->lock);
	b->woken = ++p->tickets;
	bucket_release(p, b, topic, INT64_MIN);
	pthread_mutex_unlock(&p->lock);
}

static void must_answer_all(struct park *p)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct exchange *x = p->buckets[i].first; x != NULL; x = x->next)
			x->wait.must_answer = true;
}

void park_stop(struct park *p)
{
	pthread_mutex_lock(&p->lock);
	p->stopped = true;
	must_answer_all(p);
	release_due(p, INT64_MAX);
	pthread_mutex_unlock(&p->lock);
}
