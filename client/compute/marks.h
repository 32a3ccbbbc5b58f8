/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks - a word per instance that the agent remembers while it lives: what comes next, what was
 *         asked when.
 *
 * Owns:    a table of MARKS_MAX; when it is full the oldest mark gives way.
 * Threads: any.
 */
#ifndef CLIENT_COMPUTE_MARKS_H
#define CLIENT_COMPUTE_MARKS_H

#include "common/uuid.h"

enum { MARKS_MAX = 1024 };

struct marks;

MUST_CHECK bool marks_new(struct marks **ret, struct err *e);
void marks_free(struct marks *m);
void marks_put(struct marks *m, const struct uuid *instance, const char *word,
	       int64_t at_us);
/* False when there is none; word and at_us may be NULL. */
bool marks_get(struct marks *m, const struct uuid *instance, char word[16],
	       int64_t *at_us);
void marks_clear(struct marks *m, const struct uuid *instance);
DEFINE_DROP(marks)

#endif
