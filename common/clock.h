/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock - the time, as an argument, so that a test can choose it.
 *
 * Gives:   UTC microseconds since 1970 (wall) and monotonic microseconds.
 * Threads: clock_system() is const; a test's clock is the test's.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include "common/base.h"

struct clock {
	int64_t (*wall_us)(void *ctx);
	int64_t (*monotonic_us)(void *ctx);
	void *ctx; /* borrowed from whoever made the clock */
};

const struct clock *clock_system(void);
int64_t clock_wall_us(const struct clock *c);
int64_t clock_monotonic_us(const struct clock *c);
/* RFC 3339 in UTC with whole seconds, "2026-01-31T12:00:00Z"; ret of at least 21 bytes. */
void clock_rfc3339(int64_t wall_us, char ret[32]);

#define US_PER_S INT64_C(1000000)

#endif
