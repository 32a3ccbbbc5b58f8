/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit - chains of records: each carries the MAC of the one before, one chain per writer.
 *
 * Form:    a record's MAC covers its place (seq over all chains, writer, number from 1), the
 *          MAC before it, `heads`, and every field.
 * Heads:   a chain's first record names, one per line, "writer number mac" of each chain that
 *          grew since the chain before it began; older ends are named by older beginnings. So
 *          a chain cut at its end shows as soon as a later chain has begun. The end of the
 *          newest chain shows only against a head kept elsewhere (the log).
 * Threads: a chain belongs to the writer's thread.
 */
#ifndef BROKER_STORE_AUDIT_H
#define BROKER_STORE_AUDIT_H

#include "broker/store/table.h"
#include "common/text.h"

enum { WRITER_SIZE = 2 * NAME_SIZE };

struct chain {
	char writer[WRITER_SIZE];
	int64_t number; /* of the last record; 0: not begun */
	uint8_t mac[MAC_BYTES];
};

/* Adds a record in the open transaction; the caller drops `c` when that fails later. */
MUST_CHECK bool chain_append(struct chain *c, struct db *db, struct mac *m, int64_t seq,
			     const struct audit_record *record, struct err *e);
/* The seq of the newest record of all chains, 0 for none. */
MUST_CHECK bool audit_last_seq(struct db *db, int64_t *ret, struct err *e);

struct audit_row {
	int64_t seq, number;
	char writer[WRITER_SIZE];
	const char *heads; /* borrowed from the query */
	uint8_t prev[MAC_BYTES], mac[MAC_BYTES];
	struct audit_record record;
};
/* The present row of q; false: its form or its MAC is off, as far as it could be read. */
bool audit_row_read(const struct query *q, struct mac *m, struct audit_row *ret);

/* Where each chain stands. */
struct head {
	char writer[WRITER_SIZE];
	int64_t first_seq, seq, number;
	uint8_t mac[MAC_BYTES];
};
struct heads {
	struct head *at; /* owned */
	size_t count, cap;
};
struct head *heads_find(const struct heads *h, const char *writer);
struct head *heads_add(struct heads *h); /* zeroed; NULL: out of memory */
void heads_done(struct heads *h);        /* for CLEANUP */
/* What a chain that begins now has to name. */
MUST_CHECK bool heads_text(struct heads *h, struct buf *ret, struct err *e);

#endif
