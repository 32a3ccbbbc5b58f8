/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/engine.h"
#include "broker/store/migrate.h"
#include "broker/store/store.h"

#include <stdlib.h>
#include <unistd.h>

struct store_file {
	struct db *db; /* owned */
};

static bool file_from(struct db **db, struct store_file **ret, struct err *e)
{
	struct store_file *f;

	if (!migrate_new(*db, e) || !db_prepare(*db, DB_KEYS, e))
		return false;
	f = calloc(1, sizeof(*f));
	if (!f)
		return err_set(e, ERR_NO_MEMORY, "out of memory");
	f->db = db_move(db);
	*ret = f;
	return true;
}

bool store_file_create(const char *path, struct store_file **ret, struct err *e)
{
	OWNED(db) db = NULL;

	if (!db_create(path, &db, e))
		return false;
	if (file_from(&db, ret, e))
		return true;
	unlink(path);
	return false;
}

bool store_file_open(const char *path, struct store_file **ret, struct err *e)
{
	OWNED(db) db = NULL;

	return db_open(path, STORE_BUSY_MS, &db, e) && file_from(&db, ret, e);
}

void store_file_free(struct store_file *f)
{
	if (f)
		db_free(f->db);
	free(f);
}

bool store_file_is_older(struct store_file *f, bool *ret, struct err *e)
{
	int64_t version;

	if (!db_schema_version(f->db, &version, e))
		return false;
	*ret = version < migrations_count;
	return true;
}

bool store_file_put(struct store_file *f, const char *name, struct view value,
		    struct err *e)
{
	int64_t changed;
	QUERY(q, f->db, SQL_KEY_PUT);

	query_text(&q, name);
	query_bytes(&q, value);
	return query_change(&q, &changed, e) || err_wrap(e, "key %s", name);
}

bool store_file_get(struct store_file *f, const char *name, uint8_t *ret, size_t cap,
		    size_t *ret_len, struct err *e)
{
	bool found;
	QUERY(q, f->db, SQL_KEY_GET);

	query_text(&q, name);
	if (!query_next(&q, &found, e))
		return err_wrap(e, "key %s", name);
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "the database has no key %s", name);
	return query_get_bytes(&q, 0, ret, cap, ret_len) ||
	       err_set(e, ERR_ROW_TAMPERED, "the key %s is not what it was", name);
}
