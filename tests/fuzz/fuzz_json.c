/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a request body: parse, read by a table, write what was read, read it again. */
#include "common/json.h"
#include "tests/fuzz/target.h"

#include <string.h>

struct body {
	char text[32];
	char name[16];
	struct uuid id;
	int64_t count;
	bool flag;
	char list[64];
};

#define FIELD(member, type, min, max)                                             \
	{                                                                         \
#member, type, offsetof(struct body, member),                     \
			sizeof(((struct body *)NULL)->member), 0, min, max, false \
	}
static const struct json_field fields[] = {
	FIELD(text, FIELD_TEXT, 0, 31),   FIELD(name, FIELD_NAME, 1, 15),
	FIELD(id, FIELD_UUID, 0, 0),      FIELD(count, FIELD_INTEGER, -9, 99),
	FIELD(flag, FIELD_BOOLEAN, 0, 0), FIELD(list, FIELD_LIST, 0, 15),
};

/* What the table promises of a body that it has let through. */
static void check_promises(const struct body *b)
{
	assert(memchr(b->text, 0, sizeof(b->text)));
	assert(text_is_utf8((struct view){ (const uint8_t *)b->text, strlen(b->text) }));
	assert(b->name[0] == '\0' || text_is_name(b->name, 15));
	assert(b->count >= -9 && b->count <= 99);
	assert(memchr(b->list, 0, sizeof(b->list)));
}

static void write_body(const struct body *b, struct buf *to)
{
	struct json_writer w = { .to = to };

	json_open(&w, NULL);
	json_put_text(&w, "text", b->text);
	json_put_text(&w, "name", b->name[0] ? b->name : NULL);
	json_put_text(&w, "id", uuid_is_set(&b->id) ? b->id.text : NULL);
	json_put_integer(&w, "count", b->count);
	json_put_boolean(&w, "flag", b->flag);
	json_put_lines(&w, "list", b->list);
	json_close(&w);
	assert(w.depth == 0);
}

static bool read_body(struct view text, struct body *ret)
{
	OWNED(json) j = NULL;
	struct err e = { 0 };
	bool ok = json_parse(text, &j, &e) &&
		  json_read_fields(j, fields, ARRAY_LEN(fields), ret, &e);

	assert(ok || e.kind != ERR_NONE);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	CLEANUP(buf_done) struct buf out = { 0 };
	struct body first = { 0 }, second = { 0 };

	if (!read_body((struct view){ bytes, len }, &first))
		return 0;
	check_promises(&first);
	write_body(&first, &out);
	assert(out.failed ||
	       read_body((struct view){ (uint8_t *)out.at, out.len }, &second));
	assert(out.failed || memcmp(&first, &second, sizeof(first)) == 0);
	return 0;
}
