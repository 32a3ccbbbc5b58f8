/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"

#include <time.h>

static int64_t read_us(clockid_t which)
{
	struct timespec t = { 0 };
	int rc = clock_gettime(which, &t);

	assert(rc == 0);
	return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

static int64_t system_wall_us(UNUSED void *ctx)
{
	return read_us(CLOCK_REALTIME);
}

static int64_t system_monotonic_us(UNUSED void *ctx)
{
	return read_us(CLOCK_MONOTONIC);
}

const struct clock *clock_system(void)
{
	static const struct clock clock = { system_wall_us, system_monotonic_us, NULL };

	return &clock;
}

int64_t clock_wall_us(const struct clock *c)
{
	return c->wall_us(c->ctx);
}

int64_t clock_monotonic_us(const struct clock *c)
{
	return c->monotonic_us(c->ctx);
}

/* What lies outside 1970..9999 is shown as the nearer end. */
void clock_rfc3339(int64_t wall_us, char ret[32])
{
	static const int64_t last_s = INT64_C(253402300799);
	int64_t s = wall_us < 0 ? 0 : wall_us / US_PER_S;
	time_t t = (time_t)(s > last_s ? last_s : s);
	struct tm parts = { 0 };
	size_t len;

	gmtime_r(&t, &parts);
	len = strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
	assert(len == 20);
}
