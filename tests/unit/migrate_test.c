/* SPDX-License-Identifier: Apache-2.0 */
/* A database of the first schema, with placements in it, opens under this one. */
#include "broker/store/migrate.h"
#include "tests/unit/store_bed.h"

enum { PLACEMENT_COLUMNS_1 = 7, PLACEMENTS = 300 };

/* As the first schema's MAC was made: over the columns that there were. */
static void seal_older(struct bed *b, const struct table_spec *s, size_t columns,
		       const void *row, char ret_hex[2 * MAC_BYTES + 1])
{
	struct table_spec older = *s;
	struct row_head head = { .generation = 5 };
	struct mac *m = NULL;

	older.columns.count = columns;
	need(b, mac_new(b->row, &m, &b->e) && row_seal(&older, row, m, &head, &b->e),
	     "an older MAC");
	mac_free(m);
	text_hex((struct view){ head.mac, MAC_BYTES }, ret_hex);
}

static void put_instance(struct bed *b, int n)
{
	struct instance_row i = bed_instance(n, "guest", "p");
	const struct table_spec *s = table_spec(TABLE_INSTANCE);
	char hex[2 * MAC_BYTES + 1];

	seal_older(b, s, s->columns.count, &i, hex);
	raw(b,
	    "INSERT INTO instance VALUES ('%s', '%s', '%s', '%s', '', '', '', '', '', '',"
	    " '', '', '%s', 0, 0, 5, x'%s')",
	    i.id.text, i.name, i.issuer, i.project, i.secret.text, hex);
}

static void put_placement(struct bed *b, int n)
{
	struct placement_row p = { .instance = bed_uuid(n), .host = "aa", .epoch = n };
	char hex[2 * MAC_BYTES + 1];

	seal_older(b, table_spec(TABLE_PLACEMENT), PLACEMENT_COLUMNS_1, &p, hex);
	raw(b, "INSERT INTO placement VALUES ('%s', 'aa', %d, 0, '', 0, 0, 5, x'%s')",
	    p.instance.text, n, hex);
}

/* The bed's own store is put away for one of the first schema. */
static void first_schema(struct bed *b)
{
	OWNED(db) db = NULL;

	bed_close(b);
	need(b, unlink(b->path) == 0, "removing the store");
	need(b,
	     db_create(b->path, &db, &b->e) && db_begin_write(db, &b->e) &&
		     db_migrate(db, migrations[0], 1, &b->e) && db_commit(db, &b->e),
	     "the first schema");
}

static bool placement_is(struct bed *b, int n)
{
	struct uuid id = bed_uuid(n);
	struct placement_row p;

	return read_placement(b->reader, &id, &p, &b->e) && p.head.generation == 5 &&
	       p.epoch == n && p.number == 0 && p.moving == 0 &&
	       strcmp(p.host, "aa") == 0;
}

static void bad_row(void *ctx, const struct err *why)
{
	(void)why;
	++*(int *)ctx;
}

static void older_opens(struct bed *b)
{
	struct placement_row p;
	struct uuid id = bed_uuid(1);
	int64_t good = 0;
	int bad = 0;
	bool all = true;

	first_schema(b);
	for (int n = 1; n <= PLACEMENTS; n++) {
		put_instance(b, n);
		put_placement(b, n);
	}
	check("a database of the first schema opens", bed_try_open(b));
	for (int n = 1; n <= PLACEMENTS; n++)
		all = all && placement_is(b, n);
	check("its placements verify, and are what they were", all);
	check("every row does",
	      reader_verify_rows(b->reader, bad_row, &bad, &good, &b->e) && bad == 0 &&
		      good == 2 * PLACEMENTS);
	need(b, read_placement(b->reader, &id, &p, &b->e), "a placement");
	p.number = 3;
	check("they can be written", bed_put(b, TABLE_PLACEMENT, &p) &&
					     read_placement(b->reader, &id, &p, &b->e) &&
					     p.number == 3 && p.head.generation == 6);
	raw(b, "UPDATE placement SET moving = 1 WHERE epoch = 2");
	check("and a new column changed by hand is refused", !placement_is(b, 2));
	bed_close(b);
	bed_open(b);
	check("opened again, they are verified as what they are now",
	      placement_is(b, 3) && !placement_is(b, 2));
}

static void tampered_is_refused(struct bed *b)
{
	first_schema(b);
	put_instance(b, 1);
	put_placement(b, 1);
	raw(b, "UPDATE placement SET host = 'bb'");
	check("a placement that was changed by hand gets no new MAC: the store does not "
	      "open",
	      !bed_try_open(b) && b->e.kind == ERR_ROW_TAMPERED &&
		      strstr(b->e.trail, "placement") != NULL);
	bed_close(b);
	check("and the schema stays the first",
	      raw_count(b, "SELECT value FROM meta WHERE name = 'schema'") == 1);
	raw(b, "UPDATE placement SET host = 'aa'");
	check("once it is as it was, it opens", bed_try_open(b) && placement_is(b, 1));
}

static void keys_at_any_version(struct bed *b)
{
	OWNED(store_file) f = NULL;
	uint8_t got[8];
	size_t len = 0;

	first_schema(b);
	raw(b, "INSERT INTO key VALUES ('name', x'0102')");
	check("the keys of an older database are read before its rows can be",
	      store_file_open(b->path, &f, &b->e) &&
		      store_file_get(f, "name", got, sizeof(got), &len, &b->e) &&
		      len == 2);
	check("which leaves its schema as it is",
	      raw_count(b, "SELECT value FROM meta WHERE name = 'schema'") == 1);
}

int main(void)
{
	struct bed b;

	bed_up(&b);
	older_opens(&b);
	tampered_is_refused(&b);
	keys_at_any_version(&b);
	bed_down(&b);
	return done();
}
