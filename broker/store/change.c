/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/change_body.h"

#include "common/text.h"

#include <stdlib.h>
#include <string.h>

bool change_new(struct change **ret, struct err *e)
{
	struct change *c = calloc(1, sizeof(*c));

	if (!c)
		return err_set(e, ERR_NO_MEMORY, "out of memory");
	c->class = CHANGE_OTHER;
	*ret = c;
	return true;
}

void change_free(struct change *c)
{
	if (c)
		change_reset(c);
	free(c);
}

void change_reset(struct change *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->entries[i].row);
	*c = (struct change){ .class = CHANGE_OTHER };
}

void change_set_class(struct change *c, enum change_class class)
{
	c->class = class;
}

static void change_add(struct change *c, enum table t, const void *row, bool put)
{
	const struct table_spec *s = table_spec(t);
	size_t size = put ? s->row_size : s->key_size;
	struct change_entry *entry = &c->entries[c->count];

	if (c->count == CHANGE_MAX) {
		err_set(&c->trouble, ERR_INTERNAL, "a change has too many parts");
		return;
	}
	*entry = (struct change_entry){ s, malloc(size), put };
	if (!entry->row) {
		err_set(&c->trouble, ERR_NO_MEMORY, "out of memory");
		return;
	}
	memcpy(entry->row, row, size);
	c->count++;
}

void change_guard(struct change *c, enum table t, const void *row)
{
	change_add(c, t, row, false);
}

static void change_wakes(struct change *c, const char *topic)
{
	for (size_t i = 0; i < c->topics_count; i++)
		if (strcmp(c->topics[i], topic) == 0)
			return;
	if (c->topics_count == CHANGE_TOPICS ||
	    !text_copy(c->topics[c->topics_count], PKI_HASH_HEX, topic))
		err_set(&c->trouble, ERR_INTERNAL, "a change has too many topics");
	else
		c->topics_count++;
}

void change_put(struct change *c, enum table t, const void *row)
{
	change_add(c, t, row, true);
	if (t == TABLE_HANDOVER)
		change_wakes(c, ((const struct handover_row *)row)->instance.text);
	else if (t == TABLE_ASK)
		change_wakes(c, ((const struct ask_row *)row)->instance.text);
}

void change_event(struct change *c, const char *host, const char *kind,
		  const struct uuid *instance, int64_t number)
{
	struct event_row row = { .instance = *instance, .number = number };

	if (c->events_count == CHANGE_EVENTS ||
	    !text_copy(row.host, sizeof(row.host), host) ||
	    !text_copy(row.kind, sizeof(row.kind), kind)) {
		err_set(&c->trouble, ERR_INTERNAL, "a change has too many events");
		return;
	}
	c->events[c->events_count++] = row;
	change_wakes(c, host);
}

const char *change_topic(const struct change *c, size_t i)
{
	return i < c->topics_count ? c->topics[i] : NULL;
}

struct audit_record *change_audit(struct change *c)
{
	if (!c->has_audit)
		c->audit = (struct audit_record){ .count = 1 };
	c->has_audit = true;
	return &c->audit;
}

bool change_has_audit(const struct change *c)
{
	return c->has_audit;
}

bool change_is_empty(const struct change *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->entries[i].put)
			return false;
	return !c->has_audit && c->events_count == 0;
}

bool change_ok(const struct change *c, struct err *e)
{
	if (c->trouble.kind == ERR_NONE)
		return true;
	*e = c->trouble;
	return false;
}
