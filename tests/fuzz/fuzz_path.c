/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a request target: what is matched is clean, whatever stood in the escapes.
 */
#include "broker/dispatch/route.h"
#include "tests/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

static const struct route routes[] = {
	{ .method = METHOD_GET, .pattern = "/v1" },
	{ .method = METHOD_GET, .pattern = "/v1/hosts/{name}" },
	{ .method = METHOD_GET, .pattern = "/v1/instances/{uuid}/permits/{uuid}" },
	{ .method = METHOD_GET, .pattern = "/v1/{id}/{id}/{id}" },
};

static void try_path(const char *text)
{
	const struct route_table table = { routes, ARRAY_LEN(routes) };
	char args[PATH_ARGS][PATH_SEGMENT] = { 0 };
	const struct route *r = NULL;
	struct err e = { 0 };
	struct path p;

	if (!path_parse(text, &p, &e)) {
		assert(e.kind == ERR_BAD_PATH);
		return;
	}
	assert(p.n >= 1 && p.n <= PATH_SEGMENTS && text[0] == '/');
	for (unsigned i = 0; i < p.n; i++)
		assert(p.at[i][0] != '\0' && strchr(p.at[i], '/') == NULL &&
		       strcmp(p.at[i], "..") != 0 &&
		       text_is_display(p.at[i], PATH_SEGMENT - 1));
	if (!route_find(&table, METHOD_GET, &p, &r, args, &e))
		assert(e.kind == ERR_UNKNOWN_PATH || e.kind == ERR_BAD_UUID);
}

static void try_query(const char *text)
{
	struct exchange *x = calloc(1, sizeof(*x));
	struct err e = { 0 };
	char value[256], small[4];

	assert(x);
	x->query = text;
	if (!query_is_good(text, &e))
		assert(e.kind == ERR_BAD_VALUE);
	else if (exchange_query(x, "a", value, sizeof(value)) && value[0] != '\0')
		assert(text_is_display(value, QUERY_VALUE_MAX));
	if (exchange_query(x, "a", small, sizeof(small)))
		assert(strlen(small) < sizeof(small));
	free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char *text = malloc(len + 1);
	char *query;

	if (!text)
		return 0;
	memcpy(text, bytes, len);
	text[len] = '\0';
	query = strchr(text, '?');
	if (query)
		*query++ = '\0';
	try_path(text);
	try_query(query ? query : "");
	free(text);
	return 0;
}
