/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/mover.h"

#include "client/compute/course.h"
#include "client/compute/handovers.h"
#include "client/compute/ids.h"
#include "client/compute/step.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { TICK_MS = 1000, IDLE_MS = 30000, TURN_MS = 500, HOOK_S = 12, COLD_S = 90 };

/* One hand-over being taken on. */
struct leg {
	struct agent *agent; /* borrowed */
	struct move move;
	struct sight sight;
	struct handover broker; /* as last seen; state "" when it was not seen */
};

static const char *dir_of(const struct leg *l)
{
	return agent_state_dir(l->agent);
}

static bool is_source(const struct leg *l)
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

/* A cold move has no guest to look at. */
static bool is_cold(const struct leg *l)
{
	return strcmp(l->move.mode, "cold") == 0;
}

static bool are_calls_over(const struct leg *l)
{
	struct agent *a = l->agent;
	int64_t patience_s = is_cold(l) ? COLD_S : HOOK_S;
	int64_t since_us = a->started_us;
	int64_t asked_us;

	if (marks_get(a->asked, &l->move.instance, NULL, &asked_us) &&
	    asked_us > since_us)
		since_us = asked_us;
	return clock_monotonic_us(a->clock) - since_us > patience_s * US_PER_S;
}

static bool look(struct leg *l, struct err *e)
{
	struct agent *a = l->agent;
	const struct uuid *id = &l->move.instance;

	l->sight.calls_over = are_calls_over(l);
	if (is_cold(l))
		return true;
	/* After a restart of this agent: what comes between this look and the next is told. */
	watch_resume(a->watch, id);
	if (!libvirt_look(a->libvirt, id, &l->sight.look, e) ||
	    !libvirt_settle(a->libvirt, e))
		return false;
	watch_get(a->watch, id, &l->sight.seen);
	return true;
}

static bool ask_broker(struct leg *l, struct err *e)
{
	bool answered;

	if (!broker_handover(l->agent->broker, &l->move.instance, l->move.number,
			     &l->broker, &answered, e)) {
		l->broker = (struct handover){ .state = "" };
		/* Without the broker the guest is still looked after. */
		return !answered;
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

static void log_word(const struct leg *l)
{
	char number[24];

	if (!text_format(number, sizeof(number), "%lld", (long long)l->move.number))
		number[0] = '\0';
	log_event(l->agent->log, l->broker.alarm ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
		  "said", "instance", l->move.instance.text, "handover", number, "word",
		  l->move.phase, "state", l->broker.state, "alarm",
		  l->broker.alarm ? "two claimants" : "", NULL);
}

/* Before it was claimed there is nothing to be erased: it is called off. */
static bool call_off(struct leg *l, struct err *e)
{
	bool answered;

	return broker_abort(l->agent->broker, &l->move.instance, l->move.number,
			    &l->broker, &answered, e);
}

static bool say(struct leg *l, struct err *e)
{
	struct say word = { l->move.instance, l->move.number, l->move.phase };
	char was[16];
	bool answered;

	memcpy(was, l->broker.state, sizeof(was));
	if (!broker_say(l->agent->broker, &word, &l->broker, &answered, e)) {
		if (!answered || e->kind != ERR_HANDOVER_STATE)
			return false;
		err_clear(e);
		if (strcmp(was, "prepared") == 0 || strcmp(was, "offered") == 0)
			return call_off(l, e);
		return ask_broker(l, e);
	}
	if (strcmp(was, l->broker.state) != 0 || l->broker.alarm)
		log_word(l);
	step_reached("said");
	return true;
}

/* A start here has ended the hand-over for this host, and what runs now is that start's. */
static bool is_still_on_record(const struct leg *l, struct err *e)
{
	struct move now;

	return move_load(dir_of(l), &l->move.instance, &now, e) &&
	       (move_same(&now, &l->move) ||
		err_set(e, ERR_CONFLICT, "the record changed meanwhile"));
}

static bool act_on_guest(struct leg *l, enum libvirt_act what, struct err *e)
{
	/* In this order: a run that begins after the record was read has another number. */
	return is_still_on_record(l, e) && libvirt_act(l->agent->libvirt, &l->move.instance,
						       l->sight.look.run, what, e);
}

static bool act(struct leg *l, enum course what, struct err *e)
{
	switch (what) {
	case COURSE_WAIT:
	case COURSE_DONE:
		return true;
	case COURSE_SAY:
		return say(l, e);
	case COURSE_ASK_ABORT:
		return l->sight.aborting || call_off(l, e);
	case COURSE_SUSPEND:
		return act_on_guest(l, LIBVIRT_SUSPEND, e);
	case COURSE_RESUME:
		return act_on_guest(l, LIBVIRT_RESUME, e);
	case COURSE_DESTROY:
		return act_on_guest(l, LIBVIRT_DESTROY, e);
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
	if (what != COURSE_WAIT && what != COURSE_SAY)
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

	if (is_source(l) || !has_committed(l) || is_cold(l) || !runs(&l->sight.look))
		return true;
	return broker_say(l->agent->broker, &word, &l->broker, &answered, e);
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

	/* libvirt is still at it: what it leaves is seen afterwards. */
	if (l->sight.look.job == LIBVIRT_OUTGOING)
		return has_committed(l) || act_and_log(l, COURSE_ABORT_JOB, e);
	if (!is_cold(l))
		rest = course_end(&l->move, &l->sight.look, has_committed(l));
	if (rest == COURSE_WAIT)
		return true;
	if (rest != COURSE_DONE) {
		agent_move(l->agent); /* and then look again */
		return act_and_log(l, rest, e);
	}
	step_reached("ending");
	return say_that_it_runs(l, e) && close_it(l, e);
}

static enum course decide(struct leg *l)
{
	if (is_cold(l))
		return course_cold(&l->move, &l->sight);
	return is_source(l) ? course_source(&l->move, &l->sight)
			    : course_destination(&l->move, &l->sight);
}

static bool owes(const struct leg *l)
{
	return move_is(&l->move, MOVE_SOURCE, MOVE_OWES);
}

static bool take_on(struct leg *l, struct err *e)
{
	struct move was = l->move;
	enum course next;

	if (!ask_broker(l, e) || !look(l, e))
		return false;
	if (owes(l))
		return l->broker.state[0] == '\0' || close_it(l, e);
	if (has_ended(l))
		return end(l, e);
	next = decide(l);
	step_reached(move_is(&l->move, MOVE_SOURCE, NULL) ? "seen-source"
							  : "seen-destination");
	if (!save_if_unchanged(l, &was, e) || !act_and_log(l, next, e))
		return false;
	if (next == COURSE_SUSPEND || next == COURSE_DESTROY)
		agent_move(l->agent); /* look again at once */
	return !has_ended(l) || !look(l, e) || end(l, e);
}

/* ---- all legs ---- */

static void add_move(void *ctx, const struct uuid *instance)
{
	(void)ids_add(ctx, instance);
}

static void log_trouble(struct agent *a, const struct uuid *id, const struct err *e)
{
	if (e->kind == ERR_STARTING_UP || e->kind == ERR_CONFLICT ||
	    e->kind == ERR_DEADLINE)
		return;
	log_event(a->log, LOG_LEVEL_WARN, "a hand-over waits", "instance", id->text,
		  "code", err_info(e->kind)->code, "detail", e->detail, "cause", e->trail,
		  NULL);
}

/* True when something is left that may not wait long. */
static bool take_all_on(struct agent *a)
{
	CLEANUP(ids_done) struct ids moves = { 0 };
	struct err damaged = { 0 };
	bool busy = false;

	if (!move_each(agent_state_dir(a), add_move, &moves, &damaged))
		log_err(a->log, LOG_LEVEL_ERROR, "a record is damaged", &damaged);
	for (size_t i = 0; i < moves.n && !a->stopping; i++) {
		struct leg l = { .agent = a };
		struct err e = { 0 };

		if (!move_load(agent_state_dir(a), &moves.at[i], &l.move, &e) ||
		    l.move.side[0] == '\0')
			continue;
		if (!take_on(&l, &e))
			log_trouble(a, &moves.at[i], &e);
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

	while (!a->stopping)
		rest(a, take_all_on(a) ? TICK_MS : IDLE_MS);
	return NULL;
}
