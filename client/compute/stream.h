/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream - hears from the broker what this host should look at, as it happens.
 *
 * Asks:    are answered by a thread of their own, so that one guest holds up no other;
 *          sixteen at once, others wait in the broker; as many arrivals of cold moves.
 * Moves:   a changed hand-over wakes the mover, which reads it anew.
 * Start:   and whenever something may have been missed: all that is open is asked for.
 * Threads: stream_run is a thread's body; it ends when the agent is stopping, within a second
 *          or so: what waits for the broker is not waited for.
 */
#ifndef CLIENT_COMPUTE_STREAM_H
#define CLIENT_COMPUTE_STREAM_H

#include "client/compute/agent.h"

void *stream_run(void *agent);

#endif
