/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold - a mutex held until the scope ends, and waiting with a deadline.
 *
 * Gives:   CLEANUP(hold_end) pthread_mutex_t *held = hold(&x->lock);
 *          deadlines in monotonic microseconds, to wait for a condition and for an answer.
 */
#ifndef CLIENT_COMPUTE_HOLD_H
#define CLIENT_COMPUTE_HOLD_H

#include "common/base.h"

#include <pthread.h>

pthread_mutex_t *hold(pthread_mutex_t *m);
void hold_end(pthread_mutex_t **m);

void hold_cond_init(pthread_cond_t *c);
/* False once until_us has passed; the caller looks at its condition again in any case. */
bool hold_wait(pthread_cond_t *c, pthread_mutex_t *m, int64_t until_us);
/* At least 1, because 0 is no limit to whoever gets it. */
int hold_left_ms(int64_t until_us);

#endif
