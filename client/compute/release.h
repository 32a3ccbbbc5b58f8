/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release - gets one guest's secret for one start: from the broker, or from this host's copy.
 *
 * Rules:   the broker is asked first. Its refusal is final, and most refusals erase the copy.
 *          Without its answer for 3 seconds in all, waiting reports included, the host's own
 *          copy is used while its lease lasts (policy `host`), and that is journalled and
 *          reported. One attempt and its UUID are repeated only while they are unanswered.
 * Checks:  what was sealed is for this host, instance, secret, version, purpose, attempt and
 *          nonce, at an epoch that is not below the highest seen: else ERR_BAD_SEALED.
 * State:   a TPM state that is expected but gone: ERR_STATE_MISSING, or that is an old one (see
 *          stale.h), wherever `run` has it: before a permit is burnt where that can be known.
 * Records: the attempt, durably, before anything is asked.
 * Threads: the caller has the instance's turn.
 */
#ifndef CLIENT_COMPUTE_RELEASE_H
#define CLIENT_COMPUTE_RELEASE_H

#include "client/compute/agent.h"

struct release {
	const char *purpose;        /* borrowed */
	struct uuid secret;         /* as the domain names it, or unset */
	bool has_state;             /* the TPM's state file is there */
	const char *state;          /* borrowed: which, of `run`; or NULL */
	int64_t run_pid, run_since; /* of `vtpm-client run`, or 0 */
	bool unanswered;            /* out: it failed because nobody decided */
};

/* On success *guest is what is on record now. */
MUST_CHECK bool release_get(struct agent *a, struct release *r, struct guest *guest,
			    struct secret **ret, struct err *e);
/* The attempt on record is over, or has led to a running guest: durable, then reported. */
MUST_CHECK bool release_report_started(struct agent *a, struct guest *g, struct err *e);
MUST_CHECK bool release_report_stopped(struct agent *a, struct guest *g, struct err *e);
/* Keeps a copy under a lease that came just now. A clock that does not agree with it is logged: it
 * costs the latest time, not the copy. */
MUST_CHECK bool release_save_copy(struct agent *a, const struct copy *c, struct err *e);
/* Erases the copy, if there is one, and reports that. */
MUST_CHECK bool release_erase_copy(struct agent *a, const struct guest *g, struct err *e);

#endif
