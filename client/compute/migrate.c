/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/migrate.h"

#include "client/compute/departure.h"
#include "client/compute/ids.h"
#include "client/compute/libvirt_migrate.h"

#include <stdio.h>

static bool print(const struct buf *text, struct err *e)
{
	if (text->failed)
		return err_set(e, ERR_NO_MEMORY, "no memory for the result");
	puts(text->at);
	return true;
}

static bool move_one(const struct departure_plan *p, struct uuid *ret_instance,
		     struct err *e)
{
	OWNED(departure) one = NULL;
	CLEANUP(buf_done) struct buf text = { 0 };
	struct json_writer to = { .to = &text };
	const struct err none = { 0 };

	if (!departure_open(p, p->options->guest, &one, e))
		return false;
	*ret_instance = *departure_id(one);
	if (!departure_go(one, e))
		return false;
	if (!p->options->json) {
		departure_tell(one);
		return true;
	}
	departure_write(one, &none, &to);
	return print(&text, e);
}

/* ---- all of them ---- */

struct all {
	const struct departure_plan *p; /* borrowed */
	struct ids guests;
	size_t tried, moved;
	struct err first; /* what kept the first that stays */
	struct buf text;
	struct json_writer to;
};

static void all_done(struct all *a)
{
	ids_done(&a->guests);
	buf_done(&a->text);
}

static void add_guest(void *ctx, const struct migration_guest *g)
{
	(void)ids_add(ctx, &g->id);
}

static void note_failure(struct all *a, const char *name, const struct err *e)
{
	if (a->first.kind == ERR_NONE)
		a->first = *e;
	if (!a->p->options->json)
		fprintf(stderr, "vtpm-client: %s stays: %s: %s\n", name,
			err_info(e->kind)->title, e->detail);
}

static void move_next(struct all *a, const struct uuid *id)
{
	OWNED(departure) one = NULL;
	struct err e = { 0 };

	a->tried++;
	if (!departure_open(a->p, id->text, &one, &e)) {
		note_failure(a, id->text, &e);
		return;
	}
	if (!departure_go(one, &e))
		note_failure(a, departure_name(one), &e);
	else
		a->moved++;
	if (a->p->options->json)
		departure_write(one, &e, &a->to);
	else if (e.kind == ERR_NONE)
		departure_tell(one);
}

static bool sum_up(struct all *a, struct err *e)
{
	if (a->p->options->json) {
		json_close_list(&a->to);
		json_put_integer(&a->to, "moved", (int64_t)a->moved);
		json_put_integer(&a->to, "found", (int64_t)a->guests.n);
		json_close(&a->to);
		if (!print(&a->text, e))
			return false;
	} else {
		printf("%zu of %zu guests moved to %s\n", a->moved, a->guests.n,
		       a->p->options->host);
	}
	if (a->first.kind != ERR_NONE) {
		*e = a->first;
		return false;
	}
	return a->tried == a->guests.n ||
	       err_set(e, ERR_MIGRATION_FAILED, "called off after %zu of %zu guests",
		       a->tried, a->guests.n);
}

static bool move_all(const struct departure_plan *p, struct err *e)
{
	CLEANUP(all_done) struct all a = { .p = p };

	a.to.to = &a.text;
	if (!migration_each(p->libvirt_uri, add_guest, &a.guests, e))
		return false;
	if (a.guests.failed)
		return err_set(e, ERR_NO_MEMORY, "no memory for a list of guests");
	if (p->options->json) {
		json_open(&a.to, NULL);
		json_open_list(&a.to, "items");
	}
	for (size_t i = 0; i < a.guests.n && !p->stop->wanted; i++)
		move_next(&a, &a.guests.at[i]);
	return sum_up(&a, e);
}

bool migrate_run(const struct migrate_options *o, struct uuid *ret_instance,
		 struct err *e)
{
	CLEANUP(stop_done) struct stop stop;
	struct config c;
	const struct departure_plan p = { o, c.libvirt_uri, &stop };

	stop_begin(&stop);
	*ret_instance = (struct uuid){ "" };
	return config_load(&o->at, &c, e) &&
	       (o->all ? move_all(&p, e) : move_one(&p, ret_instance, e));
}
