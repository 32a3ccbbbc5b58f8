/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/daemon/config.h"

#include <arpa/inet.h>
#include <ini.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"

static const char SYSTEM_FILE[] = "/etc/vtpm-broker/vtpm-brokerd.conf";
static const char SYSTEM_STATE[] = "/var/lib/vtpm-broker";
enum { LEASE_DAYS_MAX = 90, WORKERS_MAX = 64 };

bool address_parse(const char *text, struct address *ret, struct err *e)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	uint8_t binary[sizeof(struct in6_addr)];

	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (!colon || len >= sizeof(ret->host) ||
	    !text_parse_int(colon + 1, 0, UINT16_MAX, &ret->port))
		return err_set(e, ERR_CONFIG,
			       "an address is ADDRESS:PORT or [ADDRESS]:PORT");
	memcpy(ret->host, text, len);
	ret->host[len] = '\0';
	if (inet_pton(AF_INET, ret->host, binary) != 1 &&
	    inet_pton(AF_INET6, ret->host, binary) != 1)
		return err_set(e, ERR_CONFIG, "%s is no numeric address",
			       ret->host[0] ? ret->host : "nothing before the colon");
	return true;
}

/* ---- one setter per kind of value ---- */

typedef bool setter(struct config *c, const char *value, struct err *e);

static bool set_path(char to[CONFIG_PATH], const char *value, struct err *e)
{
	char here[PATH_MAX];

	if (value[0] == '/')
		return text_copy(to, CONFIG_PATH, value) ||
		       err_set(e, ERR_CONFIG, "the path is too long");
	if (!value[0] || !getcwd(here, sizeof(here)) ||
	    !text_format(to, CONFIG_PATH, "%s/%s", here, value))
		return err_set(e, ERR_CONFIG, "the path is empty or too long");
	return true;
}

static bool set_state(struct config *c, const char *value, struct err *e)
{
	if (!set_path(c->state, value, e))
		return false;
	for (size_t n = strlen(c->state); n > 1 && c->state[n - 1] == '/'; n--)
		c->state[n - 1] = '\0';
	return true;
}

static bool set_root_key(struct config *c, const char *value, struct err *e)
{
	return set_path(c->root_key, value, e);
}

static bool copy_address(char to[CONFIG_ADDRESS], const char *value, struct err *e)
{
	return text_copy(to, CONFIG_ADDRESS, value) ||
	       err_set(e, ERR_CONFIG, "the address is too long");
}

static bool set_listen(struct config *c, const char *value, struct err *e)
{
	struct address a;

	return address_parse(value, &a, e) && copy_address(c->listen, value, e);
}

static bool set_health(struct config *c, const char *value, struct err *e)
{
	struct address a;

	if (strcmp(value, "none") == 0)
		return text_copy(c->health, sizeof(c->health), "");
	return address_parse(value, &a, e) && copy_address(c->health, value, e);
}

static bool set_workers(struct config *c, const char *value, struct err *e)
{
	return text_parse_int(value, 1, WORKERS_MAX, &c->workers) ||
	       err_set(e, ERR_CONFIG, "workers is from 1 to %d", WORKERS_MAX);
}

static bool set_lease_days(struct config *c, const char *value, struct err *e)
{
	return text_parse_int(value, 0, LEASE_DAYS_MAX, &c->lease_days) ||
	       err_set(e, ERR_CONFIG, "lease_days is from 0 to %d", LEASE_DAYS_MAX);
}

static bool set_log(struct config *c, const char *value, struct err *e)
{
	c->log = strcmp(value, "json") == 0 ? LOG_JSON : LOG_TEXT;
	return c->log == LOG_JSON || strcmp(value, "text") == 0 ||
	       err_set(e, ERR_CONFIG, "log is text or json");
}

static bool has_line(const char *lines, const char *line, size_t len)
{
	for (; *lines; lines += strcspn(lines, "\n"), lines += *lines == '\n')
		if (strcspn(lines, "\n") == len && memcmp(lines, line, len) == 0)
			return true;
	return false;
}

static bool add_name(struct config *c, const char *name, size_t len, struct err *e)
{
	size_t used = strlen(c->names);

	if (len == 0 || has_line(c->names, name, len))
		return true;
	if (strspn(name,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-") <
	    len)
		return err_set(e, ERR_CONFIG,
			       "a server's name is a DNS name or an address");
	if (!text_format(c->names + used, sizeof(c->names) - used, "%s%.*s",
			 used ? "\n" : "", (int)len, name))
		return err_set(e, ERR_CONFIG, "the server has too many names");
	return true;
}

static bool set_names(struct config *c, const char *value, struct err *e)
{
	for (; *value; value += strspn(value, " ,")) {
		size_t len = strcspn(value, " ,");

		if (!add_name(c, value, len, e))
			return false;
		value += len;
	}
	return true;
}

static const struct row {
	const char *key; /* in the file */
	enum cli_option option;
	setter *set;
} rows[] = {
	{ "state", OPT_STATE, set_state },
	{ "root_key", OPT_ROOT_KEY, set_root_key },
	{ "listen", OPT_LISTEN, set_listen },
	{ "health", OPT_HEALTH, set_health },
	{ "name", OPT_NAME, set_names },
	{ "workers", OPT_WORKERS, set_workers },
	{ "log", OPT_LOG, set_log },
	{ "lease_days", OPT_LEASE_DAYS, set_lease_days },
};

/* ---- where values come from ---- */

static bool built_in(struct config *c, struct err *e)
{
	const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	bool fits;

	*c = (struct config){ .listen = "127.0.0.1:7443",
			      .health = "127.0.0.1:7444",
			      .lease_days = 7,
			      .log = LOG_TEXT };
	if (geteuid() == 0)
		return text_copy(c->state, sizeof(c->state), SYSTEM_STATE);
	if (base && base[0] == '/')
		fits = text_format(c->state, sizeof(c->state), "%s/vtpm-broker", base);
	else if (home && home[0] == '/')
		fits = text_format(c->state, sizeof(c->state),
				   "%s/.local/state/vtpm-broker", home);
	else
		fits = text_copy(c->state, sizeof(c->state), SYSTEM_STATE);
	return fits || err_set(e, ERR_CONFIG, "the state directory's path is too long");
}

struct file {
	struct config *config;
	struct err *e;
	bool failed;
};

static int take_line(void *ctx, const char *section, const char *key, const char *value)
{
	struct file *f = ctx;

	if (f->failed)
		return 1; /* the first failure is the one that is told */
	f->failed = true;
	if (strcmp(section, "broker") != 0)
		return err_set(f->e, ERR_CONFIG, "section [%s] is not known", section);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(rows[i].key, key) != 0)
			continue;
		f->failed = !rows[i].set(f->config, value, f->e);
		return !f->failed;
	}
	return err_set(f->e, ERR_CONFIG, "key %s is not known", key);
}

static bool from_file(const struct cli *cli, struct config *c, struct err *e)
{
	const char *given = cli->values[OPT_CONFIG];
	const char *path = given ? given : SYSTEM_FILE;
	struct file f = { .config = c, .e = e };
	int line;

	if (!given && access(path, F_OK) != 0)
		return true;
	line = ini_parse(path, take_line, &f);
	if (line == 0)
		return true;
	if (line < 0)
		return err_errno(e, ERR_CONFIG, "cannot read %s", path);
	if (!f.failed)
		err_set(e, ERR_CONFIG, "this is no line of an ini file");
	return err_wrap(e, "%s, line %d", path, line);
}

static bool from_options(const struct cli *cli, struct config *c, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *value = cli->values[rows[i].option];

		if (value && rows[i].option == OPT_NAME)
			c->names[0] = '\0';
		if (value && !rows[i].set(c, value, e))
			return err_wrap(e, "--%s", rows[i].key);
	}
	return true;
}

/* A server is always reachable under the names that its own machine has for it. */
static bool complete(struct config *c, struct err *e)
{
	static const char *const own[] = { "localhost", "127.0.0.1", "::1" };
	char machine[HOST_NAME_MAX + 1] = "";
	struct address a;

	if (!text_format(c->first_name, sizeof(c->first_name), "%.*s",
			 (int)strcspn(c->names, "\n"), c->names) ||
	    (!c->first_name[0] &&
	     !text_copy(c->first_name, sizeof(c->first_name), own[0])))
		return err_set(e, ERR_CONFIG, "the server's name is too long");
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (!add_name(c, own[i], strlen(own[i]), e))
			return false;
	if (gethostname(machine, sizeof(machine) - 1) == 0 &&
	    text_is_name(machine, HOST_NAME_MAX) && strchr(machine, '_') == NULL &&
	    !add_name(c, machine, strlen(machine), e))
		return false;
	if (!address_parse(c->listen, &a, e) ||
	    (strcmp(a.host, "0.0.0.0") != 0 && strcmp(a.host, "::") != 0 &&
	     !add_name(c, a.host, strlen(a.host), e)))
		return false;
	if (!c->root_key[0] &&
	    !text_format(c->root_key, sizeof(c->root_key), "%s/root.key", c->state))
		return err_set(e, ERR_CONFIG, "the state directory's path is too long");
	return text_format(c->database, sizeof(c->database), "%s/broker.db", c->state) ||
	       err_set(e, ERR_CONFIG, "the state directory's path is too long");
}

bool config_read(const struct cli *cli, struct config *ret, struct err *e)
{
	return built_in(ret, e) && from_file(cli, ret, e) && from_options(cli, ret, e) &&
	       complete(ret, e);
}
