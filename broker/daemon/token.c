/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/daemon/commands.h"
#include "broker/daemon/local.h"
#include "broker/daemon/tokens.h"

/* ---- create ---- */

static bool wish_of(const struct cli *cli, const struct local *l, struct token_wish *ret,
		    struct err *e)
{
	const char *ttl = cli->values[OPT_TTL];

	*ret = (struct token_wish){
		.subject = cli->values[OPT_SUBJECT],
		.project = cli->values[OPT_PROJECT],
		.role = cli->values[OPT_ROLE],
		.projects = cli->values[OPT_PROJECTS],
		.hosts = cli->values[OPT_HOSTS],
		.now_us = clock_wall_us(clock_system()),
		.broker_uuid = l->keys->broker_uuid,
	};
	return token_parse_ttl(ttl ? ttl : "30d", &ret->ttl_us, e);
}

static void stage_token(struct change *c, const struct token_row *t)
{
	struct audit_record *a = local_audit(c, "token.create", t->created_us);

	text_cut(a->target, sizeof(a->target), t->id.text);
	if (!text_format(a->weighed, sizeof(a->weighed), "%s %.100s %.100s", t->role,
			 t->subject, t->project))
		text_cut(a->weighed, sizeof(a->weighed), t->role);
	change_set_class(c, CHANGE_CREATE);
	change_put(c, TABLE_TOKEN, t);
}

/* The file comes first: a token that nobody could write down must not exist. */
bool command_token_create(const struct cli *cli, struct err *e)
{
	const char *out = cli->values[OPT_OUT];
	struct token_wish wish;
	struct token_row row;
	OWNED(local) l = NULL;
	OWNED(secret) text = NULL;

	if (!out)
		return err_set(e, ERR_USAGE, "token create needs --out FILE");
	if (!local_open(cli, "token", &l, e) || !wish_of(cli, l, &wish, e) ||
	    !token_draw(&wish, &row, &text, e))
		return false;
	stage_token(l->change, &row);
	if (strcmp(out, "-") == 0)
		return store_commit(l->store, l->change, e) && token_write(out, text, e);
	if (!token_write(out, text, e))
		return false;
	if (!store_commit(l->store, l->change, e)) {
		unlink(out);
		return err_wrap(e, "token");
	}
	printf("%s\n", row.id.text);
	return true;
}

/* ---- list ---- */

static const char *state_of(const struct token_row *t, int64_t now_us)
{
	return t->revoked_us ? "revoked" : t->expires_us <= now_us ? "expired" : "good";
}

static bool print_token(void *ctx, const struct token_row *t, struct err *e)
{
	const int64_t *now_us = ctx;
	char expires[32];

	(void)e;
	clock_rfc3339(t->expires_us, expires);
	printf("%s  %-12s  %-7s  %s  %s in %s\n", t->id.text, t->role,
	       state_of(t, *now_us), expires, t->subject, t->project);
	return true;
}

bool command_token_list(const struct cli *cli, struct err *e)
{
	const struct page all = { .after = "", .limit = INT32_MAX };
	int64_t now_us = clock_wall_us(clock_system());
	OWNED(local) l = NULL;

	if (!local_open(cli, "token", &l, e))
		return false;
	printf("%-36s  %-12s  %-7s  %-20s  %s\n", "ID", "ROLE", "STATE", "EXPIRES",
	       "FOR");
	return list_tokens(l->db, all, print_token, &now_us, e);
}

/* ---- revoke ---- */

bool command_token_revoke(const struct cli *cli, struct err *e)
{
	int64_t now_us = clock_wall_us(clock_system());
	struct token_row row;
	struct uuid id;
	OWNED(local) l = NULL;

	if (!uuid_parse(cli->operand, "ID", &id, e) || !local_open(cli, "token", &l, e) ||
	    !read_token(l->db, &id, &row, e))
		return false;
	if (row.head.generation == 0)
		return err_set(e, ERR_NOT_FOUND, "no token has this id");
	if (!row.revoked_us) {
		row.revoked_us = now_us;
		change_put(l->change, TABLE_TOKEN, &row);
		text_cut(local_audit(l->change, "token.revoke", now_us)->target,
			 2 * NAME_SIZE, id.text);
		if (!store_commit(l->store, l->change, e))
			return false;
	}
	printf("%s revoked\n", id.text);
	return true;
}
