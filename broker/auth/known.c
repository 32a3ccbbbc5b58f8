/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/auth/known.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 4096 };

struct slot {
	uint8_t digest[DIGEST_BYTES];
	struct cert_facts facts;
	bool used;
};

struct known {
	pthread_mutex_t lock;
	struct slot slot[SLOTS];
};

bool known_new(struct known **ret, struct err *e)
{
	struct known *k = calloc(1, sizeof *k);

	if (k == NULL)
		return err_set(e, ERR_NO_MEMORY, "verified certificates");
	pthread_mutex_init(&k->lock, NULL);
	*ret = k;
	return true;
}

void known_free(struct known *k)
{
	if (k == NULL)
		return;
	pthread_mutex_destroy(&k->lock);
	free(k);
}

static struct slot *slot_of(struct known *k, const uint8_t digest[DIGEST_BYTES])
{
	return &k->slot[(digest[0] | digest[1] << 8) % SLOTS];
}

bool known_find(struct known *k, const uint8_t digest[DIGEST_BYTES],
		struct cert_facts *ret)
{
	const struct slot *s;
	bool found;

	pthread_mutex_lock(&k->lock);
	s = slot_of(k, digest);
	found = s->used && memcmp(s->digest, digest, DIGEST_BYTES) == 0;
	if (found)
		*ret = s->facts;
	pthread_mutex_unlock(&k->lock);
	return found;
}

void known_add(struct known *k, const uint8_t digest[DIGEST_BYTES],
	       const struct cert_facts *f)
{
	struct slot *s;

	pthread_mutex_lock(&k->lock);
	s = slot_of(k, digest);
	memcpy(s->digest, digest, DIGEST_BYTES);
	s->facts = *f;
	s->used = true;
	pthread_mutex_unlock(&k->lock);
}
