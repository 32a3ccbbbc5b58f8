/* SPDX-License-Identifier: Apache-2.0 */
/*
 * columns - every table's columns, once: SQL text, binding, reading and MAC come from here.
 *
 * Form:    X_COLUMNS(C, L, T): C(T, kind, field) for TEXT, INTEGER and FIXED (a byte array
 *          that is always full), L(T, field, length) for bytes of a length told by another
 *          field. The key's columns come first, in the struct as well; X_KEYS counts them.
 * Rule:    the order is part of each row's MAC: a new column goes to the end, with a migration
 *          that makes the MACs anew.
 * Knows:   no SQL but the names and the key's condition.
 */
#ifndef BROKER_STORE_COLUMNS_H
#define BROKER_STORE_COLUMNS_H

/* long: one list */
/* clang-format off */
#define TOKEN_KEYS 1
#define TOKEN_KEY_LAST id
#define TOKEN_KEY "id = $1"
#define TOKEN_COLUMNS(C, L, T) \
	C(T, TEXT, id) C(T, FIXED, sha256) C(T, TEXT, issuer) C(T, TEXT, subject) \
	C(T, TEXT, project) C(T, TEXT, role) C(T, TEXT, projects) C(T, TEXT, hosts) \
	C(T, INTEGER, created_us) C(T, INTEGER, expires_us) C(T, INTEGER, revoked_us)

#define ENROLL_KEYS 1
#define ENROLL_KEY_LAST id
#define ENROLL_KEY "id = $1"
#define ENROLL_COLUMNS(C, L, T) \
	C(T, TEXT, id) C(T, FIXED, sha256) C(T, TEXT, name) C(T, INTEGER, created_us) \
	C(T, INTEGER, expires_us) C(T, INTEGER, used_us)

#define HOST_KEYS 1
#define HOST_KEY_LAST key_hash
#define HOST_KEY "key_hash = $1"
#define HOST_COLUMNS(C, L, T) \
	C(T, TEXT, key_hash) C(T, TEXT, name) C(T, TEXT, state) \
	L(T, sealing_spki, sealing_len) C(T, TEXT, sealing_kid) C(T, INTEGER, policies) \
	C(T, INTEGER, protocol) C(T, TEXT, features) C(T, TEXT, address) \
	C(T, INTEGER, created_us) C(T, INTEGER, approved_us) C(T, INTEGER, fenced_us)

#define INSTANCE_KEYS 1
#define INSTANCE_KEY_LAST id
#define INSTANCE_KEY "id = $1"
#define INSTANCE_COLUMNS(C, L, T) \
	C(T, TEXT, id) C(T, TEXT, name) C(T, TEXT, issuer) C(T, TEXT, project) \
	C(T, TEXT, owner) C(T, TEXT, image) C(T, TEXT, flavor) C(T, TEXT, security) \
	C(T, TEXT, requested) C(T, TEXT, provenance) C(T, TEXT, hosts) C(T, TEXT, state) \
	C(T, TEXT, secret) C(T, INTEGER, version) C(T, INTEGER, created_us)

#define VERSION_KEYS 2
#define VERSION_KEY_LAST version
#define VERSION_KEY "secret = $1 AND version = $2"
#define VERSION_COLUMNS(C, L, T) \
	C(T, TEXT, secret) C(T, INTEGER, version) C(T, TEXT, state) C(T, TEXT, origin) \
	C(T, INTEGER, weak) C(T, INTEGER, created_us) L(T, envelope, envelope_len)

#define PLACEMENT_KEYS 1
#define PLACEMENT_KEY_LAST instance
#define PLACEMENT_KEY "instance = $1"
#define PLACEMENT_COLUMNS(C, L, T) \
	C(T, TEXT, instance) C(T, TEXT, host) C(T, INTEGER, epoch) C(T, INTEGER, placed_us) \
	C(T, TEXT, attempt) C(T, INTEGER, stopped) C(T, INTEGER, off_until_us) \
	C(T, INTEGER, number) C(T, INTEGER, moving)

#define PERMIT_KEYS 1
#define PERMIT_KEY_LAST id
#define PERMIT_KEY "id = $1"
#define PERMIT_COLUMNS(C, L, T) \
	C(T, TEXT, id) C(T, TEXT, instance) C(T, TEXT, purpose) C(T, TEXT, hosts) \
	C(T, INTEGER, epoch) C(T, TEXT, issuer) C(T, TEXT, owner) C(T, INTEGER, created_us) \
	C(T, INTEGER, from_us) C(T, INTEGER, until_us) C(T, INTEGER, uses) \
	C(T, INTEGER, uses_left) C(T, INTEGER, withdrawn) C(T, TEXT, used_by) \
	C(T, INTEGER, used_us)

#define RELEASE_KEYS 1
#define RELEASE_KEY_LAST attempt
#define RELEASE_KEY "attempt = $1"
#define RELEASE_COLUMNS(C, L, T) \
	C(T, TEXT, attempt) C(T, TEXT, instance) C(T, TEXT, host) C(T, TEXT, purpose) \
	C(T, INTEGER, epoch) C(T, INTEGER, version) C(T, TEXT, permit) C(T, INTEGER, at_us)

#define COPY_KEYS 2
#define COPY_KEY_LAST host
#define COPY_KEY "instance = $1 AND host = $2"
#define COPY_COLUMNS(C, L, T) \
	C(T, TEXT, instance) C(T, TEXT, host) C(T, INTEGER, epoch) C(T, INTEGER, version) \
	C(T, INTEGER, lease_ends_us) C(T, INTEGER, erased_us)

#define SETTING_KEYS 2
#define SETTING_KEY_LAST name
#define SETTING_KEY "scope = $1 AND name = $2"
#define SETTING_COLUMNS(C, L, T) \
	C(T, TEXT, scope) C(T, TEXT, name) C(T, INTEGER, allowed) C(T, TEXT, preferred)

#define PROJECT_KEY_KEYS 2
#define PROJECT_KEY_KEY_LAST project
#define PROJECT_KEY_KEY "issuer = $1 AND project = $2"
#define PROJECT_KEY_COLUMNS(C, L, T) \
	C(T, TEXT, issuer) C(T, TEXT, project) L(T, envelope, envelope_len)

#define SPOOL_KEYS 1
#define SPOOL_KEY_LAST host
#define SPOOL_KEY "host = $1"
#define SPOOL_COLUMNS(C, L, T) \
	C(T, TEXT, host) C(T, TEXT, spool) C(T, INTEGER, seq)

#define HANDOVER_KEYS 2
#define HANDOVER_KEY_LAST number
#define HANDOVER_KEY "instance = $1 AND number = $2"
#define HANDOVER_COLUMNS(C, L, T) \
	C(T, TEXT, instance) C(T, INTEGER, number) C(T, TEXT, mode) C(T, TEXT, state) \
	C(T, TEXT, source) C(T, TEXT, destination) C(T, INTEGER, epoch) \
	C(T, INTEGER, version) C(T, TEXT, attempt) C(T, TEXT, nonce) L(T, jwe, jwe_len) \
	C(T, INTEGER, parts) C(T, INTEGER, lease) C(T, TEXT, permit) \
	C(T, TEXT, source_said) C(T, TEXT, destination_said) C(T, INTEGER, ran_there) \
	C(T, TEXT, made_by) C(T, TEXT, issuer) C(T, TEXT, subject) \
	C(T, INTEGER, created_us) C(T, INTEGER, claimed_us) C(T, INTEGER, ended_us)

#define PART_KEYS 3
#define PART_KEY_LAST part
#define PART_KEY "instance = $1 AND number = $2 AND part = $3"
#define PART_COLUMNS(C, L, T) \
	C(T, TEXT, instance) C(T, INTEGER, number) C(T, INTEGER, part) \
	L(T, bytes, bytes_len)

#define ASK_KEYS 2
#define ASK_KEY_LAST host
#define ASK_KEY "instance = $1 AND host = $2"
#define ASK_COLUMNS(C, L, T) \
	C(T, TEXT, instance) C(T, TEXT, host) C(T, TEXT, attempt) C(T, INTEGER, number) \
	C(T, TEXT, nonce) L(T, statement, statement_len) C(T, INTEGER, at_us) \
	C(T, TEXT, answer) C(T, TEXT, text)

/* Not a row of authority: a hint. struct event_row. */
#define EVENT_COLUMNS(C, L, T) \
	C(T, INTEGER, seq) C(T, TEXT, host) C(T, TEXT, kind) C(T, TEXT, instance) \
	C(T, INTEGER, number) C(T, INTEGER, at_us)

/* Not a row of authority: chained instead. struct audit_record. */
#define AUDIT_COLUMNS(C, L, T) \
	C(T, INTEGER, time_us) C(T, TEXT, request_id) C(T, TEXT, kind) C(T, TEXT, issuer) \
	C(T, TEXT, subject) C(T, TEXT, project) C(T, TEXT, credential) C(T, TEXT, address) \
	C(T, TEXT, verb) C(T, TEXT, purpose) C(T, TEXT, target) C(T, TEXT, instance) \
	C(T, INTEGER, version) C(T, INTEGER, epoch) C(T, TEXT, host) C(T, TEXT, attempt) \
	C(T, TEXT, verdict) C(T, TEXT, reason) C(T, TEXT, weighed) C(T, INTEGER, count)
/* clang-format on */

#endif
