/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change - what a handler wants to happen, as data: guards, writes and the audit record.
 *
 * Owns:    copies of the rows given to it.
 * Gives:   change_guard for a row that a verdict rests on, change_put to create or replace
 *          one, change_audit for the record that must be durable with it.
 * Rule:    change_put of a row with generation 0 creates it (stale if it exists by then); with
 *          generation g it replaces exactly that generation. A put is its own guard.
 *          change_guard with generation 0 says: still absent. The put of a hand-over that has
 *          ended removes the parts that it carried.
 * Refuses: more than CHANGE_MAX entries; a second audit record: there is one, asked for again.
 * Knows:   no SQL, no HTTP, no secret: rows carry only sealed envelopes.
 * Threads: one at a time; handed from worker to writer and back.
 */
#ifndef BROKER_STORE_CHANGE_H
#define BROKER_STORE_CHANGE_H

#include "broker/store/rows.h"

enum { CHANGE_MAX = 48, CHANGE_EVENTS = 4, CHANGE_TOPICS = 8 };

/* How much a full disk may stop: creates first, then other changes, releases last. */
enum change_class { CHANGE_CREATE, CHANGE_OTHER, CHANGE_RELEASE, CHANGE_AUDIT_ONLY };

/* One record of the audit chain. Strings are cut to their size by text_cut. */
struct audit_record {
	int64_t time_us;
	char request_id[40];
	char kind[8]; /* person, host, local, none */
	char issuer[SUBJECT_SIZE], subject[SUBJECT_SIZE], project[SUBJECT_SIZE];
	char credential[PKI_HASH_HEX]; /* token id, or a host's key hash */
	char address[64];
	char verb[32]; /* instance.create, release, host.fence ... */
	char purpose[WORD_SIZE];
	char target[2 * NAME_SIZE]; /* host, image or token, where it is no instance */
	struct uuid instance;       /* or unset */
	int64_t version, epoch;
	char host[NAME_SIZE];
	struct uuid attempt;
	char verdict[WORD_SIZE]; /* allowed, refused, redelivered, used_copy, failed */
	char reason[48];         /* an error code or a reason's name */
	char weighed[256];       /* "placement=4 host=2 ...": generations */
	int64_t count;           /* of collapsed repeats; 1 else */
};

struct change;

MUST_CHECK bool change_new(struct change **ret, struct err *e);
void change_free(struct change *c);
void change_reset(struct change *c); /* empty again, class CHANGE_OTHER */
void change_set_class(struct change *c, enum change_class class);
/* `row` is a struct x_row of that table; it is copied. Errors (too many, no memory) stick and
 * are told by change_ok. */
void change_guard(struct change *c, enum table t, const void *row);
void change_put(struct change *c, enum table t, const void *row);
/* A row of table event for that host's agent; kind is const text. */
void change_event(struct change *c, const char *host, const char *kind,
		  const struct uuid *instance, int64_t number);
/* Whoever waits for one of a change's topics looks again once it is durable: the hosts of its
 * events, and the instances whose hand-over or ask it puts. NULL: there are no more. */
const char *change_topic(const struct change *c, size_t i);
struct audit_record *change_audit(
	struct change *c); /* borrowed: fill it in; the same again later */
bool change_has_audit(const struct change *c);
bool change_is_empty(const struct change *c); /* neither writes nor audit */
MUST_CHECK bool change_ok(const struct change *c, struct err *e);
DEFINE_DROP(change)

#endif
