/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consent - the source's answer to a destination that asks for the secret of a guest.
 *
 * Consents: only while the guest is active here with an outgoing migration, looked at again just
 *          before the answer is sent; to a destination that a prepared hand-over names, or, in
 *          a peer-to-peer migration, to the one host that this libvirtd is connected to.
 * Order:   events read, then the mark on disk, then sealed (policy `host`), looked again, sent.
 * Refuses: whatever is unclear, with a text that reaches whoever migrates.
 * Threads: any; one at a time per instance.
 */
#ifndef CLIENT_COMPUTE_CONSENT_H
#define CLIENT_COMPUTE_CONSENT_H

#include "client/compute/agent.h"
#include "client/compute/handovers.h"

void consent_answer(struct agent *a, const struct inquiry *q);

#endif
