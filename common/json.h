/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - strict JSON (RFC 8259) both ways, with a table of fields per body.
 *
 * Owns:    a struct json owns its jansson tree; views into it die with it.
 * Gives:   json_parse, json_read_fields (one loop for every request body), and a small writer.
 * Refuses: duplicate or unknown names, bad UTF-8, U+0000, numbers outside int64 or the
 *          field's range, reals, nesting deeper than 16, bytes after the value.
 * Knows:   the only user of jansson besides the wire files. Never give it a secret.
 * Threads: a tree or writer belongs to one thread.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include "common/text.h"
#include "common/uuid.h"

struct json;

enum json_field_type {
	FIELD_TEXT,    /* char[size] at offset; UTF-8, min..max bytes */
	FIELD_NAME,    /* char[size]; text_is_name, up to max */
	FIELD_UUID,    /* struct uuid */
	FIELD_INTEGER, /* int64_t, min..max */
	FIELD_BOOLEAN, /* bool */
	FIELD_LIST, /* char[size]: distinct names, joined by '\n', each up to max bytes;
			  min..JSON_LIST_ITEMS of them */
	FIELD_OBJECTS, /* int64_t: how many, min..max of them; json_item reads each */
};

enum { JSON_LIST_ITEMS = 64, JSON_DEPTH = 16 };

/* One field of a body; what is absent leaves its member as it was. */
struct json_field {
	const char *name;
	enum json_field_type type;
	size_t offset; /* into the struct that is filled */
	size_t size;   /* of the member */
	size_t given; /* offset of a bool member set to true when present, or 0 for none */
	int64_t min, max;
	bool required;
};

MUST_CHECK bool json_parse(struct view text, struct json **ret, struct err *e);
void json_free(struct json *j);
/* Fills *to by the table; unknown names in the object are ERR_UNKNOWN_FIELD. A literal null
 * counts as absent where the field is not required. */
MUST_CHECK bool json_read_fields(const struct json *j, const struct json_field *fields,
				 size_t n, void *to, struct err *e);
/* The same for a reply of a newer peer: unknown names are passed over. */
MUST_CHECK bool json_read_known(const struct json *j, const struct json_field *fields,
				size_t n, void *to, struct err *e);
/* Reading by hand: each returns NULL / false when absent or of another type. Borrowed.
 * (Not json_text, json_object...: jansson exports names like these.) */
const char *json_get_text(const struct json *j, const char *name);
bool json_get_integer(const struct json *j, const char *name, int64_t *ret);
bool json_get_boolean(const struct json *j, const char *name, bool *ret);
bool json_has(const struct json *j, const char *name); /* present, null included */
const struct json *json_get_object(const struct json *j,
				   const char *name);      /* never free */
size_t json_count(const struct json *j, const char *name); /* of an array; 0 if none */
const struct json *json_item(const struct json *j, const char *name,
			     size_t i); /* an object in it */
const char *json_item_text(const struct json *j, const char *name, size_t i);
DEFINE_DROP(json)

/* The writer: appends to a buf; names and values are escaped; commas are its business. */
struct json_writer {
	struct buf *to; /* borrowed */
	bool comma;
	unsigned depth;
};
void json_open(struct json_writer *w,
	       const char *name); /* {; name NULL in arrays and on top */
void json_close(struct json_writer *w);
void json_open_list(struct json_writer *w, const char *name); /* [ */
void json_close_list(struct json_writer *w);
void json_put_text(struct json_writer *w, const char *name,
		   const char *value); /* NULL: null */
void json_put_integer(struct json_writer *w, const char *name, int64_t value);
void json_put_boolean(struct json_writer *w, const char *name, bool value);
void json_put_null(struct json_writer *w, const char *name);
/* "a\nb" -> ["a","b"], "" -> [] */
void json_put_lines(struct json_writer *w, const char *name, const char *lines);

#endif
