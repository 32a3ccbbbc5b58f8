/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_reply.h"

#include "common/json.h"

#include <string.h>
#include <strings.h>

enum { TEXT_MAX = 1 << 20 };

static bool header_is(const char *line, size_t len, const char *name, const char **ret,
		      size_t *ret_len)
{
	size_t n = strlen(name);

	if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
		return false;
	line += n + 1;
	len -= n + 1;
	while (len > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	while (len > 0 &&
	       (line[len - 1] == '\r' || line[len - 1] == '\n' || line[len - 1] == ' '))
		len--;
	*ret = line;
	*ret_len = len;
	return true;
}

static void take_value(char *to, size_t cap, const char *value, size_t len)
{
	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		value++;
		len -= 2;
	}
	if (len >= cap)
		return;
	memcpy(to, value, len);
	to[len] = '\0';
}

static bool type_is(const char *value, size_t len, const char *type)
{
	size_t n = strlen(type);

	return len >= n && strncasecmp(value, type, n) == 0 &&
	       (len == n || value[n] == ';' || value[n] == ' ');
}

void http_reply_header(struct http_reply *r, const char *line, size_t len)
{
	const char *value;
	size_t n;

	if (header_is(line, len, "content-type", &value, &n)) {
		r->is_octets = type_is(value, n, "application/octet-stream");
	} else if (header_is(line, len, "etag", &value, &n)) {
		take_value(r->to->etag, sizeof r->to->etag, value, n);
	} else if (header_is(line, len, "x-request-id", &value, &n)) {
		take_value(r->to->request_id, sizeof r->to->request_id, value, n);
	}
}

static bool take_octets(struct http_reply *r, struct view bytes)
{
	if (bytes.len > SECRET_MAX - r->octets)
		return err_set(&r->e, ERR_BAD_SERVER,
			       "the broker sent a value that is too long");
	if (!r->to->secret && !secret_new(SECRET_MAX, &r->to->secret, &r->e))
		return false;
	memcpy(secret_fill(r->to->secret) + r->octets, bytes.at, bytes.len);
	r->octets += bytes.len;
	return true;
}

static bool take_text(struct http_reply *r, struct view bytes)
{
	struct buf *b = &r->to->body;

	if (bytes.len > TEXT_MAX - b->len)
		return err_set(&r->e, ERR_BAD_SERVER,
			       "the broker sent more than a broker sends");
	buf_add_bytes(b, bytes);
	return !b->failed || err_set(&r->e, ERR_NO_MEMORY, "out of memory");
}

bool http_reply_body(struct http_reply *r, struct view bytes)
{
	r->failed = r->is_octets ? !take_octets(r, bytes) : !take_text(r, bytes);
	return !r->failed;
}

bool http_reply_refused(const struct http_reply *r, struct err *e)
{
	*e = r->e;
	return false;
}

/* A code that this release does not know still has a status. */
static enum err_kind kind_of_status(int status)
{
	switch (status) {
	case 401:
		return ERR_UNAUTHENTICATED;
	case 403:
		return ERR_FORBIDDEN;
	case 404:
		return ERR_NOT_FOUND;
	case 409:
		return ERR_CONFLICT;
	case 412:
		return ERR_PRECONDITION_FAILED;
	case 413:
		return ERR_TOO_LARGE;
	case 429:
		return ERR_RATE_LIMITED;
	default:
		return status >= 500   ? ERR_INTERNAL
		       : status >= 400 ? ERR_BAD_VALUE
				       : ERR_BAD_SERVER;
	}
}

/* The text as it may be shown, or "". */
static const char *shown(const char *text, struct buf *room)
{
	buf_add_printable(room, text ? text : "");
	return room->at ? room->at : "";
}

static bool say_problem(const struct http_answer *a, struct err *e)
{
	CLEANUP(buf_done) struct buf said = { 0 };
	CLEANUP(buf_done) struct buf where = { 0 };
	CLEANUP(buf_done) struct buf id = { 0 };
	OWNED(json) problem = NULL;
	struct err unread = { 0 };
	const struct view body = { (const uint8_t *)a->body.at, a->body.len };
	const char *code = NULL, *detail = NULL, *field = NULL;
	enum err_kind kind = ERR_NONE;

	if (body.at && json_parse(body, &problem, &unread)) {
		code = json_get_text(problem, "code");
		detail = json_get_text(problem, "detail");
		field = json_get_text(problem, "field");
	}
	if (code)
		kind = err_kind_of(code);
	if (kind == ERR_NONE)
		kind = kind_of_status(a->status);
	err_field(e, kind, shown(field, &where), "%s", shown(detail, &said));
	return err_wrap(e, "status %d, request %s", a->status,
			a->request_id[0] ? shown(a->request_id, &id) : "without an id");
}

bool http_reply_end(struct http_reply *r, int status, struct err *e)
{
	struct http_answer *a = r->to;

	a->status = status;
	if (a->secret && !secret_truncate(a->secret, r->octets))
		return err_set(e, ERR_INTERNAL, "the value cannot be kept");
	return (status >= 200 && status < 300) || say_problem(a, e);
}
