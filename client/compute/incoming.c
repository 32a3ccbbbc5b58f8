/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/incoming.h"

#include "client/compute/awaited.h"
#include "client/compute/hold.h"
#include "client/compute/own_copy.h"
#include "client/compute/report.h"
#include "client/compute/step.h"
#include "client/compute/tpm_state.h"
#include "crypto/ask.h"
#include "crypto/random.h"
#include "crypto/relay.h"

#include <string.h>
#include <time.h>

enum { PAUSE_MS = 100, NONCE_BYTES = 16 };

/* One hand-over to this host, from the ask to the key. */
struct arrival {
	struct agent *agent; /* borrowed */
	struct incoming *in; /* borrowed */
	struct guest *guest; /* borrowed; NULL: only to ask */
	struct move move;
	struct asking asking;
	struct inquiry_state said;
	struct buf statement; /* owned */
	char nonce[NONCE_SIZE];
	int64_t until_us;
	struct claim claim; /* owned */
};

static void arrival_done(struct arrival *t)
{
	buf_done(&t->statement);
	claim_done(&t->claim);
}

static struct view view_of(const struct buf *b)
{
	return (struct view){ (const uint8_t *)b->at, b->len };
}

static int64_t ticks(const struct agent *a)
{
	return clock_monotonic_us(a->clock);
}

/* False when the time is over or the agent stops. */
static bool pause_a_moment(const struct arrival *t)
{
	struct timespec moment = { 0, PAUSE_MS * 1000000L };

	if (t->agent->stopping || hold_left_ms(t->until_us) <= PAUSE_MS)
		return false;
	nanosleep(&moment, NULL);
	return true;
}

/* ---- asking ---- */

static bool sign(struct arrival *t, struct err *e)
{
	CLEANUP(identity_signer_done) struct identity_signer me = { 0 };
	struct agent *a = t->agent;
	struct ask ask = { .instance = t->asking.instance,
			   .secret = t->asking.secret,
			   .attempt = t->asking.attempt,
			   .issued_us = clock_wall_us(a->clock) };

	memcpy(ask.nonce, t->nonce, sizeof(t->nonce));
	if (!text_copy(ask.purpose, sizeof(ask.purpose), t->in->purpose))
		return err_set(e, ERR_INTERNAL, "purpose");
	if (!identity_signer(a->id, &me, e) ||
	    !ask_sign(&me.signer, &ask, a->id->sealing, &t->statement, e))
		return false;
	t->asking.statement = t->statement.at;
	return true;
}

static void begin(struct arrival *t)
{
	t->asking.instance = t->in->instance;
	t->asking.secret = t->in->secret;
	t->asking.purpose = t->in->purpose;
	t->asking.nonce = t->nonce;
	t->in->unanswered = false;
	t->until_us = ticks(t->agent) + (int64_t)t->in->wait_ms * 1000;
}

static bool begin_ask(struct arrival *t, struct err *e)
{
	uint8_t nonce[NONCE_BYTES];

	if (!uuid_random(&t->asking.attempt, e) || !random_bytes(nonce, sizeof(nonce), e))
		return false;
	text_b64url((struct view){ nonce, sizeof(nonce) }, t->nonce);
	return sign(t, e);
}

static bool is_waiting(const struct arrival *t)
{
	return strcmp(t->said.answer, "waiting") == 0;
}

static bool is_cold(const char *word)
{
	return strncmp(word, "cold", 4) == 0;
}

/* What was consented to is what was asked for. */
static bool fits(const struct arrival *t, const struct handover *h)
{
	return uuid_equal(&h->instance, &t->in->instance) &&
	       uuid_equal(&h->secret, &t->in->secret) &&
	       is_cold(h->mode) == is_cold(t->in->purpose);
}

static bool take_answer(struct arrival *t, struct err *e)
{
	if (strcmp(t->said.answer, "consented") == 0)
		return fits(t, &t->said.handover) ||
		       err_set(e, ERR_BAD_SERVER, "the broker names another hand-over");
	if (is_waiting(t))
		return err_set(e, ERR_SOURCE_SILENT,
			       "the source host did not answer in time");
	return err_set(e, ERR_CONSENT_REFUSED, "%s", t->said.text);
}

/* Is it worth another call? *asked: then for the answer. */
static bool is_undecided(const struct arrival *t, bool ok, bool answered, bool *asked,
			 const struct err *e)
{
	if (ok) {
		*asked = true;
		return is_waiting(t);
	}
	if (!answered)
		return true;
	if (!*asked || e->kind != ERR_NOT_FOUND)
		return false;
	*asked = false; /* a broker that was restored from a backup has lost the ask */
	return true;
}

/* The ask is repeated until it was taken; then its answer is waited for. */
static bool ask_source(struct arrival *t, struct err *e)
{
	struct broker *b = t->agent->broker;
	bool answered = false, asked = false, polled, ok;

	if (!begin_ask(t, e))
		return false;
	do {
		err_clear(e);
		polled = asked;
		t->asking.total_ms = hold_left_ms(t->until_us);
		ok = asked ? broker_await_source(b, &t->asking, &t->said, &answered, e)
			   : broker_ask_source(b, &t->asking, &t->said, &answered, e);
		if (!is_undecided(t, ok, answered, &asked, e))
			break;
	} while ((ok && !polled) || pause_a_moment(t));
	if (!ok && polled && e->kind == ERR_NOT_FOUND)
		(void)!err_set(e, ERR_SOURCE_SILENT,
			       "the broker has lost what was asked");
	/* That the source is silent is the broker's answer, though it may be another one soon. */
	t->in->unanswered = !ok && !answered && e->kind != ERR_SOURCE_SILENT;
	if (!ok || !take_answer(t, e))
		return false;
	step_reached("consented");
	return true;
}

/* ---- the record, before anything is claimed ---- */

static bool is_free(const struct move *m, struct err *e)
{
	/* A guest that comes back cancels what this host owed of it. */
	return m->side[0] == '\0' || move_is(m, MOVE_SOURCE, MOVE_OWES) ||
	       err_set(e, ERR_HANDOVER_OPEN,
		       "an earlier hand-over of this guest is not settled on this host");
}

/* What its source consented to when the hook was called before, or does now. */
static bool find_consent(struct arrival *t, struct err *e)
{
	struct awaited_guest before;

	if (!awaited_take(t->agent->awaited, &t->in->instance, ticks(t->agent),
			  &before) ||
	    !fits(t, &before.handover))
		return ask_source(t, e);
	t->asking.attempt = before.attempt;
	memcpy(t->nonce, before.nonce, sizeof(t->nonce));
	t->said.handover = before.handover;
	return true;
}

bool incoming_ask(struct agent *a, struct incoming *in, struct err *e)
{
	CLEANUP(arrival_done) struct arrival t = { .agent = a, .in = in };
	struct awaited_guest next;

	begin(&t);
	if (!move_load(agent_state_dir(a), &in->instance, &t.move, e) ||
	    !is_free(&t.move, e) || !ask_source(&t, e))
		return false;
	next = (struct awaited_guest){ .attempt = t.asking.attempt,
				       .handover = t.said.handover,
				       .at_us = ticks(a) };
	memcpy(next.nonce, t.nonce, sizeof(next.nonce));
	awaited_put(a->awaited, &next);
	return true;
}

static bool fill_record(struct arrival *t, const struct handover *h, struct err *e)
{
	struct move *m = &t->move;
	struct tpm_state_id before;
	struct path dir;

	move_begin(m, h->number);
	m->secret = h->secret;
	m->attempt = t->asking.attempt;
	m->version = h->version;
	m->epoch = h->epoch + 1;
	if (!tpm_state_dir(&t->agent->config->tpm_states, &t->in->instance, &dir, e) ||
	    !tpm_state_look(dir.text, &before, e))
		return false;
	tpm_state_id_text(&before, m->state);
	return (text_copy(m->side, sizeof(m->side), MOVE_DESTINATION) &&
		text_copy(m->phase, sizeof(m->phase), MOVE_KEYED) &&
		text_copy(m->mode, sizeof(m->mode), h->mode) &&
		text_copy(m->security, sizeof(m->security), h->security) &&
		text_copy(m->peer, sizeof(m->peer), h->source_name) &&
		text_copy(m->peer_hash, sizeof(m->peer_hash), h->source)) ||
	       err_set(e, ERR_INTERNAL, "a field of the record does not fit");
}

/* What comes of the key is seen from here on. */
static bool watch(struct arrival *t, struct err *e)
{
	struct agent *a = t->agent;

	if (strcmp(t->move.mode, "cold") == 0)
		return true;
	if (!libvirt_settle(a->libvirt, e))
		return false;
	watch_begin(a->watch, &t->in->instance);
	return true;
}

/* As the claim will say they are, so that the record need not be written again. */
static bool suppose_facts(struct arrival *t, struct err *e)
{
	const struct handover *h = &t->said.handover;
	struct guest *g = t->guest;

	g->attempt = t->asking.attempt;
	g->secret = t->in->secret;
	g->version = h->version;
	return (text_copy(g->security, sizeof(g->security), h->security) &&
		text_copy(g->state, sizeof(g->state), "expected") &&
		text_copy(g->phase, sizeof(g->phase), GUEST_ASKED)) ||
	       err_set(e, ERR_INTERNAL, "a field of the record does not fit");
}

static bool record(struct arrival *t, struct err *e)
{
	struct agent *a = t->agent;
	const struct handover *h = &t->said.handover;
	struct guest *g = t->guest;

	if (move_has_ended(&t->move, h->number))
		return err_set(e, ERR_HANDOVER_STATE, "this hand-over has ended here");
	if (!fill_record(t, h, e) || !watch(t, e))
		return false;
	marks_put(a->asked, &g->instance, "", ticks(a));
	if (!suppose_facts(t, e))
		return false;
	/* The hand-over first: a record of a guest alone would be taken for a start. */
	if (move_save(agent_state_dir(a), &t->move, e))
		return guest_save(agent_state_dir(a), g, e);
	watch_end(a->watch, &g->instance);
	return false;
}

/* ---- the key ---- */

/* What this host has reported comes first: that it erased an earlier copy is not about this one. */
static bool claim_once(struct arrival *t, bool *ret_answered, struct err *e)
{
	if (!report_flush(t->agent, t->until_us, ret_answered, e))
		return false;
	t->asking.total_ms = hold_left_ms(t->until_us);
	return broker_claim(t->agent->broker, &t->asking, t->move.number, &t->claim,
			    ret_answered, e);
}

static bool claim(struct arrival *t, struct err *e)
{
	bool answered = false;

	for (;;) {
		if (claim_once(t, &answered, e))
			return true;
		if (answered || !pause_a_moment(t))
			return false;
		err_clear(e);
	}
}

static bool wrong(struct err *e, const char *what)
{
	return err_set(e, ERR_BAD_SEALED, "the sealed secret is for another %s", what);
}

static bool check_header(const struct arrival *t, const struct seal_header *h,
			 struct err *e)
{
	const struct broker_release *r = &t->claim.release;
	const struct move *m = &t->move;

	if (strcmp(h->kid, t->agent->id->kid) != 0)
		return wrong(e, "host");
	if (!uuid_equal(&h->instance, &m->instance))
		return wrong(e, "instance");
	if (!uuid_equal(&h->secret, &t->in->secret) ||
	    !uuid_equal(&h->secret, &r->secret))
		return wrong(e, "secret");
	if (h->version != r->version || h->version != m->version)
		return wrong(e, "version");
	if (strcmp(h->purpose, t->in->purpose) != 0)
		return wrong(e, "purpose");
	if (!uuid_equal(&h->attempt, &m->attempt) || strcmp(h->nonce, t->nonce) != 0)
		return wrong(e, "request");
	if (h->handover != m->number || h->epoch != m->epoch || h->epoch != r->epoch ||
	    h->epoch < t->guest->epoch)
		return wrong(e, "hand-over");
	return true;
}

static bool open_sealed(struct arrival *t, struct secret **ret, struct err *e)
{
	struct agent *a = t->agent;
	struct relay_reader by = { { a->id->trust, clock_wall_us(a->clock) },
				   a->id->sealing };
	struct view jwe = view_of(&t->claim.release.jwe);
	OWNED(secret) value = NULL;
	struct seal_header h;
	struct relayed relayed;
	bool ok;

	if (t->claim.relayed != (strcmp(t->move.security, "host") == 0))
		return err_set(e, ERR_BAD_SEALED,
			       "the wrong party has sealed the secret");
	if (t->claim.relayed) {
		ok = relay_open(&by, jwe, &relayed, &value, e) &&
		     (strcmp(relayed.from.key_hash, t->move.peer_hash) == 0 ||
		      err_set(e, ERR_BAD_SEALED, "another host has sealed the secret"));
		h = relayed.header;
	} else {
		ok = open_jwe(a->id->sealing, jwe, &h, &value, e);
	}
	if (!ok || !check_header(t, &h, e))
		return false;
	*ret = secret_move(&value);
	return true;
}

static bool take_facts(struct arrival *t, const struct secret *value, struct err *e)
{
	const struct broker_release *r = &t->claim.release;
	struct own_copy_seal keep = { &t->move, t->in->purpose, t->nonce, value };
	struct guest *g = t->guest;
	const bool supposed = strcmp(g->security, r->security) == 0 &&
			      strcmp(g->state, r->state_before) == 0;

	memcpy(g->security, r->security, sizeof(g->security));
	memcpy(g->state, r->state_before, sizeof(g->state));
	/* For this host's own copy, which is to open also when the sender's certificate is
	 * long over: sealed anew, to this host. Without a lease it is of no use yet. */
	if (t->claim.relayed && !own_copy_seal(t->agent, &keep, e))
		return false;
	return supposed || guest_save(agent_state_dir(t->agent), g, e);
}

static bool claim_and_open(struct arrival *t, struct secret **ret, struct err *e)
{
	OWNED(secret) value = NULL;
	struct err second = { 0 };

	step_reached("recorded");
	if (claim(t, e)) {
		step_reached("claimed");
		if (open_sealed(t, &value, e) && take_facts(t, value, e)) {
			t->in->number = t->move.number;
			t->in->parts = t->claim.parts;
			*ret = secret_move(&value);
			return true;
		}
	}
	if (!incoming_give_up(t->agent, &t->in->instance, &second))
		log_err(t->agent->log, LOG_LEVEL_ERROR, "record not written", &second);
	return false;
}

bool incoming_get(struct agent *a, struct incoming *in, struct guest *guest,
		  struct secret **ret, struct err *e)
{
	CLEANUP(arrival_done)
	struct arrival t = { .agent = a, .in = in, .guest = guest };
	bool ok;

	begin(&t);
	if (!move_load(agent_state_dir(a), &in->instance, &t.move, e) ||
	    !is_free(&t.move, e) || !find_consent(&t, e) || !record(&t, e))
		return false;
	ok = claim_and_open(&t, ret, e);
	agent_move(a); /* not before: who migrates waits for the key */
	return ok;
}

/* ---- what became of it ---- */

bool incoming_give_up(struct agent *a, const struct uuid *instance, struct err *e)
{
	const char *dir = agent_state_dir(a);
	struct move m;

	if (!move_load(dir, instance, &m, e))
		return false;
	if (!move_is(&m, MOVE_DESTINATION, MOVE_KEYED))
		return true;
	m.ended = m.number;
	agent_move(a);
	return text_copy(m.phase, sizeof(m.phase), MOVE_ERASED) && move_save(dir, &m, e);
}

bool incoming_is_open(struct agent *a, const struct uuid *instance)
{
	struct err e = { 0 };
	struct move m;

	/* One that cannot be read may be open. */
	return !move_load(agent_state_dir(a), instance, &m, &e) ||
	       move_is(&m, MOVE_DESTINATION, NULL);
}
