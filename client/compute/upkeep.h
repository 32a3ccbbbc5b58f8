/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upkeep - what the agent does of its own accord.
 *
 * Sends:   the reports that wait, oldest first; more slowly while the broker is silent.
 * Renews:  leases once a seventh of their time is over, the certificate 30 days before its end.
 * Mends:   at its start and at each new connection to libvirt: attempts on record of which no
 *          end was seen are reported started or stopped as libvirt shows them, and secrets
 *          that are left over are undefined; copies of guests that are placed elsewhere are
 *          erased, and their records once there is nothing left to tell.
 * Reads:   all records only when one of these is due; a `run` is watched by its process.
 * Starts:  guests with libvirt's autostart flag, once per boot, because libvirtd itself cannot.
 * Threads: upkeep_run is a thread's body; it ends when the agent is stopping.
 */
#ifndef CLIENT_COMPUTE_UPKEEP_H
#define CLIENT_COMPUTE_UPKEEP_H

#include "client/compute/agent.h"
#include "client/compute/process.h"

void *upkeep_run(void *agent);

/* True when all was dealt with: what `run` left, and guests of libvirt whose attempt is older than
 * since_us (monotonic; 0: none of them). Adds each `run` that lives to runs. */
MUST_CHECK bool upkeep_mend(struct agent *a, int64_t since_us, struct processes *runs,
			    struct err *e);
/* Renews what is due; the certificate and leases both. */
void upkeep_renew(struct agent *a);
/* Erases the copies of what is placed elsewhere, and then the records. */
MUST_CHECK bool upkeep_match_placements(struct agent *a, struct err *e);

#endif
