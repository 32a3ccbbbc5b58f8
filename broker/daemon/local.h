/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local - a command at work on the database of this machine's broker, which may be serving.
 *
 * Owns:    keys, store and reader, opened for one command; freed by local_free.
 * Gives:   local_open, the record of what a local command did, by whose user id.
 * Refuses: a state directory without a database: ERR_CONFIG says to run init.
 * Threads: one, besides the store's own.
 */
#ifndef BROKER_DAEMON_LOCAL_H
#define BROKER_DAEMON_LOCAL_H

#include "broker/daemon/config.h"
#include "broker/daemon/keys.h"
#include "broker/store/queries.h"

/* Free space under which creates stop; half of it: changes; a quarter: releases. */
#define LOCAL_MARGIN_BYTES (INT64_C(32) << 20)

struct local {
	struct config config;
	struct keys *keys;     /* owned */
	struct store *store;   /* owned */
	struct reader *db;     /* owned */
	struct change *change; /* owned; empty */
};

/* The database is there at all. */
MUST_CHECK bool local_exists(const struct config *c, struct err *e);
/* `writer` names the audit chain: "token", "local". */
MUST_CHECK bool local_open(const struct cli *cli, const char *writer, struct local **ret,
			   struct err *e);
void local_free(struct local *l);
/* Fills the change's audit record: kind local, this user, this verb, now. */
struct audit_record *local_audit(struct change *c, const char *verb, int64_t now_us);
DEFINE_DROP(local)

#endif
