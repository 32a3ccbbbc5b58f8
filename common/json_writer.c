/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"

#include <inttypes.h>
#include <string.h>

static void add_char(struct buf *to, const char *at, size_t len)
{
	static const char *const shorts[128] = {
		['"'] = "\\\"", ['\\'] = "\\\\", ['\n'] = "\\n",
		['\r'] = "\\r", ['\t'] = "\\t",
	};
	unsigned char c = (unsigned char)*at;

	if (c < 128 && shorts[c])
		buf_add(to, shorts[c]);
	else if (c < 0x20 || c == 0x7f)
		buf_addf(to, "\\u%04x", c);
	else
		buf_add_bytes(to, (struct view){ (const uint8_t *)at, len });
}

/* How many bytes from here stand for themselves: most text is such a run, and goes in at once. */
static size_t plain_run(const char *at)
{
	size_t n = 0;

	while (at[n] >= 0x20 && at[n] < 0x7f && at[n] != '"' && at[n] != '\\')
		n++;
	return n;
}

/* What is not UTF-8 becomes U+FFFD, so that the reply is JSON whatever a row holds. */
static void add_string(struct buf *to, const char *text)
{
	size_t len = strlen(text);

	buf_add(to, "\"");
	for (size_t i = 0, step; i < len; i += step) {
		step = plain_run(text + i);
		if (step) {
			buf_add_bytes(to,
				      (struct view){ (const uint8_t *)text + i, step });
			continue;
		}
		step = text_utf8_step(text + i, len - i);
		if (step)
			add_char(to, text + i, step);
		else
			buf_add(to, "\\ufffd");
		step = step ? step : 1;
	}
	buf_add(to, "\"");
}

static void begin_value(struct json_writer *w, const char *name)
{
	if (w->comma)
		buf_add(w->to, ",");
	w->comma = true;
	if (!name)
		return;
	add_string(w->to, name);
	buf_add(w->to, ":");
}

static void open_nest(struct json_writer *w, const char *name, const char *bracket)
{
	begin_value(w, name);
	buf_add(w->to, bracket);
	w->comma = false;
	w->depth++;
}

static void close_nest(struct json_writer *w, const char *bracket)
{
	assert(w->depth > 0);
	buf_add(w->to, bracket);
	w->comma = true;
	w->depth--;
}

void json_open(struct json_writer *w, const char *name)
{
	open_nest(w, name, "{");
}

void json_close(struct json_writer *w)
{
	close_nest(w, "}");
}

void json_open_list(struct json_writer *w, const char *name)
{
	open_nest(w, name, "[");
}

void json_close_list(struct json_writer *w)
{
	close_nest(w, "]");
}

void json_put_text(struct json_writer *w, const char *name, const char *value)
{
	begin_value(w, name);
	if (value)
		add_string(w->to, value);
	else
		buf_add(w->to, "null");
}

void json_put_integer(struct json_writer *w, const char *name, int64_t value)
{
	begin_value(w, name);
	buf_addf(w->to, "%" PRId64, value);
}

void json_put_boolean(struct json_writer *w, const char *name, bool value)
{
	begin_value(w, name);
	buf_add(w->to, value ? "true" : "false");
}

void json_put_null(struct json_writer *w, const char *name)
{
	json_put_text(w, name, NULL);
}

void json_put_lines(struct json_writer *w, const char *name, const char *lines)
{
	json_open_list(w, name);
	while (*lines) {
		CLEANUP(buf_done) struct buf line = { 0 };
		size_t len = strcspn(lines, "\n");

		buf_add_bytes(&line, (struct view){ (const uint8_t *)lines, len });
		if (line.failed)
			w->to->failed = true;
		else
			json_put_text(w, NULL, line.at);
		lines += len + (lines[len] == '\n');
	}
	json_close_list(w);
}
