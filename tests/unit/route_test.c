/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/dispatch/route.h"

#include <string.h>

#include "tests/unit/check.h"

#define ID "0b0e5c8e-0f4e-4b5e-9d0e-7a1f0c2d3e4f"

static const struct route routes[] = {
	{ .method = METHOD_GET, .pattern = "/v1", .verb = "version" },
	{ .method = METHOD_GET, .pattern = "/v1/hosts/self", .verb = "self" },
	{ .method = METHOD_GET, .pattern = "/v1/hosts/{name}", .verb = "host" },
	{ .method = METHOD_PUT, .pattern = "/v1/instances/{uuid}", .verb = "create" },
	{ .method = METHOD_PUT,
	  .pattern = "/v1/instances/{uuid}/permits/{uuid}",
	  .verb = "permit" },
};

static const struct {
	const char *says;
	enum method method;
	const char *path;
	enum err_kind want;
	const char *verb, *arg;
} rows[] = {
	{ "the root of the API", METHOD_GET, "/v1", ERR_NONE, "version", "" },
	{ "a literal wins over a name when it stands first", METHOD_GET, "/v1/hosts/self",
	  ERR_NONE, "self", "" },
	{ "a name is handed on", METHOD_GET, "/v1/hosts/h1", ERR_NONE, "host", "h1" },
	{ "escapes in a name are decoded", METHOD_GET, "/v1/hosts/h%31%20x", ERR_NONE,
	  "host", "h1 x" },
	{ "UTF-8 in a name is text", METHOD_GET, "/v1/hosts/h%C3%A4", ERR_NONE, "host",
	  "h\xc3\xa4" },
	{ "a UUID is handed on", METHOD_PUT, "/v1/instances/" ID, ERR_NONE, "create",
	  ID },
	{ "an upper-case UUID is folded", METHOD_PUT,
	  "/v1/instances/0B0E5C8E-0F4E-4B5E-9D0E-7A1F0C2D3E4F", ERR_NONE, "create", ID },
	{ "an escaped letter of a UUID is that letter", METHOD_PUT,
	  "/v1/instances/%30b0e5c8e-0f4e-4b5e-9d0e-7a1f0c2d3e4f", ERR_NONE, "create",
	  ID },
	{ "an unknown path", METHOD_GET, "/v2", ERR_UNKNOWN_PATH, NULL, NULL },
	{ "a longer path", METHOD_GET, "/v1/hosts/self/x", ERR_UNKNOWN_PATH, NULL, NULL },
	{ "a prefix of a path", METHOD_GET, "/v1/hosts", ERR_UNKNOWN_PATH, NULL, NULL },
	{ "another case", METHOD_GET, "/V1", ERR_UNKNOWN_PATH, NULL, NULL },
	{ "another method", METHOD_DELETE, "/v1", ERR_WRONG_METHOD, NULL, NULL },
	{ "a method nobody knows", METHOD_OTHER, "/v1", ERR_WRONG_METHOD, NULL, NULL },
	{ "not a UUID", METHOD_PUT, "/v1/instances/x", ERR_BAD_UUID, NULL, NULL },
	{ "a second argument that is no UUID", METHOD_PUT,
	  "/v1/instances/" ID "/permits/1", ERR_BAD_UUID, NULL, NULL },
	{ "a trailing slash", METHOD_GET, "/v1/", ERR_BAD_PATH, NULL, NULL },
	{ "a doubled slash", METHOD_GET, "//v1", ERR_BAD_PATH, NULL, NULL },
	{ "a doubled slash inside", METHOD_GET, "/v1//hosts/h1", ERR_BAD_PATH, NULL,
	  NULL },
	{ "dot-dot", METHOD_GET, "/v1/hosts/..", ERR_BAD_PATH, NULL, NULL },
	{ "escaped dot-dot", METHOD_GET, "/v1/hosts/%2e%2E", ERR_BAD_PATH, NULL, NULL },
	{ "a single dot", METHOD_GET, "/v1/./hosts/h1", ERR_BAD_PATH, NULL, NULL },
	{ "an escaped slash", METHOD_GET, "/v1/hosts/a%2fb", ERR_BAD_PATH, NULL, NULL },
	{ "an escaped slash, upper case", METHOD_GET, "/v1%2Fhosts/h1", ERR_BAD_PATH,
	  NULL, NULL },
	{ "an escaped NUL", METHOD_GET, "/v1/hosts/a%00", ERR_BAD_PATH, NULL, NULL },
	{ "half an escape", METHOD_GET, "/v1/hosts/a%2", ERR_BAD_PATH, NULL, NULL },
	{ "an escape of no digits", METHOD_GET, "/v1/hosts/a%zz", ERR_BAD_PATH, NULL,
	  NULL },
	{ "UTF-8 that is none", METHOD_GET, "/v1/hosts/%ff", ERR_BAD_PATH, NULL, NULL },
	{ "a control character", METHOD_GET, "/v1/hosts/a%0ab", ERR_BAD_PATH, NULL,
	  NULL },
	{ "no path at all", METHOD_GET, "", ERR_BAD_PATH, NULL, NULL },
	{ "a star", METHOD_OTHER, "*", ERR_BAD_PATH, NULL, NULL },
	{ "an absolute URI", METHOD_GET, "https://x/v1", ERR_BAD_PATH, NULL, NULL },
	{ "too many segments", METHOD_GET, "/1/2/3/4/5/6/7/8/9", ERR_BAD_PATH, NULL,
	  NULL },
};

static const struct {
	const char *says, *query;
	bool good;
} queries[] = {
	{ "an empty query is good", "", true },
	{ "names and values are good", "limit=5&after=x%20y", true },
	{ "a name alone is good", "newest", true },
	{ "an empty value is good", "match=", true },
	{ "an empty name is refused", "=5", false },
	{ "an escaped NUL is refused", "a=%00", false },
	{ "half an escape is refused", "a=%2", false },
	{ "UTF-8 that is none is refused", "a=%c3", false },
	{ "a line feed is refused", "a=%0a", false },
};

static void long_segment_check(void)
{
	struct err e = { 0 };
	struct path p;
	char path[PATH_SEGMENT + 16] = "/v1/hosts/";

	memset(path + 10, 'a', PATH_SEGMENT);
	path[10 + PATH_SEGMENT] = '\0';
	check("a segment too long is refused",
	      !path_parse(path, &p, &e) && e.kind == ERR_BAD_PATH);
	path[10 + PATH_SEGMENT - 1] = '\0';
	check("the longest segment is taken", path_parse(path, &p, &e));
}

int main(void)
{
	const struct route_table table = { routes, ARRAY_LEN(routes) };
	char args[PATH_ARGS][PATH_SEGMENT];
	char value[300];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct route *r = NULL;
		struct err e = { 0 };
		struct path p;
		bool ok;

		memset(args, 0, sizeof args);
		ok = path_parse(rows[i].path, &p, &e) &&
		     route_find(&table, rows[i].method, &p, &r, args, &e);
		check(rows[i].says, e.kind == rows[i].want &&
					    ok == (rows[i].verb != NULL) &&
					    (!ok || (strcmp(r->verb, rows[i].verb) == 0 &&
						     strcmp(args[0], rows[i].arg) == 0)));
	}
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		struct err e = { 0 };

		check(queries[i].says,
		      query_is_good(queries[i].query, &e) == queries[i].good);
	}
	memset(value, 'a', sizeof value);
	memcpy(value, "v=", 2);
	value[2 + QUERY_VALUE_MAX + 1] = '\0';
	check("a value too long is refused", !query_is_good(value, &(struct err){ 0 }));
	value[2 + QUERY_VALUE_MAX] = '\0';
	check("the longest value is taken", query_is_good(value, &(struct err){ 0 }));
	long_segment_check();
	return done();
}
