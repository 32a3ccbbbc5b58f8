/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops - what the agent does for the hook, for `run` and for the other commands: one table.
 *
 * Gives:   ops_answer: reads one request from a connection of the same user and answers it.
 * Rules:   a guest that was never given a secret here passes (libvirt then looks for its secret
 *          itself) when the broker does not know it or nobody can be asked.
 * Threads: any number at once; one at a time per instance.
 */
#ifndef CLIENT_COMPUTE_OPS_H
#define CLIENT_COMPUTE_OPS_H

#include "client/compute/agent.h"

void ops_answer(struct agent *a, int fd);

#endif
