/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/arrived.h"
#include "client/compute/handovers.h"
#include "client/compute/mover.h"
#include "client/compute/moves.h"
#include "client/compute/release.h"
#include "client/compute/step.h"
#include "client/compute/tpm_state.h"

#include <string.h>

enum { TURN_MS = 500 };

/* Closing one hand-over on this host. */
struct closing {
	struct agent *agent;      /* borrowed */
	const struct handover *h; /* borrowed: it has ended */
	struct move move;
	struct guest guest;
	bool has_guest;
};

static const char *dir_of(const struct closing *c)
{
	return agent_state_dir(c->agent);
}

static bool has_committed(const struct closing *c)
{
	return !handover_is(c->h, "aborted");
}

/* Nothing more is to be done about it here. */
static bool forget(struct closing *c, struct err *e)
{
	move_end(&c->move);
	watch_end(c->agent->watch, &c->move.instance);
	return move_save(dir_of(c), &c->move, e) &&
	       move_drop_jwe(dir_of(c), &c->move.instance, e);
}

static bool state_dir(const struct closing *c, struct path *ret, struct err *e)
{
	return tpm_state_dir(&c->agent->config->tpm_states, &c->move.instance, ret, e);
}

static bool recorded_state(const struct closing *c, struct tpm_state_id *ret,
			   struct err *e)
{
	return tpm_state_id_parse(c->move.state, ret) ||
	       err_set(e, ERR_IO, "the record of %s names no TPM state",
		       c->move.instance.text);
}

/* ---- the source ---- */

/* The mark goes with the hand-over that made it, and with no other. */
static bool source_keeps(struct closing *c, struct err *e)
{
	if (c->move.marked == c->move.number)
		c->move.marked = 0;
	return forget(c, e);
}

/* What is left behind is known from here on: whatever is put there later is not it. */
static bool owe(struct closing *c, struct err *e)
{
	struct tpm_state_id left;
	struct path dir;

	if (!state_dir(c, &dir, e) || !tpm_state_look(dir.text, &left, e))
		return false;
	tpm_state_id_text(&left, c->move.state);
	c->move.left[0] = '\0';
	if (left.present)
		tpm_state_id_text(&left, c->move.left);
	c->move.left_by = c->move.number;
	watch_end(c->agent->watch, &c->move.instance);
	return (text_copy(c->move.phase, sizeof(c->move.phase), MOVE_OWES) ||
		err_set(e, ERR_INTERNAL, "phase")) &&
	       move_save(dir_of(c), &c->move, e);
}

static bool wipe(struct closing *c, struct err *e)
{
	struct tpm_state_id left;
	bool wiped = false;
	struct path dir;

	step_reached("wiping");
	if (!state_dir(c, &dir, e) || !recorded_state(c, &left, e) ||
	    !tpm_state_wipe(dir.text, TPM_STATE_IS, &left, &wiped, e))
		return false;
	if (wiped)
		log_event(c->agent->log, LOG_LEVEL_INFO, "stale TPM state wiped",
			  "instance", c->move.instance.text, NULL);
	c->move.left[0] = '\0';
	return true;
}

/* Asked anew, just before. */
static bool pay(struct closing *c, struct err *e)
{
	struct broker *b = c->agent->broker;
	const struct move *m = &c->move;
	struct say word = { m->instance, m->number, "wiped" };
	struct handover now;
	bool answered;

	if (!broker_handover(b, &m->instance, m->number, &now, &answered, e))
		return false;
	if (!now.may_wipe)
		return true;
	return wipe(c, e) && broker_say(b, &word, &now, &answered, e) && forget(c, e);
}

/* The copy at once; the TPM's state only once the guest is known to have run elsewhere. */
static bool source_lets_go(struct closing *c, struct err *e)
{
	if (!move_is(&c->move, MOVE_SOURCE, MOVE_OWES) &&
	    (!release_report_stopped(c->agent, &c->guest, e) ||
	     !release_erase_copy(c->agent, &c->guest, e) || !owe(c, e)))
		return false;
	if (handover_is(c->h, "closed"))
		return forget(c, e);
	return !c->h->may_wipe || pay(c, e);
}

/* ---- the destination ---- */

/* Since a start here made an attempt of its own, secret and guest are that start's. */
static bool is_its_guest(const struct closing *c)
{
	return !c->has_guest || uuid_equal(&c->guest.attempt, &c->move.attempt);
}

static bool undefine(struct closing *c, struct err *e)
{
	const bool starts = strcmp(c->guest.phase, GUEST_OVER) != 0 && !is_its_guest(c);
	bool was = false;

	return c->agent->libvirt == NULL || starts ||
	       libvirt_undefine(c->agent->libvirt, &c->move.secret, &c->move.instance,
				&was, e);
}

static bool destination_loses(struct closing *c, struct err *e)
{
	if (!undefine(c, e) || !arrived_wipe(c->agent, &c->move, e))
		return false;
	if (c->has_guest && is_its_guest(c) &&
	    !guest_remove(dir_of(c), &c->move.instance, e))
		return false;
	return forget(c, e);
}

/* Hosts keep no copies, or it has moved on already. Whatever else goes wrong may go well later, and
 * without the copy the next start would need the owner. */
static bool is_no_copy(enum err_kind kind)
{
	return kind == ERR_FORBIDDEN || kind == ERR_NOT_FOUND ||
	       kind == ERR_NOT_PLACED_HERE || kind == ERR_HOST_FENCED ||
	       kind == ERR_HOST_REVOKED || kind == ERR_BAD_SEALED;
}

/* The copy gets the lease that was issued with the commit. */
static bool keep_copy(struct closing *c, struct err *e)
{
	CLEANUP(copy_done)
	struct copy copy = { .instance = c->move.instance,
			     .secret = c->move.secret,
			     .version = c->move.version,
			     .epoch = c->move.epoch };
	struct broker_held held = { c->move.instance, c->move.version, c->move.epoch };
	bool found = false, answered = false;

	if (!move_take_jwe(dir_of(c), &c->move.instance, &copy.jwe, &found, e))
		return false;
	if (!found)
		return true;
	if (broker_lease(c->agent->broker, &held, &copy.lease, &answered, e) &&
	    release_save_copy(c->agent, &copy, e))
		return true;
	if (!is_no_copy(e->kind))
		return false;
	log_err(c->agent->log, LOG_LEVEL_INFO, "no copy kept", e);
	err_clear(e);
	return true;
}

/* After a cold move nothing runs yet. */
static bool report(struct closing *c, struct err *e)
{
	return strcmp(c->move.mode, "cold") == 0
		       ? release_report_stopped(c->agent, &c->guest, e)
		       : release_report_started(c->agent, &c->guest, e);
}

static bool destination_wins(struct closing *c, struct err *e)
{
	struct guest *g = &c->guest;

	if (c->move.marked < c->move.number)
		c->move.marked = 0;
	if (!keep_copy(c, e) || !undefine(c, e))
		return false;
	g->epoch = c->move.epoch;
	c->move.left[0] = '\0';
	if (uuid_equal(&g->attempt, &c->move.attempt) && !report(c, e))
		return false;
	if (!guest_save(dir_of(c), g, e))
		return false;
	/* A list of placements that was made before is not to take it for gone. */
	marks_put(c->agent->asked, &c->move.instance, "",
		  clock_monotonic_us(c->agent->clock));
	log_event(c->agent->log, LOG_LEVEL_INFO, "arrived", "instance",
		  c->move.instance.text, "from", c->move.peer, NULL);
	return forget(c, e);
}

static bool close_it(struct closing *c, struct err *e)
{
	if (move_is(&c->move, MOVE_SOURCE, NULL))
		return has_committed(c) ? source_lets_go(c, e) : source_keeps(c, e);
	return has_committed(c) ? destination_wins(c, e) : destination_loses(c, e);
}

static bool close_in_turn(struct agent *a, const struct move *m, const struct handover *h,
			  struct err *e)
{
	struct closing c = { .agent = a, .h = h };
	const struct uuid *id = &m->instance;

	return move_load(agent_state_dir(a), id, &c.move, e) &&
	       guest_load(agent_state_dir(a), id, &c.guest, &c.has_guest, e) &&
	       (c.move.number != m->number || strcmp(c.move.side, m->side) != 0 ||
		close_it(&c, e));
}

bool mover_close(struct agent *a, const struct move *m, const struct handover *h,
		 struct err *e)
{
	bool ok;

	if (!turns_take(a->turns, &m->instance, TURN_MS, e))
		return false;
	ok = close_in_turn(a, m, h, e);
	turns_give(a->turns, &m->instance);
	return ok;
}

bool mover_settle_cold(struct agent *a, const struct uuid *instance, struct err *e)
{
	struct handover h;
	bool answered;
	struct move m;

	if (!move_load(agent_state_dir(a), instance, &m, e))
		return false;
	if (!move_is(&m, MOVE_DESTINATION, MOVE_STORED))
		return true;
	if (!broker_handover(a->broker, instance, m.number, &h, &answered, e))
		return false;
	return !(handover_is(&h, "committed") || handover_is(&h, "closed")) ||
	       close_in_turn(a, &m, &h, e);
}
