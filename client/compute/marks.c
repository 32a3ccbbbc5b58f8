/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/marks.h"

#include "client/compute/hold.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>

struct mark {
	struct uuid instance; /* unset: free */
	char word[16];
	int64_t at_us;
};

struct marks {
	pthread_mutex_t lock;
	struct mark all[MARKS_MAX];
};

bool marks_new(struct marks **ret, struct err *e)
{
	struct marks *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return err_set(e, ERR_NO_MEMORY, "no memory for marks");
	pthread_mutex_init(&m->lock, NULL);
	*ret = m;
	return true;
}

void marks_free(struct marks *m)
{
	if (m == NULL)
		return;
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static struct mark *find(struct marks *m, const struct uuid *instance)
{
	for (size_t i = 0; i < MARKS_MAX; i++)
		if (uuid_is_set(&m->all[i].instance) &&
		    uuid_equal(&m->all[i].instance, instance))
			return &m->all[i];
	return NULL;
}

static struct mark *free_or_oldest(struct marks *m)
{
	struct mark *oldest = &m->all[0];

	for (size_t i = 0; i < MARKS_MAX; i++) {
		if (!uuid_is_set(&m->all[i].instance))
			return &m->all[i];
		if (m->all[i].at_us < oldest->at_us)
			oldest = &m->all[i];
	}
	return oldest;
}

void marks_put(struct marks *m, const struct uuid *instance, const char *word,
	       int64_t at_us)
{
	struct mark *to;
	bool fits;
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&m->lock);

	to = find(m, instance);
	if (to == NULL)
		to = free_or_oldest(m);
	*to = (struct mark){ .instance = *instance, .at_us = at_us };
	fits = text_copy(to->word, sizeof(to->word), word);
	assert(fits);
}

bool marks_get(struct marks *m, const struct uuid *instance, char word[16],
	       int64_t *at_us)
{
	struct mark *from;
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&m->lock);

	from = find(m, instance);
	if (from == NULL)
		return false;
	if (word != NULL)
		memcpy(word, from->word, sizeof(from->word));
	if (at_us != NULL)
		*at_us = from->at_us;
	return true;
}

void marks_clear(struct marks *m, const struct uuid *instance)
{
	struct mark *old;
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&m->lock);

	old = find(m, instance);
	if (old != NULL)
		*old = (struct mark){ 0 };
}
