/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_bed - a store in a directory of its own, for the tests of broker/store.
 *
 * Owns:    the directory, its files, keys, store and one reader, from bed_up to bed_down.
 * Gives:   raw SQL past the store (the hand of one who can write the file), rows filled by
 *          their columns, small waits.
 * Threads: one.
 */
#ifndef TESTS_UNIT_STORE_BED_H
#define TESTS_UNIT_STORE_BED_H

#include "broker/store/change_body.h"
#include "broker/store/reader.h"
#include "common/clock.h"
#include "tests/unit/check.h"

#include <dirent.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct bed {
	char dir[64], path[96];
	struct mac_key *row, *audit;
	struct store *store;
	struct reader *reader;
	struct change *change;
	int64_t margin_bytes;
	int busy_ms;
	struct err e;
};

/* What must hold for a test to go on at all. */
static UNUSED void need(struct bed *b, bool holds, const char *what)
{
	if (holds)
		return;
	printf("Bail out! %s: %s\n", what, b->e.trail);
	fflush(stdout);
	abort();
}

static UNUSED struct mac_key *bed_key(struct bed *b, uint8_t fill)
{
	uint8_t bytes[32];
	OWNED(secret) secret = NULL;
	struct mac_key *key = NULL;

	memset(bytes, fill, sizeof(bytes));
	need(b,
	     secret_from((struct view){ bytes, sizeof(bytes) }, &secret, &b->e) &&
		     mac_key_from(secret, &key, &b->e),
	     "a key");
	return key;
}

static UNUSED bool bed_try_open(struct bed *b)
{
	struct store_options o = {
		.path = b->path,
		.writer = "broker",
		.keys = { b->row, b->audit },
		.clock = clock_system(),
		.margin_bytes = b->margin_bytes,
		.busy_ms = b->busy_ms,
	};

	return store_open(&o, &b->store, &b->e) &&
	       reader_open(b->store, &b->reader, &b->e);
}

static UNUSED void bed_open(struct bed *b)
{
	need(b, bed_try_open(b), "opening the store");
}

static UNUSED void bed_close(struct bed *b)
{
	reader_free(b->reader);
	store_free(b->store);
	b->reader = NULL;
	b->store = NULL;
}

static UNUSED void bed_up_in(struct bed *b, const char *where)
{
	struct store_file *f = NULL;

	*b = (struct bed){ 0 };
	snprintf(b->dir, sizeof(b->dir), "%s/vtpm-store-test-XXXXXX", where);
	need(b, mkdtemp(b->dir) != NULL, "mkdtemp");
	snprintf(b->path, sizeof(b->path), "%s/broker.db", b->dir);
	b->row = bed_key(b, 1);
	b->audit = bed_key(b, 2);
	need(b, store_file_create(b->path, &f, &b->e), "creating the store");
	store_file_free(f);
	need(b, change_new(&b->change, &b->e), "a change");
	bed_open(b);
}

static UNUSED void bed_up(struct bed *b)
{
	bed_up_in(b, "/tmp");
}

static UNUSED void bed_down(struct bed *b)
{
	struct dirent *entry;
	DIR *dir;
	char path[512];

	change_free(b->change);
	bed_close(b);
	mac_key_free(b->row);
	mac_key_free(b->audit);
	dir = opendir(b->dir);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", b->dir, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(b->dir);
}

/* Past the store, as one who can write the file. */
static UNUSED bool raw_try(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	int rc = sqlite3_open(path, &db);

	if (rc == SQLITE_OK)
		sqlite3_busy_timeout(db, 5000);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		printf("# %s: %s\n", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
	return rc == SQLITE_OK;
}

static UNUSED void PRINTF(2, 3) raw(struct bed *b, const char *fmt, ...)
{
	char sql[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(sql, sizeof(sql), fmt, args);
	va_end(args);
	need(b, raw_try(b->path, sql), sql);
}

static UNUSED int64_t raw_count(struct bed *b, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	int64_t n = -1;

	if (sqlite3_open(b->path, &db) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

static UNUSED struct uuid bed_uuid(int n)
{
	struct uuid id;

	snprintf(id.text, sizeof(id.text), "%08x-0000-4000-8000-000000000000",
		 (unsigned)n);
	return id;
}

static UNUSED struct instance_row bed_instance(int n, const char *name,
					       const char *project)
{
	struct instance_row row = { .id = bed_uuid(n),
				    .secret = bed_uuid(n + 0x10000000) };

	snprintf(row.name, sizeof(row.name), "%s", name);
	snprintf(row.issuer, sizeof(row.issuer), "broker:1");
	snprintf(row.project, sizeof(row.project), "%s", project);
	return row;
}

static UNUSED bool bed_put(struct bed *b, enum table t, const void *row)
{
	change_reset(b->change);
	change_put(b->change, t, row);
	return store_commit(b->store, b->change, &b->e);
}

static UNUSED bool bed_audit(struct bed *b, const char *verb)
{
	struct audit_record *a;

	change_reset(b->change);
	change_set_class(b->change, CHANGE_AUDIT_ONLY);
	a = change_audit(b->change);
	snprintf(a->verb, sizeof(a->verb), "%s", verb);
	return store_commit(b->store, b->change, &b->e);
}

#endif
