/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/dispatch/limit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

enum { SETS = 256, WAYS = 4 };
#define ONE US_PER_S /* a bucket counts in millionths of a failure */

struct bucket {
	uint64_t key; /* 0: unused */
	int64_t credit;
	int64_t at_us;
};

struct limit {
	pthread_mutex_t lock;
	struct bucket set[SETS][WAYS];
};

bool limit_new(struct limit **ret, struct err *e)
{
	struct limit *l = calloc(1, sizeof *l);

	if (l == NULL)
		return err_set(e, ERR_NO_MEMORY, "rate limits");
	pthread_mutex_init(&l->lock, NULL);
	*ret = l;
	return true;
}

void limit_free(struct limit *l)
{
	if (l == NULL)
		return;
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* FNV-1a over the text, or over an IPv6 address's first 64 bits. */
static uint64_t key_of(const char *address)
{
	uint8_t v6[sizeof(struct in6_addr)];
	const uint8_t *at = (const uint8_t *)address;
	size_t len = strlen(address);
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	if (inet_pton(AF_INET6, address, v6) == 1) {
		at = v6;
		len = 8;
	}
	for (size_t i = 0; i < len; i++)
		h = (h ^ at[i]) * UINT64_C(0x100000001b3);
	return h | 1;
}

static struct bucket *bucket_find(struct limit *l, uint64_t key, int64_t now_us)
{
	struct bucket *set = l->set[key >> 32 & (SETS - 1)];
	struct bucket *oldest = &set[0];

	for (int i = 0; i < WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
		if (set[i].at_us < oldest->at_us)
			oldest = &set[i];
	}
	*oldest = (struct bucket){ key, LIMIT_BURST * ONE, now_us };
	return oldest;
}

bool limit_takes(struct limit *l, const char *address, int64_t monotonic_us)
{
	bool takes;
	struct bucket *b;

	pthread_mutex_lock(&l->lock);
	b = bucket_find(l, key_of(address), monotonic_us);
	if (monotonic_us > b->at_us) {
		b->credit += (monotonic_us - b->at_us) * LIMIT_PER_S;
		b->at_us = monotonic_us;
	}
	if (b->credit > LIMIT_BURST * ONE)
		b->credit = LIMIT_BURST * ONE;
	takes = b->credit >= ONE;
	if (takes)
		b->credit -= ONE;
	pthread_mutex_unlock(&l->lock);
	return takes;
}
