/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/turns.h"

#include "client/compute/hold.h"
#include "common/clock.h"

#include <stdlib.h>

struct turns {
	pthread_mutex_t lock;
	pthread_cond_t given;
	struct uuid taken[TURNS_MAX]; /* unset: free */
};

bool turns_new(struct turns **ret, struct err *e)
{
	struct turns *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return err_set(e, ERR_NO_MEMORY, "no memory for turns");
	pthread_mutex_init(&t->lock, NULL);
	hold_cond_init(&t->given);
	*ret = t;
	return true;
}

void turns_free(struct turns *t)
{
	if (t == NULL)
		return;
	pthread_cond_destroy(&t->given);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* A free place, or NULL while the instance is taken or all places are. */
static struct uuid *place_for(struct turns *t, const struct uuid *instance)
{
	struct uuid *place = NULL;

	for (size_t i = 0; i < TURNS_MAX; i++) {
		if (!uuid_is_set(&t->taken[i]))
			place = &t->taken[i];
		else if (uuid_equal(&t->taken[i], instance))
			return NULL;
	}
	return place;
}

bool turns_take(struct turns *t, const struct uuid *instance, int64_t wait_ms,
		struct err *e)
{
	int64_t until = clock_monotonic_us(clock_system()) + wait_ms * 1000;
	struct uuid *place;
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&t->lock);

	while ((place = place_for(t, instance)) == NULL)
		if (!hold_wait(&t->given, &t->lock, until))
			return err_set(e, ERR_DEADLINE, "another request works on %s",
				       instance->text);
	*place = *instance;
	return true;
}

void turns_give(struct turns *t, const struct uuid *instance)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&t->lock);

	for (size_t i = 0; i < TURNS_MAX; i++)
		if (uuid_equal(&t->taken[i], instance))
			t->taken[i] = (struct uuid){ "" };
	pthread_cond_broadcast(&t->given);
}
