/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turns - one at a time per instance, many instances at once.
 *
 * Gives:   turns_take waits until nobody else works on the instance; turns_give ends it.
 * Refuses: a wait beyond the deadline, or more than TURNS_MAX instances at once.
 * Threads: any.
 */
#ifndef CLIENT_COMPUTE_TURNS_H
#define CLIENT_COMPUTE_TURNS_H

#include "common/uuid.h"

enum { TURNS_MAX = 256 };

struct turns;

MUST_CHECK bool turns_new(struct turns **ret, struct err *e);
void turns_free(struct turns *t);
MUST_CHECK bool turns_take(struct turns *t, const struct uuid *instance, int64_t wait_ms,
			   struct err *e);
void turns_give(struct turns *t, const struct uuid *instance);
DEFINE_DROP(turns)

#endif
