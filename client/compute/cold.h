/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cold - a guest that is off moves with its TPM's state, which libvirt would leave behind.
 *
 * May leave: the guest is off here, and its state is there.
 * Put:     the source's answer to the destination's ask, after its mark: the state, signed and
 *          sealed to the destination; the broker carries it in parts.
 * Arrive:  the destination asks as soon as it hears of the hand-over, claims, proves that
 *          what came is what was sealed, stores it under the emulator's lock, and says so.
 * Threads: one at a time per instance.
 */
#ifndef CLIENT_COMPUTE_COLD_H
#define CLIENT_COMPUTE_COLD_H

#include "client/compute/agent.h"
#include "client/compute/handovers.h"
#include "client/compute/moves.h"
#include "crypto/ask.h"

MUST_CHECK bool cold_may_leave(struct agent *a, const struct uuid *instance,
			       struct err *e);
/* The caller has the instance's turn. */
MUST_CHECK bool cold_put_state(struct agent *a, const struct inquiry *q,
			       const struct asked *asked, int64_t *ret_parts,
			       struct err *e);
void cold_arrive(struct agent *a, const struct handover *h);

#endif
