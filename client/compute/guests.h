/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guests - what this host remembers of each guest, one durable file per instance.
 *
 * Holds:   the highest placement epoch and version seen, and the start attempt that is not
 *          over yet, so that a crash of the agent leaves nothing unreported. Removed once the
 *          guest is placed elsewhere and nothing is left to report.
 * Known:   a guest whose secret was given here once (version above 0).
 * Refuses: a record of another instance than its name says, or one that does not parse: ERR_IO.
 * Knows:   no secret and no copy of one.
 * Threads: one writer per instance at a time (see turns).
 */
#ifndef CLIENT_COMPUTE_GUESTS_H
#define CLIENT_COMPUTE_GUESTS_H

#include "client/compute/files.h"
#include "common/uuid.h"

/* How far the attempt on record has come. */
#define GUEST_OVER ""           /* there is none, or it was reported stopped */
#define GUEST_ASKED "asked"     /* the broker may have released to it */
#define GUEST_STARTED "started" /* the guest runs with it */

struct guest {
	struct uuid instance;
	struct uuid secret;
	int64_t version; /* 0: never given here */
	int64_t epoch;   /* the highest seen */
	char security[16];
	char state[16]; /* of the TPM, as the broker last said */
	struct uuid attempt;
	char phase[16];
	int64_t run_pid;   /* of `vtpm-client run`, 0 under libvirt */
	int64_t run_since; /* its start, in clock ticks after boot, tells a pid's reuse */
};

MUST_CHECK bool guest_load(const char *state_dir, const struct uuid *instance,
			   struct guest *ret, bool *ret_found, struct err *e);
MUST_CHECK bool guest_save(const char *state_dir, const struct guest *g, struct err *e);
MUST_CHECK bool guest_remove(const char *state_dir, const struct uuid *instance,
			     struct err *e);
bool guest_is_known(const char *state_dir, const struct uuid *instance);
/* Every record that parses; others are named in *e and passed over: false at the end. */
MUST_CHECK bool guest_each(const char *state_dir,
			   void (*each)(void *ctx, const struct guest *g), void *ctx,
			   struct err *e);

#endif
