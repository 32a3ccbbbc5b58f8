/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lists - the one list each of policies, purposes, parties and reasons, and their names.
 *
 * Gives:   the enums, their names, parsing of what comes from outside.
 * Refuses: to parse what is not in the list; the name of anything else is "unknown".
 * Threads: pure.
 */
#ifndef POLICY_LISTS_H
#define POLICY_LISTS_H

#include "common/err.h"

/* Strongest first; also the order of preference where nobody chose. */
enum security { SECURITY_USER, SECURITY_HOST, SECURITY_DEPLOYMENT, SECURITIES };

/* X(NAME, name, is a release, text). */
#define PURPOSES(X)                                                              \
	X(START, "start", true, "start the guest")                               \
	X(REBOOT, "reboot", true, "start again after the host rebooted")         \
	X(AUTOSTART, "autostart", true, "start at the host's boot")              \
	X(RESUME, "resume", true, "resume from a managed save")                  \
	X(RESTORE, "restore", true, "restore from a named image")                \
	X(MIGRATE_IN, "migrate-in", true, "receive a live migration")            \
	X(COLD_MIGRATE, "cold-migrate", true, "receive a cold migration")        \
	X(EVACUATE, "evacuate", true, "start elsewhere after the host was lost") \
	X(UNSHELVE, "unshelve", true, "start from a shelved state")              \
	X(RESCUE, "rescue", true, "start a rescue system")                       \
	X(REBUILD, "rebuild", true, "start after a rebuild")                     \
	X(CLONE, "clone", true, "start a clone")                                 \
	X(READ_BACK, "read-back", false, "read the value")

#define PURPOSE_ENUM(name, text, release, says) PURPOSE_##name,
enum purpose { PURPOSES(PURPOSE_ENUM) PURPOSE_COUNT };
#undef PURPOSE_ENUM

enum party {
	PARTY_OWNER,
	PARTY_MEMBER, /* of the owner's project */
	PARTY_OPERATOR,
	PARTY_ORCHESTRATOR,
	PARTY_HOST_ADMIN,
	PARTY_AUDITOR,
	PARTY_PLACED_HOST, /* approved, and the instance is placed on it */
	PARTY_OTHER_HOST,  /* approved, the instance is placed elsewhere or nowhere */
	PARTY_FENCED_HOST, /* fenced or revoked, wherever the instance is placed */
	PARTIES
};

#define REASONS(X)                                                                     \
	X(ALLOWED, NONE, "allowed")                                                    \
	X(USE_COPY, NONE, "the host has a sealed copy of its own")                     \
	X(UNKNOWN_INSTANCE, NOT_FOUND,                                                 \
	  "there is no such instance, or it is not yours to see")                      \
	X(NOT_THIS_PARTY, FORBIDDEN, "this identity may not do that")                  \
	X(NO_READER, NO_READER, "a deployment secret has no reader")                   \
	X(NO_PERMIT, PERMIT_MISSING, "the owner has not permitted this")               \
	X(PERMIT_LATE, PERMIT_EXPIRED, "the owner's permit has run out")               \
	X(PERMIT_SPENT, PERMIT_USED, "the owner's permit was used already")            \
	X(PERMIT_OTHER, PERMIT_FOREIGN,                                                \
	  "the owner's permit is for another host, purpose or placement")              \
	X(NOT_PLACED_HERE, NOT_PLACED_HERE, "the instance is not placed on this host") \
	X(HELD, HANDOVER_OPEN,                                                         \
	  "a hand-over is under way, and who runs the guest is not settled")           \
	X(FENCED, HOST_FENCED, "the host is fenced")                                   \
	X(UNSUPPORTED, HOST_UNSUPPORTED, "the host does not support this policy")      \
	X(OUTSIDE_SET, HOST_NOT_IN_SET, "the host is outside the instance's host set") \
	X(TOO_OLD, HOST_TOO_OLD, "the host's client is too old")                       \
	X(OTHER_SECRET, SECRET_MISMATCH, "the domain names another secret")            \
	X(NO_RECORD, NOT_A_RELEASE, "this purpose needs a record that does not exist")

#define REASON_ENUM(name, err, text) REASON_##name,
enum reason { REASONS(REASON_ENUM) REASON_COUNT };
#undef REASON_ENUM

bool reason_allows(enum reason r); /* ALLOWED or USE_COPY */
/* One vocabulary with the error list: "allowed", "use_copy", else the code of reason_err. */
const char *reason_name(enum reason r);
const char *reason_text(enum reason r);
enum err_kind reason_err(enum reason r); /* ERR_NONE when it allows */

const char *security_name(enum security s);
bool security_parse(const char *text, enum security *ret);
const char *purpose_name(enum purpose p);
bool purpose_parse(const char *text, enum purpose *ret);
bool purpose_is_release(enum purpose p);
const char *party_name(enum party p);

#endif
