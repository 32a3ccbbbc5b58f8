/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

/*
 * host: the owner's word once per host and placement; from then on the host's own sealed
 * copy serves, for everything that is one more start of the same system on the same host.
 */
const unsigned policy_host_needs[PURPOSE_COUNT] = {
	[PURPOSE_START] = NEED_PLACED | NEED_PERMIT | COPY_SERVES,
	[PURPOSE_REBOOT] = NEED_PLACED | NEED_RAN | NEED_PERMIT | COPY_SERVES,
	[PURPOSE_AUTOSTART] = NEED_PLACED | NEED_PERMIT | COPY_SERVES,
	[PURPOSE_RESUME] = NEED_PLACED | NEED_RAN | NEED_PERMIT | COPY_SERVES,
	[PURPOSE_RESTORE] = NEED_PLACED | NEED_PERMIT | COPY_SERVES,
	/* The source seals its copy to the destination: the hand-over is the owner's word
	   handed on. */
	[PURPOSE_MIGRATE_IN] = NEED_HANDOVER,
	[PURPOSE_COLD_MIGRATE] = NEED_HANDOVER,
	/* A new host, so the owner's word; a copy there cannot be of this placement. */
	[PURPOSE_EVACUATE] = NEED_PLACED | NEED_PERMIT,
	[PURPOSE_UNSHELVE] = NEED_PLACED | NEED_PERMIT | COPY_SERVES,
	/* Another system is about to see this TPM: the copy was given for the guest's
	   own. */
	[PURPOSE_RESCUE] = NEED_PLACED | NEED_PERMIT,
	[PURPOSE_REBUILD] = NEED_PLACED | NEED_PERMIT,
	[PURPOSE_CLONE] = NEED_CLONE | NEED_PERMIT,
	[PURPOSE_READ_BACK] = NEED_READER,
};
