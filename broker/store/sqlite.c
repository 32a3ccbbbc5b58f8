/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/engine.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "vtpb": says that a SQLite file is one of ours. */
#define APPLICATION_ID "1987342434"
enum { CHECKPOINT_WAIT_MS = 50 };

#define STATEMENT_TEXT(role, NAME, sql) [SQL_##NAME] = { DB_##role, #NAME, sql },
static const struct {
	enum db_role role;
	const char *name;
	const char *sql;
} statements[SQL_COUNT] = { STATEMENTS(STATEMENT_TEXT) };

struct db {
	sqlite3 *conn;                  /* owned */
	sqlite3_stmt *stmts[SQL_COUNT]; /* owned */
	int64_t log_pages;
	int busy_ms;
};

static const char *const failures[ERR_KINDS] = {
	[ERR_DATABASE] = "the database cannot be used",
	[ERR_DATABASE_LOCKED] = "another program holds the database",
	[ERR_AUDIT_UNAVAILABLE] = "the database cannot be written",
	[ERR_NO_MEMORY] = "out of memory",
	[ERR_INTERNAL] = "a change contradicts what is stored",
};

static enum err_kind kind_of_io(int cause)
{
	if (cause == ENOSPC || cause == EDQUOT || cause == EROFS || cause == EFBIG)
		return ERR_AUDIT_UNAVAILABLE;
	return ERR_DATABASE;
}

static enum err_kind kind_of(int rc, int cause)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_DATABASE_LOCKED;
	case SQLITE_FULL:
	case SQLITE_READONLY:
		return ERR_AUDIT_UNAVAILABLE;
	case SQLITE_NOMEM:
		return ERR_NO_MEMORY;
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
		return ERR_INTERNAL;
	case SQLITE_IOERR:
		return kind_of_io(cause);
	default:
		return ERR_DATABASE;
	}
}

static bool db_fails(const struct db *db, int rc, const char *what, struct err *e)
{
	int cause = db->conn ? sqlite3_system_errno(db->conn) : 0;
	enum err_kind kind = kind_of(rc, cause);

	err_set(e, kind, "%s", failures[kind]);
	if ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN)
		err_wrap(e, "errno %d", cause);
	return err_wrap(e, "%s: sqlite %d, %s", what, rc, sqlite3_errstr(rc));
}

static int log_grew(void *ctx, UNUSED sqlite3 *conn, UNUSED const char *name, int pages)
{
	((struct db *)ctx)->log_pages = pages;
	return SQLITE_OK;
}

static bool db_script(struct db *db, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(db->conn, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK || db_fails(db, rc, "script", e);
}

/* One value of an ad-hoc query, as text; "" when there is no row. */
static bool db_ask(struct db *db, const char *sql, char *ret, size_t cap, struct err *e)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db->conn, sql, -1, &stmt, NULL);
	const unsigned char *text = NULL;
	bool fits = true;

	ret[0] = '\0';
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		text = sqlite3_column_text(stmt, 0);
	if (text)
		fits = text_copy(ret, cap, (const char *)text);
	sqlite3_finalize(stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return db_fails(db, rc, sql, e);
	return fits || err_set(e, ERR_DATABASE, "the database cannot be used");
}

static bool db_set_up(struct db *db, int busy_ms, struct err *e)
{
	sqlite3 *c = db->conn;

	sqlite3_extended_result_codes(c, 1);
	sqlite3_busy_timeout(c, busy_ms);
	db->busy_ms = busy_ms;
	sqlite3_db_config(c, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(c, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(c, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_db_config(c, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return db_script(db,
			 "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;"
			 "PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;"
			 "PRAGMA cell_size_check = ON",
			 e);
}

/* The write-ahead log needs shared memory; a network file system may lack it. After this the
 * hook replaces SQLite's own checkpoints, which would run inside commits. */
static bool db_use_log(struct db *db, struct err *e)
{
	char mode[16];

	if (!db_ask(db, "PRAGMA journal_mode = WAL", mode, sizeof(mode), e))
		return false;
	if (strcmp(mode, "wal") != 0)
		return err_set(e, ERR_DATABASE, "no write-ahead log on this file system");
	sqlite3_wal_hook(db->conn, log_grew, db);
	return true;
}

static bool db_connect(const char *path, int busy_ms, struct db **ret, struct err *e)
{
	OWNED(db) db = calloc(1, sizeof(*db));
	int rc;

	if (!db)
		return err_set(e, ERR_NO_MEMORY, "out of memory");
	rc = sqlite3_open_v2(path, &db->conn,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
				     SQLITE_OPEN_PRIVATECACHE,
			     NULL);
	if (rc != SQLITE_OK)
		return db_fails(db, rc, "open", e);
	if (sqlite3_db_readonly(db->conn, "main"))
		return err_set(e, ERR_DATABASE, "the database file is read-only");
	if (!db_set_up(db, busy_ms, e))
		return false;
	*ret = db_move(&db);
	return true;
}

bool db_create(const char *path, struct db **ret, struct err *e)
{
	OWNED(db) db = NULL;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(e, ERR_IO, "the database file cannot be made");
	close(fd);
	if (!db_connect(path, 0, &db, e) ||
	    !db_script(db, "PRAGMA application_id = " APPLICATION_ID, e) ||
	    !db_use_log(db, e)) {
		unlink(path);
		return false;
	}
	*ret = db_move(&db);
	return true;
}

bool db_open(const char *path, int busy_ms, struct db **ret, struct err *e)
{
	OWNED(db) db = NULL;
	char id[16];

	if (access(path, F_OK) != 0)
		return err_errno(e, ERR_DATABASE, "there is no database yet");
	if (!db_connect(path, busy_ms, &db, e) ||
	    !db_ask(db, "PRAGMA application_id", id, sizeof(id), e))
		return err_wrap(e, "%s", path);
	if (strcmp(id, APPLICATION_ID) != 0)
		return err_set(e, ERR_DATABASE, "this file is no database of the broker");
	if (!db_use_log(db, e))
		return err_wrap(e, "%s", path);
	*ret = db_move(&db);
	return true;
}

bool db_prepare(struct db *db, enum db_role role, struct err *e)
{
	for (int i = 0; i < SQL_COUNT; i++) {
		int rc = SQLITE_OK;

		if (statements[i].role <= role && !db->stmts[i])
			rc = sqlite3_prepare_v3(db->conn, statements[i].sql, -1,
						SQLITE_PREPARE_PERSISTENT, &db->stmts[i],
						NULL);
		if (rc != SQLITE_OK)
			return db_fails(db, rc, statements[i].name, e);
	}
	if (role ==
	    DB_WRITE) /* room for a batch, so that it is not spilt before its commit */
		return db_script(db, "PRAGMA cache_size = -8192", e);
	return role == DB_KEYS || db_script(db, "PRAGMA query_only = ON", e);
}

void db_free(struct db *db)
{
	if (!db)
		return;
	for (int i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(db->stmts[i]);
	sqlite3_close(db->conn);
	free(db);
}

bool db_schema_version(struct db *db, int64_t *ret, struct err *e)
{
	char text[24];

	if (!db_ask(db, "SELECT count(*) FROM sqlite_schema", text, sizeof(text), e))
		return false;
	*ret = 0;
	if (strcmp(text, "0") == 0)
		return true;
	if (!db_ask(db, "SELECT value FROM meta WHERE name = 'schema'", text,
		    sizeof(text), e))
		return false;
	return text_parse_int(text, 1, INT32_MAX, ret) ||
	       err_set(e, ERR_DATABASE,
		       "the database does not tell its schema's version");
}

bool db_migrate(struct db *db, const char *script, int64_t version, struct err *e)
{
	char mark[160];

	if (!text_format(mark, sizeof(mark),
			 "INSERT INTO meta (name, value) VALUES ('schema', %lld) "
			 "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
			 (long long)version))
		return err_set(e, ERR_INTERNAL, "a version is too long");
	return db_script(db, script, e) && db_script(db, mark, e);
}

bool db_run(struct db *db, enum statement s, struct err *e)
{
	bool row;
	QUERY(q, db, s);

	return query_next(&q, &row, e);
}

bool db_begin_write(struct db *db, struct err *e)
{
	return db_script(db, BEGIN_WRITE_SQL, e);
}

bool db_commit(struct db *db, struct err *e)
{
	return db_script(db, "COMMIT", e);
}

void db_rollback(struct db *db)
{
	if (db_in_transaction(db))
		sqlite3_exec(db->conn, "ROLLBACK", NULL, NULL, NULL);
}

bool db_in_transaction(const struct db *db)
{
	return !sqlite3_get_autocommit(db->conn);
}

int64_t db_log_pages(const struct db *db)
{
	return db->log_pages;
}

bool db_checkpoint(struct db *db, bool wait, struct err *e)
{
	int mode = wait ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
	int rc;

	sqlite3_busy_timeout(db->conn, wait ? CHECKPOINT_WAIT_MS : 0);
	rc = sqlite3_wal_checkpoint_v2(db->conn, NULL, mode, NULL, NULL);
	sqlite3_busy_timeout(db->conn, db->busy_ms);
	return rc == SQLITE_OK || db_fails(db, rc, "checkpoint", e);
}

struct query query_start(struct db *db, enum statement s)
{
	assert(db->stmts[s]);
	assert(!sqlite3_stmt_busy(db->stmts[s])); /* a list's own callback used it */
	return (struct query){ db, db->stmts[s], 0, SQLITE_OK };
}

void query_end(struct query *q)
{
	sqlite3_reset(q->stmt);
	sqlite3_clear_bindings(q->stmt);
}

static void query_bound(struct query *q, int rc)
{
	if (q->rc == SQLITE_OK)
		q->rc = rc;
}

void query_text(struct query *q, const char *text)
{
	query_bound(q, sqlite3_bind_text(q->stmt, ++q->bound, text, -1, SQLITE_STATIC));
}

void query_integer(struct query *q, int64_t value)
{
	query_bound(q, sqlite3_bind_int64(q->stmt, ++q->bound, value));
}

void query_bytes(struct query *q, struct view bytes)
{
	static const uint8_t none[1];
	const void *at = bytes.len ? bytes.at : none;

	query_bound(q, sqlite3_bind_blob64(q->stmt, ++q->bound, at, bytes.len,
					   SQLITE_STATIC));
}

static const char *query_name(const struct query *q)
{
	for (int i = 0; i < SQL_COUNT; i++)
		if (q->db->stmts[i] == q->stmt)
			return statements[i].name;
	return "";
}

static int query_step(struct query *q)
{
	assert(q->bound == sqlite3_bind_parameter_count(q->stmt));
	if (q->rc == SQLITE_OK || q->rc == SQLITE_ROW)
		q->rc = sqlite3_step(q->stmt);
	return q->rc;
}

bool query_next(struct query *q, bool *ret_row, struct err *e)
{
	int rc = query_step(q);

	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return db_fails(q->db, rc, query_name(q), e);
	*ret_row = rc == SQLITE_ROW;
	return true;
}

bool query_change(struct query *q, int64_t *ret_changed, struct err *e)
{
	int rc = query_step(q);

	if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY) {
		*ret_changed = 0;
		return true;
	}
	if (rc != SQLITE_DONE)
		return db_fails(q->db, rc, query_name(q), e);
	*ret_changed = sqlite3_changes64(q->db->conn);
	return true;
}

bool query_get_text(const struct query *q, int column, char *ret, size_t cap)
{
	const char *text = query_peek_text(q, column);
	size_t len = (size_t)sqlite3_column_bytes(q->stmt, column);

	if (!text || len >= cap || memchr(text, '\0', len))
		return false;
	memcpy(ret, text, len);
	ret[len] = '\0';
	return true;
}

bool query_get_integer(const struct query *q, int column, int64_t *ret)
{
	*ret = sqlite3_column_int64(q->stmt, column);
	return sqlite3_column_type(q->stmt, column) == SQLITE_INTEGER;
}

bool query_get_bytes(const struct query *q, int column, uint8_t *ret, size_t cap,
		     size_t *ret_len)
{
	const void *at = sqlite3_column_blob(q->stmt, column);
	size_t len = (size_t)sqlite3_column_bytes(q->stmt, column);

	if (sqlite3_column_type(q->stmt, column) != SQLITE_BLOB || len > cap)
		return false;
	if (len)
		memcpy(ret, at, len);
	*ret_len = len;
	return true;
}

const char *query_peek_text(const struct query *q, int column)
{
	if (sqlite3_column_type(q->stmt, column) != SQLITE_TEXT)
		return NULL;
	return (const char *)sqlite3_column_text(q->stmt, column);
}
