/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/watch.h"

#include "client/compute/hold.h"

#include <stdlib.h>

struct watched {
	struct uuid instance; /* unset: free */
	struct watch_seen seen;
};

struct watch {
	pthread_mutex_t lock; /* guards what follows */
	struct watched all[WATCH_MAX];
	uint64_t breaks;
};

bool watch_new(struct watch **ret, struct err *e)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return err_set(e, ERR_NO_MEMORY, "no memory to watch guests");
	pthread_mutex_init(&w->lock, NULL);
	*ret = w;
	return true;
}

void watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	pthread_mutex_destroy(&w->lock);
	free(w);
}

static struct watched *find(struct watch *w, const struct uuid *instance)
{
	for (size_t i = 0; i < WATCH_MAX; i++)
		if (uuid_is_set(&w->all[i].instance) &&
		    uuid_equal(&w->all[i].instance, instance))
			return &w->all[i];
	return NULL;
}

static struct watched *find_free(struct watch *w)
{
	for (size_t i = 0; i < WATCH_MAX; i++)
		if (!uuid_is_set(&w->all[i].instance))
			return &w->all[i];
	return NULL;
}

/* A full table is as if this guest had never been watched. */
void watch_begin(struct watch *w, const struct uuid *instance)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&w->lock);
	struct watched *to = find(w, instance);

	if (to == NULL)
		to = find_free(w);
	if (to != NULL)
		*to = (struct watched){ *instance, { .unbroken = true } };
}

uint64_t watch_resume(struct watch *w, const struct uuid *instance)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&w->lock);
	struct watched *to = find(w, instance) == NULL ? find_free(w) : NULL;
	const uint64_t breaks = w->breaks;

	if (to != NULL)
		*to = (struct watched){ *instance, { .unbroken = false } };
	return breaks;
}

void watch_mend(struct watch *w, const struct uuid *instance, uint64_t breaks)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&w->lock);
	struct watched *to = find(w, instance);

	if (to != NULL && w->breaks == breaks)
		to->seen.unbroken = true;
}

void watch_event(struct watch *w, const struct uuid *instance, enum libvirt_event what)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&w->lock);
	struct watched *to = find(w, instance);

	if (to == NULL)
		return;
	switch (what) {
	case LIBVIRT_SUSPENDED:
		to->seen.suspended = true;
		break;
	case LIBVIRT_RESUMED:
		to->seen.resumed = true;
		break;
	case LIBVIRT_RESUMED_MIGRATED:
		to->seen.resumed_migrated = true;
		break;
	case LIBVIRT_STOPPED:
		to->seen.stopped = true;
		break;
	case LIBVIRT_STOPPED_MIGRATED:
		to->seen.stopped_migrated = true;
		break;
	case LIBVIRT_JOB_OVER:
		to->seen.job_over = true;
		break;
	}
}

void watch_break(struct watch *w)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&w->lock);

	w->breaks++;
	for (size_t i = 0; i < WATCH_MAX; i++)
		w->all[i].seen.unbroken = false;
}

void watch_get(struct watch *w, const struct uuid *instance, struct watch_seen *ret)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&w->lock);
	const struct watched *from = find(w, instance);

	*ret = from != NULL ? from->seen : (struct watch_seen){ 0 };
}

void watch_end(struct watch *w, const struct uuid *instance)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&w->lock);
	struct watched *old = find(w, instance);

	if (old != NULL)
		*old = (struct watched){ 0 };
}
