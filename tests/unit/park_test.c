/* SPDX-License-Identifier: Apache-2.0 */
/* Long polls: parked, woken by a committed change, by their time, by the stop. */
#include <pthread.h>
#include <time.h>

#include "tests/unit/dispatch_bed.h"

enum { DEADLINE_S = 20 };

/* One request on a thread of its own. */
struct poll {
	struct bench *b;
	struct call call;
	pthread_t thread;
	int status;
	char code[48], path[64];
	atomic_bool done;
};

static void *poll_run(void *arg)
{
	struct poll *p = arg;

	p->status = call_run(p->b->d, &p->call, p->code);
	p->done = true;
	return NULL;
}

static void poll_begin(struct bench *b, struct poll *p, const char *path,
		       const char *query)
{
	*p = (struct poll){ .b = b };
	snprintf(p->path, sizeof p->path, "%s", path);
	p->call = (struct call){
		.method = METHOD_GET, .path = p->path, .query = query, .token = 'm'
	};
	must(&b->w, pthread_create(&p->thread, NULL, poll_run, p) == 0, "a thread");
}

static int poll_end(struct poll *p)
{
	pthread_join(p->thread, NULL);
	return p->status;
}

static void nap(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	(void)nanosleep(&ms, NULL);
}

/* The handlers have run so often, so that what they began is parked or about to be. */
static bool ran(struct bench *b, int n)
{
	for (int i = 0; i < DEADLINE_S * 1000 && b->api.runs < n; i++)
		nap();
	return b->api.runs >= n;
}

static int do_tell(struct bench *b, const char *name)
{
	char path[64], code[48];

	snprintf(path, sizeof path, "/v1/tell/%s", name);
	return call_run(
		b->d, &(struct call){ .method = METHOD_PUT, .path = path, .token = 'm' },
		code);
}

static void woken(struct bench *b)
{
	struct poll one, two, other;

	b->api.runs = 0;
	poll_begin(b, &one, "/v1/wait/a", NULL);
	poll_begin(b, &two, "/v1/wait/a", NULL);
	poll_begin(b, &other, "/v1/wait/b", NULL);
	check("a long poll that has nothing to tell is not answered",
	      ran(b, 3) && !one.done && !two.done && !other.done);
	check("a committed change with its topic", do_tell(b, "a") == 200);
	check("wakes all that wait for it",
	      poll_end(&one) == 200 && poll_end(&two) == 200);
	check("and nobody else", !other.done);
	check("until theirs comes", do_tell(b, "b") == 200 && poll_end(&other) == 200);
}

static void never_lost(struct bench *b)
{
	struct poll p;

	poll_begin(b, &p, "/v1/late/c", NULL);
	check("what comes between looking and waiting is not lost", poll_end(&p) == 200);
}

static void in_time(struct bench *b)
{
	struct poll p, other;
	char code[48];
	int status;

	status = call_run(b->d,
			  &(struct call){ .method = METHOD_GET,
					  .path = "/v1/wait/d",
					  .query = "wait=0",
					  .token = 'm' },
			  code);
	check("a poll that would not wait is answered at once", status == 200);
	b->api.runs = 0;
	poll_begin(b, &p, "/v1/wait/d", "wait=5");
	poll_begin(b, &other, "/v1/wait/d", "wait=9");
	check("one that would is not", ran(b, 2) && !p.done);
	b->w.monotonic_us += 5 * US_PER_S;
	check("and is answered at the end of its time, though nothing came",
	      poll_end(&p) == 200 && !other.done);
	b->w.monotonic_us += 60 * US_PER_S;
	check("even where the broker was slow to see it", poll_end(&other) == 200);
}

enum { PEER_MAX = 16 };

static int count_done(const struct poll *polls, int n)
{
	int done = 0;

	for (int i = 0; i < n; i++)
		done += polls[i].done;
	return done;
}

/* One more than may wait: whichever comes last is turned away. */
static void bounded(struct bench *b)
{
	static struct poll polls[PEER_MAX + 1];
	int good = 0, refused = 0;

	for (int i = 0; i <= PEER_MAX; i++)
		poll_begin(b, &polls[i], "/v1/wait/e", NULL);
	for (int i = 0; i < DEADLINE_S * 1000 && !count_done(polls, PEER_MAX + 1); i++)
		nap();
	check("one identity may wait 16 times, but no more",
	      count_done(polls, PEER_MAX + 1) == 1);
	check("they are woken", do_tell(b, "e") == 200);
	for (int i = 0; i <= PEER_MAX; i++) {
		int status = poll_end(&polls[i]);

		good += status == 200;
		refused += status == 429 && !strcmp(polls[i].code, "rate_limited");
	}
	check("all of them, but for the one that was turned away",
	      good == PEER_MAX && refused == 1);
}

enum { WAITERS = 6, ROUNDS = 60 };

static void *waits(void *arg)
{
	struct bench *b = arg;
	char path[64], code[48];
	intptr_t good = 0;

	for (int i = 0; i < ROUNDS; i++) {
		snprintf(path, sizeof path, "/v1/wait/round-%d", i);
		good += call_run(b->d,
				 &(struct call){ .method = METHOD_GET,
						 .path = path,
						 .token = 'm' },
				 code) == 200;
	}
	return (void *)good;
}

/* Their time never comes, for the clock stands still: whoever were missed would wait forever. */
static void race(struct bench *b)
{
	pthread_t t[WAITERS];
	intptr_t good = 0;
	char name[32];
	void *got;

	for (int i = 0; i < WAITERS; i++)
		pthread_create(&t[i], NULL, waits, b);
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof name, "round-%d", i);
		good += do_tell(b, name) == 200;
	}
	for (int i = 0; i < WAITERS; i++) {
		pthread_join(t[i], &got);
		good += (intptr_t)got;
	}
	check("none of many that wait while many are told is missed",
	      good == (WAITERS + 1) * (intptr_t)ROUNDS);
}

static void stopped(struct bench *b)
{
	struct poll parked, many[PEER_MAX - 1];
	char code[48];
	int good = 0;

	b->api.runs = 0;
	poll_begin(b, &parked, "/v1/wait/g", NULL);
	for (int i = 0; i < PEER_MAX - 1; i++)
		poll_begin(b, &many[i], "/v1/wait/h", NULL);
	check("some wait when the broker stops", ran(b, PEER_MAX) && !parked.done);
	dispatch_stop(b->d);
	check("stopping answers what waits", poll_end(&parked) == 200);
	for (int i = 0; i < PEER_MAX - 1; i++)
		good += poll_end(&many[i]) == 200;
	check("all of it", good == PEER_MAX - 1);
	check("and what comes after is told that it stops",
	      call_run(b->d,
		       &(struct call){
			       .method = METHOD_GET, .path = "/v1/wait/g", .token = 'm' },
		       code) == 503 &&
		      strcmp(code, "stopping") == 0);
}

int main(void)
{
	struct bench *b = calloc(1, sizeof *b);

	world_open(&b->w);
	world_token(&b->w, 'm', "member", WORLD_BEGIN_US + 3600 * US_PER_S, 0);
	bench_start(b);
	woken(b);
	never_lost(b);
	in_time(b);
	bounded(b);
	race(b);
	stopped(b);
	bench_close(b);
	free(b);
	return done();
}
