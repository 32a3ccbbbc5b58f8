/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/mover_leg.h"
#include "client/compute/step.h"

#include <string.h>

enum { TURN_MS = 500 };

bool leg_is_heard(const struct leg *l, struct err *e)
{
	return !l->rounds->silent ||
	       err_set(e, ERR_DEADLINE, "the broker does not answer");
}

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
static bool call_off(struct leg *l, const char *word, struct err *e)
{
	struct say s = { l->move.instance, l->move.number, word };
	bool answered;

	return leg_is_heard(l, e) &&
	       broker_abort(l->agent->broker, &s, &l->broker, &answered, e);
}

bool leg_ask_abort(struct leg *l, struct err *e)
{
	return (l->sight.aborting && l->broker.source_said[0] != '\0') ||
	       call_off(l, "absent", e);
}

/* It stands until somebody else has a word: nothing comes of saying it again. */
static bool has_been_said(const struct leg *l)
{
	const char *said =
		leg_is_source(l) ? l->broker.source_said : l->broker.destination_said;

	return handover_is(&l->broker, "aborting") && strcmp(said, l->move.phase) == 0;
}

/* In turn: a start that was released since has put its own key there. */
static bool undefine(struct leg *l, bool *ret_was, struct err *e)
{
	struct agent *a = l->agent;
	const struct uuid *id = &l->move.instance;
	bool ok;

	if (!turns_take(a->turns, id, TURN_MS, e))
		return false;
	ok = leg_is_on_record(l, e) &&
	     libvirt_undefine(a->libvirt, &l->move.secret, id, ret_was, e);
	turns_give(a->turns, id);
	return ok;
}

/* The key that libvirtd holds is taken back before anything is called erased: an emulator that is
 * still to come has none. *ret_gone: nor has one come meanwhile. */
static bool take_key_back(struct leg *l, bool *ret_gone, struct err *e)
{
	bool was = false;

	*ret_gone = true;
	if (leg_is_cold(l) || !move_is(&l->move, MOVE_DESTINATION, MOVE_ERASED))
		return true;
	if (!undefine(l, &was, e))
		return false;
	if (was && !leg_look(l, e))
		return false;
	*ret_gone = l->sight.look.doing == LIBVIRT_NOT_HERE;
	return true;
}

static bool say_word(struct leg *l, struct err *e)
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
			return call_off(l, NULL, e);
		return leg_ask_broker(l, e);
	}
	if (strcmp(was, l->broker.state) != 0 || l->broker.alarm)
		log_word(l);
	step_reached("said");
	return true;
}

bool leg_say(struct leg *l, struct err *e)
{
	bool gone;

	if (has_been_said(l))
		return true;
	if (!leg_is_heard(l, e) || !take_key_back(l, &gone, e))
		return false;
	return !gone || say_word(l, e);
}
