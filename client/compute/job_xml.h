/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_xml - what libvirt's own status file of a running domain says of its migration.
 *
 * Gives:   whether a migration out is under way, and whether libvirtd itself is connected to
 *          the destination (VIR_MIGRATE_PEER2PEER). The API does not tell that.
 * Refuses: what has no <job> of that form: false.
 * Threads: pure.
 */
#ifndef CLIENT_COMPUTE_JOB_XML_H
#define CLIENT_COMPUTE_JOB_XML_H

#include "common/base.h"

struct domain_job {
	bool outgoing, peer_to_peer;
};

MUST_CHECK bool job_xml_read(const char *text, struct domain_job *ret);

#endif
