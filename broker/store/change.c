/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/change_body.h"

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

void change_put(struct change *c, enum table t, const void *row)
{
	change_add(c, t, row, true);
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
	return !c->has_audit;
}

bool change_ok(const struct change *c, struct err *e)
{
	if (c->trouble.kind == ERR_NONE)
		return true;
	*e = c->trouble;
	return false;
}
