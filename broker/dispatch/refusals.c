/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/dispatch/refusals.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"

enum { ENTRIES = 512 };
#define WINDOW_US (60 * US_PER_S)

struct entry {
	struct audit_record
		record; /* the latest repeat; its count is what is not yet written */
	int64_t began_us;
	bool used;
};

struct refusals {
	pthread_mutex_t lock;
	struct entry at[ENTRIES];
};

bool refusals_new(struct refusals **ret, struct err *e)
{
	struct refusals *r = calloc(1, sizeof *r);

	if (r == NULL)
		return err_set(e, ERR_NO_MEMORY, "refusals");
	pthread_mutex_init(&r->lock, NULL);
	*ret = r;
	return true;
}

void refusals_free(struct refusals *r)
{
	if (r == NULL)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static bool same_identity(const struct audit_record *a, const struct audit_record *b)
{
	return strcmp(a->credential, b->credential) == 0 && strcmp(a->kind, b->kind) == 0;
}

static bool alike(const struct audit_record *a, const struct audit_record *b)
{
	return same_identity(a, b) && strcmp(a->verb, b->verb) == 0 &&
	       strcmp(a->reason, b->reason) == 0 && strcmp(a->target, b->target) == 0 &&
	       strcmp(a->instance.text, b->instance.text) == 0 &&
	       strcmp(a->address, b->address) == 0;
}

static bool has_ended(const struct entry *n, int64_t now_us)
{
	return now_us - n->began_us >= WINDOW_US;
}

/* Who, which verb and why stay: that is few enough. */
static void generalize(struct audit_record *a)
{
	a->instance = a->attempt = (struct uuid){ 0 };
	a->version = a->epoch = 0;
	a->address[0] = a->purpose[0] = a->host[0] = a->weighed[0] = '\0';
	text_cut(a->target, sizeof a->target, "*");
}

/* Whether this identity has had its rows; the refusal itself may be one of them. */
static bool is_beyond_bound(const struct refusals *r, const struct audit_record *a,
			    int64_t now_us)
{
	unsigned own = 0;

	for (size_t i = 0; i < ENTRIES; i++) {
		const struct entry *n = &r->at[i];

		if (!n->used || !same_identity(&n->record, a) || has_ended(n, now_us))
			continue;
		if (alike(&n->record, a))
			return false;
		own++;
	}
	return own >= REFUSALS_OF_ONE;
}

/* The entry of this refusal, or else a free one, or else the oldest. */
static struct entry *entry_for(struct refusals *r, const struct audit_record *a)
{
	struct entry *best = &r->at[0];

	for (size_t i = 0; i < ENTRIES; i++) {
		struct entry *n = &r->at[i];

		if (n->used && alike(&n->record, a))
			return n;
		if (best->used && (!n->used || n->began_us < best->began_us))
			best = n;
	}
	return best;
}

bool refusals_counts(struct refusals *r, struct audit_record *a, int64_t monotonic_us,
		     struct audit_record *ret_ended)
{
	struct entry *n;
	bool repeat;
	int64_t count;

	pthread_mutex_lock(&r->lock);
	if (is_beyond_bound(r, a, monotonic_us))
		generalize(a);
	n = entry_for(r, a);
	repeat = n->used && alike(&n->record, a) && !has_ended(n, monotonic_us);
	count = n->record.count;
	if (!repeat) {
		*ret_ended = n->record;
		*n = (struct entry){ .began_us = monotonic_us, .used = true };
		count = -1;
	}
	n->record = *a;
	n->record.count = count + 1;
	pthread_mutex_unlock(&r->lock);
	return repeat;
}

bool refusals_ended(struct refusals *r, int64_t monotonic_us, bool all,
		    struct audit_record *ret)
{
	bool found = false;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < ENTRIES && !found; i++) {
		struct entry *n = &r->at[i];

		if (!n->used || !(all || has_ended(n, monotonic_us)))
			continue;
		found = n->record.count > 0;
		if (found)
			*ret = n->record;
		*n = (struct entry){ 0 };
	}
	pthread_mutex_unlock(&r->lock);
	return found;
}
