/* SPDX-License-Identifier: Apache-2.0 */
/*
 * departure - one guest's way to another host, from the hand-over's preparation to its end.
 *
 * Why:     libvirt's own result is no proof of where the guest is: it may report a failure after
 *          the guest ran on the other host. Only the hand-over's end says whose it is, and
 *          departure_go is true for `committed` alone.
 * Gives:   the way gone and told, for people and as JSON.
 * Refuses: a guest without an encrypted TPM (ERR_USAGE); one that is off (ERR_MIGRATION_OFFLINE)
 *          or, with --cold, is not (ERR_STATE_BUSY); what agent, broker and libvirt refuse. A hand-over that has
 *          not ended in time is ERR_HANDOVER_OPEN, with what each side has said.
 * Threads: one, besides that of libvirt's call.
 */
#ifndef CLIENT_COMPUTE_DEPARTURE_H
#define CLIENT_COMPUTE_DEPARTURE_H

#include "client/compute/migrate_options.h"
#include "client/compute/stop.h"
#include "common/json.h"

struct departure;

struct departure_plan {
	const struct migrate_options *options; /* borrowed, like all of them */
	const char *libvirt_uri;
	struct stop *stop;
};

/* guest: a domain's name or UUID. */
MUST_CHECK bool departure_open(const struct departure_plan *p, const char *guest,
			       struct departure **ret, struct err *e);
void departure_free(struct departure *w);
const struct uuid *departure_id(const struct departure *w);
const char *departure_name(const struct departure *w);
MUST_CHECK bool departure_go(struct departure *w, struct err *e);
void departure_tell(const struct departure *w); /* that it is gone */
/* An object; why: ERR_NONE, or what kept it here. */
void departure_write(const struct departure *w, const struct err *why,
		     struct json_writer *to);
DEFINE_DROP(departure)

#endif
