/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include "common/json.h"
#include "tests/unit/check.h"

#include <string.h>
#include <unistd.h>

/* What one event wrote. */
static size_t written(enum log_format format, enum log_level level, const char *value,
		      char *ret, size_t cap)
{
	OWNED(log) log = NULL;
	struct err e = { 0 };
	int ends[2];
	ssize_t n;

	if (pipe(ends) != 0 || !log_open(ends[1], format, LOG_LEVEL_INFO, &log, &e))
		return 0;
	log_event(log, level, "released", "instance", value, "host", "h1", NULL);
	close(ends[1]);
	n = read(ends[0], ret, cap - 1);
	close(ends[0]);
	ret[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static void test_text(void)
{
	char line[512];

	written(LOG_TEXT, LOG_LEVEL_INFO, "i-1", line, sizeof(line));
	check("an event is one line of words and pairs",
	      strcmp(line + 20, " info released instance=i-1 host=h1\n") == 0);
	written(LOG_TEXT, LOG_LEVEL_WARN, "x\n2026-01-01T00:00:00Z error forged", line,
		sizeof(line));
	check("a peer cannot forge a line",
	      strchr(line, '\n') == line + strlen(line) - 1 &&
		      strstr(line, "\\x0a") != NULL);
	written(LOG_TEXT, LOG_LEVEL_INFO, "x\x1b[31m", line, sizeof(line));
	check("a peer cannot colour the terminal",
	      !strchr(line, 0x1b) && strstr(line, "\\x1b"));
	written(LOG_TEXT, LOG_LEVEL_INFO, "a b=\"c", line, sizeof(line));
	check("a value with spaces stays one value",
	      strstr(line, "instance=\"a b=\\x22c\" host=h1") != NULL);
	written(LOG_TEXT, LOG_LEVEL_INFO, "\xff", line, sizeof(line));
	check("what is not UTF-8 is escaped", strstr(line, "instance=\\xff") != NULL);
	written(LOG_TEXT, LOG_LEVEL_INFO, NULL, line, sizeof(line));
	check("no value is a dash", strstr(line, "instance=- host") != NULL);
	check("a level below the least is quiet",
	      written(LOG_TEXT, LOG_LEVEL_DEBUG, "x", line, sizeof(line)) == 0);
}

static void test_json(void)
{
	char line[512];
	OWNED(json) j = NULL;
	struct err e = { 0 };
	size_t len = written(LOG_JSON, LOG_LEVEL_ERROR, "a\"b\n\xff", line, sizeof(line));

	check("a JSON line is JSON whatever it says",
	      json_parse((struct view){ (uint8_t *)line, len }, &j, &e));
	check("a JSON line is one line", strchr(line, '\n') == line + len - 1);
	check("its value comes back",
	      j && strcmp(json_get_text(j, "instance"), "a\"b\n\xef\xbf\xbd") == 0);
	check("its level is a word",
	      j && strcmp(json_get_text(j, "level"), "error") == 0);
}

static void test_err(void)
{
	OWNED(log) log = NULL;
	struct err e = { 0 }, why = { 0 };
	char line[512];
	int ends[2];
	ssize_t n = 0;

	err_field(&why, ERR_BAD_VALUE, "name", "too odd");
	err_wrap(&why, "put host");
	if (pipe(ends) == 0 && log_open(ends[1], LOG_TEXT, LOG_LEVEL_INFO, &log, &e)) {
		log_err(log, LOG_LEVEL_WARN, "refused", &why);
		close(ends[1]);
		n = read(ends[0], line, sizeof(line) - 1);
		close(ends[0]);
	}
	line[n > 0 ? n : 0] = '\0';
	check("a failure is logged with code, cause and field",
	      strstr(line, "code=bad_value cause=\"put host: too odd\" field=name") !=
		      NULL);
	log_event(NULL, LOG_LEVEL_ERROR, "nothing", NULL);
	check("no log is quiet", true);
}

int main(void)
{
	test_text();
	test_json();
	test_err();
	return done();
}
