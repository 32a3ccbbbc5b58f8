/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/hint.h"

#include <string.h>

/* What was typed for an ID, when it can be typed again as it is. */
static const char *instance_of(const struct ctl *ctl)
{
	const struct command *c = ctl->command;
	const char *text = ctl->args[0];

	if (!c || !text || strncmp(c->args, "ID", 2) != 0 || !text_is_name(text, 128))
		return NULL;
	return text;
}

static bool is_permit(const char *next)
{
	static const char ends[] = "vtpmctl permit ID";
	const size_t len = strlen(next);

	return len >= sizeof ends - 1 &&
	       strcmp(next + len - (sizeof ends - 1), ends) == 0;
}

void hint_next(const struct ctl *ctl, const char *next, struct hint about, struct buf *to)
{
	const char *id = instance_of(ctl);
	const bool permit = is_permit(next);

	while (*next) {
		size_t len = strcspn(next, " ,");

		if (id && len == 2 && strncmp(next, "ID", 2) == 0)
			buf_add(to, id);
		else if (about.host && len == 4 && strncmp(next, "NAME", 4) == 0)
			buf_add_printable(to, about.host);
		else
			buf_addf(to, "%.*s", (int)len, next);
		next += len;
		for (; *next == ' ' || *next == ','; next++)
			buf_addf(to, "%c", *next);
	}
	if (permit && about.purpose && strcmp(about.purpose, "start") != 0)
		buf_addf(to, " --purpose %s", about.purpose);
}
