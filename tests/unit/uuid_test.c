/* SPDX-License-Identifier: Apache-2.0 */
#include "common/uuid.h"

#include "tests/unit/check.h"

#include <string.h>

static void test_refusals(void)
{
	static const struct {
		const char *says, *text;
	} rows[] = {
		{ "no text is no UUID", NULL },
		{ "an empty text is no UUID", "" },
		{ "braces are refused", "{2f1b2c3d-0001-4000-8000-00000000000a}" },
		{ "a UUID without dashes is refused",
		  "2f1b2c3d000140008000000000000000000a" },
		{ "a dash in the wrong place is refused",
		  "2f1b2c3-d0001-4000-8000-00000000000a" },
		{ "a missing digit is refused", "2f1b2c3d-0001-4000-8000-00000000000" },
		{ "a digit too many is refused",
		  "2f1b2c3d-0001-4000-8000-00000000000aa" },
		{ "a letter that is no digit is refused",
		  "2f1b2c3d-0001-4000-8000-00000000000g" },
		{ "white space is refused", "2f1b2c3d-0001-4000-8000-00000000000 " },
		{ "a path trick is refused", "../../../etc/passwd/../../..........." },
		{ "the nil UUID is refused", "00000000-0000-0000-0000-000000000000" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct uuid u = { "untouched" };
		struct err e = { 0 };

		check(rows[i].says, !uuid_parse(rows[i].text, "id", &u, &e) &&
					    e.kind == ERR_BAD_UUID &&
					    strcmp(e.field, "id") == 0 &&
					    strcmp(u.text, "untouched") == 0);
	}
}

static void test_forms(void)
{
	struct uuid a = { 0 }, b = { 0 }, none = { 0 };
	struct err e = { 0 };
	uint8_t bytes[16];

	check("upper case is folded",
	      uuid_parse("2F1B2C3D-0001-4000-8000-00000000ABCD", "", &a, &e) &&
		      strcmp(a.text, "2f1b2c3d-0001-4000-8000-00000000abcd") == 0);
	uuid_bytes(&a, bytes);
	check("its bytes are big-endian", bytes[0] == 0x2f && bytes[1] == 0x1b &&
						  bytes[14] == 0xab && bytes[15] == 0xcd);
	check("a random UUID is version 4, variant 1",
	      uuid_random(&a, &e) && a.text[14] == '4' && strchr("89ab", a.text[19]));
	check("a random UUID parses as itself",
	      uuid_parse(a.text, "", &b, &e) && uuid_equal(&a, &b));
	check("two random UUIDs differ", uuid_random(&b, &e) && !uuid_equal(&a, &b));
	check("an unset UUID is known as such", !uuid_is_set(&none) && uuid_is_set(&a));
	uuid_bytes(&none, bytes);
	check("an unset UUID has zero bytes", memcmp(bytes, (uint8_t[16]){ 0 }, 16) == 0);
}

int main(void)
{
	test_refusals();
	test_forms();
	return done();
}
