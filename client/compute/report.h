/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report - what the agent tells: the broker what guests did, `vtpm-client status` what it knows.
 *
 * Flush:   sends all reports that wait, oldest first. A release is asked for only after that:
 *          an old report that came later would speak for the newer attempt. Until until_us
 *          (monotonic); what is left then is as unanswered.
 * Writes:  name, url, broker ("answers", "silent", "never"), libvirt ("up", "starting", "off"),
 *          certificate_ends, waiting (reports), guests: instance, security, version, epoch, state,
 *          running, copy, lease_ends.
 * Threads: any.
 */
#ifndef CLIENT_COMPUTE_REPORT_H
#define CLIENT_COMPUTE_REPORT_H

#include "client/compute/agent.h"
#include "common/json.h"

MUST_CHECK bool report_flush(struct agent *a, int64_t until_us, bool *ret_answered,
			     struct err *e);
MUST_CHECK bool report_status(struct agent *a, struct json_writer *w, struct err *e);

#endif
