/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/batch.h"
#include "common/text.h"

#include <stdio.h>
#include <string.h>

enum outcome { DONE, STALE, REFUSED, BROKEN };
enum { EVENTS_TRIM_EVERY = 64, EVENTS_TRIM_MOST = 1024 };
#define EVENTS_KEPT_US (600 * US_PER_S)

/* A guard asks for the generation alone; the reader verified the row. */
static bool generation_now(struct db *db, const struct change_entry *entry, int64_t *ret,
			   struct err *e)
{
	bool found;
	QUERY(q, db, entry->spec->guard);

	*ret = 0;
	row_bind_key(&q, entry->spec, entry->row);
	if (!query_next(&q, &found, e))
		return false;
	return !found || query_get_integer(&q, 0, ret) ||
	       row_tampered(entry->spec, entry->row, e);
}

static int64_t generation_of(const struct change_entry *entry)
{
	return ((const struct row_head *)entry->row)->generation;
}

static bool guard_holds(struct batch *b, const struct change_entry *entry,
			bool *ret_stale, struct err *e)
{
	int64_t now;

	if (!generation_now(b->db, entry, &now, e))
		return false;
	*ret_stale = now != generation_of(entry);
	return true;
}

static bool placement_stays(const struct change_entry *entry, const union row *old)
{
	const struct placement_row *now = entry->row;

	return entry->spec == table_spec(TABLE_PLACEMENT) &&
	       strcmp(old->placement.host, now->host) == 0;
}

static bool row_write(struct batch *b, const struct change_entry *entry, enum statement s,
		      bool *ret_stale, struct err *e)
{
	int64_t generation = generation_of(entry), changed;
	struct row_head head = { .generation = generation + 1 };
	QUERY(q, b->db, s);

	if (!row_seal(entry->spec, entry->row, b->row, &head, e))
		return false;
	row_bind(&q, entry->spec, s == SQL_PLACEMENT_STAY ? PLACEMENT_SETTLED : 0,
		 entry->row, &head);
	if (s == SQL_PLACEMENT_STAY)
		row_bind_key(&q, entry->spec, entry->row);
	if (generation != 0)
		query_integer(&q, generation);
	b->wrote = true;
	if (!query_change(&q, &changed, e))
		return false;
	*ret_stale = changed != 1;
	return true;
}

/* The row to be replaced has to verify, or writing a new MAC would launder it. */
static bool row_replace(struct batch *b, const struct change_entry *entry,
			bool *ret_stale, struct err *e)
{
	const struct table_spec *s = entry->spec;
	union row old;

	memcpy(&old, entry->row, s->key_size);
	if (!row_get(b->db, s, b->row, &old, e))
		return false;
	*ret_stale = old.head.generation != generation_of(entry);
	if (*ret_stale)
		return true;
	return row_write(b, entry,
			 placement_stays(entry, &old) ? SQL_PLACEMENT_STAY : s->update,
			 ret_stale, e);
}

static bool row_put(struct batch *b, const struct change_entry *entry, bool *ret_stale,
		    struct err *e)
{
	if (generation_of(entry) == 0)
		return row_write(b, entry, entry->spec->insert, ret_stale, e);
	return row_replace(b, entry, ret_stale, e);
}

/* What a cold move carried goes with its end: the state is the destination's, or never left. */
static bool parts_drop(struct batch *b, const struct change_entry *entry, struct err *e)
{
	const struct handover_row *h = entry->row;
	int64_t gone;
	QUERY(q, b->db, SQL_PARTS_DROP);

	if (entry->spec != table_spec(TABLE_HANDOVER) || h->ended_us == 0 ||
	    strcmp(h->mode, "cold") != 0)
		return true;
	query_text(&q, h->instance.text);
	query_integer(&q, h->number);
	b->wrote = true;
	return query_change(&q, &gone, e);
}

static bool entries_apply(struct batch *b, const struct change *c, bool puts,
			  bool *ret_stale, struct err *e)
{
	for (size_t i = 0; i < c->count && !*ret_stale; i++) {
		const struct change_entry *entry = &c->entries[i];

		if (entry->put != puts)
			continue;
		if (!(puts ? row_put : guard_holds)(b, entry, ret_stale, e) ||
		    (puts && !*ret_stale && !parts_drop(b, entry, e)))
			return err_wrap(e, "%s", entry->spec->name);
	}
	return true;
}

/* What the verdict rested on, for a handler that did not say so itself. */
static void weigh(const struct change *c, struct audit_record *record)
{
	char text[4 * sizeof(record->weighed)] = "";
	size_t at = 0;

	for (size_t i = 0; i < c->count && at < sizeof(record->weighed); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s=%lld",
				       at ? " " : "", c->entries[i].spec->name,
				       (long long)generation_of(&c->entries[i]));
	text_cut(record->weighed, sizeof(record->weighed), text);
}

static bool audit_apply(struct batch *b, struct change *c, struct err *e)
{
	if (!c->has_audit)
		return true;
	if (c->audit.time_us == 0)
		c->audit.time_us = clock_wall_us(b->clock);
	if (!c->audit.weighed[0])
		weigh(c, &c->audit);
	b->wrote = true;
	if (!chain_append(&b->chain, b->db, b->audit, b->seq + 1, &c->audit, e))
		return err_wrap(e, "audit");
	b->seq++;
	return true;
}

static bool events_last(struct batch *b, struct err *e)
{
	bool found;
	QUERY(q, b->db, SQL_EVENT_LAST);

	if (b->event_seq >= 0 && b->event_seq <= INT64_MAX / 2)
		return true;
	if (!query_next(&q, &found, e))
		return false;
	b->event_seq = 0;
	if (found && !query_get_integer(&q, 0, &b->event_seq))
		return err_set(e, ERR_DATABASE, "the events cannot be counted");
	return b->event_seq <= INT64_MAX / 2 || /* nobody comes so far by counting */
	       err_set(e, ERR_ROW_TAMPERED, "the newest event has no number of ours");
}

/* The newest stays whatever its age: the numbers go on from it. However many there are, only the
 * first are looked at; one from a time that is still to come is as good as old. */
static bool events_trim(struct batch *b, int64_t now_us, struct err *e)
{
	int64_t gone;
	QUERY(q, b->db, SQL_EVENT_TRIM);

	query_integer(&q, EVENTS_TRIM_MOST);
	query_integer(&q, now_us - EVENTS_KEPT_US);
	query_integer(&q, now_us + EVENTS_KEPT_US);
	query_integer(&q, b->event_seq);
	return query_change(&q, &gone, e);
}

static bool event_insert(struct batch *b, const struct event_row *event, struct err *e)
{
	struct event_row row = *event;
	int64_t changed;
	QUERY(q, b->db, SQL_EVENT_INSERT);

	row.seq = ++b->event_seq;
	row.at_us = clock_wall_us(b->clock);
	columns_bind(&q, event_columns(), &row);
	b->wrote = true;
	if (!query_change(&q, &changed, e))
		return false;
	if (changed != 1)
		return err_set(e, ERR_DATABASE, "an event has a number that is taken");
	return row.seq % EVENTS_TRIM_EVERY != 0 || events_trim(b, row.at_us, e);
}

static bool events_apply(struct batch *b, const struct change *c, struct err *e)
{
	for (size_t i = 0; i < c->events_count; i++)
		if (!events_last(b, e) || !event_insert(b, &c->events[i], e))
			return err_wrap(e, "event");
	return true;
}

static bool change_apply(struct batch *b, struct change *c, bool *ret_stale,
			 struct err *e)
{
	return entries_apply(b, c, false, ret_stale, e) &&
	       entries_apply(b, c, true, ret_stale, e) &&
	       (*ret_stale || (events_apply(b, c, e) && audit_apply(b, c, e)));
}

/* A failure that is the change's own, and not the database's, leaves the others alone. */
static bool is_own(const struct batch *b, const struct err *e)
{
	return (e->kind == ERR_ROW_TAMPERED || e->kind == ERR_INTERNAL) &&
	       db_in_transaction(b->db);
}

static enum outcome change_try(struct batch *b, struct change *c, struct err *e)
{
	bool stale = false;

	b->wrote = false;
	if (change_apply(b, c, &stale, e))
		return stale ? STALE : DONE;
	return is_own(b, e) ? REFUSED : BROKEN;
}

static bool has_space(const struct batch *b, enum change_class class)
{
	static const int64_t parts[] = { [CHANGE_CREATE] = 1,
					 [CHANGE_OTHER] = 2,
					 [CHANGE_RELEASE] = 4,
					 [CHANGE_AUDIT_ONLY] = 4 };

	return b->free_bytes >= b->margin_bytes / parts[class];
}

static void change_set(struct change *c, enum commit result, const struct err *e)
{
	c->result = result;
	c->err = result == COMMIT_FAILED ? *e : (struct err){ 0 };
}

static bool change_admit(const struct batch *b, const struct change *c, struct err *e)
{
	if (!change_ok(c, e))
		return false;
	return has_space(b, c->class) ||
	       err_set(e, ERR_AUDIT_UNAVAILABLE, "the disk is nearly full");
}

/* One change beside others: it can be undone alone. */
static enum outcome change_try_alone(struct batch *b, struct change *c, struct err *e)
{
	enum outcome outcome = BROKEN;

	if (db_run(b->db, SQL_SAVEPOINT, e))
		outcome = change_try(b, c, e);
	if (outcome == BROKEN)
		return BROKEN;
	if (outcome != DONE && !db_run(b->db, SQL_SAVEPOINT_UNDO, e))
		return BROKEN;
	return db_run(b->db, SQL_SAVEPOINT_KEEP, e) ? outcome : BROKEN;
}

/* Sets *ret_again when a change would have to be undone, but had no savepoint. */
static bool change_run(struct batch *b, struct change *c, bool savepoints,
		       bool *ret_again, struct err *e)
{
	enum outcome outcome;
	struct err own = { 0 };

	if (!change_admit(b, c, &own)) {
		change_set(c, COMMIT_FAILED, &own);
		return true;
	}
	outcome = (savepoints ? change_try_alone : change_try)(b, c, &own);
	if (outcome == BROKEN) {
		*e = own;
		return false;
	}
	*ret_again = !savepoints && outcome != DONE && b->wrote;
	change_set(c,
		   outcome == DONE    ? COMMIT_OK
		   : outcome == STALE ? COMMIT_STALE
				      : COMMIT_FAILED,
		   &own);
	return true;
}

static bool batch_run(struct batch *b, struct change *first, bool savepoints,
		      bool *ret_again, struct err *e)
{
	b->event_seq = -1;
	if (!db_run(b->db, SQL_BEGIN_WRITE, e) || !audit_last_seq(b->db, &b->seq, e))
		return false;
	for (struct change *c = first; c && !*ret_again; c = c->next)
		if (!change_run(b, c, savepoints, ret_again, e))
			return false;
	return *ret_again || db_run(b->db, SQL_COMMIT, e);
}

/* A savepoint copies every page that a change touches, and a change hardly ever fails
 * after its first write: guards come before. Should one, the batch runs anew, with
 * savepoints. */
bool batch_commit(struct batch *b, struct change *first, struct err *e)
{
	const struct chain chain = b->chain;
	bool again = false, done = batch_run(b, first, false, &again, e);

	if (done && again) {
		db_rollback(b->db);
		b->chain = chain;
		again = false;
		done = batch_run(b, first, true, &again, e);
	}
	if (done)
		return true;
	db_rollback(b->db);
	for (struct change *c = first; c; c = c->next)
		change_set(c, COMMIT_FAILED, e);
	return false;
}
