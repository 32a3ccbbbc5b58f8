/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold - a mutex held until the scope ends.
 *
 * Gives:   CLEANUP(hold_end) pthread_mutex_t *held = hold(&x->lock);
 */
#ifndef CLIENT_COMPUTE_HOLD_H
#define CLIENT_COMPUTE_HOLD_H

#include "common/base.h"

#include <pthread.h>

UNUSED static inline pthread_mutex_t *hold(pthread_mutex_t *m)
{
	pthread_mutex_lock(m);
	return m;
}

UNUSED static inline void hold_end(pthread_mutex_t **m)
{
	pthread_mutex_unlock(*m);
}

#endif
