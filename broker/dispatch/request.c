/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/dispatch/request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The media type alone, without parameters such as charset (RFC 9110, section 8.3.1). */
static bool content_is(const char *header, const char *type)
{
	size_t len = strlen(type);

	return header != NULL && strncasecmp(header, type, len) == 0 &&
	       (header[len] == '\0' || header[len] == ';' || header[len] == ' ');
}

static bool body_fits(const struct exchange *x, struct err *e)
{
	const struct route *r = x->route;
	const char *type =
		r->body == BODY_JSON ? "application/json" : "application/octet-stream";

	if (x->body_too_large || x->body.len > r->body_max)
		return err_set(e, ERR_TOO_LARGE, "this route takes at most %zu bytes",
			       r->body_max);
	if (x->body.len > 0 && !content_is(x->content_type, type))
		return err_set(e, ERR_BAD_CONTENT_TYPE, "the body must be %s", type);
	return true;
}

bool request_admit(const struct route_table *t, struct auth *auth, struct exchange *x,
		   struct err *e)
{
	struct path p;

	if (x->bad_header != NULL)
		return err_field(e, ERR_BAD_VALUE, x->bad_header,
				 "this header is not accepted");
	if (!path_parse(x->path, &p, e) ||
	    !route_find(t, x->method, &p, &x->route, x->args, e) ||
	    !query_is_good(x->query, e))
		return false;
	return body_fits(x, e) && auth_identify(auth, x, e);
}

static bool is_tampering(enum err_kind kind)
{
	return kind == ERR_ROW_TAMPERED || kind == ERR_ENVELOPE_TAMPERED;
}

bool request_is_anonymous(const struct exchange *x, const struct err *e)
{
	int status = err_info(e->kind)->status;

	return x->who.kind == PRINCIPAL_NONE && status >= 400 && status < 500;
}

/* Refusals of what a proven identity asked for; slips of form are only logged. */
static bool is_audited(const struct exchange *x, const struct err *e)
{
	int status = err_info(e->kind)->status;

	if (is_tampering(e->kind))
		return true;
	return x->who.kind != PRINCIPAL_NONE && x->route != NULL &&
	       (status == 403 || status == 404 || status == 409 || status == 500);
}

static bool names_instance(const struct route *r)
{
	static const char prefix[] = "/v1/instances/{uuid}";

	return r != NULL && strncmp(r->pattern, prefix, sizeof prefix - 1) == 0;
}

bool request_refusal(struct exchange *x, const struct err *e, int64_t wall_us,
		     struct audit_record *ret)
{
	struct audit_record *a;

	if (!is_audited(x, e))
		return false;
	if (change_has_audit(x->change))
		a = change_audit(x->change);
	else
		a = exchange_audit(x, wall_us);
	if (!uuid_is_set(&a->instance) && names_instance(x->route))
		memcpy(a->instance.text, x->args[0], sizeof a->instance.text);
	if (a->target[0] == '\0' && !uuid_is_set(&a->instance))
		(void)snprintf(a->target, sizeof a->target, "%.100s", x->args[0]);
	(void)snprintf(a->verdict, sizeof a->verdict, "%s",
		       is_tampering(e->kind) || err_info(e->kind)->status == 500
			       ? "failed"
			       : "refused");
	(void)snprintf(a->reason, sizeof a->reason, "%s", err_info(e->kind)->code);
	*ret = *a;
	return true;
}

static void line_who(const struct exchange *x, char *ret, size_t cap)
{
	if (x->who.kind == PRINCIPAL_PERSON)
		(void)snprintf(ret, cap, "%.60s", x->who.token.subject);
	else if (x->who.kind == PRINCIPAL_HOST)
		(void)snprintf(ret, cap, "host:%.60s", x->who.host.name);
	else
		(void)snprintf(ret, cap, "%s", x->peer == NULL ? "-" : x->peer->address);
}

void request_line(const struct exchange *x, int64_t monotonic_us,
		  struct journal_line *ret)
{
	size_t trail = strlen(x->failed.trail), most = sizeof ret->why - 1;

	(void)snprintf(ret->request_id, sizeof ret->request_id, "%s", x->request_id);
	(void)snprintf(ret->verb, sizeof ret->verb, "%s",
		       x->route == NULL ? "-" : x->route->verb);
	line_who(x, ret->who, sizeof ret->who);
	ret->status = x->reply.status;
	ret->took_us = monotonic_us - x->started_us;
	ret->failed = x->failed.kind;
	(void)snprintf(ret->why, sizeof ret->why, "%s",
		       x->failed.trail + (trail > most ? trail - most : 0));
}
