/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/daemon/profiles.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/daemon/files.h"
#include "broker/daemon/tokens.h"
#include "common/text.h"

enum { PROFILES_FILES = 8 };

struct staged {
	char name[CONFIG_PATH], fresh[CONFIG_PATH];
};

struct profiles {
	char path[CONFIG_PATH];
	char dir[CONFIG_PATH];
	struct staged files[PROFILES_FILES];
	size_t n;
};

static bool find_path(const char *given, char ret[CONFIG_PATH], struct err *e)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char here[CONFIG_PATH];
	bool found = false;

	if (given && given[0] == '/')
		found = text_copy(ret, CONFIG_PATH, given);
	else if (given)
		found = getcwd(here, sizeof(here)) &&
			text_format(ret, CONFIG_PATH, "%s/%s", here, given);
	else if (base && base[0] == '/')
		found = text_format(ret, CONFIG_PATH, "%s/vtpmctl/config", base);
	else if (home && home[0] == '/')
		found = text_format(ret, CONFIG_PATH, "%s/.config/vtpmctl/config", home);
	return found ||
	       err_set(e, ERR_USAGE, "where to write the profiles? give --profiles FILE");
}

static bool find_dir(struct profiles *p, struct err *e)
{
	const char *slash = strrchr(p->path, '/');

	if (!slash || !slash[1] ||
	    !text_format(p->dir, sizeof(p->dir), "%.*s", (int)(slash - p->path), p->path))
		return err_set(e, ERR_USAGE, "--profiles names no file");
	return make_parents(p->path, false, e);
}

/* The next file's two names; a file that is there already ends it. */
static bool add_file(struct profiles *p, const char *path, struct staged **ret,
		     struct err *e)
{
	struct staged *s = &p->files[p->n];

	assert(p->n < PROFILES_FILES);
	if (!text_copy(s->name, sizeof(s->name), path) ||
	    !text_format(s->fresh, sizeof(s->fresh), "%s.%ld.new", path, (long)getpid()))
		return err_set(e, ERR_USAGE, "the path of the profiles is too long");
	if (access(s->name, F_OK) == 0)
		return err_set(e, ERR_EXISTS_DIFFERENT,
			       "%s exists; name another place with --profiles", s->name);
	p->n++;
	*ret = s;
	return true;
}

static bool stage_text(struct profiles *p, const char *path, const char *text,
		       struct err *e)
{
	struct staged *s;

	return add_file(p, path, &s, e) &&
	       file_create(s->fresh, 0600,
			   (struct view){ (const uint8_t *)text, strlen(text) }, e);
}

static bool stage_token(struct profiles *p, const char *profile,
			const struct secret *text, struct err *e)
{
	char path[CONFIG_PATH];
	struct staged *s;

	if (!text_format(path, sizeof(path), "%s/%s.token", p->dir, profile))
		return err_set(e, ERR_USAGE, "the path of the profiles is too long");
	return add_file(p, path, &s, e) && token_write(s->fresh, text, e);
}

static bool stage_config(struct profiles *p, const struct profiles_wish *wish,
			 const char *ca, struct err *e)
{
	CLEANUP(buf_done) struct buf b = { 0 };

	buf_add(&b, "# Profiles of vtpmctl, made by vtpm-brokerd init.\n");
	for (size_t i = 0; i < wish->n; i++) {
		const char *name = wish->tokens[i].profile;

		buf_addf(&b, "\n[%s]\nurl = %s\nca = %s\ntoken_file = %s/%s.token\n",
			 name, wish->url, ca, p->dir, name);
	}
	if (b.failed)
		return err_set(e, ERR_NO_MEMORY, "no memory for the profiles");
	return stage_text(p, p->path, b.at, e);
}

static bool stage_all(struct profiles *p, const struct profiles_wish *wish, struct err *e)
{
	char ca[CONFIG_PATH];

	if (!find_path(wish->path, p->path, e) || !find_dir(p, e))
		return false;
	if (!text_format(ca, sizeof(ca), "%s/broker-ca.pem", p->dir))
		return err_set(e, ERR_USAGE, "the path of the profiles is too long");
	for (size_t i = 0; i < wish->n; i++)
		if (!stage_token(p, wish->tokens[i].profile, wish->tokens[i].text, e))
			return false;
	return stage_text(p, ca, wish->ca_pem, e) && stage_config(p, wish, ca, e);
}

bool profiles_stage(const struct profiles_wish *wish, struct profiles **ret,
		    struct err *e)
{
	OWNED(profiles) p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(e, ERR_NO_MEMORY, "no memory for the profiles");
	if (!stage_all(p, wish, e))
		return false;
	*ret = profiles_move(&p);
	return true;
}

bool profiles_keep(struct profiles *p, struct err *e)
{
	for (size_t i = 0; i < p->n; i++)
		if (link(p->files[i].fresh, p->files[i].name) != 0)
			return err_errno(e, ERR_IO, "cannot write %s", p->files[i].name);
	return file_sync_directory(p->dir, e);
}

const char *profiles_path(const struct profiles *p)
{
	return p->path;
}

/* A kept file has a second name by now, which stays. */
void profiles_free(struct profiles *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		(void)unlink(p->files[i].fresh);
	free(p);
}
