/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change_body - what is inside a change; for the writer alone.
 *
 * Owns:    the entries' copies: a whole row of a put, head and key of a guard.
 * Threads: link, done, ctx, result and err belong to the writer from submission to done.
 */
#ifndef BROKER_STORE_CHANGE_BODY_H
#define BROKER_STORE_CHANGE_BODY_H

#include "broker/store/store.h"
#include "broker/store/table.h"

struct change_entry {
	const struct table_spec *spec;
	void *row; /* owned */
	bool put;
};

struct change {
	enum change_class class;
	size_t count;
	struct change_entry entries[CHANGE_MAX];
	size_t events_count, topics_count;
	struct event_row events[CHANGE_EVENTS]; /* without seq and time */
	char topics[CHANGE_TOPICS][PKI_HASH_HEX];
	bool has_audit;
	struct audit_record audit;
	struct err trouble; /* sticks; kind ERR_NONE while all is well */

	struct change *next; /* in the writer's queue */
	commit_done *done;
	void *ctx; /* borrowed from who submitted */
	enum commit result;
	struct err err;
};

#endif
