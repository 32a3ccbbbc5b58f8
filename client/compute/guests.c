/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/guests.h"

#include "common/json.h"

#include <string.h>

#define AT(member) offsetof(struct guest, member), sizeof(((struct guest *)0)->member), 0

static const struct json_field fields[] = {
	{ "instance", FIELD_UUID, AT(instance), 0, 0, true },
	{ "secret", FIELD_UUID, AT(secret), 0, 0, false },
	{ "version", FIELD_INTEGER, AT(version), 0, INT64_MAX, true },
	{ "epoch", FIELD_INTEGER, AT(epoch), 0, INT64_MAX, true },
	{ "security", FIELD_TEXT, AT(security), 0, 15, true },
	{ "state", FIELD_TEXT, AT(state), 0, 15, true },
	{ "attempt", FIELD_UUID, AT(attempt), 0, 0, false },
	{ "phase", FIELD_TEXT, AT(phase), 0, 15, true },
	{ "run_pid", FIELD_INTEGER, AT(run_pid), 0, INT32_MAX, true },
	{ "run_since", FIELD_INTEGER, AT(run_since), 0, INT64_MAX, true },
};

static bool record_path(const char *state_dir, const struct uuid *instance,
			struct path *ret, struct err *e)
{
	return path_set(ret, e, "%s/guests/%s.json", state_dir, instance->text);
}

bool guest_load(const char *state_dir, const struct uuid *instance, struct guest *ret,
		bool *ret_found, struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	OWNED(json) tree = NULL;
	struct guest g = { 0 };
	struct path path;

	if (!record_path(state_dir, instance, &path, e) ||
	    !file_read(path.text, 4096, &text, ret_found, e))
		return false;
	*ret = (struct guest){ .instance = *instance };
	if (!*ret_found)
		return true;
	if (!json_parse((struct view){ (const uint8_t *)text.at, text.len }, &tree, e) ||
	    !json_read_known(tree, fields, ARRAY_LEN(fields), &g, e) ||
	    !uuid_equal(&g.instance, instance))
		return err_set(e, ERR_IO, "the record %s is damaged", path.text);
	*ret = g;
	return true;
}

static const char *uuid_or_null(const struct uuid *u)
{
	return uuid_is_set(u) ? u->text : NULL;
}

bool guest_save(const char *state_dir, const struct guest *g, struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	struct json_writer w = { .to = &text };
	struct path path;

	if (!record_path(state_dir, &g->instance, &path, e))
		return false;
	json_open(&w, NULL);
	json_put_text(&w, "instance", g->instance.text);
	json_put_text(&w, "secret", uuid_or_null(&g->secret));
	json_put_integer(&w, "version", g->version);
	json_put_integer(&w, "epoch", g->epoch);
	json_put_text(&w, "security", g->security);
	json_put_text(&w, "state", g->state);
	json_put_text(&w, "attempt", uuid_or_null(&g->attempt));
	json_put_text(&w, "phase", g->phase);
	json_put_integer(&w, "run_pid", g->run_pid);
	json_put_integer(&w, "run_since", g->run_since);
	json_close(&w);
	if (text.failed)
		return err_set(e, ERR_NO_MEMORY, "no memory for a record");
	return file_write(path.text, (struct view){ (const uint8_t *)text.at, text.len },
			  0600, e);
}

bool guest_remove(const char *state_dir, const struct uuid *instance, struct err *e)
{
	struct path path;

	return record_path(state_dir, instance, &path, e) && file_remove(path.text, e);
}

bool guest_is_known(const char *state_dir, const struct uuid *instance)
{
	struct err e = { 0 };
	struct guest g;
	bool found = false;

	/* A record that is there but cannot be read is one of a guest seen here. */
	if (!guest_load(state_dir, instance, &g, &found, &e))
		return true;
	return found && g.version > 0;
}

struct walk {
	const char *state_dir;
	void (*each)(void *ctx, const struct guest *g);
	void *ctx;
	struct err *e;
	bool damaged;
};

static bool walk_one(void *ctx, const char *name)
{
	struct walk *w = ctx;
	struct err e = { 0 };
	struct uuid instance;
	struct guest g;
	bool found = false;
	char id[37] = "";

	if (strlen(name) != 41 || strcmp(name + 36, ".json") != 0)
		return true; /* a temporary name of an interrupted write */
	memcpy(id, name, 36);
	if (!uuid_parse(id, "", &instance, &e) ||
	    !guest_load(w->state_dir, &instance, &g, &found, &e)) {
		*w->e = e;
		w->damaged = true;
	} else if (found)
		w->each(w->ctx, &g);
	return true;
}

bool guest_each(const char *state_dir, void (*each)(void *ctx, const struct guest *g),
		void *ctx, struct err *e)
{
	struct walk w = { state_dir, each, ctx, e, false };
	struct path dir;

	return path_set(&dir, e, "%s/guests", state_dir) &&
	       file_each(dir.text, walk_one, &w, e) && !w.damaged;
}
