/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/daemon/tokens.h"

#include <string.h>
#include <unistd.h>

#include "broker/daemon/files.h"
#include "common/clock.h"
#include "crypto/random.h"

static const char PREFIX[] = "vtpm_";
enum { PREFIX_BYTES = sizeof(PREFIX) - 1, TTL_MAX_MINUTES = 10 * 366 * 24 * 60 };

static bool draw_text(struct secret **ret, uint8_t ret_sha256[32], struct err *e)
{
	OWNED(secret) random = NULL;
	OWNED(secret) text = NULL;
	struct view v;

	if (!random_token(&random, e))
		return false;
	v = secret_view(random);
	if (!secret_new(PREFIX_BYTES + v.len, &text, e))
		return false;
	memcpy(secret_fill(text), PREFIX, PREFIX_BYTES);
	memcpy(secret_fill(text) + PREFIX_BYTES, v.at, v.len);
	if (!digest_sha256(secret_view(text), ret_sha256, e))
		return false;
	*ret = secret_move(&text);
	return true;
}

static bool is_scoped(const char *role)
{
	return strcmp(role, "operator") == 0 || strcmp(role, "orchestrator") == 0;
}

static bool is_role(const char *role)
{
	static const char *const roles[] = { "member", "operator", "orchestrator",
					     "host-admin", "auditor" };

	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (strcmp(roles[i], role) == 0)
			return true;
	return false;
}

static bool scope(char to[LINES_SIZE], const char *list, const char *what, struct err *e)
{
	if (!list[0] || !text_copy(to, LINES_SIZE, list))
		return err_set(e, ERR_USAGE, "--%s is empty or too long", what);
	for (char *at = to; *at;) {
		size_t len = strcspn(at, ",");
		bool more = at[len] == ',';

		at[len] = more ? '\n' : '\0';
		if (len == 0 || len >= SUBJECT_SIZE || (more && !at[len + 1]))
			return err_set(e, ERR_USAGE, "--%s is names joined by commas",
				       what);
		at += len + more;
	}
	return true;
}

static bool fill_scopes(const struct token_wish *wish, struct token_row *t, struct err *e)
{
	if (!is_scoped(wish->role))
		return (!wish->projects && !wish->hosts) ||
		       err_set(e, ERR_USAGE,
			       "--projects and --hosts are for operators and "
			       "orchestrators");
	return scope(t->projects, wish->projects ? wish->projects : wish->project,
		     "projects", e) &&
	       scope(t->hosts, wish->hosts ? wish->hosts : "*", "hosts", e);
}

static bool fill_names(const struct token_wish *wish, struct token_row *t, struct err *e)
{
	if (!wish->role || !is_role(wish->role) ||
	    !text_copy(t->role, sizeof(t->role), wish->role))
		return err_set(e, ERR_USAGE,
			       "--role is member, operator, orchestrator, "
			       "host-admin or auditor");
	if (!wish->subject || !text_is_display(wish->subject, SUBJECT_SIZE - 1) ||
	    !text_copy(t->subject, sizeof(t->subject), wish->subject))
		return err_set(e, ERR_USAGE, "--subject is a name of up to 255 bytes");
	if (!wish->project || !text_is_display(wish->project, SUBJECT_SIZE - 1) ||
	    strchr(wish->project, ',') ||
	    !text_copy(t->project, sizeof(t->project), wish->project))
		return err_set(e, ERR_USAGE,
			       "--project is a name of up to 255 bytes, no comma");
	return text_format(t->issuer, sizeof(t->issuer), "broker:%s",
			   wish->broker_uuid) ||
	       err_set(e, ERR_INTERNAL, "the issuer's name is too long");
}

bool token_draw(const struct token_wish *wish, struct token_row *ret,
		struct secret **ret_text, struct err *e)
{
	*ret = (struct token_row){ .created_us = wish->now_us,
				   .expires_us = wish->now_us + wish->ttl_us };
	return fill_names(wish, ret, e) && fill_scopes(wish, ret, e) &&
	       uuid_random(&ret->id, e) && draw_text(ret_text, ret->sha256, e);
}

bool token_write(const char *path, const struct secret *text, struct err *e)
{
	struct view v = secret_view(text);
	OWNED(secret) line = NULL;

	if (!secret_new(v.len + 1, &line, e))
		return false;
	memcpy(secret_fill(line), v.at, v.len);
	secret_fill(line)[v.len] = '\n';
	v = secret_view(line);
	if (strcmp(path, "-") != 0)
		return file_create(path, 0600, v, e);
	return write(STDOUT_FILENO, v.at, v.len) == (ssize_t)v.len ||
	       err_errno(e, ERR_IO, "cannot write the token to standard output");
}

bool token_parse_ttl(const char *text, int64_t *ret_us, struct err *e)
{
	static const struct {
		char unit;
		int64_t minutes;
	} units[] = { { 'd', 24 * 60 }, { 'h', 60 }, { 'm', 1 } };
	size_t len = strlen(text);
	char digits[16];
	int64_t n = 0;

	for (size_t i = 0; len > 1 && i < ARRAY_LEN(units); i++) {
		if (text[len - 1] != units[i].unit ||
		    !text_format(digits, sizeof(digits), "%.*s", (int)len - 1, text) ||
		    !text_parse_int(digits, 1, TTL_MAX_MINUTES / units[i].minutes, &n))
			continue;
		*ret_us = n * units[i].minutes * 60 * US_PER_S;
		return true;
	}
	return err_set(e, ERR_USAGE,
		       "--ttl is a number of days, hours or minutes: 30d, 12h, 45m");
}
