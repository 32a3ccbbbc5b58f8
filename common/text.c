/* SPDX-License-Identifier: Apache-2.0 */
#include "common/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_MAX = 64 * 1024 * 1024 };

/* Room for `more` bytes and a NUL, or the buffer has failed. */
static bool buf_reserve(struct buf *b, size_t more)
{
	size_t cap = b->cap ? b->cap : 256;
	char *at;

	if (b->failed || more >= BUF_MAX - b->len)
		return !(b->failed = true);
	while (cap < b->len + more + 1)
		cap *= 2;
	if (cap == b->cap)
		return true;
	at = realloc(b->at, cap);
	if (!at)
		return !(b->failed = true);
	b->at = at;
	b->cap = cap;
	return true;
}

void buf_add_bytes(struct buf *b, struct view bytes)
{
	if (!buf_reserve(b, bytes.len))
		return;
	if (bytes.len)
		memcpy(b->at + b->len, bytes.at, bytes.len);
	b->len += bytes.len;
	b->at[b->len] = '\0';
}

void buf_add(struct buf *b, const char *text)
{
	buf_add_bytes(b, (struct view){ (const uint8_t *)text, strlen(text) });
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list args, again;
	int need;

	va_start(args, fmt);
	va_copy(again, args);
	need = vsnprintf(NULL, 0, fmt, args);
	if (need < 0)
		b->failed = true;
	else if (buf_reserve(b, (size_t)need))
		b->len += (size_t)vsnprintf(b->at + b->len, (size_t)need + 1, fmt, again);
	va_end(again);
	va_end(args);
}

void buf_add_b64url(struct buf *b, struct view bytes)
{
	if (bytes.len < BUF_MAX && buf_reserve(b, B64URL_SIZE(bytes.len)))
		b->len += text_b64url(bytes, b->at + b->len);
}

void buf_done(struct buf *b)
{
	free(b->at);
	*b = (struct buf){ 0 };
}

bool text_copy(char *to, size_t cap, const char *from)
{
	size_t len = strlen(from);

	if (len >= cap)
		return false;
	memcpy(to, from, len + 1);
	return true;
}

void text_cut(char *to, size_t cap, const char *from)
{
	size_t len = strlen(from), kept = 0, step;

	assert(cap >= 2);
	if (text_copy(to, cap, from))
		return;
	while ((step = text_utf8_step(from + kept, len - kept)) && kept + step + 2 <= cap)
		kept += step;
	memcpy(to, from, kept);
	memcpy(to + kept, "~", 2);
}

bool text_format(char *to, size_t cap, const char *fmt, ...)
{
	va_list args;
	int need;

	va_start(args, fmt);
	need = vsnprintf(to, cap, fmt, args);
	va_end(args);
	return need >= 0 && (size_t)need < cap;
}

/* Bytes of the UTF-8 sequence at `at`, 0 when it is not well-formed; *ret is its code point. */
static size_t utf8_sequence(const uint8_t *at, size_t left, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = at[0] < 0x80   ? 1
		     : at[0] < 0xc2 ? 0
		     : at[0] < 0xe0 ? 2
		     : at[0] < 0xf0 ? 3
		     : at[0] < 0xf5 ? 4
				    : 0;
	uint32_t point = len == 1 ? at[0] : at[0] & (0x7fu >> len);

	if (len == 0 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (at[i] & 0x3fu);
	}
	if (point < least[len] || point > 0x10ffff ||
	    (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*ret = point;
	return len;
}

bool text_is_utf8(struct view bytes)
{
	uint32_t point = 0;

	for (size_t i = 0, step; i < bytes.len; i += step) {
		step = utf8_sequence(bytes.at + i, bytes.len - i, &point);
		if (step == 0 || point == 0)
			return false;
	}
	return true;
}

size_t text_utf8_step(const char *text, size_t len)
{
	uint32_t point = 0;

	return len ? utf8_sequence((const uint8_t *)text, len, &point) : 0;
}

size_t text_printable(const char *text, size_t len)
{
	uint32_t point = 0;
	size_t step = len ? utf8_sequence((const uint8_t *)text, len, &point) : 0;

	if (point < 0x20 || (point >= 0x7f && point < 0xa0))
		return 0; /* C0, DEL and C1 */
	if ((point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069))
		return 0; /* line separators and what reorders text */
	return step;
}

void buf_add_printable(struct buf *b, const char *text)
{
	for (size_t left = strlen(text); left > 0;) {
		const size_t n = text_printable(text, left);
		const size_t step = n ? n : text_utf8_step(text, left);

		if (n == 0)
			buf_add(b, "?");
		else
			buf_add_bytes(b, (struct view){ (const uint8_t *)text, n });
		text += step ? step : 1;
		left -= step ? step : 1;
	}
}

bool text_is_display(const char *text, size_t max)
{
	size_t len = strlen(text);

	for (size_t i = 0, step; i < len; i += step) {
		step = text_printable(text + i, len - i);
		if (step == 0)
			return false;
	}
	return len >= 1 && len <= max;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool text_is_name(const char *text, size_t max)
{
	size_t len = 0;

	if (!is_alnum(text[0]))
		return false;
	while (is_alnum(text[len]) || text[len] == '.' || text[len] == '_' ||
	       text[len] == '-')
		len++;
	return len <= max && text[len] == '\0';
}

bool text_parse_int(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	const char *digits = text[0] == '-' ? text + 1 : text;
	int64_t value = 0;

	if (digits[0] == '\0' || (digits[0] == '0' && digits[1] != '\0'))
		return false;
	for (; *digits; digits++) {
		if (*digits < '0' || *digits > '9' ||
		    __builtin_mul_overflow(value, 10, &value))
			return false;
		if (__builtin_sub_overflow(value, *digits - '0', &value))
			return false; /* counted downwards, so that INT64_MIN fits */
	}
	if (text[0] != '-' && __builtin_sub_overflow(0, value, &value))
		return false;
	if (value < min || value > max)
		return false;
	*ret = value;
	return true;
}
