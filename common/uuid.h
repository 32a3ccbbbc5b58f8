/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uuid - 128-bit identifiers in their canonical text form (RFC 4122, section 3).
 *
 * Gives:   struct uuid (text, 36 characters and NUL; lower case once parsed).
 * Refuses: any other form, braces, upper case is folded, the nil UUID is a BAD_UUID.
 * Threads: no state.
 */
#ifndef COMMON_UUID_H
#define COMMON_UUID_H

#include "common/err.h"

struct uuid {
	char text[37];
};

MUST_CHECK bool uuid_parse(const char *text, const char *field, struct uuid *ret,
			   struct err *e);
MUST_CHECK bool uuid_random(struct uuid *ret, struct err *e); /* version 4 */
bool uuid_equal(const struct uuid *a, const struct uuid *b);
bool uuid_is_set(const struct uuid *u);
void uuid_bytes(const struct uuid *u, uint8_t ret[16]);

#endif
