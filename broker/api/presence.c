/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/presence.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"

enum { BUCKETS = 1024 };

struct entry {
	char key_hash[PKI_HASH_HEX];
	int64_t at_us;
	struct entry *next; /* owned */
};

struct presence {
	pthread_mutex_t lock;
	struct entry *buckets[BUCKETS]; /* owned */
};

bool presence_new(struct presence **ret, struct err *e)
{
	struct presence *p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(e, ERR_NO_MEMORY, "presence");
	pthread_mutex_init(&p->lock, NULL);
	*ret = p;
	return true;
}

void presence_free(struct presence *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct entry *x = p->buckets[i], *next; x; x = next) {
			next = x->next;
			free(x);
		}
	}
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static struct entry **bucket_of(struct presence *p, const char *key_hash)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *key_hash; key_hash++)
		h = (h ^ (uint8_t)*key_hash) * 16777619u;
	return &p->buckets[h % BUCKETS];
}

static struct entry *find(struct presence *p, const char *key_hash)
{
	struct entry *x = *bucket_of(p, key_hash);

	while (x && strcmp(x->key_hash, key_hash) != 0)
		x = x->next;
	return x;
}

static struct entry *add(struct presence *p, const char *key_hash)
{
	struct entry **at = bucket_of(p, key_hash);
	struct entry *x = calloc(1, sizeof(*x));

	if (!x || !text_copy(x->key_hash, sizeof(x->key_hash), key_hash)) {
		free(x);
		return NULL;
	}
	x->next = *at;
	*at = x;
	return x;
}

void presence_note(struct presence *p, const char *key_hash, int64_t now_us)
{
	struct entry *x;

	pthread_mutex_lock(&p->lock);
	x = find(p, key_hash);
	if (!x)
		x = add(p, key_hash);
	if (x && x->at_us < now_us)
		x->at_us = now_us;
	pthread_mutex_unlock(&p->lock);
}

bool presence_is_near(struct presence *p, const char *key_hash, int64_t now_us)
{
	const struct entry *x;
	bool near;

	pthread_mutex_lock(&p->lock);
	x = find(p, key_hash);
	near = x && now_us - x->at_us < PRESENCE_US;
	pthread_mutex_unlock(&p->lock);
	return near;
}
