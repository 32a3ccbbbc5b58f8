/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/awaited.h"

#include "client/compute/hold.h"
#include "common/clock.h"

#include <stdlib.h>

struct awaited {
	pthread_mutex_t lock;
	struct awaited_guest all[AWAITED_MAX];
};

bool awaited_new(struct awaited **ret, struct err *e)
{
	struct awaited *w = calloc(1, sizeof(*w));

	if (!w)
		return err_set(e, ERR_NO_MEMORY, "no memory for guests that are awaited");
	pthread_mutex_init(&w->lock, NULL);
	*ret = w;
	return true;
}

void awaited_free(struct awaited *w)
{
	if (w)
		pthread_mutex_destroy(&w->lock);
	free(w);
}

static struct awaited_guest *find(struct awaited *w, const struct uuid *instance)
{
	for (size_t i = 0; i < AWAITED_MAX; i++)
		if (w->all[i].at_us != 0 &&
		    uuid_equal(&w->all[i].handover.instance, instance))
			return &w->all[i];
	return NULL;
}

static struct awaited_guest *oldest(struct awaited *w)
{
	struct awaited_guest *found = &w->all[0];

	for (size_t i = 1; i < AWAITED_MAX; i++)
		if (w->all[i].at_us < found->at_us)
			found = &w->all[i];
	return found;
}

void awaited_put(struct awaited *w, const struct awaited_guest *g)
{
	struct awaited_guest *to;
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&w->lock);

	to = find(w, &g->handover.instance);
	*(to ? to : oldest(w)) = *g;
}

bool awaited_take(struct awaited *w, const struct uuid *instance, int64_t now_us,
		  struct awaited_guest *ret)
{
	struct awaited_guest *from;
	bool fresh;
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&w->lock);

	from = find(w, instance);
	if (!from)
		return false;
	fresh = now_us - from->at_us < AWAITED_S * US_PER_S;
	if (fresh)
		*ret = *from;
	*from = (struct awaited_guest){ 0 };
	return fresh;
}
