/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/dispatch/route.h"

#include <string.h>

/* Decodes %XX; refuses half an escape, NUL, and more than cap - 1 bytes. */
static bool decode(const char *from, size_t len, char *ret, size_t cap)
{
	size_t n = 0, i = 0;

	while (i < len) {
		char c = from[i];
		bool escape = c == '%';

		if (n + 1 >= cap ||
		    (escape && (i + 2 >= len || !exchange_unescape(from + i, &c))) ||
		    c == '\0')
			return false;
		ret[n++] = c;
		i += escape ? 3 : 1;
	}
	ret[n] = '\0';
	return true;
}

static bool segment_parse(const char *from, size_t len, char ret[PATH_SEGMENT])
{
	return decode(from, len, ret, PATH_SEGMENT) && strchr(ret, '/') == NULL &&
	       strcmp(ret, ".") != 0 && strcmp(ret, "..") != 0 &&
	       text_is_display(ret, PATH_SEGMENT - 1);
}

bool path_parse(const char *raw, struct path *ret, struct err *e)
{
	struct path p = { 0 };
	const char *at = raw;

	while (*at == '/' && p.n < PATH_SEGMENTS) {
		size_t len = strcspn(at + 1, "/");

		if (!segment_parse(at + 1, len, p.at[p.n]))
			return err_set(e, ERR_BAD_PATH, "segment %u of the path",
				       p.n + 1);
		p.n++;
		at += 1 + len;
	}
	if (*at != '\0' || p.n == 0)
		return err_set(e, ERR_BAD_PATH, "the path has %s",
			       *at == '/' ? "too many segments" : "no slash in front");
	*ret = p;
	return true;
}

enum match { MATCH_NOT, MATCH_BAD_UUID, MATCH };

static enum match segment_match(const char *pattern, size_t len, const char *segment,
				char *ret_arg)
{
	struct err ignored = { 0 };
	struct uuid id;

	if (len != 6 || strncmp(pattern, "{uuid}", len) != 0) {
		memcpy(ret_arg, segment, PATH_SEGMENT);
		return MATCH;
	}
	if (!uuid_parse(segment, "path", &id, &ignored))
		return MATCH_BAD_UUID;
	memcpy(ret_arg, id.text, sizeof id.text);
	return MATCH;
}

static enum match route_match(const char *pattern, const struct path *p,
			      char args[PATH_ARGS][PATH_SEGMENT])
{
	enum match all = MATCH, one;
	unsigned n_args = 0, i = 0;

	for (; *pattern == '/'; i++) {
		size_t len = strcspn(++pattern, "/");
		bool literal = *pattern != '{';

		if (i >= p->n)
			return MATCH_NOT;
		if (literal &&
		    (strlen(p->at[i]) != len || memcmp(pattern, p->at[i], len) != 0))
			return MATCH_NOT;
		if (!literal) {
			assert(n_args < PATH_ARGS);
			one = segment_match(pattern, len, p->at[i], args[n_args++]);
			all = one < all ? one : all;
		}
		pattern += len;
	}
	return i == p->n ? all : MATCH_NOT;
}

bool route_find(const struct route_table *t, enum method method, const struct path *p,
		const struct route **ret, char ret_args[PATH_ARGS][PATH_SEGMENT],
		struct err *e)
{
	enum err_kind why = ERR_UNKNOWN_PATH;

	for (size_t i = 0; i < t->n; i++) {
		const struct route *r = &t->at[i];
		enum match m = route_match(r->pattern, p, ret_args);

		if (m == MATCH && r->method == method) {
			*ret = r;
			return true;
		}
		if (m != MATCH_NOT && r->method == method)
			why = ERR_BAD_UUID;
		else if (m != MATCH_NOT && why == ERR_UNKNOWN_PATH)
			why = ERR_WRONG_METHOD;
	}
	return err_field(e, why, why == ERR_BAD_UUID ? "path" : "", "%s",
			 err_info(why)->title);
}

static bool value_is_good(const char *at, size_t len)
{
	char value[QUERY_VALUE_MAX + 1];

	return len == 0 || (decode(at, len, value, sizeof value) &&
			    text_is_display(value, QUERY_VALUE_MAX));
}

bool query_is_good(const char *query, struct err *e)
{
	while (*query != '\0') {
		size_t len = strcspn(query, "&");
		size_t name = strcspn(query, "=&");
		size_t value = name < len ? name + 1 : len;

		if (name == 0 || !value_is_good(query, name) ||
		    !value_is_good(query + value, len - value))
			return err_field(e, ERR_BAD_VALUE, "query",
					 "the query is malformed");
		query += len;
		query += *query == '&';
	}
	return true;
}
