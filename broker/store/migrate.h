/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate - brings a database to this release's schema, numbered script by script.
 *
 * Gives:   migrate_up: all or nothing, in one transaction; harmless when nothing is due.
 * Refuses: a schema newer than this release knows: ERR_DATABASE_NEWER.
 * Threads: another process may do the same at the same time; one of them finds it done.
 */
#ifndef BROKER_STORE_MIGRATE_H
#define BROKER_STORE_MIGRATE_H

#include "broker/store/engine.h"

MUST_CHECK bool migrate_up(struct db *db, struct err *e);

/* From schema/sql, one per version, counted from 1. */
extern const char *const migrations[];
extern const int64_t migrations_count;

#endif
