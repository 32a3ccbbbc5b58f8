/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

/* A struct json is a json_t under a name of ours; it is never defined. */
static json_t *tree_of(const struct json *j)
{
	return (json_t *)(uintptr_t)j;
}

static const struct json *name_of(json_t *tree)
{
	return (const struct json *)tree;
}

/* Before the parser's own recursion: brackets outside strings. */
static bool too_deep(struct view text)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.at[i];

		if (c == '\\' && quoted)
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '[') && ++depth > JSON_DEPTH)
			return true;
		else if (!quoted && (c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return false;
}

static bool has_real(json_t *tree)
{
	const char *name;
	json_t *item;
	size_t i;

	json_object_foreach(tree, name, item) if (has_real(item)) return true;
	json_array_foreach(tree, i, item) if (has_real(item)) return true;
	return json_is_real(tree);
}

/* jansson's own words may quote the body, so they are not passed on. */
static bool refuse_text(const json_error_t *why, struct err *e)
{
	enum json_error_code code = json_error_code(why);

	if (code == json_error_numeric_overflow)
		return err_set(e, ERR_BAD_VALUE, "line %d: a number is out of range",
			       why->line);
	if (code == json_error_duplicate_key)
		return err_set(e, ERR_BAD_JSON, "line %d: a name appears twice",
			       why->line);
	if (code == json_error_invalid_utf8)
		return err_set(e, ERR_BAD_JSON, "the body is not UTF-8");
	if (code == json_error_null_character)
		return err_set(e, ERR_BAD_JSON, "line %d: U+0000 is not allowed",
			       why->line);
	if (code == json_error_out_of_memory)
		return err_set(e, ERR_NO_MEMORY, "no memory to read JSON");
	return err_set(e, ERR_BAD_JSON, "line %d, column %d: this is not JSON", why->line,
		       why->column);
}

bool json_parse(struct view text, struct json **ret, struct err *e)
{
	json_error_t why = { 0 };
	json_t *tree;

	if (too_deep(text))
		return err_set(e, ERR_BAD_JSON, "JSON may be %d levels deep here",
			       JSON_DEPTH);
	tree = json_loadb((const char *)text.at, text.len, JSON_REJECT_DUPLICATES, &why);
	if (!tree)
		return refuse_text(&why, e);
	if (has_real(tree)) {
		json_decref(tree);
		return err_set(e, ERR_BAD_TYPE, "numbers are whole here");
	}
	*ret = (struct json *)tree;
	return true;
}

void json_free(struct json *j)
{
	json_decref(tree_of(j));
}

const char *json_get_text(const struct json *j, const char *name)
{
	return json_string_value(json_object_get(tree_of(j), name));
}

bool json_get_integer(const struct json *j, const char *name, int64_t *ret)
{
	json_t *item = json_object_get(tree_of(j), name);

	if (!json_is_integer(item))
		return false;
	*ret = json_integer_value(item);
	return true;
}

bool json_get_boolean(const struct json *j, const char *name, bool *ret)
{
	json_t *item = json_object_get(tree_of(j), name);

	if (!json_is_boolean(item))
		return false;
	*ret = json_is_true(item);
	return true;
}

bool json_has(const struct json *j, const char *name)
{
	return json_object_get(tree_of(j), name) != NULL;
}

const struct json *json_get_object(const struct json *j, const char *name)
{
	json_t *item = json_object_get(tree_of(j), name);

	return json_is_object(item) ? name_of(item) : NULL;
}

static json_t *array_item(const struct json *j, const char *name, size_t i)
{
	return json_array_get(json_object_get(tree_of(j), name), i);
}

size_t json_count(const struct json *j, const char *name)
{
	return json_array_size(json_object_get(tree_of(j), name));
}

const struct json *json_item(const struct json *j, const char *name, size_t i)
{
	json_t *item = array_item(j, name, i);

	return json_is_object(item) ? name_of(item) : NULL;
}

const char *json_item_text(const struct json *j, const char *name, size_t i)
{
	return json_string_value(array_item(j, name, i));
}

/* ---- one loop for every request body ---- */

/* A value on its way into its member. */
struct filling {
	const struct json_field *field;
	json_t *value; /* borrowed from the tree */
	uint8_t *to;   /* borrowed: the member */
	struct err *e; /* borrowed */
};

static bool wrong_type(const struct filling *f, const char *want)
{
	return err_field(f->e, ERR_BAD_TYPE, f->field->name, "%s must be %s",
			 f->field->name, want);
}

static bool fill_text(const struct filling *f)
{
	const struct json_field *field = f->field;
	const char *text = json_string_value(f->value);
	int64_t len = (int64_t)json_string_length(f->value);

	if (!text)
		return wrong_type(f, "a string");
	if (field->min == field->max && len != field->min)
		return err_field(f->e, ERR_BAD_VALUE, field->name,
				 "%s must have %" PRId64 " bytes", field->name,
				 field->min);
	if (len < field->min || len > field->max || (uint64_t)len >= field->size)
		return err_field(f->e, ERR_BAD_VALUE, field->name,
				 "%s must have %" PRId64 " to %" PRId64 " bytes",
				 field->name, field->min, field->max);
	memcpy(f->to, text, (size_t)len + 1);
	return true;
}

static bool is_name(const struct json_field *field, const char *text)
{
	size_t max = (size_t)field->max;

	return text_is_name(text, max < field->size ? max : field->size - 1);
}

static bool fill_name(const struct filling *f)
{
	const char *text = json_string_value(f->value);

	if (!text)
		return wrong_type(f, "a string");
	if (!is_name(f->field, text))
		return err_field(f->e, ERR_BAD_VALUE, f->field->name,
				 "%s must be a name: letters, digits, '.', '_', '-'",
				 f->field->name);
	memcpy(f->to, text, strlen(text) + 1);
	return true;
}

static bool fill_uuid(const struct filling *f)
{
	const char *text = json_string_value(f->value);
	struct uuid uuid;

	if (!text)
		return wrong_type(f, "a string");
	if (!uuid_parse(text, f->field->name, &uuid, f->e))
		return false;
	memcpy(f->to, &uuid, sizeof(uuid));
	return true;
}

static bool fill_integer(const struct filling *f)
{
	const struct json_field *field = f->field;
	int64_t value = json_integer_value(f->value);

	if (!json_is_integer(f->value))
		return wrong_type(f, "a whole number");
	if (value < field->min || value > field->max)
		return err_field(f->e, ERR_BAD_VALUE, field->name,
				 "%s must be %" PRId64 " to %" PRId64, field->name,
				 field->min, field->max);
	memcpy(f->to, &value, sizeof(value));
	return true;
}

static bool fill_boolean(const struct filling *f)
{
	bool value = json_is_true(f->value);

	if (!json_is_boolean(f->value))
		return wrong_type(f, "true or false");
	memcpy(f->to, &value, sizeof(value));
	return true;
}

static bool is_listed(json_t *list, size_t upto, const char *text)
{
	for (size_t i = 0; i < upto; i++)
		if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
			return true;
	return false;
}

static bool add_line(const struct filling *f, size_t i, size_t *used)
{
	const char *text = json_string_value(json_array_get(f->value, i));
	size_t len = text ? strlen(text) : 0;

	if (!text)
		return wrong_type(f, "a list of strings");
	if (!is_name(f->field, text) || is_listed(f->value, i, text) ||
	    *used + len + 2 > f->field->size)
		return err_field(f->e, ERR_BAD_VALUE, f->field->name,
				 "%s must be a list of distinct names", f->field->name);
	if (*used)
		f->to[(*used)++] = '\n';
	memcpy(f->to + *used, text, len + 1);
	*used += len;
	return true;
}

static bool fill_list(const struct filling *f)
{
	size_t n = json_array_size(f->value), used = 0;

	if (!json_is_array(f->value))
		return wrong_type(f, "a list of strings");
	if ((int64_t)n < f->field->min || n > JSON_LIST_ITEMS)
		return err_field(f->e, ERR_BAD_VALUE, f->field->name,
				 "%s must have %" PRId64 " to %d items", f->field->name,
				 f->field->min, JSON_LIST_ITEMS);
	f->to[0] = '\0';
	for (size_t i = 0; i < n; i++)
		if (!add_line(f, i, &used))
			return false;
	return true;
}

/* Only counted and told apart from other lists; json_item reads them. */
static bool fill_objects(const struct filling *f)
{
	int64_t n = (int64_t)json_array_size(f->value);

	if (!json_is_array(f->value))
		return wrong_type(f, "a list of objects");
	for (int64_t i = 0; i < n; i++)
		if (!json_is_object(json_array_get(f->value, (size_t)i)))
			return wrong_type(f, "a list of objects");
	if (n < f->field->min || n > f->field->max)
		return err_field(f->e, ERR_BAD_VALUE, f->field->name,
				 "%s must have %" PRId64 " to %" PRId64 " items",
				 f->field->name, f->field->min, f->field->max);
	memcpy(f->to, &n, sizeof(n));
	return true;
}

static bool fill_field(const struct filling *f)
{
	static bool (*const fill[])(const struct filling *) = {
		[FIELD_TEXT] = fill_text,       [FIELD_NAME] = fill_name,
		[FIELD_UUID] = fill_uuid,       [FIELD_INTEGER] = fill_integer,
		[FIELD_BOOLEAN] = fill_boolean, [FIELD_LIST] = fill_list,
		[FIELD_OBJECTS] = fill_objects,
	};

	return fill[f->field->type](f);
}

static bool read_field(json_t *tree, const struct json_field *field, uint8_t *to,
		       struct err *e)
{
	json_t *value = json_object_get(tree, field->name);
	struct filling f = { field, value, to + field->offset, e };
	bool given = true;

	if (!value || (json_is_null(value) && !field->required))
		return !field->required || err_field(e, ERR_MISSING_FIELD, field->name,
						     "%s is missing", field->name);
	if (!fill_field(&f))
		return false;
	if (field->given)
		memcpy(to + field->given, &given, sizeof(given));
	return true;
}

static bool is_known(const struct json_field *fields, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(fields[i].name, name) == 0)
			return true;
	return false;
}

bool json_read_known(const struct json *j, const struct json_field *fields, size_t n,
		     void *to, struct err *e)
{
	if (!json_is_object(tree_of(j)))
		return err_set(e, ERR_BAD_TYPE, "the body must be an object");
	for (size_t i = 0; i < n; i++)
		if (!read_field(tree_of(j), &fields[i], to, e))
			return false;
	return true;
}

bool json_read_fields(const struct json *j, const struct json_field *fields, size_t n,
		      void *to, struct err *e)
{
	const char *name;
	json_t *value;

	json_object_foreach(
		tree_of(j), name,
		value) if (!is_known(fields, n,
				     name)) return err_field(e, ERR_UNKNOWN_FIELD, name,
							     "the body has a field that "
							     "is not known here");
	return json_read_known(j, fields, n, to, e);
}
