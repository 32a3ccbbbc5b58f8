/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/job_xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEER2PEER = 1 << 1 }; /* VIR_MIGRATE_PEER2PEER, libvirt-domain.h */

/* The value of an attribute of the element that begins at `at`; libvirt writes single quotes. */
static bool attribute(const char *at, const char *end, const char *name, char ret[32])
{
	char wanted[40];
	const char *found, *close;
	int n = snprintf(wanted, sizeof(wanted), " %s='", name);

	if (n < 0 || (size_t)n >= sizeof(wanted))
		return false;
	found = strstr(at, wanted);
	if (found == NULL || found >= end)
		return false;
	found += n;
	close = strchr(found, '\'');
	if (close == NULL || close >= end || close - found >= 32)
		return false;
	memcpy(ret, found, (size_t)(close - found));
	ret[close - found] = '\0';
	return true;
}

bool job_xml_read(const char *text, struct domain_job *ret)
{
	const char *job = strstr(text, "<job ");
	const char *domain = strstr(text, "<domain ");
	const char *end = job != NULL ? strchr(job, '>') : NULL;
	char async[32] = "", flags[32] = "";

	/* Within <domain> stands what the domain's owner wrote. */
	if (end == NULL || (domain != NULL && job > domain) ||
	    !attribute(job, end, "async", async))
		return false;
	ret->outgoing = strcmp(async, "migration out") == 0;
	ret->peer_to_peer = attribute(job, end, "flags", flags) &&
			    (strtoul(flags, NULL, 0) & PEER2PEER) != 0;
	return true;
}
