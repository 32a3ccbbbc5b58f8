/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arrived - the file of the TPM's state that an arrival brought, where the arrival comes to nothing.
 *
 * Knows:   which file it is, when it is looked at once the emulator has gone: right after this agent
 *          has destroyed that, or while the hand-over is open, as nobody is placed here before it
 *          has ended, and has a state to bring. It is remembered as one that is not started (see
 *          stale.h).
 * Wipes:   that very file, and only where the broker has answered that the guest is not placed
 *          here: it may be all that there is.
 * Leaves:  what came while nobody looked. It may be somebody's; unless the guest is placed here, it
 *          is not started either.
 * Threads: any; m is the caller's, and not saved here.
 */
#ifndef CLIENT_COMPUTE_ARRIVED_H
#define CLIENT_COMPUTE_ARRIVED_H

#include "client/compute/agent.h"
#include "client/compute/moves.h"

/* The emulator has just been destroyed: what is there now, if another than before, came with it. */
MUST_CHECK bool arrived_destroyed(struct agent *a, struct move *m, struct err *e);
/* It has gone by itself. Asks the broker, after the look, whether the hand-over is still open. */
MUST_CHECK bool arrived_ended(struct agent *a, struct move *m, struct err *e);
/* The hand-over was aborted. */
MUST_CHECK bool arrived_wipe(struct agent *a, struct move *m, struct err *e);

#endif
