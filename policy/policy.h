/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - who may have a guest's vTPM secret, for what, and why: arithmetic on facts.
 *
 * Gives:   policy_decide (facts -> reason), policy_explain, policy_matrix; policy_choose by
 *          policy/choose.h, the lists by policy/lists.h.
 * Refuses: by default. A purpose whose record does not exist is refused like any other.
 * Knows:   no clock, no I/O, no allocation, no SQL, no HTTP; the gate collects the facts.
 * Threads: pure.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "policy/choose.h"
#include "policy/lists.h"

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
	bool held;         /* a hand-over was claimed and has not ended: handover_holds */
	bool ran_before;   /* a release at this epoch reached this host before */
	bool clone_record; /* the owner's record of this very clone names this host */
};

enum reason policy_decide(const struct ask *ask);
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
