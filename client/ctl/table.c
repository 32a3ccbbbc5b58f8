/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/table.h"

#include <string.h>
#include <wchar.h>

void table_add(struct table *t, const char *cell)
{
	buf_add_printable(&t->text, cell && cell[0] ? cell : "-");
	buf_add_bytes(&t->text, (struct view){ (const uint8_t *)"", 1 });
	t->cells++;
}

void table_add_integer(struct table *t, int64_t value)
{
	char text[24];

	table_add(t,
		  text_format(text, sizeof text, "%lld", (long long)value) ? text : NULL);
}

void table_fact(struct table *t, const char *name, const char *value)
{
	assert(t->columns == 2);
	table_add(t, name);
	table_add(t, value);
}

/* The locale's opinion of wide and combining characters, where it has one. */
static size_t one_width(const char *text, size_t bytes)
{
	mbstate_t state = { 0 };
	wchar_t c = 0;
	size_t n = mbrtowc(&c, text, bytes, &state);
	int width = n == bytes ? wcwidth(c) : 1;

	return width >= 0 ? (size_t)width : 1;
}

size_t table_width(const char *text)
{
	size_t left = strlen(text), width = 0;

	while (left > 0) {
		size_t n = text_utf8_step(text, left);

		n = n ? n : 1;
		width += one_width(text, n);
		text += n;
		left -= n;
	}
	return width;
}

static void measure(const struct table *t, size_t width[TABLE_COLUMNS_MAX])
{
	const char *cell = t->text.at;

	for (size_t i = 0; t->heads && i < t->columns; i++)
		width[i] = table_width(t->heads[i]);
	for (size_t i = 0; i < t->cells; i++) {
		size_t w = table_width(cell);

		if (w > width[i % t->columns])
			width[i % t->columns] = w;
		cell += strlen(cell) + 1;
	}
}

static void print_cell(FILE *out, const char *cell, size_t width, bool last)
{
	size_t w = table_width(cell);

	if (last)
		fprintf(out, "%s\n", cell);
	else
		fprintf(out, "%s%*s", cell, (int)(w < width ? width - w : 0) + 2, "");
}

bool table_print(const struct table *t, FILE *out, struct err *e)
{
	size_t width[TABLE_COLUMNS_MAX] = { 0 };
	const char *cell = t->text.at;

	assert(t->columns > 0 && t->columns <= TABLE_COLUMNS_MAX &&
	       t->cells % t->columns == 0);
	if (t->text.failed)
		return err_set(e, ERR_NO_MEMORY, "out of memory");
	measure(t, width);
	for (size_t i = 0; t->heads && i < t->columns; i++)
		print_cell(out, t->heads[i], width[i], i + 1 == t->columns);
	for (size_t i = 0; i < t->cells; i++) {
		size_t at = i % t->columns;

		print_cell(out, cell, width[at], at + 1 == t->columns);
		cell += strlen(cell) + 1;
	}
	return !ferror(out) || err_errno(e, ERR_IO, "the output cannot be written");
}

void table_done(struct table *t)
{
	buf_done(&t->text);
	*t = (struct table){ 0 };
}
