/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool - reports to the broker: durable, in order, each taken once.
 *
 * Form:    one file per report, named by its number; the spool has a UUID of its own, so that
 *          the broker can pass over numbers it has taken before.
 * Gives:   add (durable when it returns), a batch as the body of POST /v1/hosts/self/reports,
 *          and forgetting what the broker has taken.
 * Passes:  over a report whose file is gone or damaged: it must not hold up the others.
 * Threads: any; it has a lock, and a turn for whoever sends.
 */
#ifndef CLIENT_COMPUTE_SPOOL_H
#define CLIENT_COMPUTE_SPOOL_H

#include "client/compute/files.h"
#include "common/uuid.h"

struct spool;

MUST_CHECK bool spool_open(const char *state_dir, struct spool **ret, struct err *e);
void spool_free(struct spool *s);
/* kind: started, stopped, used_copy, copy_erased. */
MUST_CHECK bool spool_add(struct spool *s, const char *kind, const struct uuid *instance,
			  const struct uuid *attempt, int64_t at_us, struct err *e);
int64_t spool_waiting(struct spool *s);
enum { SPOOL_BATCH = 100 };
struct spool_count {
	size_t reports;
	size_t lost; /* passed over on the way to them */
};
/* One sender at a time: the broker refuses one of two batches that come at once. until_us is
 * monotonic; ERR_DEADLINE. */
MUST_CHECK bool spool_hold(struct spool *s, int64_t until_us, struct err *e);
void spool_let_go(struct spool *s);
/* Appends the body of the oldest reports to ret; 0 reports when there is none. */
MUST_CHECK bool spool_batch(struct spool *s, struct buf *ret,
			    struct spool_count *ret_count, struct err *e);
/* The broker has everything up to seq. */
MUST_CHECK bool spool_taken(struct spool *s, int64_t seq, struct err *e);
DEFINE_DROP(spool)

#endif
