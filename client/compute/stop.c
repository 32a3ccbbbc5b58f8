/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/stop.h"

#include <time.h>

void stop_begin(struct stop *s)
{
	*s = (struct stop){ 0 };
	sigemptyset(&s->set);
	sigaddset(&s->set, SIGINT);
	sigaddset(&s->set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &s->set, &s->before);
}

void stop_done(struct stop *s)
{
	pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}

bool stop_wait(struct stop *s, int64_t ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	if (s->wanted) {
		nanosleep(&t, NULL);
		return false;
	}
	if (sigtimedwait(&s->set, NULL, &t) <= 0)
		return false;
	s->wanted = true;
	stop_done(s);
	return true;
}
