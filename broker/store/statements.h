/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statements - the one list of SQL: X(ROLE, NAME, text).
 *
 * Rule:    parameters $1... in order of first use; integers, text and bytes only; no LIKE, no
 *          date or JSON functions; lists by keyset. Both engines share the list; what differs
 *          is in the macros below.
 * Role:    KEYS statements are prepared on every connection, READ ones where rows are read,
 *          WRITE ones on the writer's.
 * Knows:   tables and their columns (columns.h).
 */
#ifndef BROKER_STORE_STATEMENTS_H
#define BROKER_STORE_STATEMENTS_H

#include "broker/store/columns.h"

/* long: one list */
/* SQLite: the write lock is the whole file's, taken at the start. */
#define BEGIN_WRITE_SQL "BEGIN IMMEDIATE"
#define LOCK_ROW ""

/* clang-format off */
#define P5 "$1, $2, $3, $4, $5"
#define P6 P5 ", $6"
#define P7 P6 ", $7"
#define P8 P7 ", $8"
#define P9 P8 ", $9"
#define P10 P9 ", $10"
#define P11 P10 ", $11"
#define P12 P11 ", $12"
#define P13 P12 ", $13"
#define P14 P13 ", $14"
#define P17 P14 ", $15, $16, $17"
#define P25 P17 ", $18, $19, $20, $21, $22, $23, $24, $25"
#define P26 P25 ", $26"

#define SQL_NAME(T, kind, field) #field ", "
#define SQL_BYTES(T, field, length) #field ", "
#define ROW_SQL(NAME) NAME##_COLUMNS(SQL_NAME, SQL_BYTES, ) "generation, mac"
#define ROW_OF(NAME, name) "SELECT " ROW_SQL(NAME) " FROM " #name " "
#define AUDIT_SQL AUDIT_COLUMNS(SQL_NAME, SQL_BYTES, ) "seq, writer, number, heads, prev, mac"

/* One table's own; n counts the columns, generation and MAC, m is n + 1. */
#define ROW(X, NAME, name, n, m) \
	X(READ, NAME##_GET, ROW_OF(NAME, name) "WHERE " NAME##_KEY) \
	X(READ, NAME##_ALL, ROW_OF(NAME, name)) \
	X(WRITE, NAME##_GUARD, "SELECT generation FROM " #name " WHERE " NAME##_KEY LOCK_ROW) \
	X(WRITE, NAME##_INSERT, "INSERT INTO " #name " (" ROW_SQL(NAME) ") VALUES (" P##n ")" \
		" ON CONFLICT DO NOTHING") \
	X(WRITE, NAME##_UPDATE, "UPDATE " #name " SET (" ROW_SQL(NAME) ") = (" P##n ")" \
		" WHERE " NAME##_KEY " AND generation = $" #m)

#define ROW_STATEMENTS(X) \
	ROW(X, TOKEN, token, 13, 14) \
	ROW(X, ENROLL, enroll, 8, 9) \
	ROW(X, HOST, host, 14, 15) \
	ROW(X, INSTANCE, instance, 17, 18) \
	ROW(X, VERSION, version, 9, 10) \
	ROW(X, PLACEMENT, placement, 11, 12) \
	ROW(X, PERMIT, permit, 17, 18) \
	ROW(X, RELEASE, release, 10, 11) \
	ROW(X, COPY, copy, 8, 9) \
	ROW(X, SETTING, setting, 6, 7) \
	ROW(X, PROJECT_KEY, project_key, 5, 6) \
	ROW(X, SPOOL, spool, 5, 6) \
	ROW(X, HANDOVER, handover, 25, 26) \
	ROW(X, PART, part, 6, 7) \
	ROW(X, ASK, ask, 11, 12)

#define FIND_STATEMENTS(X) \
	X(READ, TOKEN_BY_SHA256, ROW_OF(TOKEN, token) "WHERE sha256 = $1") \
	X(READ, HOST_BY_NAME, ROW_OF(HOST, host) "WHERE name = $1 AND state <> 'revoked'") \
	X(READ, WORDS, ROW_OF(PERMIT, permit) \
		"WHERE instance = $1 AND purpose = $2 AND withdrawn = 0" \
		" ORDER BY created_us DESC, id DESC") \
	X(READ, TOKENS, ROW_OF(TOKEN, token) "WHERE id > $1 ORDER BY id LIMIT $2") \
	X(READ, HOSTS, ROW_OF(HOST, host) \
		"WHERE (name, key_hash) > ($1, $2) ORDER BY name, key_hash LIMIT $3") \
	X(READ, PERMITS, ROW_OF(PERMIT, permit) \
		"WHERE instance = $1 AND epoch <> 0 AND id > $2 ORDER BY id LIMIT $3") \
	X(READ, GRANTS, ROW_OF(PERMIT, permit) \
		"WHERE instance = $1 AND epoch = 0 AND id > $2 ORDER BY id LIMIT $3") \
	X(READ, COPIES, ROW_OF(COPY, copy) \
		"WHERE host = $1 AND instance > $2 ORDER BY instance LIMIT $3") \
	X(READ, SETTINGS, ROW_OF(SETTING, setting) \
		"WHERE scope = $1 AND name > $2 ORDER BY name LIMIT $3")

/* Instances by what narrows them most; the other conditions are checked on the way. */
#define OF_PROJECT(issuer, project) \
	" AND (" issuer " = '' OR (issuer = " issuer " AND project = " project "))"
#define INSTANCE_STATEMENTS(X) \
	X(READ, INSTANCES, ROW_OF(INSTANCE, instance) "WHERE id > $1 ORDER BY id LIMIT $2") \
	X(READ, INSTANCES_OF, ROW_OF(INSTANCE, instance) \
		"WHERE issuer = $1 AND project = $2 AND id > $3 ORDER BY id LIMIT $4") \
	X(READ, INSTANCES_ON, ROW_OF(INSTANCE, instance) \
		"WHERE id IN (SELECT instance FROM placement WHERE host = $1 AND instance > $2" \
		" ORDER BY instance)" OF_PROJECT("$3", "$4") " ORDER BY id LIMIT $5") \
	X(READ, INSTANCES_LIKE, ROW_OF(INSTANCE, instance) \
		"WHERE id IN (SELECT id FROM instance WHERE name = $1" \
		" UNION SELECT id FROM instance WHERE id >= $2 AND id < $3)" \
		" AND id > $4" OF_PROJECT("$5", "$6") \
		" AND ($7 = '' OR EXISTS (SELECT 1 FROM placement" \
		" WHERE placement.instance = instance.id AND host = $7))" \
		" ORDER BY id LIMIT $8")

#define AUDIT_STATEMENTS(X) \
	X(WRITE, AUDIT_INSERT, "INSERT INTO audit (" AUDIT_SQL ") VALUES (" P26 ")") \
	X(READ, AUDIT_LAST, "SELECT seq FROM audit ORDER BY seq DESC LIMIT 1") \
	X(READ, AUDIT_NEXT_WRITER, "SELECT writer FROM audit WHERE writer > $1" \
		" ORDER BY writer LIMIT 1") \
	X(READ, AUDIT_HEAD, "SELECT seq, number, mac FROM audit WHERE writer = $1" \
		" ORDER BY number DESC LIMIT 1") \
	X(READ, AUDIT_AT, "SELECT mac FROM audit WHERE writer = $1 AND number = $2") \
	X(READ, AUDIT_FIRST, "SELECT seq FROM audit WHERE writer = $1 AND number = 1") \
	X(READ, AUDITS, "SELECT " AUDIT_SQL " FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2") \
	X(READ, AUDITS_BACK, "SELECT " AUDIT_SQL " FROM audit WHERE seq < $1" \
		" ORDER BY seq DESC LIMIT $2") \
	X(READ, AUDITS_OF, "SELECT " AUDIT_SQL " FROM audit WHERE instance = $1 AND seq > $2" \
		" ORDER BY seq LIMIT $3") \
	X(READ, AUDITS_OF_BACK, "SELECT " AUDIT_SQL " FROM audit WHERE instance = $1" \
		" AND seq < $2 ORDER BY seq DESC LIMIT $3")

/* What a host has a part in: open; owed by the source, which has yet to wipe; ended lately.
 * The indexes of open ones name the same states. */
#define HANDOVERS_OF(side) ROW_OF(HANDOVER, handover) "WHERE " side " = $1 AND "
#define HANDOVERS_OPEN_SQL(owed) "state IN ('prepared', 'offered', 'claimed', 'aborting'" owed ")"
#define HANDOVERS_ENDED_SQL "ended_us > $2 ORDER BY ended_us DESC LIMIT $3"
#define EVENT_SQL EVENT_COLUMNS(SQL_NAME, SQL_BYTES, ) "0"
#define MOVE_STATEMENTS(X) \
	X(READ, HANDOVERS, ROW_OF(HANDOVER, handover) \
		"WHERE instance = $1 AND number > $2" \
		" AND ($3 = '' OR source = $3 OR destination = $3) ORDER BY number LIMIT $4") \
	X(READ, HANDOVERS_FROM, HANDOVERS_OF("source") HANDOVERS_OPEN_SQL(", 'committed'") \
		" ORDER BY ended_us, instance, number LIMIT $2") \
	X(READ, HANDOVERS_TO, HANDOVERS_OF("destination") HANDOVERS_OPEN_SQL("") \
		" ORDER BY instance, number LIMIT $2") \
	X(READ, HANDOVER_OWED, HANDOVERS_OF("source") HANDOVERS_OPEN_SQL(", 'committed'") \
		" AND instance = $2 AND ended_us <> 0 AND state = 'committed'") \
	X(READ, HANDOVERS_FROM_ENDED, HANDOVERS_OF("source") HANDOVERS_ENDED_SQL) \
	X(READ, HANDOVERS_TO_ENDED, HANDOVERS_OF("destination") HANDOVERS_ENDED_SQL) \
	X(READ, HANDOVER_BROUGHT, ROW_OF(HANDOVER, handover) \
		"WHERE instance = $1 AND number < $2 AND destination = $3 AND epoch = $4" \
		" AND state = 'committed' ORDER BY number DESC LIMIT 1") \
	X(READ, ASKS_WAITING, ROW_OF(ASK, ask) "WHERE answer = 'waiting' AND at_us >= $1" \
		" AND instance IN (SELECT instance FROM placement WHERE host = $2)" \
		" ORDER BY instance, host LIMIT $3") \
	X(READ, ASKS_OF, ROW_OF(ASK, ask) "WHERE instance = $1 AND answer = 'waiting'" \
		" AND at_us >= $2 AND EXISTS (SELECT 1 FROM placement" \
		" WHERE placement.instance = $1 AND placement.host = $3) ORDER BY host LIMIT $4") \
	X(READ, EVENTS, "SELECT " EVENT_SQL " FROM event WHERE host = $1 AND seq > $2" \
		" ORDER BY seq LIMIT $3") \
	X(READ, EVENT_FIRST, "SELECT seq FROM event WHERE seq > 0 ORDER BY seq LIMIT 1") \
	X(READ, EVENT_LAST, "SELECT seq FROM event WHERE seq > 0 ORDER BY seq DESC LIMIT 1") \
	X(WRITE, PARTS_DROP, "DELETE FROM part WHERE instance = $1 AND number <= $2") \
	X(WRITE, EVENT_INSERT, "INSERT INTO event (seq, host, kind, instance, number, at_us)" \
		" VALUES ($1, $2, $3, $4, $5, $6)") \
	X(WRITE, EVENT_TRIM, "DELETE FROM event" \
		" WHERE seq IN (SELECT seq FROM event ORDER BY seq LIMIT $1)" \
		" AND (at_us < $2 OR at_us > $3) AND seq < $4")

/* A placement whose host stays, as at each release: neither key nor index is written. */
#define PLACEMENT_SETTLED 2 /* so many columns come before */
#define OTHER_STATEMENTS(X) \
	X(WRITE, PLACEMENT_STAY, "UPDATE placement SET (epoch, placed_us, attempt, stopped," \
		" off_until_us, number, moving, generation, mac) = (" P9 ")" \
		" WHERE instance = $10 AND generation = $11") \
	X(KEYS, KEY_GET, "SELECT value FROM key WHERE name = $1") \
	X(KEYS, KEY_PUT, "INSERT INTO key (name, value) VALUES ($1, $2)" \
		" ON CONFLICT (name) DO UPDATE SET value = excluded.value") \
	X(READ, BEGIN_READ, "BEGIN") \
	X(WRITE, BEGIN_WRITE, BEGIN_WRITE_SQL) \
	X(READ, COMMIT, "COMMIT") \
	X(WRITE, SAVEPOINT, "SAVEPOINT change") \
	X(WRITE, SAVEPOINT_KEEP, "RELEASE SAVEPOINT change") \
	X(WRITE, SAVEPOINT_UNDO, "ROLLBACK TO SAVEPOINT change")

#define STATEMENTS(X) \
	ROW_STATEMENTS(X) FIND_STATEMENTS(X) INSTANCE_STATEMENTS(X) AUDIT_STATEMENTS(X) \
	MOVE_STATEMENTS(X) OTHER_STATEMENTS(X)
/* clang-format on */

#define STATEMENT_ENUM(role, NAME, sql) SQL_##NAME,
enum statement { STATEMENTS(STATEMENT_ENUM) SQL_COUNT };
#undef STATEMENT_ENUM

#endif
