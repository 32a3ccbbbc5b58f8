/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/migrate.h"

static bool version_known(int64_t version, struct err *e)
{
	if (version <= migrations_count)
		return true;
	return err_set(e, ERR_DATABASE_NEWER,
		       "the database has schema %lld, this release knows %lld",
		       (long long)version, (long long)migrations_count);
}

/* Under the write lock, so that the version does not move underneath. */
static bool migrate_locked(struct db *db, struct err *e)
{
	int64_t version;

	if (!db_schema_version(db, &version, e) || !version_known(version, e))
		return false;
	for (; version < migrations_count; version++)
		if (!db_migrate(db, migrations[version], version + 1, e))
			return err_wrap(e, "migration %lld", (long long)version + 1);
	return db_commit(db, e);
}

bool migrate_up(struct db *db, struct err *e)
{
	int64_t version;
	bool done;

	if (!db_schema_version(db, &version, e) || !version_known(version, e))
		return false;
	if (version == migrations_count)
		return true;
	if (!db_begin_write(db, e))
		return false;
	done = migrate_locked(db, e);
	db_rollback(db);
	return done;
}
