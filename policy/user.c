/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

/*
 * user: every start takes the owner's word, for this purpose, on this host. Where the
 * owner is not at hand (reboot, autostart, resume) that word is a standing grant, given
 * beforehand.
 */
const unsigned policy_user_needs[PURPOSE_COUNT] = {
	[PURPOSE_START] = NEED_PLACED | NEED_PERMIT,
	[PURPOSE_REBOOT] = NEED_PLACED | NEED_RAN | NEED_PERMIT,
	[PURPOSE_AUTOSTART] = NEED_PLACED | NEED_PERMIT,
	/* A managed save is of a guest that ran here; saved memory is no reason to skip
	   the owner. */
	[PURPOSE_RESUME] = NEED_PLACED | NEED_RAN | NEED_PERMIT,
	/* A named image may be of any age and from any host: a start like any other. */
	[PURPOSE_RESTORE] = NEED_PLACED | NEED_PERMIT,
	[PURPOSE_MIGRATE_IN] = NEED_HANDOVER | NEED_PERMIT,
	[PURPOSE_COLD_MIGRATE] = NEED_HANDOVER | NEED_PERMIT,
	[PURPOSE_EVACUATE] = NEED_PLACED | NEED_PERMIT,
	[PURPOSE_UNSHELVE] = NEED_PLACED | NEED_PERMIT,
	/* Another system is about to see this TPM: a permit to start does not cover it.
	 */
	[PURPOSE_RESCUE] = NEED_PLACED | NEED_PERMIT,
	[PURPOSE_REBUILD] = NEED_PLACED | NEED_PERMIT,
	[PURPOSE_CLONE] = NEED_CLONE | NEED_PERMIT,
	[PURPOSE_READ_BACK] = NEED_READER,
};
