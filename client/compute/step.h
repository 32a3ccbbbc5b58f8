/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step - places at which a test can stop this program, to see what a crash right there leaves.
 *
 * Gives:   step_reached: with VTPM_STEPS=DIR in the environment and a file DIR/NAME.hold it
 *          makes DIR/NAME.reached and waits until the first is gone. Without it: nothing.
 * Threads: any.
 */
#ifndef CLIENT_COMPUTE_STEP_H
#define CLIENT_COMPUTE_STEP_H

void step_reached(const char *name);

#endif
