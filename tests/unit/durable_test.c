/* SPDX-License-Identifier: Apache-2.0 */
/* What was acknowledged is there after the process was killed. */
#include "tests/unit/store_bed.h"

#include <signal.h>
#include <sys/wait.h>

enum { ROUNDS = 4, THREADS = 4, ENOUGH = 400, PER_ROUND = 100000 };

struct load {
	struct bed *b;
	int first; /* number of its first row; counts on by THREADS */
	int tell;  /* pipe: the number of each acknowledged row */
};

/* Writes rows until killed. */
static void *load_run(void *arg)
{
	struct load *l = arg;
	struct change *c = NULL;
	struct err e;

	if (!change_new(&c, &e))
		return NULL;
	for (int n = l->first;; n += THREADS) {
		struct instance_row row = bed_instance(n, "guest", "p");

		change_reset(c);
		change_put(c, TABLE_INSTANCE, &row);
		change_audit(c);
		if (!store_commit(l->b->store, c, &e) ||
		    write(l->tell, &n, sizeof(n)) != sizeof(n))
			_exit(1);
	}
}

static void load_forever(struct bed *b, int round, int tell)
{
	struct load loads[THREADS];
	pthread_t threads[THREADS];

	bed_open(b);
	for (int i = 0; i < THREADS; i++) {
		loads[i] = (struct load){ b, round * PER_ROUND + i, tell };
		need(b, pthread_create(&threads[i], NULL, load_run, &loads[i]) == 0,
		     "a thread");
	}
	for (;;)
		pause();
}

/* Kills the writer in the middle of its work; returns what it had acknowledged. */
static int killed(struct bed *b, int round, int *acked, int cap)
{
	int ends[2], n = 0;
	pid_t child;

	need(b, pipe(ends) == 0, "a pipe");
	child = fork();
	if (child == 0)
		load_forever(b, round, ends[1]);
	close(ends[1]);
	while (n < cap && read(ends[0], &acked[n], sizeof(int)) == sizeof(int))
		if (++n == ENOUGH)
			kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(ends[0]);
	return n;
}

static int missing(struct bed *b, const int *acked, int n)
{
	int gone = 0;

	for (int i = 0; i < n; i++) {
		struct uuid id = bed_uuid(acked[i]);
		struct instance_row row;

		need(b, read_instance(b->reader, &id, &row, &b->e), "reading a row");
		gone += row.head.generation != 1;
	}
	return gone;
}

static void kill_rounds(struct bed *b)
{
	static int acked[8 * ENOUGH];
	struct audit_counts counts;
	int64_t all = 0;

	for (int round = 1; round <= ROUNDS; round++) {
		int n = killed(b, round, acked, (int)ARRAY_LEN(acked));

		all += n;
		bed_open(b);
		printf("# round %d: %d acknowledged\n", round, n);
		check("killed under load, all that was acknowledged is there",
		      n >= ENOUGH && missing(b, acked, n) == 0);
		check("the chains verify",
		      reader_verify_audit(b->reader, &counts, &b->e) &&
			      !counts.bad_writer[0] && counts.chains == round &&
			      counts.records >= all);
		check("and each row has its record",
		      raw_count(b, "SELECT (SELECT count(*) FROM instance) ="
				   " (SELECT count(*) FROM audit)") == 1);
		bed_close(b);
	}
}

int main(void)
{
	struct bed b;

	signal(SIGPIPE, SIG_IGN);
	bed_up(&b);
	bed_close(&b); /* no threads while forking */
	kill_rounds(&b);
	bed_down(&b);
	return done();
}
