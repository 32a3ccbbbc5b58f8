/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store - the broker's records: readers for workers, one writer for all changes.
 *
 * Owns:    the database, the writer thread, the audit chain's head.
 * Gives:   store_create/open, readers (one connection each), store_submit (durable, then `done`).
 * Refuses: a newer schema (ERR_DATABASE_NEWER), a row whose MAC fails (ERR_ROW_TAMPERED, names table and
 *          key in the trail), a change whose guards are stale (COMMIT_STALE, nothing written).
 * Durable: `done` with COMMIT_OK is called after the transaction with the change and its audit
 *          record was synced (SQLite WAL, synchronous=FULL).
 * Disk:    below margins creates, then other changes, then releases fail with
 *          ERR_AUDIT_UNAVAILABLE; it resumes by itself.
 * Knows:   nothing of HTTP or policy. Rows hold no plaintext.
 * Threads: store_submit from any; `done` runs on the writer thread and must not block;
 *          a reader belongs to one thread.
 */
#ifndef BROKER_STORE_STORE_H
#define BROKER_STORE_STORE_H

#include "broker/store/change.h"
#include "common/clock.h"

struct store;
struct reader;

struct store_keys {
	const struct mac_key *row;   /* borrowed for the life of the store */
	const struct mac_key *audit; /* borrowed */
};

/* The key table, before any MAC key is known: wrapped keys and facts of the installation. */
struct store_file;
MUST_CHECK bool store_file_create(const char *path, struct store_file **ret,
				  struct err *e); /* fails if it exists */
MUST_CHECK bool store_file_open(const char *path, struct store_file **ret, struct err *e);
void store_file_free(struct store_file *f);
/* Its schema is an earlier release's; store_open brings it to this one's. */
MUST_CHECK bool store_file_is_older(struct store_file *f, bool *ret, struct err *e);
MUST_CHECK bool store_file_put(struct store_file *f, const char *name, struct view value,
			       struct err *e);
MUST_CHECK bool store_file_get(struct store_file *f, const char *name, uint8_t *ret,
			       size_t cap, size_t *ret_len,
			       struct err *e); /* ERR_NOT_FOUND */
DEFINE_DROP(store_file)

struct store_options {
	const char *path;
	const char *
		writer; /* prefix of the chain's name: "broker", "token"; a boot UUID is appended */
	struct store_keys keys;
	const struct clock *clock; /* borrowed */
	int64_t margin_bytes; /* free space under which creates stop; half: changes; quarter: releases */
	int busy_ms; /* how long to wait for another program's lock; 0: STORE_BUSY_MS */
};
enum { STORE_BUSY_MS = 5000 };
MUST_CHECK bool store_open(const struct store_options *o, struct store **ret,
			   struct err *e);
void store_free(struct store *s); /* commits what was submitted, then stops the writer */
const char *store_writer_name(const struct store *s);
/* The chain's durable end: how many records, and the MAC of the last in hex. For the log, so
 * that a tail cut off later shows. */
void store_audit_head(struct store *s, int64_t *ret_number,
		      char ret_hex[2 * MAC_BYTES + 1]);
DEFINE_DROP(store)

enum commit { COMMIT_OK, COMMIT_STALE, COMMIT_FAILED };
typedef void commit_done(void *ctx, enum commit result, const struct err *e);
/* Borrows c until done was called, exactly once, on the writer thread. */
void store_submit(struct store *s, struct change *c, commit_done *done, void *ctx);
/* Submits and waits; for commands and tests. Stale is ERR_CONFLICT. */
MUST_CHECK bool store_commit(struct store *s, struct change *c, struct err *e);

/* Calls `watch` for each durable change that has topics (change.h), on the writer thread, before
 * the change's own `done`; it must not block. One at a time: NULL ends it, and once that has
 * returned no call is under way. */
typedef void store_committed(void *ctx, const struct change *c);
void store_watch(struct store *s, store_committed *watch, void *ctx);

MUST_CHECK bool reader_open(struct store *s, struct reader **ret, struct err *e);
void reader_free(struct reader *r);
DEFINE_DROP(reader)
/* One snapshot over several reads: a verdict sees one moment. */
MUST_CHECK bool reader_begin(struct reader *r, struct err *e);
void reader_end(struct reader *r);

struct audit_counts {
	int64_t chains, records;
	char bad_writer[2 * NAME_SIZE]; /* "" when all verify */
	int64_t bad_number;
};
/* Recomputes every chain; what is wrong is in ret, false only when it cannot be read. */
MUST_CHECK bool reader_verify_audit(struct reader *r, struct audit_counts *ret,
				    struct err *e);
/* Whether a chain still has the end that was seen before, outside of the database. */
MUST_CHECK bool reader_has_record(struct reader *r, const char *writer, int64_t number,
				  const char *mac_hex, bool *ret, struct err *e);
/* Reads every row of every table; each that does not verify is told to `bad`. */
typedef void reader_bad_row(void *ctx, const struct err *why);
MUST_CHECK bool reader_verify_rows(struct reader *r, reader_bad_row *bad, void *ctx,
				   int64_t *ret_good, struct err *e);

#endif
