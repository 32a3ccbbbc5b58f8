/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/ids.h"
#include "client/compute/incoming.h"
#include "client/compute/process.h"
#include "client/compute/release.h"
#include "client/compute/upkeep.h"

#include <string.h>

enum { TURN_MS = 500 };

/* Listed first, so that records are not changed while they are walked. */
static void add_guest(void *ctx, const struct guest *g)
{
	(void)ids_add(ctx, &g->instance);
}

static bool list_guests(struct agent *a, struct ids *ret, struct err *e)
{
	struct err damaged = { 0 };

	if (!guest_each(agent_state_dir(a), add_guest, ret, &damaged))
		log_err(a->log, LOG_LEVEL_ERROR, "a record is damaged", &damaged);
	return !ret->failed ||
	       err_set(e, ERR_NO_MEMORY, "no memory for a list of guests");
}

/* ---- attempts of which no end was seen ---- */

static bool is_over(const struct guest *g)
{
	return strcmp(g->phase, GUEST_OVER) == 0;
}

static bool undefine_left_over(struct agent *a, const struct guest *g, struct err *e)
{
	bool was = false;

	if (!libvirt_undefine(a->libvirt, &g->secret, &g->instance, &was, e))
		return false;
	if (was)
		log_event(a->log, LOG_LEVEL_INFO, "left-over secret undefined",
			  "instance", g->instance.text, NULL);
	return true;
}

static bool settle(struct agent *a, struct guest *g, enum libvirt_guest now,
		   struct err *e)
{
	if (g->run_pid == 0 && !undefine_left_over(a, g, e))
		return false;
	return now == LIBVIRT_ACTIVE ? release_report_started(a, g, e)
				     : release_report_stopped(a, g, e);
}

/* What was seen holds for the attempt that was on record then; a start makes a new one. */
static bool settle_in_turn(struct agent *a, const struct guest *seen,
			   enum libvirt_guest now, struct err *e)
{
	const struct uuid *id = &seen->instance;
	struct guest g;
	bool found = false;
	bool ok;

	if (!turns_take(a->turns, id, TURN_MS, e))
		return false;
	ok = guest_load(agent_state_dir(a), id, &g, &found, e) &&
	     (!found || is_over(&g) || !uuid_equal(&g.attempt, &seen->attempt) ||
	      settle(a, &g, now, e));
	turns_give(a->turns, id);
	return ok;
}

/*
 * Without the turn: libvirtd may hold the guest for its hook, and the hook's request waits for
 * the turn.
 */
static bool look_at_libvirt(struct agent *a, const struct guest *g,
			    enum libvirt_guest *ret, struct err *e)
{
	if (!libvirt_find(a->libvirt, &g->instance, ret, e))
		return false;
	return *ret != LIBVIRT_STARTING ||
	       err_set(e, ERR_STARTING_UP, "%s is just starting", g->instance.text);
}

/* One walk over the records. */
struct walk {
	struct agent *agent; /* borrowed */
	int64_t since_us;
	struct processes *runs; /* borrowed */
};

static bool mend_run(struct walk *w, const struct guest *g, struct err *e)
{
	if (!process_lives(g->run_pid, g->run_since))
		return settle_in_turn(w->agent, g, LIBVIRT_OFF, e);
	processes_add(w->runs, (struct process){ g->run_pid, g->run_since });
	return true;
}

static bool mend_guest(struct walk *w, const struct guest *g, struct err *e)
{
	struct agent *a = w->agent;
	enum libvirt_guest now = LIBVIRT_OFF;
	int64_t asked_us = 0;

	if (is_over(g))
		return true;
	if (g->run_pid != 0)
		return mend_run(w, g, e);
	if (incoming_is_open(a, &g->instance))
		return true; /* the mover's */
	if (a->libvirt == NULL || w->since_us == 0)
		return true;
	/* Younger than the connection: its hook calls are still to come. */
	if (marks_get(a->asked, &g->instance, NULL, &asked_us) && asked_us >= w->since_us)
		return true;
	return look_at_libvirt(a, g, &now, e) && settle_in_turn(a, g, now, e);
}

static bool mend_one(struct walk *w, const struct uuid *id, struct err *e)
{
	struct guest g;
	bool found = false;

	return guest_load(agent_state_dir(w->agent), id, &g, &found, e) &&
	       (!found || mend_guest(w, &g, e));
}

bool upkeep_mend(struct agent *a, int64_t since_us, struct processes *runs, struct err *e)
{
	CLEANUP(ids_done) struct ids guests = { 0 };
	struct walk w = { a, since_us, runs };
	bool all = list_guests(a, &guests, e);

	for (size_t i = 0; i < guests.n; i++) {
		struct err one = { 0 };

		if (mend_one(&w, &guests.at[i], &one))
			continue;
		all = false;
		*e = one;
	}
	return all;
}

/* ---- guests that went elsewhere ---- */

/* Of a guest that comes back the broker tells all that is in its record. */
static bool remove_record(struct agent *a, const struct guest *g, struct err *e)
{
	if (!is_over(g) || spool_waiting(a->spool) > 0)
		return true;
	log_event(a->log, LOG_LEVEL_INFO, "record removed", "instance", g->instance.text,
		  NULL);
	return guest_remove(agent_state_dir(a), &g->instance, e);
}

/* It asked for its secret after the list was made, or is on the move. */
static bool came_meanwhile(struct agent *a, const struct uuid *id, int64_t since_us)
{
	int64_t asked_us = 0;

	return incoming_is_open(a, id) ||
	       (marks_get(a->asked, id, NULL, &asked_us) && asked_us >= since_us);
}

static bool let_go_in_turn(struct agent *a, const struct uuid *id, int64_t since_us,
			   struct err *e)
{
	struct guest g;
	bool found = false;
	bool ok;

	if (!turns_take(a->turns, id, TURN_MS, e))
		return false;
	ok = guest_load(agent_state_dir(a), id, &g, &found, e) &&
	     (came_meanwhile(a, id, since_us) ||
	      (release_erase_copy(a, &g, e) && (!found || remove_record(a, &g, e))));
	turns_give(a->turns, id);
	return ok;
}

struct placed {
	struct agent *agent; /* borrowed */
	struct ids ids;
};

static bool add_placed(void *ctx, const struct uuid *instance)
{
	struct placed *p = ctx;

	return !p->agent->stopping && ids_add(&p->ids, instance);
}

static void placed_done(struct placed *p)
{
	ids_done(&p->ids);
}

bool upkeep_match_placements(struct agent *a, struct err *e)
{
	CLEANUP(placed_done) struct placed placed = { .agent = a };
	CLEANUP(ids_done) struct ids guests = { 0 };
	int64_t since_us = clock_monotonic_us(a->clock);

	/* Ours first: what is placed and started meanwhile is then not taken for gone. */
	if (!list_guests(a, &guests, e) ||
	    !broker_each_placed(a->broker, add_placed, &placed, e))
		return false;
	for (size_t i = 0; i < guests.n; i++)
		if (!ids_has(&placed.ids, &guests.at[i]) &&
		    !let_go_in_turn(a, &guests.at[i], since_us, e))
			return false;
	return true;
}
