/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/ops_call.h"

#include "client/compute/cold.h"
#include "client/compute/handovers.h"
#include "client/compute/hold.h"
#include "client/compute/incoming.h"
#include "client/compute/step.h"

#include <string.h>

/* ---- the hook of a migration ---- */

static struct incoming incoming_of(const struct call *c)
{
	return (struct incoming){ .instance = c->ask.instance,
				  .secret = c->ask.secret,
				  .purpose = "migrate-in",
				  .wait_ms = hold_left_ms(c->until_us) };
}

/* The key of a guest that is on its way here. */
bool op_receive(struct call *c, struct err *e)
{
	struct incoming in = incoming_of(c);
	OWNED(secret) value = NULL;
	struct err second = { 0 };

	if (!call_hook_waits(c, e))
		return false;
	if (!incoming_get(c->agent, &in, &c->guest, &value, e))
		return call_passes(c, in.unanswered, e);
	if (call_hook_waits(c, e) && libvirt_define(c->agent->libvirt, &c->guest.secret,
						    &c->guest.instance, value, e)) {
		step_reached("defined");
		return true;
	}
	if (!incoming_give_up(c->agent, &c->ask.instance, &second))
		log_err(c->agent->log, LOG_LEVEL_ERROR, "record not written", &second);
	return false;
}

/* What an earlier migration was told is not for this one. */
static void forget_earlier(struct call *c)
{
	struct agent *a = c->agent;
	struct awaited_guest unused;

	marks_clear(a->purposes, &c->ask.instance);
	(void)awaited_take(a->awaited, &c->ask.instance, clock_monotonic_us(a->clock),
			   &unused);
}

/*
 * For a guest that is off nothing more is called, and libvirt would leave its TPM behind: so nobody
 * passes of whom it is not known that he is somebody else's.
 */
bool op_migrate(struct call *c, struct err *e)
{
	struct incoming in = incoming_of(c);

	forget_earlier(c);
	if (!call_is_serving(c, e))
		return false;
	/* libvirt asks before it looks whether the guest is here already. */
	if (!call_is_over(c))
		return err_set(e, ERR_STATE_BUSY, "the guest is on this host already");
	if (!incoming_ask(c->agent, &in, e))
		return e->kind == ERR_NOT_FOUND && call_passes(c, false, e);
	if (!call_hook_waits(c, e)) {
		forget_earlier(c);
		return false;
	}
	marks_put(c->agent->purposes, &c->ask.instance, "migrate-in",
		  clock_monotonic_us(c->agent->clock));
	return true;
}

/* ---- vtpm-client migrate ---- */

static void put_handover(struct call *c, const struct handover *h)
{
	json_put_integer(c->w, "number", h->number);
	json_put_text(c->w, "state", h->state);
	json_put_text(c->w, "mode", h->mode);
	json_put_text(c->w, "source", h->source_name);
	json_put_text(c->w, "destination", h->destination_name);
	json_put_text(c->w, "source_said", h->source_said);
	json_put_text(c->w, "destination_said", h->destination_said);
}

bool op_move_prepare(struct call *c, struct err *e)
{
	struct agent *a = c->agent;
	struct prepare p = { .instance = c->ask.instance,
			     .destination = c->ask.host,
			     .mode = c->ask.mode };
	struct handover h;
	bool answered;

	if (p.destination[0] == '\0')
		return err_field(e, ERR_MISSING_FIELD, "host",
				 "the destination is missing");
	if (strcmp(p.mode, "cold") == 0 && !cold_may_leave(a, &c->ask.instance, e))
		return false;
	if (!broker_prepare(a->broker, &p, &h, &answered, e))
		return false;
	put_handover(c, &h);
	return true;
}

/* The hand-over of which the caller has the number. */
bool op_move_show(struct call *c, struct err *e)
{
	struct handover h;
	bool answered;

	if (!broker_handover(c->agent->broker, &c->ask.instance, c->ask.number, &h,
			     &answered, e))
		return false;
	put_handover(c, &h);
	return true;
}

bool op_move_abort(struct call *c, struct err *e)
{
	struct say nothing = { c->ask.instance, c->ask.number, NULL };
	struct handover h;
	bool answered;

	if (!broker_abort(c->agent->broker, &nothing, &h, &answered, e))
		return false;
	agent_move(c->agent);
	put_handover(c, &h);
	return true;
}
