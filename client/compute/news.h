/* SPDX-License-Identifier: Apache-2.0 */
/*
 * news - what the broker wants this host to look at.
 *
 * Gives:   all that is open now, and a stream of what changed after a place in it. What is told
 *          is as it is when it is told; it carries no authority of its own.
 * Threads: any; a struct news belongs to one.
 */
#ifndef CLIENT_COMPUTE_NEWS_H
#define CLIENT_COMPUTE_NEWS_H

#include "client/compute/handovers.h"

#include <stdatomic.h>

struct news {
	void (*inquiry)(void *ctx, const struct inquiry *q);
	void (*handover)(void *ctx, const struct handover *h);
	void *ctx; /* borrowed */
	int wait_s;
	const atomic_bool
		*called_off; /* borrowed: once true, waiting ends within a second */
	int64_t next;        /* the stream's place */
	bool reset;          /* out: something was missed, ask for all */
	int strange;         /* out: so many items were not understood, and passed over */
};

MUST_CHECK bool news_all(struct broker *b, struct news *n, struct err *e);
/* Waits until there is something new. */
MUST_CHECK bool news_await(struct broker *b, struct news *n, struct err *e);

#endif
