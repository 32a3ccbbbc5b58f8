/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show - the broker's answers as facts and rows for people.
 *
 * Gives:   helpers that put members of a JSON object into a table; an instance, a setting, a
 *          host as a list of facts; a list as a table.
 * Threads: one.
 */
#ifndef CLIENT_CTL_SHOW_H
#define CLIENT_CTL_SHOW_H

#include "client/ctl/ctl.h"
#include "client/ctl/table.h"

/* The member `name` of j as a fact called `says`; a dash when it is null. */
void show_text(struct table *t, const char *says, const struct json *j, const char *name);
void show_integer(struct table *t, const char *says, const struct json *j,
		  const char *name);
/* A list of strings, with commas; `none` when it is empty. */
void show_list(struct table *t, const char *says, const struct json *j, const char *name,
	       const char *none);
/* A list of strings as one cell. */
void show_list_cell(struct table *t, const struct json *j, const char *name,
		    const char *none);

/* The facts of an answer, or with --json the answer itself. */
MUST_CHECK bool show_answer(struct ctl *ctl, const struct call *c,
			    void (*facts)(struct table *t, const struct json *j),
			    struct err *e);
void show_instance(struct table *t, const struct json *j);

/* How a list stands in a table: its heads, and who adds an item's cells. */
struct show_columns {
	const char *const *heads;
	size_t count;
	void (*item)(struct table *t, const struct json *item);
};
/* All pages of a list, or with --json as they come; p has no each and no ctx of its own. */
MUST_CHECK bool show_pages(struct ctl *ctl, const struct show_columns *as, struct pages p,
			   struct err *e);

#endif
