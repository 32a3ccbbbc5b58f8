/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/migrate.h"
#include "broker/store/table.h"

/* What a version added to the end of a table's columns. */
static const struct growth {
	int64_t version;
	enum table table;
	size_t columns_before;
	enum statement all;
} growths[] = {
	{ 2, TABLE_PLACEMENT, 7, SQL_PLACEMENT_ALL },
};

static bool version_known(int64_t version, struct err *e)
{
	if (version <= migrations_count)
		return true;
	return err_set(e, ERR_DATABASE_NEWER,
		       "the database has schema %lld, this release knows %lld",
		       (long long)version, (long long)migrations_count);
}

static bool row_grow(struct db *db, const struct table_spec *s, const union row *row,
		     struct mac *m, struct err *e)
{
	struct row_head head = { .generation = row->head.generation };
	int64_t changed;
	QUERY(q, db, s->update);

	if (!row_seal(s, row, m, &head, e))
		return false;
	row_bind(&q, s, 0, row, &head);
	query_integer(&q, head.generation);
	return query_change(&q, &changed, e) &&
	       (changed == 1 || err_set(e, ERR_DATABASE, "a row cannot be written"));
}

/* A row that was tampered with must not get a good MAC. */
static bool table_grow(struct db *db, const struct growth *g, struct mac *m,
		       struct err *e)
{
	const struct table_spec *s = table_spec(g->table);
	union row row;
	bool more;
	QUERY(q, db, g->all);

	for (;;) {
		if (!query_next(&q, &more, e))
			return false;
		if (!more)
			return true;
		if (!row_read_older(&q, s, g->columns_before, m, &row, e) ||
		    !row_grow(db, s, &row, m, e))
			return false;
	}
}

/* The first growth since that version tells how the table's MACs were made. */
static bool tables_grow(struct db *db, int64_t since, struct mac *m, struct err *e)
{
	bool done[TABLE_COUNT] = { false };

	for (size_t i = 0; i < ARRAY_LEN(growths); i++) {
		const struct growth *g = &growths[i];

		if (g->version <= since || done[g->table])
			continue;
		done[g->table] = true;
		if (!table_grow(db, g, m, e))
			return false;
	}
	return true;
}

/* Under the write lock, so that the version does not move underneath. A file just created has
 * no rows yet, and no key for their MACs. */
static bool migrate_locked(struct db *db, struct mac *row, struct err *e)
{
	int64_t since;

	if (!db_schema_version(db, &since, e) || !version_known(since, e))
		return false;
	for (int64_t v = since; v < migrations_count; v++)
		if (!db_migrate(db, migrations[v], v + 1, e))
			return err_wrap(e, "migration %lld", (long long)v + 1);
	if (row && since > 0 &&
	    (!db_prepare(db, DB_WRITE, e) || !tables_grow(db, since, row, e)))
		return err_wrap(e, "migration of rows");
	return db_commit(db, e);
}

static bool migrate_from(struct db *db, bool older_too, struct mac *row, struct err *e)
{
	int64_t version;
	bool done;

	if (!db_schema_version(db, &version, e) || !version_known(version, e))
		return false;
	if (version == migrations_count || (version > 0 && !older_too))
		return true;
	if (!db_begin_write(db, e))
		return false;
	done = migrate_locked(db, row, e);
	db_rollback(db);
	return done;
}

bool migrate_up(struct db *db, struct mac *row, struct err *e)
{
	return migrate_from(db, true, row, e);
}

bool migrate_new(struct db *db, struct err *e)
{
	return migrate_from(db, false, NULL, e);
}
