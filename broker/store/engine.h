/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine - what the store needs of a database, in its own words.
 *
 * Owns:    a struct db is one connection with its prepared statements.
 * Gives:   open and prepare, transactions by statement, queries with checked binds.
 * Refuses: a statement that does not prepare (at open), a file that is not ours.
 * Errors:  ERR_DATABASE_LOCKED (another program), ERR_AUDIT_UNAVAILABLE (no room, read-only),
 *          ERR_NO_MEMORY, ERR_INTERNAL (a constraint that callers must respect), ERR_DATABASE.
 * Knows:   the list of statements; not what is in a row.
 * Threads: a db belongs to one thread at a time.
 */
#ifndef BROKER_STORE_ENGINE_H
#define BROKER_STORE_ENGINE_H

#include "broker/store/statements.h"
#include "common/err.h"

struct db;
enum db_role { DB_KEYS, DB_READ, DB_WRITE }; /* each may what those before it may */

MUST_CHECK bool db_create(const char *path, struct db **ret,
			  struct err *e); /* a new file, 0600 */
/* busy_ms: how long to wait for another program's lock. */
MUST_CHECK bool db_open(const char *path, int busy_ms, struct db **ret, struct err *e);
/* What was prepared before is passed over. */
MUST_CHECK bool db_prepare(struct db *db, enum db_role role, struct err *e);
void db_free(struct db *db); /* rolls back what is open */
DEFINE_DROP(db)

/* For migrations, before any statement about rows is prepared: the version (0 in a file just created); the
 * write transaction; one script and the record of the version that it leads to. */
MUST_CHECK bool db_schema_version(struct db *db, int64_t *ret, struct err *e);
MUST_CHECK bool db_begin_write(struct db *db, struct err *e);
MUST_CHECK bool db_migrate(struct db *db, const char *script, int64_t version,
			   struct err *e);
MUST_CHECK bool db_commit(struct db *db, struct err *e);

MUST_CHECK bool db_run(struct db *db, enum statement s,
		       struct err *e); /* without parameters */
void db_rollback(struct db *db);       /* whatever is open; no-op else */
bool db_in_transaction(const struct db *db);

int64_t db_log_pages(
	const struct db *db); /* in the write-ahead log after the last commit */
/* Moves the log's pages into the file. wait: until the log can start again from its front. */
MUST_CHECK bool db_checkpoint(struct db *db, bool wait, struct err *e);

/* One use of a statement; it rewinds itself at the end of the scope:
 *	QUERY(q, db, SQL_HOST_GET);
 *	query_text(&q, hash);
 *	if (!query_next(&q, &found, e)) ...
 * A bind that fails is told by query_next or query_change. Text and bytes are borrowed until
 * the scope ends. */
struct query {
	struct db *db; /* borrowed */
	void *stmt;    /* borrowed from db */
	int bound;
	int rc;
};
struct query query_start(struct db *db, enum statement s);
void query_end(struct query *q);
#define QUERY(q, db, s) CLEANUP(query_end) struct query q = query_start((db), (s))

void query_text(struct query *q, const char *text);
void query_integer(struct query *q, int64_t value);
void query_bytes(struct query *q, struct view bytes);
MUST_CHECK bool query_next(struct query *q, bool *ret_row, struct err *e);
/* Runs to the end; how many rows changed. A unique key that is taken counts as 0. */
MUST_CHECK bool query_change(struct query *q, int64_t *ret_changed, struct err *e);

/* Of the present row, from 0. False: another type, or it does not fit. */
MUST_CHECK bool query_get_text(const struct query *q, int column, char *ret, size_t cap);
MUST_CHECK bool query_get_integer(const struct query *q, int column, int64_t *ret);
MUST_CHECK bool query_get_bytes(const struct query *q, int column, uint8_t *ret,
				size_t cap, size_t *ret_len);
const char *query_peek_text(const struct query *q,
			    int column); /* borrowed; NULL: no text */

#endif
