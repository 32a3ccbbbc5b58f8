/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader - what is inside a reader: one connection and the MACs that rows are checked with.
 *
 * Owns:    db, row, audit.
 * Threads: a reader belongs to one thread.
 */
#ifndef BROKER_STORE_READER_H
#define BROKER_STORE_READER_H

#include "broker/store/audit.h"
#include "broker/store/queries.h"

struct reader {
	struct db *db;           /* owned */
	struct mac *row, *audit; /* owned */
};

#endif
