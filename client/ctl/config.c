/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/config.h"

#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	const char *want; /* the profile's name, or NULL for the first */
	struct profile *to;
	const char *dir; /* of the file */
	size_t dir_len;
	struct err *e;
	bool found;
};

static bool default_path(char *ret, size_t cap, struct err *e)
{
	const char *xdg = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (xdg && xdg[0] == '/' && text_format(ret, cap, "%s/vtpmctl/config", xdg))
		return true;
	if (home && home[0] == '/' &&
	    text_format(ret, cap, "%s/.config/vtpmctl/config", home))
		return true;
	return err_set(e, ERR_CONFIG,
		       "there is no home directory to look in; give --config");
}

static bool take_path(const struct reading *r, const char *value, char *to)
{
	if (value[0] == '/')
		return text_copy(to, CONFIG_PATH_MAX, value);
	return text_format(to, CONFIG_PATH_MAX, "%.*s%s", (int)r->dir_len, r->dir, value);
}

static bool take_value(struct reading *r, const char *name, const char *value)
{
	struct profile *p = r->to;
	char *to = strcmp(name, "url") == 0          ? p->url
		   : strcmp(name, "ca") == 0         ? p->ca
		   : strcmp(name, "token_file") == 0 ? p->token_file
						     : NULL;

	if (!to)
		return err_field(r->e, ERR_CONFIG, name, "profile %s: unknown key %s",
				 p->name, name);
	if (to[0])
		return err_field(r->e, ERR_CONFIG, name, "profile %s: %s is there twice",
				 p->name, name);
	if (to == p->url ? text_copy(to, sizeof p->url, value) : take_path(r, value, to))
		return true;
	return err_field(r->e, ERR_CONFIG, name, "profile %s: %s is too long", p->name,
			 name);
}

/* libinih's handler: 0 is a failure. */
static int on_value(void *ctx, const char *section, const char *name, const char *value)
{
	struct reading *r = ctx;

	if (r->e->kind != ERR_NONE)
		return 0;
	if (!r->found && (!r->want || strcmp(section, r->want) == 0)) {
		if (!text_copy(r->to->name, sizeof r->to->name, section))
			return err_set(r->e, ERR_CONFIG, "a profile's name is too long");
		r->found = true;
	}
	if (!r->found || strcmp(section, r->to->name) != 0)
		return 1;
	return take_value(r, name, value);
}

static bool check_profile(const struct reading *r, const char *path, int line,
			  struct err *e)
{
	if (e->kind != ERR_NONE)
		return err_wrap(e, "%s", path);
	if (line == -1)
		return err_errno(e, ERR_CONFIG,
				 "%s cannot be read: vtpm-brokerd init makes one", path);
	if (line != 0)
		return err_set(e, ERR_CONFIG, "%s: line %d cannot be understood", path,
			       line);
	if (!r->found && r->want)
		return err_field(e, ERR_CONFIG, "profile", "%s has no profile %s", path,
				 r->want);
	if (!r->found)
		return err_set(e, ERR_CONFIG, "%s has no profile", path);
	if (!r->to->url[0] || !r->to->ca[0])
		return err_field(e, ERR_CONFIG, r->to->url[0] ? "ca" : "url",
				 "profile %s has no %s", r->to->name,
				 r->to->url[0] ? "ca" : "url");
	return true;
}

bool config_read(const char *path, const char *name, struct profile *ret, struct err *e)
{
	char own[CONFIG_PATH_MAX];
	struct profile p = { 0 };
	struct reading r = { .want = name ? name : getenv("VTPMCTL_PROFILE"),
			     .to = &p,
			     .e = e };
	const char *slash;
	int line;

	err_clear(e);
	if (!path && !default_path(own, sizeof own, e))
		return false;
	path = path ? path : own;
	slash = strrchr(path, '/');
	r.dir = path;
	r.dir_len = slash ? (size_t)(slash - path) + 1 : 0;
	line = ini_parse(path, on_value, &r);
	if (!check_profile(&r, path, line, e))
		return false;
	*ret = p;
	return true;
}
