/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker comes into being by one rename(2): everything is made in a directory beside the
 * state directory, and the profiles under temporary names, before anything gets its own name.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/api/meta.h"
#include "broker/daemon/commands.h"
#include "broker/daemon/files.h"
#include "broker/daemon/local.h"
#include "broker/daemon/profiles.h"
#include "broker/daemon/tokens.h"

enum { SLAB_BYTES = 64 * 1024 };
static const int64_t TOKEN_TTL_US = 365 * 24 * 3600 * US_PER_S;

static const struct first {
	const char *profile, *role;
} firsts[] = {
	{ "owner", "member" },
	{ "operator", "operator" },
	{ "host-admin", "host-admin" },
	{ "auditor", "auditor" },
};

/* What is being made. */
struct making {
	const struct cli *cli;
	struct config config; /* where it will be */
	char dir[CONFIG_PATH +
		 16]; /* where it is made; "" when there is nothing to remove */
	char root_key[CONFIG_PATH + 32], database[CONFIG_PATH + 32];
	bool root_key_outside; /* and made by us: to be removed on failure */
	uid_t uid;
	gid_t gid;
	int64_t now_us;
	char url[CONFIG_ADDRESS + 32];
	struct keys *keys; /* owned, like all below */
	struct secret *tokens[ARRAY_LEN(firsts)];
	struct profiles *profiles;
};

static void making_done(struct making *m)
{
	profiles_free(m->profiles);
	for (size_t i = 0; i < ARRAY_LEN(m->tokens); i++)
		secret_free(m->tokens[i]);
	keys_free(m->keys);
	if (m->dir[0])
		tree_remove(m->dir);
	if (m->root_key_outside)
		(void)unlink(m->root_key);
}

/* ---- before anything is made ---- */

static bool check_empty(const char *path, struct err *e)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	bool empty = true;

	if (!d)
		return errno == ENOENT ||
		       err_errno(e, ERR_IO, "cannot look into %s", path);
	while (empty && (entry = readdir(d)))
		empty = strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0;
	closedir(d);
	return empty ||
	       err_set(e, ERR_EXISTS_DIFFERENT,
		       "%s is not empty; init makes a new broker and replaces none",
		       path);
}

static bool find_user(struct making *m, struct err *e)
{
	const char *name = m->cli->values[OPT_USER];
	struct passwd *user = name ? getpwnam(name) : NULL;

	m->uid = name && user ? user->pw_uid : geteuid();
	m->gid = name && user ? user->pw_gid : getegid();
	if (name && !user)
		return err_set(e, ERR_USAGE, "there is no user %s", name);
	return true;
}

/* What clients will call the broker; a port that is chosen at start cannot be named. */
static bool make_url(struct making *m, struct err *e)
{
	const char *given = m->cli->values[OPT_URL];
	bool v6 = strchr(m->config.first_name, ':') != NULL;
	struct address a;

	if (given && (strncmp(given, "https://", 8) != 0 || strpbrk(given, " \t\r\n;#")))
		return err_set(e, ERR_USAGE, "--url begins with https://");
	if (given)
		return text_copy(m->url, sizeof(m->url), given) ||
		       err_set(e, ERR_USAGE, "--url is too long");
	if (!address_parse(m->config.listen, &a, e))
		return false;
	return text_format(m->url, sizeof(m->url), "https://%s%s%s:%lld", v6 ? "[" : "",
			   m->config.first_name, v6 ? "]" : "", (long long)a.port) ||
	       err_set(e, ERR_USAGE, "the broker's name is too long");
}

static bool make_directory(struct making *m, struct err *e)
{
	size_t len = strlen(m->config.state);
	bool inside = strncmp(m->config.root_key, m->config.state, len) == 0 &&
		      m->config.root_key[len] == '/';

	if (!make_parents(m->config.state, false, e))
		return false;
	if (!text_format(m->dir, sizeof(m->dir), "%s.init-XXXXXX", m->config.state) ||
	    !mkdtemp(m->dir)) {
		(void)err_errno(e, ERR_IO, "cannot make %s", m->dir);
		m->dir[0] = '\0';
		return false;
	}
	return (text_format(m->database, sizeof(m->database), "%s/broker.db", m->dir) &&
		text_format(m->root_key, sizeof(m->root_key), "%s%s",
			    inside ? m->dir : "",
			    m->config.root_key + (inside ? len : 0))) ||
	       err_set(e, ERR_CONFIG, "the state directory's path is too long");
}

/* ---- making ---- */

static bool make_keys(struct making *m, struct err *e)
{
	char path[sizeof(m->dir) + 16];
	OWNED(store_file) f = NULL;

	if (!store_file_create(m->database, &f, e))
		return false;
	if (access(m->root_key, F_OK) == 0)
		return err_set(e, ERR_EXISTS_DIFFERENT, "%s exists", m->root_key);
	m->root_key_outside = strncmp(m->root_key, m->dir, strlen(m->dir)) != 0;
	if (!keys_make(m->root_key, f, m->now_us, e) ||
	    !keys_open(m->root_key, m->database, &m->keys, e))
		return false;
	if (!text_format(path, sizeof(path), "%s/ca.pem", m->dir))
		return err_set(e, ERR_CONFIG, "the state directory's path is too long");
	return file_create(path, 0644,
			   (struct view){ (const uint8_t *)m->keys->ca_pem,
					  strlen(m->keys->ca_pem) },
			   e);
}

static bool stage_tokens(struct making *m, struct change *c, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(firsts); i++) {
		bool scoped = strcmp(firsts[i].role, "operator") == 0;
		struct token_wish wish = {
			.subject = firsts[i].profile,
			.project = "default",
			.role = firsts[i].role,
			.projects = scoped ? "*" : NULL,
			.now_us = m->now_us,
			.ttl_us = TOKEN_TTL_US,
			.broker_uuid = m->keys->broker_uuid,
		};
		struct token_row row;

		if (!token_draw(&wish, &row, &m->tokens[i], e))
			return false;
		change_put(c, TABLE_TOKEN, &row);
	}
	return change_ok(c, e);
}

/* The first tokens and the first record, in one transaction. */
static bool make_records(struct making *m, struct err *e)
{
	bool accepts = m->cli->values[OPT_ACCEPT] != NULL;
	struct store_options o = {
		.path = m->database,
		.writer = "init",
		.clock = clock_system(),
		.keys = { .row = m->keys->row, .audit = m->keys->audit },
	};
	struct audit_record *a;
	OWNED(store) store = NULL;
	OWNED(change) c = NULL;

	if (!store_open(&o, &store, e) || !change_new(&c, e) || !stage_tokens(m, c, e))
		return false;
	a = local_audit(c, "init", m->now_us);
	text_cut(a->target, sizeof(a->target), m->keys->broker_uuid);
	if (accepts)
		text_cut(a->weighed, sizeof(a->weighed), "no root key backup: accepted");
	return store_commit(store, c, e);
}

static bool accept_no_backup(struct making *m, struct err *e)
{
	static const char text[] = "accepted at init: none";
	OWNED(store_file) f = NULL;

	if (!m->cli->values[OPT_ACCEPT])
		return true;
	return store_file_open(m->database, &f, e) &&
	       store_file_put(f, META_BACKUP,
			      (struct view){ (const uint8_t *)text, sizeof(text) - 1 },
			      e);
}

static bool stage_profiles(struct making *m, struct err *e)
{
	struct profile_token tokens[ARRAY_LEN(firsts)];
	struct profiles_wish wish = { .path = m->cli->values[OPT_PROFILES],
				      .url = m->url,
				      .ca_pem = m->keys->ca_pem,
				      .tokens = tokens,
				      .n = ARRAY_LEN(firsts) };

	for (size_t i = 0; i < ARRAY_LEN(firsts); i++)
		tokens[i] = (struct profile_token){ firsts[i].profile, m->tokens[i] };
	return profiles_stage(&wish, &m->profiles, e);
}

/* ---- giving it its name ---- */

static bool give_to_user(const struct making *m, const char *dir, struct err *e)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	bool ok = d != NULL;

	while (ok && (entry = readdir(d)))
		if (strcmp(entry->d_name, "..") != 0)
			ok = fchownat(dirfd(d), entry->d_name, m->uid, m->gid,
				      AT_SYMLINK_NOFOLLOW) == 0;
	if (d)
		closedir(d);
	if (ok && m->root_key_outside)
		ok = chown(m->root_key, m->uid, m->gid) == 0;
	return ok || err_errno(e, ERR_IO, "cannot give %s to its user", dir);
}

static bool publish(struct making *m, struct err *e)
{
	char parent[CONFIG_PATH];
	size_t len = (size_t)(strrchr(m->config.state, '/') - m->config.state);

	memcpy(parent, m->config.state, len + 1);
	parent[len ? len : 1] = '\0';
	if (!give_to_user(m, m->dir, e) || !file_sync_directory(m->dir, e))
		return false;
	if (rename(m->dir, m->config.state) != 0)
		return err_errno(e, ERR_IO, "cannot make %s", m->config.state);
	m->dir[0] = '\0';
	m->root_key_outside = false;
	return file_sync_directory(parent, e) && profiles_keep(m->profiles, e);
}

static void tell(const struct making *m)
{
	const char *state = m->cli->values[OPT_STATE];
	const char *file = m->cli->values[OPT_CONFIG];
	char where[2 * CONFIG_PATH + 32] = "";

	if (!text_format(where, sizeof(where), "%s%s%s%s", file ? " --config " : "",
			 file ? file : "", state ? " --state " : "", state ? state : ""))
		where[0] = '\0';
	printf("Broker %s\n"
	       "  state     %s\n"
	       "  root key  %s\n"
	       "  CA key    %s\n"
	       "  profiles  %s: owner, operator, host-admin, auditor\n"
	       "            at %s, good for one year\n"
	       "next:\n",
	       m->keys->broker_uuid, m->config.state, m->config.root_key,
	       m->keys->ca_hash, profiles_path(m->profiles), m->url);
	if (!m->cli->values[OPT_ACCEPT])
		printf("  vtpm-brokerd backup%s --root-key FILE    no secret is made "
		       "before\n",
		       where);
	printf("  vtpm-brokerd serve%s\n"
	       "  vtpmctl --profile host-admin host token HOST\n",
	       where);
}

bool command_init(const struct cli *cli, struct err *e)
{
	CLEANUP(making_done)
	struct making m = { .cli = cli, .now_us = clock_wall_us(clock_system()) };

	if (!config_read(cli, &m.config, e) || !check_empty(m.config.state, e) ||
	    !find_user(&m, e) || !make_url(&m, e) || !secret_slab_open(SLAB_BYTES, e))
		return false;
	if (!make_directory(&m, e) || !make_keys(&m, e) || !make_records(&m, e) ||
	    !accept_no_backup(&m, e) || !stage_profiles(&m, e) || !publish(&m, e))
		return err_wrap(e, "init");
	tell(&m);
	return true;
}
