/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/hold.h"

#include "common/clock.h"

pthread_mutex_t *hold(pthread_mutex_t *m)
{
	pthread_mutex_lock(m);
	return m;
}

void hold_end(pthread_mutex_t **m)
{
	pthread_mutex_unlock(*m);
}

void hold_cond_init(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
}

bool hold_wait(pthread_cond_t *c, pthread_mutex_t *m, int64_t until_us)
{
	const struct timespec until = { until_us / US_PER_S, until_us % US_PER_S * 1000 };

	return pthread_cond_timedwait(c, m, &until) == 0;
}

int hold_left_ms(int64_t until_us)
{
	int64_t left = (until_us - clock_monotonic_us(clock_system())) / 1000;

	if (left < 1)
		return 1;
	return left < INT32_MAX ? (int)left : INT32_MAX;
}
