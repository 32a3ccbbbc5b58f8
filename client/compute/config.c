/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/config.h"

#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBVIRT_STATES "/var/lib/libvirt/swtpm"
#define LIBVIRT_SAVES "/var/lib/libvirt/qemu/save"
#define LIBVIRT_STATUSES "/run/libvirt/qemu"
#define LIBVIRT_SOCKET "/run/libvirt/libvirt-sock"

static bool all_in(const char *dir, struct places *ret, struct err *e)
{
	return path_set(&ret->conf, e, "%s", dir) &&
	       path_set(&ret->state, e, "%s", dir) &&
	       path_set(&ret->socket, e, "%s/agent.sock", dir);
}

bool config_places(const char *state_dir, struct places *ret, struct err *e)
{
	const char *home = getenv("HOME");
	const char *xdg = getenv("XDG_STATE_HOME");
	struct path dir;

	if (state_dir != NULL && *state_dir != '\0')
		return all_in(state_dir, ret, e);
	if (geteuid() == 0)
		return path_set(&ret->conf, e, "/etc/vtpm-client") &&
		       path_set(&ret->state, e, "/var/lib/vtpm-client") &&
		       path_set(&ret->socket, e, "/run/vtpm-client/agent.sock");
	if (xdg != NULL && *xdg == '/')
		return path_set(&dir, e, "%s/vtpm-client", xdg) &&
		       all_in(dir.text, ret, e);
	if (home == NULL || *home != '/')
		return err_set(e, ERR_CONFIG, "neither HOME nor XDG_STATE_HOME is set");
	return path_set(&dir, e, "%s/.local/state/vtpm-client", home) &&
	       all_in(dir.text, ret, e);
}

static bool set_bool(bool *to, const char *value)
{
	*to = strcmp(value, "yes") == 0;
	return *to || strcmp(value, "no") == 0;
}

/* inih's answer: 1 goes on, 0 is an error at this line. */
static int take(void *ctx, const char *section, const char *key, const char *value)
{
	struct config *c = ctx;

	if (strcmp(section, "client") != 0)
		return 0;
	if (strcmp(key, "url") == 0)
		return text_copy(c->url, sizeof(c->url), value);
	if (strcmp(key, "name") == 0)
		return text_is_name(value, 63) &&
		       text_copy(c->name, sizeof(c->name), value);
	if (strcmp(key, "libvirt") == 0)
		return set_bool(&c->use_libvirt, value);
	if (strcmp(key, "libvirt_uri") == 0)
		return text_copy(c->libvirt_uri, sizeof(c->libvirt_uri), value);
	if (strcmp(key, "tpm_states") == 0)
		return text_copy(c->tpm_states.text, sizeof(c->tpm_states.text), value);
	if (strcmp(key, "saves") == 0)
		return text_copy(c->saves.text, sizeof(c->saves.text), value);
	if (strcmp(key, "statuses") == 0)
		return text_copy(c->statuses.text, sizeof(c->statuses.text), value);
	if (strcmp(key, "libvirt_socket") == 0)
		return text_copy(c->libvirt_socket.text, sizeof(c->libvirt_socket.text),
				 value);
	return 0;
}

static bool set_defaults(const struct places *at, struct config *ret, struct err *e)
{
	*ret = (struct config){ .at = *at, .use_libvirt = true };
	return text_copy(ret->libvirt_uri, sizeof(ret->libvirt_uri), "qemu:///system") &&
	       path_set(&ret->tpm_states, e, LIBVIRT_STATES) &&
	       path_set(&ret->saves, e, LIBVIRT_SAVES) &&
	       path_set(&ret->statuses, e, LIBVIRT_STATUSES) &&
	       path_set(&ret->libvirt_socket, e, LIBVIRT_SOCKET);
}

static bool conf_path(const struct places *at, struct path *ret, struct err *e)
{
	return path_set(ret, e, "%s/client.conf", at->conf.text);
}

bool config_load(const struct places *at, struct config *ret, struct err *e)
{
	struct config c;
	struct path path = { "" };
	int line;

	if (!set_defaults(at, &c, e) || !conf_path(at, &path, e))
		return false;
	line = ini_parse(path.text, take, &c);
	if (line == -1)
		return err_set(e, ERR_CONFIG, "%s is missing: enroll this host first",
			       path.text);
	if (line != 0)
		return err_set(e, ERR_CONFIG, "%s, line %d: not understood", path.text,
			       line);
	if (c.url[0] == '\0' || c.name[0] == '\0')
		return err_set(e, ERR_CONFIG, "%s names no url or no name", path.text);
	*ret = c;
	return true;
}

bool config_save(const struct config *c, struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	struct config old;
	struct path path = { "" };
	struct err ignored = { 0 };

	if (!conf_path(&c->at, &path, e))
		return false;
	if (!config_load(&c->at, &old, &ignored) && !set_defaults(&c->at, &old, e))
		return false;
	buf_addf(&text, "[client]\nurl = %s\nname = %s\nlibvirt = %s\nlibvirt_uri = %s\n",
		 c->url, c->name, old.use_libvirt ? "yes" : "no", old.libvirt_uri);
	buf_addf(&text, "tpm_states = %s\nsaves = %s\n", old.tpm_states.text,
		 old.saves.text);
	buf_addf(&text, "statuses = %s\nlibvirt_socket = %s\n", old.statuses.text,
		 old.libvirt_socket.text);
	if (text.failed)
		return err_set(e, ERR_NO_MEMORY, "no memory for client.conf");
	return file_write(path.text, (struct view){ (const uint8_t *)text.at, text.len },
			  0644, e);
}
