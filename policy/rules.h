/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules - what stands between an ask and its answer, shared by decide and explain.
 *
 * Gives:   the needs of each purpose under each policy, and the ordered table of rules.
 * Refuses: a purpose with no needs stated is refused to everybody.
 * Knows:   nothing outside policy/.
 * Threads: const tables.
 */
#ifndef POLICY_RULES_H
#define POLICY_RULES_H

#include "policy/policy.h"

/* The records that let a purpose through; one row per purpose, one table per policy. */
enum need {
	NEED_READER = 1 << 0,   /* the policy has a reader at all: its owner */
	NEED_PLACED = 1 << 1,   /* the instance is placed on the asking host */
	NEED_HANDOVER = 1 << 2, /* an open hand-over names the asking host */
	NEED_CLONE = 1 << 3,    /* the record of a clone names the asking host */
	NEED_RAN = 1 << 4,      /* the guest ran here before, at this epoch */
	NEED_PERMIT = 1 << 5,   /* the owner's word, for this purpose and host */
	COPY_SERVES =
		1 << 6, /* the host's own sealed copy stands in for the owner's word */
};

extern const unsigned policy_user_needs[PURPOSE_COUNT];
extern const unsigned policy_host_needs[PURPOSE_COUNT];
extern const unsigned policy_deployment_needs[PURPOSE_COUNT];

/* 0, so refused, for anything that is not in the lists. */
unsigned policy_needs(const struct ask *ask);

struct rule {
	const char *name;
	const char *says; /* the sentence where it holds; reason_text where it does not */
	const char *change;                     /* what would have to change */
	bool (*applies)(const struct ask *ask); /* NULL: always */
	bool (*holds)(const struct ask *ask);
	enum reason (*refuses)(const struct ask *ask); /* NULL: `otherwise` */
	enum reason otherwise;
	enum reason
		grants; /* REASON_ALLOWED: a condition; else: holding ends it with this */
	const char *lacks; /* of a rule that only grants: the sentence where it does not
			      hold */
	bool hides_rest;   /* where it does not hold, nothing after it is shown */
};

/* Weighs the rules in order: fills ret (of FACTS_MAX, or NULL) and *ret_count, gives the
 * reason. */
enum reason policy_weigh(const struct ask *ask, struct fact *ret, size_t *ret_count);

/* In the order in which they are weighed; ends with a row without a name. */
extern const struct rule policy_rules[];

#endif
