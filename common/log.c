/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct log {
	int fd; /* borrowed from the process */
	enum log_format format;
	enum log_level least;
};

static const char *const level_names[] = {
	[LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_ERROR] = "error",
};

bool log_open(int fd, enum log_format format, enum log_level least, struct log **ret,
	      struct err *e)
{
	struct log *log = calloc(1, sizeof(*log));

	if (!log)
		return err_set(e, ERR_NO_MEMORY, "no memory for the log");
	*log = (struct log){ .fd = fd, .format = format, .least = least };
	*ret = log;
	return true;
}

void log_free(struct log *log)
{
	free(log);
}

/* Control characters, quotes, backslashes and what is not UTF-8 appear as \xNN. */
static void add_escaped(struct buf *line, const char *value)
{
	size_t len = strlen(value);

	for (size_t i = 0, step; i < len; i += step ? step : 1) {
		step = strchr("\"\\", value[i]) ? 0 : text_printable(value + i, len - i);
		if (step)
			buf_add_bytes(line,
				      (struct view){ (const uint8_t *)value + i, step });
		else
			buf_addf(line, "\\x%02x", (unsigned char)value[i]);
	}
}

static void add_pair(struct buf *line, const char *name, const char *value)
{
	bool quoted = value[0] == '\0' || strpbrk(value, " =");

	buf_addf(line, " %s=%s", name, quoted ? "\"" : "");
	add_escaped(line, value);
	buf_add(line, quoted ? "\"" : "");
}

static void write_text(struct buf *line, const char *when, const char *level,
		       const char *event, va_list pairs)
{
	buf_addf(line, "%s %s %s", when, level, event);
	for (const char *name; (name = va_arg(pairs, const char *));) {
		const char *value = va_arg(pairs, const char *);

		add_pair(line, name, value ? value : "-");
	}
}

static void write_json(struct buf *line, const char *when, const char *level,
		       const char *event, va_list pairs)
{
	struct json_writer w = { .to = line };

	json_open(&w, NULL);
	json_put_text(&w, "time", when);
	json_put_text(&w, "level", level);
	json_put_text(&w, "event", event);
	for (const char *name; (name = va_arg(pairs, const char *));)
		json_put_text(&w, name, va_arg(pairs, const char *));
	json_close(&w);
}

static void log_pairs(const struct log *log, enum log_level level, const char *event,
		      va_list pairs)
{
	CLEANUP(buf_done) struct buf line = { 0 };
	char when[32];

	clock_rfc3339(clock_wall_us(clock_system()), when);
	if (log->format == LOG_JSON)
		write_json(&line, when, level_names[level], event, pairs);
	else
		write_text(&line, when, level_names[level], event, pairs);
	buf_add(&line, "\n");
	if (!line.failed && write(log->fd, line.at, line.len) < 0)
		return; /* nobody is left to tell */
}

void log_event(struct log *log, enum log_level level, const char *event, ...)
{
	va_list pairs;

	if (!log || level < log->least)
		return;
	va_start(pairs, event);
	log_pairs(log, level, event, pairs);
	va_end(pairs);
}

void log_err(struct log *log, enum log_level level, const char *event,
	     const struct err *e)
{
	log_event(log, level, event, "code", err_info(e->kind)->code, "cause", e->trail,
		  e->field[0] ? "field" : NULL, e->field, NULL);
}
