/* SPDX-License-Identifier: Apache-2.0 */
#include "common/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERR_ROW(name, code, status, exit_code, title, next) \
	[ERR_##name] = { code, status, exit_code, title, next },
static const struct err_info infos[ERR_KINDS] = {
	[ERR_NONE] = { "none", 200, 0, "No error", "" }, ERRORS(ERR_ROW)
};

const struct err_info *err_info(enum err_kind kind)
{
	assert((unsigned)kind < ERR_KINDS);
	return &infos[kind];
}

enum err_kind err_kind_of(const char *code)
{
	for (int kind = ERR_NONE + 1; code && kind < ERR_KINDS; kind++)
		if (strcmp(infos[kind].code, code) == 0)
			return (enum err_kind)kind;
	return ERR_NONE;
}

/* The words of a failure may name something long; what does not fit is cut at its end. */
PRINTF(3, 0)
static void format_cut(char *to, size_t cap, const char *fmt, va_list args)
{
	if (vsnprintf(to, cap, fmt, args) < 0)
		to[0] = '\0';
}

static void add_cut(char *to, size_t cap, const char *more)
{
	size_t len = strlen(to);
	size_t fits = strnlen(more, cap - 1 - len);

	memcpy(to + len, more, fits);
	to[len + fits] = '\0';
}

PRINTF(4, 0)
static void err_fill(struct err *e, enum err_kind kind, const char *field,
		     const char *fmt, va_list args)
{
	err_clear(e);
	e->kind = kind;
	add_cut(e->field, sizeof(e->field), field);
	format_cut(e->detail, sizeof(e->detail), fmt, args);
	add_cut(e->trail, sizeof(e->trail), e->detail);
}

bool(err_set)(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	err_fill(e, kind, "", fmt, args);
	va_end(args);
	return false;
}

bool(err_field)(struct err *e, enum err_kind kind, const char *field, const char *fmt,
		...)
{
	va_list args;

	va_start(args, fmt);
	err_fill(e, kind, field, fmt, args);
	va_end(args);
	return false;
}

bool(err_errno)(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	const char *cause = strerrordesc_np(errno);
	va_list args;

	va_start(args, fmt);
	err_fill(e, kind, "", fmt, args);
	va_end(args);
	add_cut(e->trail, sizeof(e->trail), ": ");
	add_cut(e->trail, sizeof(e->trail), cause ? cause : "unknown error");
	return false;
}

/* Joins front and back; when both do not fit, the front keeps its first half. */
static void join_keeping_cause(char *to, size_t cap, const char *front, const char *back)
{
	static const char gap[] = " ... ";
	size_t front_len = strlen(front), back_len = strlen(back), room = cap - 1;

	to[0] = '\0';
	if (front_len + 2 + back_len <= room) {
		add_cut(to, cap, front);
		add_cut(to, cap, ": ");
		add_cut(to, cap, back);
		return;
	}
	room -= strlen(gap);
	front_len = front_len < room / 2 ? front_len : room / 2;
	if (back_len > room - front_len)
		back += back_len - (room - front_len);
	add_cut(to, front_len + 1, front);
	add_cut(to, cap, gap);
	add_cut(to, cap, back);
}

bool(err_wrap)(struct err *e, const char *fmt, ...)
{
	char front[sizeof(e->trail)], whole[sizeof(e->trail)];
	va_list args;

	va_start(args, fmt);
	format_cut(front, sizeof(front), fmt, args);
	va_end(args);
	join_keeping_cause(whole, sizeof(whole), front, e->trail);
	memcpy(e->trail, whole, sizeof(whole));
	return false;
}

void err_clear(struct err *e)
{
	*e = (struct err){ 0 };
}
