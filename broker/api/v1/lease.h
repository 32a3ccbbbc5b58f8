/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease - how long a host may use its own sealed copy without asking.
 *
 * Gives:   the signed lease and the row that records it; api_lease renews one.
 * Refuses: a lease for anything but the copy that is in force where the instance is placed.
 * Knows:   a refusal is final for the host: it erases the copy.
 * Threads: no state.
 */
#ifndef BROKER_API_V1_LEASE_H
#define BROKER_API_V1_LEASE_H

#include "broker/api/api.h"
#include "broker/gate/gate.h"

/* The end of a lease given now. It is never before the end of one that the host holds already:
 * that one it may use, whatever it is given later, and Place must wait for it. */
int64_t lease_end(const struct api *api, const struct copy_row *copy, int64_t now_us);
/* Appends the signed lease for copy->lease_ends_us to ret. */
MUST_CHECK bool lease_write(const struct api *api, const struct copy_row *copy,
			    int64_t now_us, struct buf *ret, struct err *e);

#endif
