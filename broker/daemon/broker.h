/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker - the parts of one serving process, in the order in which they stand on one another.
 *
 * Owns:    all of them, for the life of the process.
 * Gives:   broker_open (everything that serve needs, but no socket yet), broker_start,
 *          broker_stop.
 * Refuses: what serve would refuse: keys, database, memory locking, names, a second broker on
 *          the same state.
 * Threads: opened and closed by main, with the program's signals blocked.
 */
#ifndef BROKER_DAEMON_BROKER_H
#define BROKER_DAEMON_BROKER_H

#include "broker/api/api.h"
#include "broker/api/presence.h"
#include "broker/daemon/local.h"
#include "broker/dispatch/dispatch.h"
#include "broker/gate/gate.h"
#include "broker/vault/vault.h"

struct broker {
	const struct config *config; /* borrowed from the command */
	int lock;                    /* held as long as this broker serves; -1: not yet */
	struct keys *keys;           /* owned, like all below */
	struct store *store;
	struct vault *vault;
	struct gate *gate;
	struct presence *presence;
	struct auth *auth;
	struct log *log;
	struct api api; /* borrows from the parts above */
	struct dispatch *dispatch;
	struct secret *server_key; /* PEM, made at each start */
	struct buf server_cert;    /* owned */
};

MUST_CHECK bool broker_open(const struct config *c, struct broker **ret, struct err *e);
MUST_CHECK bool broker_start(struct broker *b, struct err *e); /* the workers */
/* After the last socket is closed: what is still to be recorded and logged is, when it returns. */
void broker_stop(struct broker *b);
void broker_free(struct broker *b);
/* Another process serves this state now. */
bool broker_is_running(const struct config *c);
DEFINE_DROP(broker)

#endif
