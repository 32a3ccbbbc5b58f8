/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/moves.h"

#include "client/compute/record.h"

#include <string.h>

enum { JWE_MAX = 65536 };

#define AT(member) offsetof(struct move, member), sizeof(((struct move *)0)->member), 0

static const struct json_field fields[] = {
	{ "instance", FIELD_UUID, AT(instance), 0, 0, true },
	{ "ended", FIELD_INTEGER, AT(ended), 0, INT64_MAX, true },
	{ "marked", FIELD_INTEGER, AT(marked), 0, INT64_MAX, true },
	{ "left", FIELD_TEXT, AT(left), 0, TPM_STATE_ID_TEXT - 1, true },
	{ "left_by", FIELD_INTEGER, AT(left_by), 0, INT64_MAX, true },
	{ "number", FIELD_INTEGER, AT(number), 0, INT64_MAX, true },
	{ "side", FIELD_TEXT, AT(side), 0, 15, true },
	{ "mode", FIELD_TEXT, AT(mode), 0, 15, true },
	{ "phase", FIELD_TEXT, AT(phase), 0, 15, true },
	{ "secret", FIELD_UUID, AT(secret), 0, 0, false },
	{ "attempt", FIELD_UUID, AT(attempt), 0, 0, false },
	{ "version", FIELD_INTEGER, AT(version), 0, INT64_MAX, true },
	{ "epoch", FIELD_INTEGER, AT(epoch), 0, INT64_MAX, true },
	{ "security", FIELD_TEXT, AT(security), 0, 15, true },
	{ "peer", FIELD_TEXT, AT(peer), 0, 63, true },
	{ "peer_hash", FIELD_TEXT, AT(peer_hash), 0, PKI_HASH_HEX - 1, true },
	{ "was_paused", FIELD_BOOLEAN, AT(was_paused), 0, 0, true },
	{ "held", FIELD_BOOLEAN, AT(held), 0, 0, true },
	{ "state", FIELD_TEXT, AT(state), 0, TPM_STATE_ID_TEXT - 1, true },
};

static const struct record_form records = { "moves", fields, ARRAY_LEN(fields) };

bool move_is(const struct move *m, const char *side, const char *phase)
{
	return strcmp(m->side, side) == 0 &&
	       (phase == NULL || strcmp(m->phase, phase) == 0);
}

bool move_same(const struct move *a, const struct move *b)
{
	return uuid_equal(&a->instance, &b->instance) && a->number == b->number &&
	       a->ended == b->ended && a->marked == b->marked &&
	       uuid_equal(&a->attempt, &b->attempt) && a->held == b->held &&
	       a->left_by == b->left_by && strcmp(a->left, b->left) == 0 &&
	       strcmp(a->side, b->side) == 0 && strcmp(a->phase, b->phase) == 0;
}

bool move_has_ended(const struct move *m, int64_t number)
{
	return number <= m->ended;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void move_begin(struct move *m, int64_t number)
{
	struct move was = *m;

	*m = (struct move){ .instance = was.instance,
			    .number = number,
			    .ended = larger(was.ended,
					    was.number < number ? was.number : 0),
			    .marked = was.marked,
			    .left_by = was.left_by };
	memcpy(m->left, was.left, sizeof(m->left));
}

void move_end(struct move *m)
{
	struct move was = *m;

	*m = (struct move){ .instance = was.instance,
			    .ended = larger(was.ended, was.number),
			    .marked = was.marked,
			    .left_by = was.left_by };
	memcpy(m->left, was.left, sizeof(m->left));
}

bool move_load(const char *state_dir, const struct uuid *instance, struct move *ret,
	       struct err *e)
{
	struct move m = { 0 };
	bool found = false;

	if (!record_load(&records, state_dir, instance, &m, &found, e))
		return false;
	*ret = found ? m : (struct move){ .instance = *instance };
	return true;
}

static void write_record(const struct move *m, struct buf *ret)
{
	struct json_writer w = { .to = ret };

	json_open(&w, NULL);
	json_put_text(&w, "instance", m->instance.text);
	json_put_integer(&w, "ended", m->ended);
	json_put_integer(&w, "marked", m->marked);
	json_put_text(&w, "left", m->left);
	json_put_integer(&w, "left_by", m->left_by);
	json_put_integer(&w, "number", m->number);
	json_put_text(&w, "side", m->side);
	json_put_text(&w, "mode", m->mode);
	json_put_text(&w, "phase", m->phase);
	record_put_uuid(&w, "secret", &m->secret);
	record_put_uuid(&w, "attempt", &m->attempt);
	json_put_integer(&w, "version", m->version);
	json_put_integer(&w, "epoch", m->epoch);
	json_put_text(&w, "security", m->security);
	json_put_text(&w, "peer", m->peer);
	json_put_text(&w, "peer_hash", m->peer_hash);
	json_put_boolean(&w, "was_paused", m->was_paused);
	json_put_boolean(&w, "held", m->held);
	json_put_text(&w, "state", m->state);
	json_close(&w);
}

bool move_save(const char *state_dir, const struct move *m, struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };

	write_record(m, &text);
	return record_save(&records, state_dir, &m->instance, &text, e);
}

struct walk {
	const char *state_dir; /* borrowed */
	void (*each)(void *ctx, const struct uuid *instance);
	void *ctx; /* borrowed */
};

static bool walk_one(void *ctx, const struct uuid *instance, struct err *e)
{
	const struct walk *w = ctx;
	struct move m;

	if (!move_load(w->state_dir, instance, &m, e))
		return false;
	if (m.side[0] != '\0')
		w->each(w->ctx, instance);
	return true;
}

bool move_each(const char *state_dir,
	       void (*each)(void *ctx, const struct uuid *instance), void *ctx,
	       struct err *e)
{
	struct walk w = { state_dir, each, ctx };

	return record_each(&records, state_dir, walk_one, &w, e);
}

/* Beside the record; it is no JSON. */
static bool jwe_path(const char *state_dir, const struct uuid *instance, struct path *ret,
		     struct err *e)
{
	return path_set(ret, e, "%s/moves/%s.jwe", state_dir, instance->text);
}

bool move_keep_jwe(const char *state_dir, const struct uuid *instance,
		   const struct buf *jwe, struct err *e)
{
	struct path path;

	return jwe_path(state_dir, instance, &path, e) &&
	       file_write(path.text, (struct view){ (const uint8_t *)jwe->at, jwe->len },
			  0600, e);
}

bool move_take_jwe(const char *state_dir, const struct uuid *instance, struct buf *ret,
		   bool *ret_found, struct err *e)
{
	struct path path;

	return jwe_path(state_dir, instance, &path, e) &&
	       file_read(path.text, JWE_MAX, ret, ret_found, e);
}

bool move_drop_jwe(const char *state_dir, const struct uuid *instance, struct err *e)
{
	struct path path;

	return jwe_path(state_dir, instance, &path, e) && file_remove(path.text, e);
}
