/* SPDX-License-Identifier: Apache-2.0 */
/*
 * choose - which policy a new instance gets: reads the settings in force, asks policy_choose.
 *
 * Gives:   the policy, and in words who decided it.
 * Guards:  the settings it read, so that a choice never rests on one that has just changed.
 * Refuses: ERR_POLICY_CONFLICT names the sources that cannot be met together.
 * Threads: no state.
 */
#ifndef BROKER_API_V1_CHOOSE_H
#define BROKER_API_V1_CHOOSE_H

#include "broker/api/api.h"

/* Fills security and provenance from image, flavor and requested ("" is no request). */
MUST_CHECK bool instance_choose(struct exchange *x, struct instance_row *i,
				struct err *e);

#endif
