/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate - brings a database to this release's schema, numbered script by script.
 *
 * Gives:   migrate_up: all or nothing, in one transaction; harmless when nothing is due. Rows of
 *          tables that grew columns are verified as they were and get new MACs.
 *          migrate_new: the same for a file just created; an older one is left as it is, for
 *          its keys can be read at any version.
 * Refuses: a schema newer than this release knows: ERR_DATABASE_NEWER; a row to be grown that
 *          does not verify: ERR_ROW_TAMPERED, and the database stays as it was.
 * Threads: another process may do the same at the same time; one of them finds it done.
 */
#ifndef BROKER_STORE_MIGRATE_H
#define BROKER_STORE_MIGRATE_H

#include "broker/store/engine.h"

struct mac;

MUST_CHECK bool migrate_up(struct db *db, struct mac *row, struct err *e);
MUST_CHECK bool migrate_new(struct db *db, struct err *e);

/* From schema/sql, one per version, counted from 1. */
extern const char *const migrations[];
extern const int64_t migrations_count;

#endif
