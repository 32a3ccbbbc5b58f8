/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table - rows by their columns: bind, read, MAC, key. One description per table.
 *
 * Gives:   table_spec; row_* work on any struct x_row of its table.
 * Rule:    a row's first key_size bytes hold its head and key, so that a copy cut there can
 *          stand for the row wherever only the key counts.
 * Refuses: a row whose MAC, type or size is off: ERR_ROW_TAMPERED, table and key in the trail.
 * Threads: const; the struct mac given is the caller's.
 */
#ifndef BROKER_STORE_TABLE_H
#define BROKER_STORE_TABLE_H

#include "broker/store/change.h"
#include "broker/store/engine.h"

enum { ROW_KEY_MAX = offsetof(struct project_key_row, envelope) };

enum column_type { COLUMN_TEXT, COLUMN_INTEGER, COLUMN_FIXED, COLUMN_BYTES };

struct column {
	const char *name;
	enum column_type type;
	size_t at, size; /* of the field in its struct */
	size_t len_at;   /* COLUMN_BYTES: where the length is */
};

struct columns {
	const struct column *at;
	size_t count;
};

struct table_spec {
	const char *name;
	struct columns columns;
	size_t keys;     /* the first so many columns */
	size_t key_size; /* of the struct: head and key */
	size_t row_size;
	enum statement get, guard, insert, update;
};

const struct table_spec *table_spec(enum table t);
struct columns audit_columns(void); /* of struct audit_record */
struct columns event_columns(void); /* of struct event_row */

/* Any row, for scratch. */
union row {
	struct row_head head;
#define ROW_MEMBER(NAME, name) struct name##_row name;
	TABLES(ROW_MEMBER)
#undef ROW_MEMBER
};

/* Columns of any struct: binds them, reads them from query column `from` on, MACs them. */
void columns_bind(struct query *q, struct columns c, const void *row);
MUST_CHECK bool columns_read(const struct query *q, struct columns c, int from,
			     void *ret);
void columns_mac(struct mac *m, struct columns c, const void *row);

void row_bind_key(struct query *q, const struct table_spec *s, const void *row);
/* The MAC over table, key, all fields and ret->generation. */
MUST_CHECK bool row_seal(const struct table_spec *s, const void *row, struct mac *m,
			 struct row_head *ret, struct err *e);
/* All columns but the first `settled`, generation and MAC, which are borrowed as the row is. */
void row_bind(struct query *q, const struct table_spec *s, size_t settled,
	      const void *row, const struct row_head *head);
/* The present row of q, verified. */
MUST_CHECK bool row_read(struct query *q, const struct table_spec *s, struct mac *m,
			 void *ret, struct err *e);
/* The same where the MAC was made before the table had its last columns. */
MUST_CHECK bool row_read_older(struct query *q, const struct table_spec *s,
			       size_t columns, struct mac *m, void *ret, struct err *e);
bool row_same_key(const struct table_spec *s, const void *a, const void *b);
/* The row by its key: `row` holds the key and becomes the row, or all zero. */
MUST_CHECK bool row_get(struct db *db, const struct table_spec *s, struct mac *m,
			void *row, struct err *e);
bool row_tampered(const struct table_spec *s, const void *row, struct err *e); /* false */

#endif
