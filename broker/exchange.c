/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/exchange.h"

#include <stdio.h>
#include <string.h>

void exchange_drop_reply(struct exchange *x)
{
	struct reply *r = &x->reply;

	if (r->body.at != NULL)
		explicit_bzero(r->body.at, r->body.len);
	buf_done(&r->body);
	secret_free(r->secret);
	*r = (struct reply){ 0 };
}

void exchange_done(struct exchange *x)
{
	exchange_drop_reply(x);
	change_free(x->change);
	x->change = NULL;
}

/* The value of a hexadecimal digit, or 16. */
static unsigned hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;
}

bool exchange_unescape(const char *at, char *ret)
{
	unsigned high = at[0] == '%' ? hex_digit(at[1]) : 16;
	unsigned low = high < 16 ? hex_digit(at[2]) : 16;

	if (low > 15)
		return false;
	*ret = (char)(high << 4 | low);
	return true;
}

/* One character of a query value: '+' is a blank, %XX a byte; anything else stands for itself. */
static char query_char(const char **at)
{
	char c = **at;

	if (exchange_unescape(*at, &c)) {
		*at += 3;
		return c;
	}
	*at += 1;
	return c == '+' ? ' ' : c;
}

static const char *query_value(const char *query, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = query; *p != '\0'; p++) {
		if (strncmp(p, name, len) == 0 && p[len] == '=')
			return p + len + 1;
		p += strcspn(p, "&");
		if (*p == '\0')
			break;
	}
	return NULL;
}

const char *exchange_query(const struct exchange *x, const char *name, char *ret,
			   size_t cap)
{
	const char *p = x->query == NULL ? NULL : query_value(x->query, name);
	size_t n = 0;

	if (p == NULL)
		return NULL;
	while (*p != '\0' && *p != '&' && n + 1 < cap)
		ret[n++] = query_char(&p);
	ret[n] = '\0';
	return ret;
}

void exchange_json(struct exchange *x, int status, struct json_writer *ret)
{
	exchange_drop_reply(x);
	x->reply.status = status;
	x->reply.content_type = "application/json";
	*ret = (struct json_writer){ .to = &x->reply.body };
}

void exchange_etag(struct exchange *x, int64_t generation)
{
	(void)snprintf(x->reply.etag, sizeof x->reply.etag, "\"%lld\"",
		       (long long)generation);
}

bool exchange_if_match(const struct exchange *x, int64_t generation, struct err *e)
{
	char want[24];

	if (x->if_match == NULL)
		return err_set(e, ERR_PRECONDITION_REQUIRED, "If-Match is missing");
	(void)snprintf(want, sizeof want, "\"%lld\"", (long long)generation);
	if (strcmp(want, x->if_match) != 0)
		return err_set(e, ERR_PRECONDITION_FAILED, "the generation is %s", want);
	return true;
}

bool exchange_waits(struct exchange *x, const char *topic, int64_t seconds)
{
	x->wait.until_us = x->started_us + seconds * US_PER_S;
	if (x->wait.must_answer || x->wait.run_us >= x->wait.until_us)
		return false;
	return text_copy(x->wait.topic, sizeof x->wait.topic, topic);
}

void exchange_problem(struct exchange *x, const struct err *e)
{
	const struct err_info *info = err_info(e->kind);
	struct json_writer w;
	char type[96];

	exchange_json(x, info->status, &w);
	x->reply.content_type = "application/problem+json";
	(void)snprintf(type, sizeof type, "urn:vtpm-broker:error:%s", info->code);
	json_open(&w, NULL);
	json_put_text(&w, "type", type);
	json_put_text(&w, "title", info->title);
	json_put_integer(&w, "status", info->status);
	json_put_text(&w, "code", info->code);
	json_put_text(&w, "detail", e->detail);
	json_put_text(&w, "field", e->field[0] == '\0' ? NULL : e->field);
	json_put_text(&w, "request_id", x->request_id);
	json_put_text(&w, "next", info->next);
	json_close(&w);
	x->failed = *e;
}

#define FILL(member, from) text_cut((member), sizeof(member), (from))

static void audit_person(struct audit_record *a, const struct token_row *t)
{
	FILL(a->kind, "person");
	FILL(a->issuer, t->issuer);
	FILL(a->subject, t->subject);
	FILL(a->project, t->project);
	FILL(a->credential, t->id.text);
}

static void audit_host(struct audit_record *a, const struct host_row *h)
{
	FILL(a->kind, "host");
	FILL(a->subject, h->name);
	FILL(a->credential, h->key_hash);
}

struct audit_record *exchange_audit(struct exchange *x, int64_t now_us)
{
	struct audit_record *a = change_audit(x->change);

	*a = (struct audit_record){ .time_us = now_us, .count = 1 };
	FILL(a->request_id, x->request_id);
	if (x->who.kind == PRINCIPAL_PERSON)
		audit_person(a, &x->who.token);
	else if (x->who.kind == PRINCIPAL_HOST)
		audit_host(a, &x->who.host);
	else
		FILL(a->kind, "none");
	FILL(a->address, x->peer == NULL ? "" : x->peer->address);
	FILL(a->verb, x->route == NULL ? "" : x->route->verb);
	FILL(a->verdict, "allowed");
	return a;
}
