/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/table.h"
#include "common/text.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#define FIELD_SIZE(T, field) sizeof(((struct T *)0)->field)
#define COLUMN(T, kind, field) \
	{ #field, COLUMN_##kind, offsetof(struct T, field), FIELD_SIZE(T, field), 0 },
#define BYTES(T, field, length)                                                  \
	{ #field, COLUMN_BYTES, offsetof(struct T, field), FIELD_SIZE(T, field), \
	  offsetof(struct T, length) },
#define DEFINE_COLUMNS(NAME, name)                                                    \
	static const struct column name##_columns[] = { NAME##_COLUMNS(COLUMN, BYTES, \
								       name##_row) };
TABLES(DEFINE_COLUMNS)
static const struct column record_columns[] = { AUDIT_COLUMNS(COLUMN, BYTES,
							      audit_record) };
static const struct column hint_columns[] = { EVENT_COLUMNS(COLUMN, BYTES, event_row) };

/* Head and key come first in every row. */
#define KEY_SIZE(T, last) (offsetof(struct T, last) + FIELD_SIZE(T, last))
#define DEFINE_SPEC(NAME, name)                                           \
	[TABLE_##NAME] = { #name,                                         \
			   { name##_columns, ARRAY_LEN(name##_columns) }, \
			   NAME##_KEYS,                                   \
			   KEY_SIZE(name##_row, NAME##_KEY_LAST),         \
			   sizeof(struct name##_row),                     \
			   SQL_##NAME##_GET,                              \
			   SQL_##NAME##_GUARD,                            \
			   SQL_##NAME##_INSERT,                           \
			   SQL_##NAME##_UPDATE },
static const struct table_spec specs[TABLE_COUNT] = { TABLES(DEFINE_SPEC) };

const struct table_spec *table_spec(enum table t)
{
	assert((unsigned)t < TABLE_COUNT);
	return &specs[t];
}

struct columns audit_columns(void)
{
	return (struct columns){ record_columns, ARRAY_LEN(record_columns) };
}

struct columns event_columns(void)
{
	return (struct columns){ hint_columns, ARRAY_LEN(hint_columns) };
}

static const char *text_at(const void *row, const struct column *c)
{
	return (const char *)row + c->at;
}

static int64_t integer_at(const void *row, size_t at)
{
	int64_t value;

	memcpy(&value, (const char *)row + at, sizeof(value));
	return value;
}

static struct view bytes_at(const void *row, const struct column *c)
{
	size_t len = c->size;

	if (c->type == COLUMN_BYTES)
		len = (size_t)integer_at(row, c->len_at);
	assert(len <= c->size);
	return (struct view){ (const uint8_t *)row + c->at, len };
}

static void column_bind(struct query *q, const struct column *c, const void *row)
{
	if (c->type == COLUMN_TEXT)
		query_text(q, text_at(row, c));
	else if (c->type == COLUMN_INTEGER)
		query_integer(q, integer_at(row, c->at));
	else
		query_bytes(q, bytes_at(row, c));
}

void columns_bind(struct query *q, struct columns c, const void *row)
{
	for (size_t i = 0; i < c.count; i++)
		column_bind(q, &c.at[i], row);
}

static bool column_read_bytes(const struct query *q, int at, const struct column *c,
			      void *ret)
{
	size_t len;
	int64_t stored;

	if (!query_get_bytes(q, at, (uint8_t *)ret + c->at, c->size, &len))
		return false;
	if (c->type == COLUMN_FIXED)
		return len == c->size;
	stored = (int64_t)len;
	memcpy((char *)ret + c->len_at, &stored, sizeof(stored));
	return true;
}

static bool column_read(const struct query *q, int at, const struct column *c, void *ret)
{
	int64_t value;

	if (c->type == COLUMN_TEXT)
		return query_get_text(q, at, (char *)ret + c->at, c->size);
	if (c->type != COLUMN_INTEGER)
		return column_read_bytes(q, at, c, ret);
	if (!query_get_integer(q, at, &value))
		return false;
	memcpy((char *)ret + c->at, &value, sizeof(value));
	return true;
}

bool columns_read(const struct query *q, struct columns c, int from, void *ret)
{
	for (size_t i = 0; i < c.count; i++)
		if (!column_read(q, from + (int)i, &c.at[i], ret))
			return false;
	return true;
}

void columns_mac(struct mac *m, struct columns c, const void *row)
{
	for (size_t i = 0; i < c.count; i++)
		if (c.at[i].type == COLUMN_TEXT)
			mac_add_text(m, text_at(row, &c.at[i]));
		else if (c.at[i].type == COLUMN_INTEGER)
			mac_add_integer(m, integer_at(row, c.at[i].at));
		else
			mac_add_bytes(m, bytes_at(row, &c.at[i]));
}

bool row_seal(const struct table_spec *s, const void *row, struct mac *m,
	      struct row_head *ret, struct err *e)
{
	mac_begin(m);
	mac_add_text(m, s->name);
	columns_mac(m, s->columns, row);
	mac_add_integer(m, ret->generation);
	return mac_end(m, ret->mac, e);
}

void row_bind_key(struct query *q, const struct table_spec *s, const void *row)
{
	columns_bind(q, (struct columns){ s->columns.at, s->keys }, row);
}

void row_bind(struct query *q, const struct table_spec *s, size_t settled,
	      const void *row, const struct row_head *head)
{
	columns_bind(q,
		     (struct columns){ s->columns.at + settled,
				       s->columns.count - settled },
		     row);
	query_integer(q, head->generation);
	query_bytes(q, (struct view){ head->mac, sizeof(head->mac) });
}

static bool row_read_fields(struct query *q, const struct table_spec *s, void *ret)
{
	struct row_head *head = ret;
	int after = (int)s->columns.count;
	size_t len;

	memset(ret, 0, s->row_size);
	return columns_read(q, s->columns, 0, ret) &&
	       query_get_integer(q, after, &head->generation) && head->generation > 0 &&
	       query_get_bytes(q, after + 1, head->mac, sizeof(head->mac), &len) &&
	       len == sizeof(head->mac);
}

/* After a failure nothing of the row remains but its key. */
static bool row_refuse(const struct table_spec *s, void *row, struct err *e)
{
	row_tampered(s, row, e);
	memset(row, 0, s->row_size);
	return false;
}

bool row_read(struct query *q, const struct table_spec *s, struct mac *m, void *ret,
	      struct err *e)
{
	return row_read_older(q, s, s->columns.count, m, ret, e);
}

bool row_read_older(struct query *q, const struct table_spec *s, size_t columns,
		    struct mac *m, void *ret, struct err *e)
{
	const struct row_head *head = ret;
	struct table_spec older = *s;
	struct row_head want;

	older.columns.count = columns;
	if (!row_read_fields(q, s, ret))
		return row_refuse(s, ret, e);
	want.generation = head->generation;
	if (!row_seal(&older, ret, m, &want, e))
		return false;
	return mac_equal(want.mac, head->mac) || row_refuse(s, ret, e);
}

bool row_same_key(const struct table_spec *s, const void *a, const void *b)
{
	for (size_t i = 0; i < s->keys; i++) {
		const struct column *c = &s->columns.at[i];
		bool same = c->type == COLUMN_TEXT
				    ? strcmp(text_at(a, c), text_at(b, c)) == 0
				    : integer_at(a, c->at) == integer_at(b, c->at);

		if (!same)
			return false;
	}
	return true;
}

/* The row found must be the one asked for: an index that was bent leads elsewhere. */
bool row_get(struct db *db, const struct table_spec *s, struct mac *m, void *row,
	     struct err *e)
{
	alignas(struct row_head) char key[ROW_KEY_MAX];
	bool found, read;
	QUERY(q, db, s->get);

	assert(s->key_size <= sizeof(key));
	memcpy(key, row, s->key_size);
	row_bind_key(&q, s, key);
	read = query_next(&q, &found, e);
	if (!read || !found) {
		memset(row, 0, s->row_size);
		return read;
	}
	if (!row_read(&q, s, m, row, e))
		return false;
	return row_same_key(s, row, key) || row_refuse(s, row, e);
}

bool row_tampered(const struct table_spec *s, const void *row, struct err *e)
{
	char key[160] = "";

	for (size_t i = 0; i < s->keys; i++) {
		const struct column *c = &s->columns.at[i];
		char part[80];

		if (c->type == COLUMN_TEXT)
			snprintf(part, sizeof(part), " %.70s", text_at(row, c));
		else
			snprintf(part, sizeof(part), " %lld",
				 (long long)integer_at(row, c->at));
		strncat(key, part, sizeof(key) - strlen(key) - 1);
	}
	err_set(e, ERR_ROW_TAMPERED, "a database row does not verify");
	return err_wrap(e, "table %s, key%s", s->name, key);
}
