/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool - reports to the broker: durable, in order, each taken once.
 *
 * Form:    one file per report, named by its number; the spool has a UUID of its own, so that
 *          the broker can pass over numbers it has taken before.
 * Gives:   add (durable when it returns), a batch as the body of POST /v1/hosts/self/reports,
 *          and forgetting what the broker has taken.
 * Threads: any; it has a lock.
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
/* Appends the body of the oldest reports to ret; *ret_count 0 when there is none. */
MUST_CHECK bool spool_batch(struct spool *s, struct buf *ret, size_t *ret_count,
			    struct err *e);
/* The broker has everything up to seq. */
MUST_CHECK bool spool_taken(struct spool *s, int64_t seq, struct err *e);
DEFINE_DROP(spool)

#endif
