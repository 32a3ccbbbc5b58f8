/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

/*
 * deployment: being the host that the instance is placed on is enough, and the operator
 * places. Nobody reads the value, not even the owner.
 */
const unsigned policy_deployment_needs[PURPOSE_COUNT] = {
	[PURPOSE_START] = NEED_PLACED,
	[PURPOSE_REBOOT] = NEED_PLACED | NEED_RAN,
	[PURPOSE_AUTOSTART] = NEED_PLACED,
	[PURPOSE_RESUME] = NEED_PLACED | NEED_RAN,
	[PURPOSE_RESTORE] = NEED_PLACED,
	[PURPOSE_MIGRATE_IN] = NEED_HANDOVER,
	[PURPOSE_COLD_MIGRATE] = NEED_HANDOVER,
	[PURPOSE_EVACUATE] = NEED_PLACED,
	[PURPOSE_UNSHELVE] = NEED_PLACED,
	/* The operator chooses image and host under this policy anyway. */
	[PURPOSE_RESCUE] = NEED_PLACED,
	[PURPOSE_REBUILD] = NEED_PLACED,
	/* A secret is never shared between instances; a clone is the owner's decision
	   here too. */
	[PURPOSE_CLONE] = NEED_CLONE | NEED_PERMIT,
	[PURPOSE_READ_BACK] = 0,
};
