/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"

#include "tests/unit/check.h"

#include <string.h>
#include <time.h>

static bool spells(int64_t wall_us, const char *want)
{
	char text[32];

	clock_rfc3339(wall_us, text);
	return strcmp(text, want) == 0;
}

static int64_t fixed(void *ctx)
{
	return *(int64_t *)ctx;
}

int main(void)
{
	int64_t now_us = 77, first = clock_monotonic_us(clock_system());
	const struct clock mine = { fixed, fixed, &now_us };

	check("the epoch is 1970", spells(0, "1970-01-01T00:00:00Z"));
	check("a leap day is known",
	      spells(INT64_C(1709164800) * US_PER_S, "2024-02-29T00:00:00Z"));
	check("parts of a second are dropped",
	      spells(INT64_C(1769860800) * US_PER_S + 999999, "2026-01-31T12:00:00Z"));
	check("the last second that can be spelt",
	      spells(INT64_C(253402300799) * US_PER_S, "9999-12-31T23:59:59Z"));
	check("a time far off is shown as the end",
	      spells(INT64_MAX, "9999-12-31T23:59:59Z"));
	check("a time before 1970 is shown as its begin",
	      spells(-1, "1970-01-01T00:00:00Z"));
	check("the wall clock is this year's or later",
	      clock_wall_us(clock_system()) > INT64_C(1704067200) * US_PER_S);
	check("the monotonic clock does not go back",
	      clock_monotonic_us(clock_system()) >= first);
	check("a test's own clock is asked", clock_wall_us(&mine) == 77);
	return done();
}
