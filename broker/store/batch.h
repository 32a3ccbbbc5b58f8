/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch - one transaction over several changes; see writer.h for its rules.
 *
 * Owns:    nothing; works on the writer's connection, MACs and chain.
 * Gives:   batch_commit: sets result and err of each change; on success moves the chain on.
 * Threads: the writer's.
 */
#ifndef BROKER_STORE_BATCH_H
#define BROKER_STORE_BATCH_H

#include "broker/store/audit.h"
#include "broker/store/change_body.h"

struct batch {
	struct db *db;             /* borrowed */
	struct mac *row, *audit;   /* borrowed */
	const struct clock *clock; /* borrowed */
	struct chain chain;        /* where it stands, then where it gets to */
	int64_t seq;               /* of the newest audit record */
	int64_t event_seq;         /* of the newest event; -1: not read yet */
	int64_t free_bytes;        /* on the file system */
	int64_t margin_bytes;
	bool wrote; /* something of the change at hand */
};

/* False: the whole transaction failed, and so did all of its changes. */
bool batch_commit(struct batch *b, struct change *first, struct err *e);

#endif
