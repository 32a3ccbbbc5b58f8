/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/guests.h"

#include "client/compute/record.h"

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

static const struct record_form records = { "guests", fields, ARRAY_LEN(fields) };

bool guest_load(const char *state_dir, const struct uuid *instance, struct guest *ret,
		bool *ret_found, struct err *e)
{
	struct guest g = { 0 };

	if (!record_load(&records, state_dir, instance, &g, ret_found, e))
		return false;
	*ret = *ret_found ? g : (struct guest){ .instance = *instance };
	return true;
}

bool guest_save(const char *state_dir, const struct guest *g, struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	struct json_writer w = { .to = &text };

	json_open(&w, NULL);
	json_put_text(&w, "instance", g->instance.text);
	record_put_uuid(&w, "secret", &g->secret);
	json_put_integer(&w, "version", g->version);
	json_put_integer(&w, "epoch", g->epoch);
	json_put_text(&w, "security", g->security);
	json_put_text(&w, "state", g->state);
	record_put_uuid(&w, "attempt", &g->attempt);
	json_put_text(&w, "phase", g->phase);
	json_put_integer(&w, "run_pid", g->run_pid);
	json_put_integer(&w, "run_since", g->run_since);
	json_close(&w);
	return record_save(&records, state_dir, &g->instance, &text, e);
}

bool guest_remove(const char *state_dir, const struct uuid *instance, struct err *e)
{
	return record_remove(&records, state_dir, instance, e);
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
	const char *state_dir; /* borrowed */
	void (*each)(void *ctx, const struct guest *g);
	void *ctx; /* borrowed */
};

static bool walk_one(void *ctx, const struct uuid *instance, struct err *e)
{
	const struct walk *w = ctx;
	struct guest g;
	bool found = false;

	if (!guest_load(w->state_dir, instance, &g, &found, e))
		return false;
	if (found)
		w->each(w->ctx, &g);
	return true;
}

bool guest_each(const char *state_dir, void (*each)(void *ctx, const struct guest *g),
		void *ctx, struct err *e)
{
	struct walk w = { state_dir, each, ctx };

	return record_each(&records, state_dir, walk_one, &w, e);
}
