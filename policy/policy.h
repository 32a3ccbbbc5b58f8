/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - who may have a guest's vTPM secret, for what, and why: arithmetic on facts.
 *
 * Gives:   policy_decide (facts -> reason), policy_choose (sources -> security),
 *          policy_explain, policy_matrix, and the one list of purposes.
 * Refuses: by default. A purpose whose record does not exist is refused like any other.
 * Knows:   no clock, no I/O, no allocation, no SQL, no HTTP; the gate collects the facts.
 * Threads: pure.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

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
	PARTY_FENCED_HOST, /* placed here, but fenced */
	PARTIES
};

/* A permit or grant as the gate found it for this ask. */
enum permit_found {
	PERMIT_NONE,
	PERMIT_GOOD,            /* unused, in time, for this host, purpose and epoch */
	PERMIT_OF_THIS_ATTEMPT, /* burnt by this very attempt, at most 10 minutes ago */
	PERMIT_LATE,            /* its time is over (or has not come) */
	PERMIT_SPENT,
	PERMIT_OF_OTHER /* for another host, purpose or epoch */
};

/* The facts. Zero means: not there. */
struct ask {
	enum security security;
	enum purpose purpose;
	enum party party;
	bool visible;         /* the asker may know that the instance exists */
	bool host_supports;   /* the policy is in the host's set */
	bool host_in_set;     /* of the instance's host set, or it has none */
	bool host_new_enough; /* protocol version */
	bool secret_matches; /* the libvirt secret asked for, if any, is the instance's */
	enum permit_found permit; /* one-use or standing word of the owner */
	bool released_before; /* host policy: this host key got a release at this epoch */
	bool holds_copy;      /* and says that it still has its sealed copy */
	bool handover;        /* an open hand-over names this host as destination */
	bool ran_before;      /* a release at this epoch reached this host before */
	bool clone_record;    /* the owner's record of this very clone names this host */
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
	X(FENCED, HOST_FENCED, "the host is fenced")                                   \
	X(UNSUPPORTED, HOST_UNSUPPORTED, "the host does not support this policy")      \
	X(OUTSIDE_SET, HOST_NOT_IN_SET, "the host is outside the instance's host set") \
	X(TOO_OLD, HOST_TOO_OLD, "the host's client is too old")                       \
	X(OTHER_SECRET, SECRET_MISMATCH, "the domain names another secret")            \
	X(NO_RECORD, NOT_A_RELEASE, "this purpose needs a record that does not exist")

#define REASON_ENUM(name, err, text) REASON_##name,
enum reason { REASONS(REASON_ENUM) REASON_COUNT };
#undef REASON_ENUM

enum reason policy_decide(const struct ask *ask);
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

/* Choosing. A set is BIT(security) | ...; 0 means: this source says nothing. */
enum source {
	SOURCE_DEPLOYMENT,
	SOURCE_PROJECT,
	SOURCE_FLAVOR,
	SOURCE_IMAGE,
	SOURCE_REQUEST,
	SOURCES
};
struct opinion {
	unsigned allowed; /* set, 0: none stated */
	bool has_default;
	enum security preferred; /* the default; for SOURCE_REQUEST the request itself */
};
struct choice {
	bool ok;
	enum security security;
	enum source decided_by; /* whose default or request it is; SOURCES: nobody's */
	bool by_strength;  /* nobody had a default in the intersection: its strongest */
	unsigned conflict; /* !ok: BIT(source) of those that cannot be met together */
};
void policy_choose(const struct opinion from[SOURCES], struct choice *ret);
const char *source_name(enum source s);

/* Explaining: the facts weighed, in the order in which they are weighed. What may not be seen
 * and what this party may never do end the list; other refusals show what else is missing. */
struct fact {
	const char *name; /* stable, snake_case */
	const char *says; /* a sentence */
	bool holds;
	bool decides;       /* this one gave the reason; exactly one does */
	const char *change; /* what would have to change, or "" */
};
enum { FACTS_MAX = 16 };
size_t policy_explain(const struct ask *ask, struct fact ret[FACTS_MAX],
		      enum reason *ret_reason);

/* The matrix: purposes x policies x parties x {all records, each one missing in turn}. */
struct cell {
	struct ask ask;
	const char *missing; /* "": all records are there */
	enum reason reason;
};
/* Calls back for every cell, in order; returns how many. */
size_t policy_matrix(void (*each)(void *ctx, const struct cell *cell), void *ctx);

#endif
