/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/cold.h"

#include "client/compute/incoming.h"
#include "client/compute/parts.h"
#include "client/compute/process.h"
#include "client/compute/stale.h"
#include "client/compute/step.h"
#include "client/compute/tpm_state.h"
#include "crypto/relay.h"

#include <string.h>

enum { TURN_MS = 20000, ARRIVE_MS = 60000 };

/* ---- leaving ---- */

static bool is_off(struct agent *a, const struct uuid *instance, struct err *e)
{
	enum libvirt_guest now = LIBVIRT_ABSENT;

	if (a->libvirt == NULL)
		return true;
	if (!libvirt_find(a->libvirt, instance, &now, e))
		return false;
	return now == LIBVIRT_OFF || now == LIBVIRT_ABSENT ||
	       err_set(e, ERR_STATE_BUSY,
		       "the guest runs: shut it down, or migrate it live");
}

bool cold_may_leave(struct agent *a, const struct uuid *instance, struct err *e)
{
	struct tpm_state_id state;
	struct path dir;
	struct guest g;
	bool found = false;

	if (!guest_load(agent_state_dir(a), instance, &g, &found, e))
		return false;
	if (found && process_lives(g.run_pid, g.run_since))
		return err_set(e, ERR_STATE_BUSY, "the guest's TPM runs, as process %lld",
			       (long long)g.run_pid);
	if (!is_off(a, instance, e) ||
	    !tpm_state_dir(&a->config->tpm_states, instance, &dir, e) ||
	    !tpm_state_look(dir.text, &state, e))
		return false;
	if (!state.present)
		return err_set(e, ERR_STATE_MISSING,
			       "there is no TPM state of this guest here");
	return stale_is_not_there(a, instance, NULL, e);
}

static bool put_parts(struct agent *a, const struct inquiry *q, const struct buf *sealed,
		      int64_t *ret_parts, struct err *e)
{
	struct part p = { q->instance, q->number, 0 };
	bool answered;

	for (size_t at = 0; at < sealed->len; at += HANDOVER_PART, p.part++) {
		size_t left = sealed->len - at;
		struct view bytes = { (const uint8_t *)sealed->at + at,
				      left < HANDOVER_PART ? left : HANDOVER_PART };

		if (p.part >= HANDOVER_PARTS)
			return err_set(e, ERR_TOO_LARGE, "the TPM's state is too large");
		if (!broker_put_part(a->broker, &p, bytes, &answered, e))
			return false;
	}
	*ret_parts = p.part;
	return true;
}

bool cold_put_state(struct agent *a, const struct inquiry *q, const struct asked *asked,
		    int64_t *ret_parts, struct err *e)
{
	CLEANUP(buf_done) struct buf state = { 0 };
	CLEANUP(buf_done) struct buf sealed = { 0 };
	CLEANUP(identity_signer_done) struct identity_signer me = { 0 };
	struct seal_header h = { .instance = q->instance,
				 .secret = q->secret,
				 .version = q->version,
				 .purpose = "cold-migrate",
				 .epoch = q->epoch + 1,
				 .attempt = q->attempt,
				 .handover = q->number };

	struct tpm_state_id which;
	struct path dir;

	memcpy(h.nonce, q->nonce, sizeof(h.nonce));
	if (!tpm_state_dir(&a->config->tpm_states, &q->instance, &dir, e) ||
	    !tpm_state_read(dir.text, &state, &which, e) ||
	    !identity_signer(a->id, &me, e))
		return false;
	return relay_seal_bytes(&me.signer, asked->sealing, &h,
				(struct view){ (const uint8_t *)state.at, state.len },
				&sealed, e) &&
	       put_parts(a, q, &sealed, ret_parts, e);
}

/* ---- arriving ---- */

static bool get_parts(struct agent *a, const struct incoming *in, struct buf *ret,
		      struct err *e)
{
	struct part p = { in->instance, in->number, 0 };
	bool answered;

	for (; p.part < in->parts; p.part++)
		if (!broker_get_part(a->broker, &p, ret, &answered, e))
			return false;
	return ret->len > 0 || err_set(e, ERR_BAD_SEALED, "the source sent no state");
}

/* The same move, the same words as the secret came with. */
static bool check_header(const struct move *m, const struct seal_header *h, struct err *e)
{
	if (uuid_equal(&h->instance, &m->instance) &&
	    uuid_equal(&h->secret, &m->secret) && h->version == m->version &&
	    h->epoch == m->epoch && h->handover == m->number &&
	    uuid_equal(&h->attempt, &m->attempt) &&
	    strcmp(h->purpose, "cold-migrate") == 0)
		return true;
	return err_set(e, ERR_BAD_SEALED, "the sealed state is for another hand-over");
}

static bool store(struct agent *a, const struct incoming *in, struct err *e)
{
	CLEANUP(buf_done) struct buf sealed = { 0 };
	CLEANUP(buf_done) struct buf state = { 0 };
	struct relay_reader by = { { a->id->trust, clock_wall_us(a->clock) },
				   a->id->sealing };
	struct tpm_state_id which;
	struct relayed relayed;
	struct path dir;
	struct move m;

	if (!move_load(agent_state_dir(a), &in->instance, &m, e) ||
	    !get_parts(a, in, &sealed, e) ||
	    !relay_open_bytes(&by,
			      (struct view){ (const uint8_t *)sealed.at, sealed.len },
			      &relayed, &state, e) ||
	    !check_header(&m, &relayed.header, e))
		return false;
	if (strcmp(relayed.from.key_hash, m.peer_hash) != 0)
		return err_set(e, ERR_BAD_SEALED, "another host has sealed the state");
	step_reached("storing");
	if (!tpm_state_dir(&a->config->tpm_states, &in->instance, &dir, e) ||
	    !tpm_state_write(dir.text, TPM_STATE_USER,
			     (struct view){ (const uint8_t *)state.at, state.len },
			     &which, e))
		return false;
	tpm_state_id_text(&which, m.left);
	m.left_by = m.number;
	return (text_copy(m.phase, sizeof(m.phase), MOVE_STORED) ||
		err_set(e, ERR_INTERNAL, "phase")) &&
	       move_save(agent_state_dir(a), &m, e);
}

static bool is_new(struct agent *a, const struct handover *h, struct err *e)
{
	struct move m;

	return move_load(agent_state_dir(a), &h->instance, &m, e) &&
	       !move_has_ended(&m, h->number) &&
	       !(m.side[0] != '\0' && m.number == h->number);
}

/* False, and no error, when there is nothing to be done. */
static bool arrive(struct agent *a, const struct handover *h, struct err *e)
{
	struct incoming in = { .instance = h->instance,
			       .secret = h->secret,
			       .purpose = "cold-migrate",
			       .wait_ms = ARRIVE_MS };
	OWNED(secret) value = NULL; /* of no use before the guest starts */
	struct err second = { 0 };
	struct guest g;
	bool found = false;

	if (!is_new(a, h, e) ||
	    !guest_load(agent_state_dir(a), &h->instance, &g, &found, e) ||
	    !is_off(a, &h->instance, e) || !incoming_get(a, &in, &g, &value, e))
		return false;
	if (store(a, &in, e))
		return true;
	if (!incoming_give_up(a, &h->instance, &second))
		log_err(a->log, LOG_LEVEL_ERROR, "record not written", &second);
	return false;
}

/* What is on record is the mover's. Nobody else would end the rest: it would stay as it is. */
static void call_off(struct agent *a, const struct handover *h)
{
	struct say nothing = { h->instance, h->number, NULL };
	struct handover now;
	struct err e = { 0 };
	struct move m;
	bool answered;

	if (!move_load(agent_state_dir(a), &h->instance, &m, &e) ||
	    (move_is(&m, MOVE_DESTINATION, NULL) && m.number == h->number))
		return;
	if (!broker_abort(a->broker, &nothing, &now, &answered, &e))
		log_err(a->log, LOG_LEVEL_WARN, "not called off", &e);
}

void cold_arrive(struct agent *a, const struct handover *h)
{
	struct err e = { 0 };

	if (!turns_take(a->turns, &h->instance, TURN_MS, &e))
		return;
	if (arrive(a, h, &e)) {
		log_event(a->log, LOG_LEVEL_INFO, "TPM state stored", "instance",
			  h->instance.text, "from", h->source_name, NULL);
	} else if (e.kind != ERR_NONE) {
		log_err(a->log, LOG_LEVEL_WARN, "cold move not taken", &e);
		call_off(a, h);
	}
	turns_give(a->turns, &h->instance);
	agent_move(a);
}
