/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"

#include "tests/unit/check.h"

#include <inttypes.h>
#include <string.h>

static bool parses(const char *text, enum err_kind *ret_kind)
{
	OWNED(json) j = NULL;
	struct err e = { 0 };
	bool ok =
		json_parse((struct view){ (const uint8_t *)text, strlen(text) }, &j, &e);

	*ret_kind = e.kind;
	return ok;
}

static void test_strict(void)
{
	static const struct {
		const char *says, *text;
		enum err_kind want;
	} rows[] = {
		{ "an object is JSON", "{\"a\":1}", ERR_NONE },
		{ "white space around it is fine", " \n{\"a\":[true,null,\"x\"]}\t",
		  ERR_NONE },
		{ "nothing is not JSON", "", ERR_BAD_JSON },
		{ "a bare value is no body", "1", ERR_BAD_JSON },
		{ "a cut object is not JSON", "{\"a\":1", ERR_BAD_JSON },
		{ "bytes after the value are refused", "{} {}", ERR_BAD_JSON },
		{ "a name that appears twice is refused", "{\"a\":1,\"a\":1}",
		  ERR_BAD_JSON },
		{ "so is one that is spelt differently", "{\"a\":1,\"\\u0061\":2}",
		  ERR_BAD_JSON },
		{ "bad UTF-8 is refused", "{\"a\":\"\xff\"}", ERR_BAD_JSON },
		{ "an overlong sequence is refused", "{\"a\":\"\xc0\xaf\"}",
		  ERR_BAD_JSON },
		{ "a lone surrogate is refused", "{\"a\":\"\\ud800\"}", ERR_BAD_JSON },
		{ "U+0000 is refused", "{\"a\":\"x\\u0000y\"}", ERR_BAD_JSON },
		{ "U+0000 in a name is refused", "{\"a\\u0000\":1}", ERR_BAD_JSON },
		{ "a real is refused", "{\"a\":1.5}", ERR_BAD_TYPE },
		{ "an exponent is a real", "{\"a\":[{\"b\":1e3}]}", ERR_BAD_TYPE },
		{ "a number above int64 is refused", "{\"a\":9223372036854775808}",
		  ERR_BAD_VALUE },
		{ "a number below int64 is refused", "{\"a\":-9223372036854775809}",
		  ERR_BAD_VALUE },
		{ "a real that overflows is refused", "{\"a\":1e999}", ERR_BAD_VALUE },
		{ "a leading zero is refused", "{\"a\":01}", ERR_BAD_JSON },
		{ "a plus sign is refused", "{\"a\":+1}", ERR_BAD_JSON },
		{ "NaN is refused", "{\"a\":NaN}", ERR_BAD_JSON },
		{ "a comment is refused", "{/* */}", ERR_BAD_JSON },
		{ "a trailing comma is refused", "{\"a\":1,}", ERR_BAD_JSON },
		{ "single quotes are refused", "{'a':1}", ERR_BAD_JSON },
		{ "a raw newline in a string is refused", "{\"a\":\"x\ny\"}",
		  ERR_BAD_JSON },
		{ "sixteen levels are fine", "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
		  ERR_NONE },
		{ "seventeen levels are refused", "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
		  ERR_BAD_JSON },
		{ "brackets in a string are no levels",
		  "{\"a\":\"[[[[[[[[[[[[[[[[[[[[\\\"[[[[[\"}", ERR_NONE },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum err_kind kind;
		bool ok = parses(rows[i].text, &kind);

		check(rows[i].says, kind == rows[i].want && ok == (kind == ERR_NONE));
	}
}

static void test_refuses_raw_nul(void)
{
	OWNED(json) j = NULL;
	struct err e = { 0 };

	check("a raw NUL is refused",
	      !json_parse((struct view){ (const uint8_t *)"{\"a\":\"x\0y\"}", 11 }, &j,
			  &e));
	check("a NUL behind the value is refused",
	      !json_parse((struct view){ (const uint8_t *)"{}\0", 3 }, &j, &e));
	check("the refusal does not quote the body",
	      !json_parse((struct view){ (const uint8_t *)"{\"hunter2", 9 }, &j, &e) &&
		      !strstr(e.detail, "hunter2") && !strstr(e.trail, "hunter2"));
}

/* A body with a field of each type. */
struct body {
	char text[16];
	char name[16];
	struct uuid id;
	int64_t count;
	bool flag, flag_given;
	char list[32];
};

#define FIELD(member, type, min, max, required)                                      \
	{                                                                            \
#member, type, offsetof(struct body, member),                        \
			sizeof(((struct body *)NULL)->member), 0, min, max, required \
	}
static const struct json_field fields[] = {
	FIELD(text, FIELD_TEXT, 2, 15, true),
	FIELD(name, FIELD_NAME, 1, 8, false),
	FIELD(id, FIELD_UUID, 0, 0, false),
	FIELD(count, FIELD_INTEGER, -5, 100, false),
	{ "flag", FIELD_BOOLEAN, offsetof(struct body, flag), sizeof(bool),
	  offsetof(struct body, flag_given), 0, 0, false },
	FIELD(list, FIELD_LIST, 1, 8, false),
};

static enum err_kind reads(const char *text, bool known_only, struct body *ret,
			   struct err *e)
{
	OWNED(json) j = NULL;

	*e = (struct err){ 0 };
	*ret = (struct body){ .count = 42, .name = "before" };
	if (json_parse((struct view){ (const uint8_t *)text, strlen(text) }, &j, e) &&
	    (known_only ? json_read_known : json_read_fields)(j, fields,
							      ARRAY_LEN(fields), ret, e))
		return ERR_NONE;
	return e->kind;
}

static const struct {
	const char *says, *text, *field;
	enum err_kind want;
} bad_bodies[] = {
	{ "a list is no body", "[]", "", ERR_BAD_TYPE },
	{ "a required field is missing", "{}", "text", ERR_MISSING_FIELD },
	{ "null does not fill a required field", "{\"text\":null}", "text",
	  ERR_BAD_TYPE },
	{ "an unknown field is refused", "{\"text\":\"ab\",\"x\":1}", "x",
	  ERR_UNKNOWN_FIELD },
	{ "a field's name has one case", "{\"text\":\"ab\",\"Name\":\"a\"}", "Name",
	  ERR_UNKNOWN_FIELD },
	{ "a text is no number", "{\"text\":12}", "text", ERR_BAD_TYPE },
	{ "a text may be too short", "{\"text\":\"a\"}", "text", ERR_BAD_VALUE },
	{ "a text may be too long", "{\"text\":\"0123456789abcdef\"}", "text",
	  ERR_BAD_VALUE },
	{ "a text's length is in bytes",
	  "{\"text\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
	  "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"}",
	  "text", ERR_BAD_VALUE },
	{ "a name is no path", "{\"text\":\"ab\",\"name\":\"../x\"}", "name",
	  ERR_BAD_VALUE },
	{ "a name may be too long", "{\"text\":\"ab\",\"name\":\"abcdefghi\"}", "name",
	  ERR_BAD_VALUE },
	{ "a name is no list", "{\"text\":\"ab\",\"name\":[\"a\"]}", "name",
	  ERR_BAD_TYPE },
	{ "a UUID has its form", "{\"text\":\"ab\",\"id\":\"1-2\"}", "id", ERR_BAD_UUID },
	{ "a UUID is no number", "{\"text\":\"ab\",\"id\":7}", "id", ERR_BAD_TYPE },
	{ "a number in quotes is no number", "{\"text\":\"ab\",\"count\":\"7\"}", "count",
	  ERR_BAD_TYPE },
	{ "a number may be too small", "{\"text\":\"ab\",\"count\":-6}", "count",
	  ERR_BAD_VALUE },
	{ "a number may be too large", "{\"text\":\"ab\",\"count\":101}", "count",
	  ERR_BAD_VALUE },
	{ "true is no number", "{\"text\":\"ab\",\"count\":true}", "count",
	  ERR_BAD_TYPE },
	{ "1 is not true", "{\"text\":\"ab\",\"flag\":1}", "flag", ERR_BAD_TYPE },
	{ "a bare name is no list", "{\"text\":\"ab\",\"list\":\"a\"}", "list",
	  ERR_BAD_TYPE },
	{ "a list of numbers is none of names", "{\"text\":\"ab\",\"list\":[1]}", "list",
	  ERR_BAD_TYPE },
	{ "a list may be too short", "{\"text\":\"ab\",\"list\":[]}", "list",
	  ERR_BAD_VALUE },
	{ "a list's names are names", "{\"text\":\"ab\",\"list\":[\"a\\nb\"]}", "list",
	  ERR_BAD_VALUE },
	{ "a list names nothing twice", "{\"text\":\"ab\",\"list\":[\"a\",\"a\"]}",
	  "list", ERR_BAD_VALUE },
	{ "a list may be too long for its place",
	  "{\"text\":\"ab\",\"list\":[\"a1234567\",\"b1234567\",\"c1234567\","
	  "\"d123456\"]}",
	  "list", ERR_BAD_VALUE },
};

static void test_bad_fields(void)
{
	struct body body;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(bad_bodies); i++)
		check(bad_bodies[i].says,
		      reads(bad_bodies[i].text, false, &body, &e) == bad_bodies[i].want &&
			      strcmp(e.field, bad_bodies[i].field) == 0);
}

static void test_good_fields(void)
{
	struct body body;
	struct err e;

	check("a full body is read", reads("{\"text\":\"\xc3\xa9t\xc3\xa9\",\"name\":\"h-"
					   "1\",\"count\":-5,\"flag\":false,"
					   "\"id\":\"2F1B2C3D-0001-4000-8000-"
					   "00000000000A\",\"list\":[\"a\",\"b.c\"]}",
					   false, &body, &e) == ERR_NONE);
	check("its members hold what it said",
	      strcmp(body.text, "\xc3\xa9t\xc3\xa9") == 0 &&
		      strcmp(body.name, "h-1") == 0 && body.count == -5 &&
		      strcmp(body.list, "a\nb.c") == 0);
	check("a UUID is folded",
	      strcmp(body.id.text, "2f1b2c3d-0001-4000-8000-00000000000a") == 0);
	check("presence is told", body.flag_given && !body.flag);
	check("absent fields keep what was there",
	      reads("{\"text\":\"ab\"}", false, &body, &e) == ERR_NONE &&
		      body.count == 42 && strcmp(body.name, "before") == 0 &&
		      !body.flag_given);
	check("null is absent where nothing is required",
	      reads("{\"text\":\"ab\",\"count\":null,\"flag\":null}", false, &body, &e) ==
			      ERR_NONE &&
		      body.count == 42 && !body.flag_given);
	check("a newer peer's fields are passed over",
	      reads("{\"text\":\"ab\",\"later\":{\"x\":[]}}", true, &body, &e) ==
		      ERR_NONE);
}

static void test_list_limit(void)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	struct {
		char list[4224];
	} body;
	const struct json_field field = { "list", FIELD_LIST, 0,  sizeof(body.list),
					  0,      1,          63, true };
	struct err e = { 0 };

	for (int n = JSON_LIST_ITEMS; n <= JSON_LIST_ITEMS + 1; n++) {
		OWNED(json) j = NULL;

		text.len = 0;
		for (int i = 0; i < n; i++)
			buf_addf(&text, "%s\"h%061d\"", i ? "," : "{\"list\":[", i);
		buf_add(&text, "]}");
		check(n == JSON_LIST_ITEMS ? "64 names of 62 bytes fit"
					   : "65 names do not",
		      json_parse((struct view){ (uint8_t *)text.at, text.len }, &j, &e) &&
			      json_read_fields(j, &field, 1, &body, &e) ==
				      (n == JSON_LIST_ITEMS));
	}
}

static void test_by_hand(void)
{
	static const char text[] = "{\"t\":\"x\",\"i\":7,\"b\":true,\"o\":{\"t\":\"in\"},"
				   "\"l\":[{\"t\":\"0\"},\"one\"],\"n\":null}";
	OWNED(json) j = NULL;
	struct err e = { 0 };
	int64_t i = 0;
	bool b = false;

	if (!check("a body is read by hand",
		   json_parse((struct view){ (const uint8_t *)text, strlen(text) }, &j,
			      &e)))
		return;
	check("a text is read", strcmp(json_get_text(j, "t"), "x") == 0);
	check("a number is no text", json_get_text(j, "i") == NULL);
	check("a number is read", json_get_integer(j, "i", &i) && i == 7);
	check("a text is no number", !json_get_integer(j, "t", &i) && i == 7);
	check("a boolean is read", json_get_boolean(j, "b", &b) && b);
	check("an object is read",
	      strcmp(json_get_text(json_get_object(j, "o"), "t"), "in") == 0);
	check("a list is counted", json_count(j, "l") == 2 && json_count(j, "t") == 0);
	check("its objects are read",
	      strcmp(json_get_text(json_item(j, "l", 0), "t"), "0") == 0);
	check("its texts are read", strcmp(json_item_text(j, "l", 1), "one") == 0);
	check("a text is no object",
	      json_item(j, "l", 1) == NULL && json_item(j, "l", 2) == NULL);
	check("null is there", json_has(j, "n") && !json_has(j, "x"));
	check("no object has no members",
	      json_get_text(json_get_object(j, "t"), "t") == NULL);
}

static void test_writer(void)
{
	CLEANUP(buf_done) struct buf out = { 0 };
	struct json_writer w = { .to = &out };

	json_open(&w, NULL);
	json_put_text(&w, "a", "q\"b\\n\n\t\x01\x7f\xc3\xa9\xff");
	json_put_integer(&w, "i", INT64_MIN);
	json_open_list(&w, "l");
	json_open(&w, NULL);
	json_close(&w);
	json_put_text(&w, NULL, "x");
	json_put_integer(&w, NULL, 2);
	json_close_list(&w);
	json_put_boolean(&w, "b", false);
	json_put_null(&w, "n");
	json_put_text(&w, "none", NULL);
	json_put_lines(&w, "lines", "one\ntwo");
	json_put_lines(&w, "empty", "");
	json_close(&w);
	check("the writer escapes, nests and places commas",
	      strcmp(out.at, "{\"a\":\"q\\\"b\\\\n\\n\\t\\u0001\\u007f\xc3\xa9\\ufffd\","
			     "\"i\":-9223372036854775808,\"l\":[{},\"x\",2],\"b\":false,"
			     "\"n\":null,\"none\":null,\"lines\":[\"one\",\"two\"],"
			     "\"empty\":[]}") == 0);
	check("what it opened is closed", w.depth == 0);
}

int main(void)
{
	test_strict();
	test_refuses_raw_nul();
	test_bad_fields();
	test_good_fields();
	test_list_limit();
	test_by_hand();
	test_writer();
	return done();
}
