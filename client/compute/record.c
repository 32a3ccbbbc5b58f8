/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/record.h"

#include <assert.h>
#include <string.h>

enum { RECORD_MAX = 4096, UUID_LEN = 36 };
#define SUFFIX ".json"

static struct view view_of(const struct buf *b)
{
	return (struct view){ (const uint8_t *)b->at, b->len };
}

static bool record_path(const struct record_form *form, const char *state_dir,
			const struct uuid *instance, struct path *ret, struct err *e)
{
	return path_set(ret, e, "%s/%s/%s" SUFFIX, state_dir, form->folder,
			instance->text);
}

static const struct uuid *instance_of(const struct record_form *form, const void *filled)
{
	assert(form->fields[0].type == FIELD_UUID);
	return (const void *)((const char *)filled + form->fields[0].offset);
}

bool record_load(const struct record_form *form, const char *state_dir,
		 const struct uuid *instance, void *ret, bool *ret_found, struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	OWNED(json) tree = NULL;
	struct path path;

	if (!record_path(form, state_dir, instance, &path, e) ||
	    !file_read(path.text, RECORD_MAX, &text, ret_found, e))
		return false;
	if (!*ret_found)
		return true;
	return (json_parse(view_of(&text), &tree, e) &&
		json_read_known(tree, form->fields, form->count, ret, e) &&
		uuid_equal(instance_of(form, ret), instance)) ||
	       err_set(e, ERR_IO, "the record %s is damaged", path.text);
}

bool record_save(const struct record_form *form, const char *state_dir,
		 const struct uuid *instance, const struct buf *json, struct err *e)
{
	struct path path;

	if (!record_path(form, state_dir, instance, &path, e))
		return false;
	if (json->failed)
		return err_set(e, ERR_NO_MEMORY, "no memory for a record");
	return file_write(path.text, view_of(json), 0600, e);
}

bool record_remove(const struct record_form *form, const char *state_dir,
		   const struct uuid *instance, struct err *e)
{
	struct path path;

	return record_path(form, state_dir, instance, &path, e) &&
	       file_remove(path.text, e);
}

struct walk {
	record_visit *visit;
	void *ctx;     /* borrowed */
	struct err *e; /* borrowed */
	bool failed;
};

static bool walk_one(void *ctx, const char *name)
{
	struct walk *w = ctx;
	struct err e = { 0 };
	struct uuid instance;
	char id[UUID_LEN + 1] = "";

	if (strlen(name) != UUID_LEN + strlen(SUFFIX) ||
	    strcmp(name + UUID_LEN, SUFFIX) != 0)
		return true; /* another file, or what an interrupted write left */
	memcpy(id, name, UUID_LEN);
	if (!uuid_parse(id, "", &instance, &e) || !w->visit(w->ctx, &instance, &e)) {
		*w->e = e;
		w->failed = true;
	}
	return true;
}

bool record_each(const struct record_form *form, const char *state_dir,
		 record_visit *visit, void *ctx, struct err *e)
{
	struct walk w = { visit, ctx, e, false };
	struct path dir;

	return path_set(&dir, e, "%s/%s", state_dir, form->folder) &&
	       file_each(dir.text, walk_one, &w, e) && !w.failed;
}

void record_put_uuid(struct json_writer *w, const char *name, const struct uuid *u)
{
	json_put_text(w, name, uuid_is_set(u) ? u->text : NULL);
}
