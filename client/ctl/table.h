/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table - rows in columns that line up, for people.
 *
 * Gives:   a heading (or none: then the first column names the facts), cells of UTF-8.
 * Refuses: what is not printable: it shows as "?", so that a peer cannot steer the terminal.
 * Knows:   no colour; the last column is not padded.
 * Threads: one.
 */
#ifndef CLIENT_CTL_TABLE_H
#define CLIENT_CTL_TABLE_H

#include <stdio.h>

#include "common/text.h"

enum { TABLE_COLUMNS_MAX = 10 };

struct table {
	const char *const *heads; /* borrowed, or NULL */
	size_t columns;
	size_t cells;    /* so far, the heads not counted */
	struct buf text; /* owned: the cells, each with its NUL */
};

/* Cells go in one after the other; a row is `columns` of them. NULL is a dash. */
void table_add(struct table *t, const char *cell);
void table_add_integer(struct table *t, int64_t value);
/* A row of a table of two columns. */
void table_fact(struct table *t, const char *name, const char *value);
MUST_CHECK bool table_print(const struct table *t, FILE *out, struct err *e);
void table_done(struct table *t); /* for CLEANUP(table_done) */
/* How many columns of a terminal text takes, one for each character. */
size_t table_width(const char *text);

#endif
