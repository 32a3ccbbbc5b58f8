/* SPDX-License-Identifier: Apache-2.0 */
/* Every column of every table: stored, read back, and refused once somebody touched it. */
#include "tests/unit/store_bed.h"

/* Values that differ from column to column; all references lead to one instance. */
static void fill(const struct table_spec *s, void *row, int seed)
{
	memset(row, 0, s->row_size);
	for (size_t i = 0; i < s->columns.count; i++) {
		const struct column *c = &s->columns.at[i];
		char *at = (char *)row + c->at;
		int64_t value = seed * 100 + (int64_t)i;

		if (c->type == COLUMN_TEXT && strcmp(c->name, "instance") == 0)
			memcpy(at, bed_uuid(1).text, sizeof(bed_uuid(1).text));
		else if (c->type == COLUMN_TEXT)
			snprintf(at, c->size, "%d-%s", seed, c->name);
		else if (c->type == COLUMN_INTEGER)
			memcpy(at, &value, sizeof(value));
		else
			memset(at, (int)value, c->type == COLUMN_FIXED ? c->size : 20);
		value = 20;
		if (c->type == COLUMN_BYTES)
			memcpy((char *)row + c->len_at, &value, sizeof(value));
	}
}

static bool same(const struct table_spec *s, const void *a, const void *b)
{
	size_t head = sizeof(struct row_head);

	return memcmp((const char *)a + head, (const char *)b + head,
		      s->row_size - head) == 0;
}

static void round_trip(struct bed *b, enum table t, union row *filled)
{
	const struct table_spec *s = table_spec(t);
	union row got;
	char says[128];

	fill(s, filled, 1);
	snprintf(says, sizeof(says), "a row of %s comes back as it was put", s->name);
	memcpy(&got, filled, s->key_size);
	check(says, bed_put(b, t, filled) &&
			    row_get(b->reader->db, s, b->reader->row, &got, &b->e) &&
			    same(s, &got, filled) && got.head.generation == 1);
	fill(s, &got, 3);
	snprintf(says, sizeof(says), "a row of %s that is not there has generation 0",
		 s->name);
	if (t != TABLE_PLACEMENT) /* its key is the one instance */
		check(says, row_get(b->reader->db, s, b->reader->row, &got, &b->e) &&
				    got.head.generation == 0);
}

static const char *altered(enum column_type type)
{
	if (type == COLUMN_TEXT)
		return "substr(%s, 1, length(%s) - 1) || 'x'";
	return type == COLUMN_INTEGER ? "%s + 1" : "zeroblob(length(%s))";
}

static bool refused(struct bed *b, const struct table_spec *s, union row *key)
{
	char table[48];

	snprintf(table, sizeof(table), "table %s", s->name);
	return !row_get(b->reader->db, s, b->reader->row, key, &b->e) &&
	       b->e.kind == ERR_ROW_TAMPERED && strstr(b->e.trail, table);
}

static void touch(struct bed *b, const struct table_spec *s, const char *column,
		  enum column_type type)
{
	char value[96], from[32];

	snprintf(from, sizeof(from), "%s", column);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(value, sizeof(value), altered(type), from, from);
#pragma GCC diagnostic pop
	raw(b, "UPDATE %s SET %s = %s WHERE %s IN (SELECT %s FROM keep)", s->name, column,
	    value, column, column);
}

static void restore(struct bed *b, const struct table_spec *s)
{
	raw(b, "DELETE FROM %s; INSERT INTO %s SELECT * FROM keep", s->name, s->name);
}

/* The key under which the touched row now lies. */
static void touch_key(const struct column *c, size_t i, const struct table_spec *s,
		      union row *key)
{
	char *at = (char *)key + c->at;
	int64_t value;

	if (i >= s->keys)
		return;
	if (c->type == COLUMN_TEXT) {
		at[strlen(at) - 1] = 'x';
		return;
	}
	memcpy(&value, at, sizeof(value));
	value++;
	memcpy(at, &value, sizeof(value));
}

static void each_column(struct bed *b, enum table t, const union row *filled)
{
	const struct table_spec *s = table_spec(t);
	static const struct column last[] = { { "generation", COLUMN_INTEGER, 0, 0, 0 },
					      { "mac", COLUMN_FIXED, 0, 0, 0 } };
	char says[160];

	raw(b, "CREATE TABLE keep AS SELECT * FROM %s", s->name);
	for (size_t i = 0; i < s->columns.count + 2; i++) {
		bool own = i < s->columns.count;
		const struct column *c =
			own ? &s->columns.at[i] : &last[i - s->columns.count];
		union row key = *filled;

		touch(b, s, c->name, c->type);
		touch_key(c, i, s, &key);
		snprintf(says, sizeof(says), "%s.%s changed by hand: the row is refused",
			 s->name, c->name);
		check(says, refused(b, s, &key));
		restore(b, s);
	}
	raw(b, "DROP TABLE keep");
}

/* A put must not give a good MAC to what somebody wrote by hand. */
static void laundering(struct bed *b)
{
	struct placement_row row = { .instance = bed_uuid(1) };
	struct uuid id = row.instance;

	need(b, read_placement(b->reader, &id, &row, &b->e), "the placement");
	raw(b, "UPDATE placement SET off_until_us = 7");
	check("a put that would replace a row changed by hand is refused",
	      !bed_put(b, TABLE_PLACEMENT, &row) && b->e.kind == ERR_ROW_TAMPERED);
	raw(b, "UPDATE placement SET off_until_us = %lld", (long long)row.off_until_us);
	check("once it is as it was, the put succeeds",
	      bed_put(b, TABLE_PLACEMENT, &row));
}

static void moved_rows(struct bed *b)
{
	struct instance_row two = bed_instance(2, "two", "p");
	struct placement_row here = { .instance = two.id, .epoch = 9 }, got;

	need(b, bed_put(b, TABLE_INSTANCE, &two) && bed_put(b, TABLE_PLACEMENT, &here),
	     "a second instance");
	raw(b,
	    "UPDATE placement SET (host, epoch, placed_us, attempt, stopped, "
	    "off_until_us, number, moving,"
	    " generation, mac) = (SELECT host, epoch, placed_us, attempt, stopped,"
	    " off_until_us, number, moving, generation, mac FROM placement WHERE "
	    "instance = '%s')"
	    " WHERE instance = '%s'",
	    bed_uuid(1).text, two.id.text);
	check("a placement copied under another instance is refused",
	      !read_placement(b->reader, &two.id, &got, &b->e) &&
		      b->e.kind == ERR_ROW_TAMPERED && got.head.generation == 0);
	raw(b, "DELETE FROM placement WHERE instance = '%s'", two.id.text);
	check("a row deleted by hand is simply absent",
	      read_placement(b->reader, &two.id, &got, &b->e) &&
		      got.head.generation == 0);
}

static void replay(struct bed *b)
{
	struct host_row host = { .key_hash = "aa", .name = "h1", .state = "approved" };

	need(b, bed_put(b, TABLE_HOST, &host), "a host");
	raw(b, "CREATE TABLE keep AS SELECT * FROM host WHERE key_hash = 'aa'");
	need(b, read_host(b->reader, "aa", &host, &b->e), "the host");
	strcpy(host.state, "fenced");
	need(b, bed_put(b, TABLE_HOST, &host), "fencing");
	raw(b,
	    "DELETE FROM host WHERE key_hash = 'aa'; INSERT INTO host SELECT * FROM keep;"
	    " DROP TABLE keep");
	check("an old row put back whole does verify: a MAC knows no time",
	      read_host(b->reader, "aa", &host, &b->e) &&
		      strcmp(host.state, "approved") == 0);
}

/* Token 1 is the attacker's; the index is bent so that its hash leads to token 2's row. */
static void bent_index(struct bed *b)
{
	struct token_row mine = { .id = bed_uuid(21), .sha256 = { 1 }, .role = "member" };
	struct token_row theirs = { .id = bed_uuid(22),
				    .sha256 = { 2 },
				    .role = "operator" };
	struct token_row got;

	need(b, bed_put(b, TABLE_TOKEN, &mine) && bed_put(b, TABLE_TOKEN, &theirs),
	     "tokens");
	check("a token is found by its hash",
	      read_token_by_sha256(b->reader, theirs.sha256, &got, &b->e) &&
		      uuid_equal(&got.id, &theirs.id));
	bed_close(b);
	raw(b, "CREATE TABLE fake (id TEXT NOT NULL PRIMARY KEY, sha256 BLOB NOT NULL)"
	       " WITHOUT ROWID; CREATE UNIQUE INDEX fake_index ON fake (sha256);"
	       " INSERT INTO fake SELECT '00000016-0000-4000-8000-000000000000', sha256"
	       " FROM token WHERE id = '00000015-0000-4000-8000-000000000000';"
	       " PRAGMA writable_schema = ON;"
	       " UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema"
	       " WHERE name = 'fake_index') WHERE name = 'token_by_sha256'");
	bed_open(b);
	check("an index bent to another token's row does not make one its holder",
	      !read_token_by_sha256(b->reader, mine.sha256, &got, &b->e) &&
		      b->e.kind == ERR_ROW_TAMPERED && got.head.generation == 0);
}

static void key_sizes(void)
{
	for (int t = 0; t < TABLE_COUNT; t++) {
		const struct table_spec *s = table_spec((enum table)t);
		const struct column *last = &s->columns.at[s->keys - 1];
		char says[96];

		snprintf(says, sizeof(says), "the key of %s lies before all else",
			 s->name);
		check(says, last->at + last->size == s->key_size &&
				    s->columns.at[s->keys].at >= s->key_size &&
				    s->key_size <= ROW_KEY_MAX);
	}
}

int main(void)
{
	static union row filled[TABLE_COUNT];
	struct instance_row one = bed_instance(1, "one", "p");
	struct bed b;

	bed_up(&b);
	key_sizes();
	need(&b, bed_put(&b, TABLE_INSTANCE, &one), "an instance");
	for (int t = 0; t < TABLE_COUNT; t++)
		round_trip(&b, (enum table)t, &filled[t]);
	for (int t = 0; t < TABLE_COUNT; t++)
		each_column(&b, (enum table)t, &filled[t]);
	laundering(&b);
	moved_rows(&b);
	replay(&b);
	bent_index(&b);
	bed_down(&b);
	return done();
}
