/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route - from a path as it was received to a row of the route table.
 *
 * Gives:   route_find, with what {uuid}, {name} and {id} matched; query_is_good.
 * Refuses: empty segments, "." and "..", a trailing slash, malformed escapes, escaped slashes,
 *          NUL and control characters, text that is not UTF-8: ERR_BAD_PATH.
 * Knows:   a path is split first and decoded afterwards, so an escape never makes a segment.
 * Threads: pure.
 */
#ifndef BROKER_DISPATCH_ROUTE_H
#define BROKER_DISPATCH_ROUTE_H

#include "broker/exchange.h"

enum { PATH_SEGMENTS = 8, PATH_SEGMENT = 160, PATH_ARGS = 3, QUERY_VALUE_MAX = 255 };

struct path {
	unsigned n;
	char at[PATH_SEGMENTS][PATH_SEGMENT];
};

struct route_table {
	const struct route *at; /* borrowed */
	size_t n;
};

MUST_CHECK bool path_parse(const char *raw, struct path *ret, struct err *e);
/* ERR_UNKNOWN_PATH, ERR_WRONG_METHOD or ERR_BAD_UUID; the first route that fits wins. */
MUST_CHECK bool route_find(const struct route_table *t, enum method method,
			   const struct path *p, const struct route **ret,
			   char ret_args[PATH_ARGS][PATH_SEGMENT], struct err *e);
/* Escapes are whole, values are UTF-8 without control characters, up to QUERY_VALUE_MAX. */
MUST_CHECK bool query_is_good(const char *query, struct err *e);

#endif
