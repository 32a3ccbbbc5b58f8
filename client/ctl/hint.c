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

static bool ends_with(const char *next, const char *end)
{
	const size_t len = strlen(next), n = strlen(end);

	return len >= n && strcmp(next + len - n, end) == 0;
}

/* Where the purpose is still to be said: a permit is to start unless it says otherwise. */
static bool wants_purpose(const char *next, const char *purpose)
{
	return purpose &&
	       ((ends_with(next, "vtpmctl permit ID") && strcmp(purpose, "start") != 0) ||
		ends_with(next, "vtpmctl grant create ID --hosts NAME"));
}

void hint_next(const struct ctl *ctl, const char *next, struct hint about, struct buf *to)
{
	const char *id = instance_of(ctl);
	const bool purpose = wants_purpose(next, about.purpose);

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
	if (purpose)
		buf_addf(to, " --purpose %s", about.purpose);
}
