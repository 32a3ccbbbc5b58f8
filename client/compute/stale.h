/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stale - a TPM state that stayed here when its guest went to another host, or that came with a
 *         guest whose arrival was called off, is not started.
 *
 * Why:     placing the guest back here moves the right to the secret, not the file; the old file
 *          opens with the same secret, and would bring the guest's TPM back to what it was.
 * Knows:   the very file that was left behind; one that was written since is another one.
 * Refuses: ERR_STATE_STALE while that file is there, unless the broker says that the guest never
 *          ran where it went; or, of what came, that it was not called off.
 * Threads: the caller has the instance's turn.
 */
#ifndef CLIENT_COMPUTE_STALE_H
#define CLIENT_COMPUTE_STALE_H

#include "client/compute/agent.h"

/* which: as tpm_state_id_text writes it; NULL or "": what is where libvirt has it. */
MUST_CHECK bool stale_is_not_there(struct agent *a, const struct uuid *instance,
				   const char *which, struct err *e);

#endif
