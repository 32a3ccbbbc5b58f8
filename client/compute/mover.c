/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/mover.h"

#include "client/compute/arrived.h"
#include "client/compute/ids.h"
#include "client/compute/mover_leg.h"
#include "client/compute/step.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

enum {
	TICK_MS = 1000,
	IDLE_MS = 30000,
	TURN_MS = 500,
	HOOK_S = 12,
	COLD_S = 90,
	TELL_S = 60
};

static const char *dir_of(const struct leg *l)
{
	return agent_state_dir(l->agent);
}

bool leg_is_source(const struct leg *l)
{
	return move_is(&l->move, MOVE_SOURCE, NULL);
}

static bool has_committed(const struct leg *l)
{
	return handover_is(&l->broker, "committed") || handover_is(&l->broker, "closed");
}

static bool has_ended(const struct leg *l)
{
	return has_committed(l) || handover_is(&l->broker, "aborted");
}

/* ---- seeing ---- */

bool leg_is_cold(const struct leg *l)
{
	return strcmp(l->move.mode, "cold") == 0;
}

static bool are_calls_over(const struct leg *l)
{
	struct agent *a = l->agent;
	int64_t patience_s = leg_is_cold(l) ? COLD_S : HOOK_S;
	int64_t since_us = a->started_us;
	int64_t asked_us;

	if (marks_get(a->asked, &l->move.instance, NULL, &asked_us) &&
	    asked_us > since_us)
		since_us = asked_us;
	return clock_monotonic_us(a->clock) - since_us > patience_s * US_PER_S;
}

/* Nobody gets a release meanwhile: what is off stays off. */
static bool look_at_state(struct leg *l, struct err *e)
{
	struct tpm_state_id state;
	struct path dir;

	if (!tpm_state_dir(&l->agent->config->tpm_states, &l->move.instance, &dir, e) ||
	    !tpm_state_look(dir.text, &state, e))
		return false;
	l->sight.has_state = state.present;
	return true;
}

bool leg_look(struct leg *l, struct err *e)
{
	struct agent *a = l->agent;
	const struct uuid *id = &l->move.instance;
	uint64_t breaks;

	l->sight.calls_over = are_calls_over(l);
	if (leg_is_cold(l))
		return look_at_state(l, e);
	/* After a restart of this agent: what comes between this look and the next is told. */
	breaks = watch_resume(a->watch, id);
	if (!libvirt_look(a->libvirt, id, &l->sight.look, e) ||
	    !libvirt_settle(a->libvirt, e))
		return false;
	if (!leg_is_source(l) && course_is_incoming(&l->sight.look))
		watch_mend(a->watch, id, breaks);
	watch_get(a->watch, id, &l->sight.seen);
	return true;
}

bool leg_ask_broker(struct leg *l, struct err *e)
{
	bool answered = false;

	l->broker = (struct handover){ .state = "" };
	if (!leg_is_heard(l, e))
		return false;
	if (!broker_handover(l->agent->broker, &l->move.instance, l->move.number,
			     &l->broker, &answered, e)) {
		l->broker = (struct handover){ .state = "" };
		l->rounds->silent = !answered;
		return false;
	}
	l->sight.aborting =
		handover_is(&l->broker, "aborting") || handover_is(&l->broker, "aborted");
	return true;
}

/* ---- the record, in turn ---- */

/* What was seen holds for the record as it was then. */
static bool save_if_unchanged(struct leg *l, const struct move *was, struct err *e)
{
	const struct uuid *id = &was->instance;
	struct move now;
	bool ok;

	if (move_same(&l->move, was))
		return true;
	if (!turns_take(l->agent->turns, id, TURN_MS, e))
		return false;
	ok = move_load(dir_of(l), id, &now, e) &&
	     (move_same(&now, was) ||
	      err_set(e, ERR_CONFLICT, "the record changed meanwhile")) &&
	     move_save(dir_of(l), &l->move, e);
	turns_give(l->agent->turns, id);
	return ok;
}

/* ---- acting ---- */

/* Not what a start here began since: that made an attempt of its own first. */
static bool is_its_guest(const struct leg *l, struct err *e)
{
	bool found = false;
	struct guest g;

	if (leg_is_source(l))
		return true;
	return guest_load(dir_of(l), &l->move.instance, &g, &found, e) &&
	       (uuid_equal(&g.attempt, &l->move.attempt) ||
		err_set(e, ERR_CONFLICT, "the guest was started here meanwhile"));
}

bool leg_is_on_record(const struct leg *l, struct err *e)
{
	struct move now;

	return move_load(dir_of(l), &l->move.instance, &now, e) &&
	       (move_same(&now, &l->move) ||
		err_set(e, ERR_CONFLICT, "the record changed meanwhile"));
}

static bool act_on_guest(struct leg *l, enum libvirt_act what, struct err *e)
{
	/* In this order: a run that begins after the record was read has another number. */
	return leg_is_on_record(l, e) && is_its_guest(l, e) &&
	       libvirt_act(l->agent->libvirt, &l->move.instance, l->sight.look.run, what,
			   e);
}

/* What it has left on the disk is known in this moment, and hardly ever again. */
static bool destroy(struct leg *l, struct err *e)
{
	const struct uuid *id = &l->move.instance;
	bool ok;

	if (!act_on_guest(l, LIBVIRT_DESTROY, e))
		return false;
	if (leg_is_source(l))
		return true;
	if (!turns_take(l->agent->turns, id, TURN_MS, e))
		return false;
	ok = leg_is_on_record(l, e) && arrived_destroyed(l->agent, &l->move, e) &&
	     move_save(dir_of(l), &l->move, e);
	turns_give(l->agent->turns, id);
	return ok;
}

static bool act(struct leg *l, enum course what, struct err *e)
{
	switch (what) {
	case COURSE_WAIT:
	case COURSE_DONE:
		return true;
	case COURSE_SAY:
		return leg_say(l, e);
	case COURSE_ASK_ABORT:
		return leg_ask_abort(l, e);
	case COURSE_SUSPEND:
		return act_on_guest(l, LIBVIRT_SUSPEND, e);
	case COURSE_RESUME:
		return act_on_guest(l, LIBVIRT_RESUME, e);
	case COURSE_DESTROY:
		return destroy(l, e);
	case COURSE_ABORT_JOB:
		return act_on_guest(l, LIBVIRT_ABORT_JOB, e);
	}
	return true;
}

static const char *name_of(enum course what)
{
	static const char *const names[] = {
		[COURSE_WAIT] = "wait",       [COURSE_SAY] = "say",
		[COURSE_DONE] = "done",       [COURSE_ASK_ABORT] = "abort",
		[COURSE_SUSPEND] = "suspend", [COURSE_RESUME] = "resume",
		[COURSE_DESTROY] = "destroy", [COURSE_ABORT_JOB] = "abort the migration",
	};

	return names[what];
}

static bool act_and_log(struct leg *l, enum course what, struct err *e)
{
	if (what != COURSE_WAIT && what != COURSE_SAY && what != COURSE_DONE)
		log_event(l->agent->log, LOG_LEVEL_INFO, name_of(what), "instance",
			  l->move.instance.text, "side", l->move.side, "phase",
			  l->move.phase, NULL);
	return act(l, what, e);
}

/* ---- one leg ---- */

static bool runs(const struct libvirt_look *look)
{
	return look->doing == LIBVIRT_RUNS || look->doing == LIBVIRT_ARRIVED ||
	       look->doing == LIBVIRT_RUNS_AGAIN;
}

/* Committed by the source's word, the guest is still to be proven to run here: the source waits
 * for that with what it has left. */
static bool say_that_it_runs(struct leg *l, struct err *e)
{
	struct say word = { l->move.instance, l->move.number, MOVE_RUNNING };
	bool answered;

	if (leg_is_source(l) || !has_committed(l) || leg_is_cold(l) ||
	    !runs(&l->sight.look))
		return true;
	return broker_say(l->agent->broker, &word, &l->broker, &answered, e);
}

/* Looked at each second or so, and told once a minute. */
static void note_trouble(const struct leg *l, const struct err *e)
{
	struct rounds *r = l->rounds;
	int64_t now_us = clock_monotonic_us(l->agent->clock);

	if (e->kind == ERR_STARTING_UP || e->kind == ERR_CONFLICT ||
	    e->kind == ERR_DEADLINE ||
	    (e->kind == r->told && now_us - r->told_us < TELL_S * US_PER_S))
		return;
	r->told = e->kind;
	r->told_us = now_us;
	log_event(l->agent->log, LOG_LEVEL_WARN, "a hand-over waits", "instance",
		  l->move.instance.text, "code", err_info(e->kind)->code, "detail",
		  e->detail, "cause", e->trail, NULL);
}

/* Nothing is wiped below a guest that is here. Looked at without the turn: libvirtd may hold it for
 * a hook that waits for the turn. A start meanwhile changes the record, and then nothing is wiped. */
static bool close_it(struct leg *l, struct err *e)
{
	struct agent *a = l->agent;
	enum libvirt_guest now = LIBVIRT_ABSENT;

	if (l->broker.may_wipe && a->libvirt != NULL &&
	    !libvirt_find(a->libvirt, &l->move.instance, &now, e))
		return false;
	if (now != LIBVIRT_ABSENT && now != LIBVIRT_OFF)
		l->broker.may_wipe = false;
	return mover_close(a, &l->move, &l->broker, e);
}

/* The broker has decided: first what is left of the guest, then what is on disk. */
static bool end(struct leg *l, struct err *e)
{
	enum course rest = COURSE_DONE;
	struct err not_its = { 0 };

	/* libvirt is still at it: what it leaves is seen afterwards. */
	if (l->sight.look.job == LIBVIRT_OUTGOING)
		return has_committed(l) || act_and_log(l, COURSE_ABORT_JOB, e);
	if (!leg_is_cold(l) && is_its_guest(l, &not_its))
		rest = course_end(&l->move, &l->sight.look, has_committed(l));
	if (rest == COURSE_WAIT)
		return true;
	if (!act_and_log(l, rest, e))
		return false;
	if (rest == COURSE_DESTROY)
		agent_move(l->agent); /* and then look again */
	/* Resumed once: what pauses it again is not the hand-over. */
	if (rest == COURSE_DESTROY || (rest == COURSE_RESUME && !leg_is_source(l)))
		return true;
	step_reached("ending");
	return say_that_it_runs(l, e) && close_it(l, e);
}

static enum course decide(struct leg *l)
{
	if (leg_is_cold(l))
		return course_cold(&l->move, &l->sight);
	return leg_is_source(l) ? course_source(&l->move, &l->sight)
				: course_destination(&l->move, &l->sight);
}

/* An arrival that this host has given up, and of which nothing runs (any more). */
static void note_what_came(struct leg *l)
{
	struct err unseen = { 0 };

	if ((move_is(&l->move, MOVE_DESTINATION, MOVE_ERASED) ||
	     move_is(&l->move, MOVE_DESTINATION, MOVE_CANNOT_SAY)) &&
	    l->sight.look.doing == LIBVIRT_NOT_HERE && !l->rounds->silent &&
	    !arrived_ended(l->agent, &l->move, &unseen))
		note_trouble(l, &unseen);
}

static bool owes(const struct leg *l)
{
	return move_is(&l->move, MOVE_SOURCE, MOVE_OWES);
}

/* Asking takes its time where nobody answers: the guest does not run on meanwhile. */
static bool hold_still(struct leg *l, struct err *e)
{
	struct leg ahead = *l;

	if (!l->rounds->was_silent || owes(l))
		return true;
	if (!leg_look(&ahead, e))
		return false;
	if (decide(&ahead) != COURSE_SUSPEND)
		return true;
	if (!save_if_unchanged(&ahead, &l->move, e) ||
	    !act_and_log(&ahead, COURSE_SUSPEND, e))
		return false;
	*l = ahead;
	return true;
}

static bool take_on(struct leg *l, struct err *e)
{
	struct err unseen = { 0 };
	enum course next;
	struct move was;

	if (!hold_still(l, e))
		return false;
	was = l->move;
	/* Without the broker, or refused by it, the guest is still looked after. */
	if (!leg_ask_broker(l, &unseen))
		note_trouble(l, &unseen);
	if (owes(l))
		return l->broker.state[0] == '\0' || close_it(l, e);
	if (!leg_look(l, e))
		return false;
	if (has_ended(l))
		return end(l, e);
	next = decide(l);
	note_what_came(l);
	step_reached(move_is(&l->move, MOVE_SOURCE, NULL) ? "seen-source"
							  : "seen-destination");
	if (!save_if_unchanged(l, &was, e) || !act_and_log(l, next, e))
		return false;
	if (next == COURSE_SUSPEND || next == COURSE_DESTROY)
		agent_move(l->agent); /* look again at once */
	return !has_ended(l) || !leg_look(l, e) || end(l, e);
}

/* What a start has ended while it was looked at is watched no longer. */
static void end_watch(struct leg *l)
{
	struct agent *a = l->agent;
	const struct uuid *id = &l->move.instance;
	struct err e = { 0 };
	struct move now;

	if (!move_load(dir_of(l), id, &now, &e) || now.side[0] != '\0' ||
	    !turns_take(a->turns, id, TURN_MS, &e))
		return;
	if (move_load(dir_of(l), id, &now, &e) && now.side[0] == '\0')
		watch_end(a->watch, id);
	turns_give(a->turns, id);
}

/* ---- all legs ---- */

static void add_move(void *ctx, const struct uuid *instance)
{
	(void)ids_add(ctx, instance);
}

/* True when something is left that may not wait long. */
static bool take_all_on(struct rounds *r)
{
	struct agent *a = r->agent;
	CLEANUP(ids_done) struct ids moves = { 0 };
	struct err damaged = { 0 };
	bool busy = false;

	r->was_silent = r->silent;
	r->silent = false;
	if (!move_each(agent_state_dir(a), add_move, &moves, &damaged))
		log_err(a->log, LOG_LEVEL_ERROR, "a record is damaged", &damaged);
	for (size_t i = 0; i < moves.n && !a->stopping; i++) {
		struct leg l = { .agent = a, .rounds = r };
		struct err e = { 0 };

		if (!move_load(agent_state_dir(a), &moves.at[i], &l.move, &e) ||
		    l.move.side[0] == '\0')
			continue;
		if (!take_on(&l, &e))
			note_trouble(&l, &e);
		end_watch(&l);
		busy |= !owes(&l);
	}
	return busy;
}

static void rest(struct agent *a, int ms)
{
	struct pollfd p = { .fd = a->moved, .events = POLLIN };
	uint64_t count;

	if (poll(&p, 1, ms) > 0 && read(a->moved, &count, sizeof(count)) < 0)
		return;
}

void *mover_run(void *agent)
{
	struct agent *a = agent;
	struct rounds r = { .agent = a };

	while (!a->stopping)
		rest(a, take_all_on(&r) ? TICK_MS : IDLE_MS);
	return NULL;
}
