/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/http/noise.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINES_PER_S = 5 };

struct noise {
	pthread_mutex_t lock;
	struct log *log; /* borrowed */
	time_t second;
	unsigned lines, left_out;
};

bool noise_new(struct log *log, struct noise **ret, struct err *e)
{
	struct noise *n = calloc(1, sizeof *n);

	if (n == NULL)
		return err_set(e, ERR_NO_MEMORY, "noise");
	pthread_mutex_init(&n->lock, NULL);
	n->log = log;
	*ret = n;
	return true;
}

void noise_free(struct noise *n)
{
	if (n == NULL)
		return;
	pthread_mutex_destroy(&n->lock);
	free(n);
}

/* True: this line may be written; *ret_before were left out before it. */
static bool may_write(struct noise *n, unsigned *ret_before)
{
	struct timespec now;
	bool may;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	pthread_mutex_lock(&n->lock);
	if (now.tv_sec != n->second) {
		n->second = now.tv_sec;
		n->lines = 0;
	}
	may = n->lines++ < LINES_PER_S;
	*ret_before = may ? n->left_out : 0;
	n->left_out = may ? 0 : n->left_out + 1;
	pthread_mutex_unlock(&n->lock);
	return may;
}

__attribute__((format(printf, 2, 0))) void noise_take(void *noise, const char *fmt,
						      va_list args)
{
	struct noise *n = noise;
	char text[200], before[16];
	unsigned left_out;

	if (!may_write(n, &left_out))
		return;
	(void)vsnprintf(text, sizeof text, fmt, args);
	text[strcspn(text, "\n")] = '\0';
	(void)snprintf(before, sizeof before, "%u", left_out);
	log_event(n->log, LOG_LEVEL_DEBUG, "http", "says", text, "left_out", before,
		  NULL);
}
