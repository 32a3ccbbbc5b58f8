/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/consent.h"

#include "client/compute/cold.h"
#include "client/compute/job_xml.h"
#include "client/compute/own_copy.h"
#include "client/compute/peers.h"
#include "client/compute/step.h"
#include "crypto/ask.h"
#include "crypto/relay.h"

#include <string.h>

enum { TURN_MS = 3000, STATUS_MAX = 1024 * 1024, SAME_JOB_MS = 250 };

/* One inquiry being considered. */
struct consent {
	struct agent *agent;     /* borrowed */
	const struct inquiry *q; /* borrowed */
	struct guest guest;
	struct move move;
	struct asked asked; /* owned: what the destination signed */
	struct libvirt_look job;
	bool heard; /* this very ask was considered before: nothing is answered */
};

static void consent_done(struct consent *c)
{
	asked_done(&c->asked);
}

static bool refuse(struct err *e, const char *why)
{
	return err_set(e, ERR_CONSENT_REFUSED, "%s", why);
}

static bool is_cold(const struct consent *c)
{
	return strcmp(c->q->mode, "cold") == 0;
}

static const char *purpose_of(const struct consent *c)
{
	return is_cold(c) ? "cold-migrate" : "migrate-in";
}

/* ---- who asks ---- */

/* What the destination signed is what the broker tells of it: nobody in between has put in a
 * key or an attempt of his own. */
static bool check_statement(struct consent *c, struct err *e)
{
	const struct inquiry *q = c->q;
	struct jws_reader by = { c->agent->id->trust, clock_wall_us(c->agent->clock) };
	struct view text = { (const uint8_t *)q->statement, strlen(q->statement) };
	const struct ask *said = &c->asked.ask;

	if (!ask_check(&by, text, &c->asked, e))
		return err_wrap(e, "the destination's statement");
	if (strcmp(c->asked.by.key_hash, q->destination) != 0 ||
	    !uuid_equal(&said->instance, &q->instance) ||
	    !uuid_equal(&said->secret, &q->secret) ||
	    !uuid_equal(&said->attempt, &q->attempt) ||
	    strcmp(said->purpose, purpose_of(c)) != 0 ||
	    strcmp(said->nonce, q->nonce) != 0)
		return refuse(e, "the destination has signed something else");
	return true;
}

/* ---- is it being migrated there? ---- */

static bool read_job(struct consent *c, struct domain_job *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	struct path path;
	bool found = false;

	if (strchr(c->job.name, '/') != NULL ||
	    !path_set(&path, e, "%s/%s.xml", c->agent->config->statuses.text,
		      c->job.name) ||
	    !file_read(path.text, STATUS_MAX, &text, &found, e))
		return false;
	if (!found || !job_xml_read(text.at, ret) || !ret->outgoing)
		return refuse(e, "the kind of the migration cannot be seen");
	return true;
}

/* Nobody has named the destination: libvirtd's own connection must. */
static bool connections_name_it(struct consent *c, struct err *e)
{
	struct domain_job job;
	struct peers found;
	pid_t libvirtd;

	if (!read_job(c, &job, e))
		return false;
	if (!job.peer_to_peer)
		return refuse(e, "in a direct migration somebody entitled must name the "
				 "destination first: vtpmctl handover prepare");
	if (c->q->address[0] == '\0')
		return refuse(e,
			      "the destination has registered no address: enroll it with "
			      "--address, or prepare the hand-over");
	if (!peers_libvirtd(c->agent->config->libvirt_socket.text, &libvirtd, e) ||
	    !peers_look(libvirtd, c->q->address, &found, e))
		return false;
	if (found.kind == PEERS_NONE)
		return refuse(e, "libvirtd is not connected to that destination");
	return found.kind == PEERS_ONLY ||
	       err_set(e, ERR_CONSENT_REFUSED,
		       "libvirtd is connected to %s as well: name the destination with "
		       "vtpm-client migrate or vtpmctl handover prepare",
		       found.other);
}

static bool look_at_job(struct consent *c, struct libvirt_look *ret, struct err *e)
{
	if (!libvirt_look(c->agent->libvirt, &c->q->instance, ret, e))
		return false;
	if (ret->doing == LIBVIRT_NOT_HERE)
		return err_set(e, ERR_MIGRATION_OFFLINE,
			       "the guest does not run on the source, and an offline "
			       "migration does not carry the TPM's state; vtpm-client "
			       "migrate --cold does");
	if (ret->job != LIBVIRT_OUTGOING)
		return refuse(e, "the source sees no migration of this guest");
	return true;
}

static bool is_migrating_there(struct consent *c, struct err *e)
{
	if (!look_at_job(c, &c->job, e))
		return false;
	if (strcmp(c->q->mode, "strict") == 0 && c->job.doing == LIBVIRT_PAUSED)
		return refuse(e,
			      "the guest is paused: resume it first, or migrate --plain");
	return c->q->number != 0 || connections_name_it(c, e);
}

static bool is_still_that_job(struct consent *c, struct err *e)
{
	struct libvirt_look now;
	int64_t apart_us;

	if (!look_at_job(c, &now, e))
		return false;
	apart_us = now.job_us - c->job.job_us;
	if (apart_us > SAME_JOB_MS * 1000 || apart_us < -SAME_JOB_MS * 1000)
		return refuse(e, "another migration has begun meanwhile");
	return true;
}

/* ---- the record ---- */

static bool is_on_record(const struct consent *c)
{
	return move_is(&c->move, MOVE_SOURCE, MOVE_CONSENTED) &&
	       uuid_equal(&c->move.attempt, &c->q->attempt);
}

/* Told twice. Considered anew it might be consented to for another migration, and what was seen
 * of the guest since the first time would be forgotten. */
static bool was_heard(const struct consent *c)
{
	struct watch_seen seen;

	watch_get(c->agent->watch, &c->q->instance, &seen);
	return !is_cold(c) && is_on_record(c) && seen.unbroken;
}

static bool is_free(const struct consent *c, struct err *e)
{
	const struct move *m = &c->move;

	if (c->q->number != 0 && move_has_ended(m, c->q->number))
		return refuse(e, "this hand-over has ended here");
	/* A guest that runs here again owes nothing of an earlier departure. */
	if (m->side[0] == '\0' || move_is(m, MOVE_SOURCE, MOVE_OWES) ||
	    (is_cold(c) && is_on_record(c) && m->number == c->q->number))
		return true;
	if (is_on_record(c))
		return refuse(e, "the source's agent was interrupted: migrate again");
	return refuse(
		e, "an earlier hand-over is not settled yet: vtpmctl handover show ID");
}

static bool number_of(struct consent *c, int64_t *ret, struct err *e)
{
	const struct inquiry *q = c->q;
	struct prepare p = { q->instance, q->attempt, q->destination_name, "plain" };
	struct handover h;
	bool answered;

	*ret = q->number;
	if (*ret != 0)
		return true;
	if (!broker_prepare(c->agent->broker, &p, &h, &answered, e))
		return false;
	if (strcmp(h.destination, q->destination) != 0 ||
	    move_has_ended(&c->move, h.number))
		return refuse(e, "the broker prepared another hand-over");
	*ret = h.number;
	return true;
}

/* On disk before anything is sealed: from here on the copy here is not used. */
static bool mark(struct consent *c, int64_t number, struct err *e)
{
	const struct inquiry *q = c->q;
	struct move *m = &c->move;

	move_begin(m, number);
	m->marked = number;
	m->secret = q->secret;
	m->attempt = q->attempt;
	m->version = q->version;
	m->epoch = q->epoch + 1;
	m->was_paused = c->job.doing == LIBVIRT_PAUSED;
	return (text_copy(m->side, sizeof(m->side), MOVE_SOURCE) &&
		text_copy(m->phase, sizeof(m->phase), MOVE_CONSENTED) &&
		text_copy(m->mode, sizeof(m->mode),
			  q->mode[0] != '\0' ? q->mode : "plain") &&
		text_copy(m->security, sizeof(m->security), q->security) &&
		text_copy(m->peer, sizeof(m->peer), q->destination_name) &&
		text_copy(m->peer_hash, sizeof(m->peer_hash), q->destination))
		       ? move_save(agent_state_dir(c->agent), m, e)
		       : err_set(e, ERR_INTERNAL, "a field of the record does not fit");
}

/* ---- sealing ---- */

static bool seal(struct consent *c, struct buf *ret, struct err *e)
{
	const struct inquiry *q = c->q;
	struct seal_header h = { .instance = q->instance,
				 .secret = q->secret,
				 .version = q->version,
				 .epoch = c->move.epoch,
				 .attempt = q->attempt,
				 .handover = c->move.number };
	CLEANUP(identity_signer_done) struct identity_signer me = { 0 };
	OWNED(secret) value = NULL;

	if (strcmp(q->security, "host") != 0)
		return true;
	memcpy(h.nonce, q->nonce, sizeof(h.nonce));
	if (!text_copy(h.purpose, sizeof(h.purpose), purpose_of(c)))
		return err_set(e, ERR_INTERNAL, "purpose");
	return own_copy_open(c->agent, &c->guest, q->version, &value, e) &&
	       identity_signer(c->agent->id, &me, e) &&
	       relay_seal(&me.signer, c->asked.sealing, &h, value, ret, e);
}

/* ---- all of it ---- */

static bool watch(struct consent *c, struct err *e)
{
	struct agent *a = c->agent;

	if (is_cold(c))
		return true;
	if (!libvirt_settle(a->libvirt, e))
		return false;
	watch_begin(a->watch, &c->q->instance);
	return true;
}

static bool is_still_so(struct consent *c, struct err *e)
{
	return is_cold(c) ? cold_may_leave(c->agent, &c->q->instance, e)
			  : is_still_that_job(c, e);
}

/* What is not on record here would stay prepared until somebody calls it off. */
static void take_back(struct consent *c, int64_t number)
{
	struct say nothing = { c->q->instance, number, NULL };
	struct agent *a = c->agent;
	struct err e = { 0 };
	struct handover h;
	bool answered;

	watch_end(a->watch, &c->q->instance);
	if (c->q->number == 0 && !broker_abort(a->broker, &nothing, &h, &answered, &e))
		log_err(a->log, LOG_LEVEL_WARN, "not called off", &e);
}

static bool begin(struct consent *c, int64_t *ret_number, struct err *e)
{
	if (!number_of(c, ret_number, e))
		return false;
	step_reached("prepared");
	if (watch(c, e) && mark(c, *ret_number, e))
		return true;
	take_back(c, *ret_number);
	return false;
}

/* No job of libvirt's comes to an end here, by which the mover would see that it has failed. */
static void keep_cold(struct consent *c)
{
	struct move *m = &c->move;
	struct err e = { 0 };

	m->ended = m->number;
	if (!text_copy(m->phase, sizeof(m->phase), MOVE_KEEP) ||
	    !move_save(agent_state_dir(c->agent), m, &e))
		log_err(c->agent->log, LOG_LEVEL_ERROR, "record not written", &e);
}

static bool offer(struct consent *c, int64_t number, struct err *e)
{
	CLEANUP(buf_done) struct buf jwe = { 0 };
	struct agent *a = c->agent;
	struct offer o = { .instance = c->q->instance,
			   .attempt = c->q->attempt,
			   .number = number };
	bool answered;

	if (is_cold(c) && !cold_put_state(a, c->q, &c->asked, &o.parts, e))
		return false;
	if (!seal(c, &jwe, e) || !is_still_so(c, e))
		return false;
	step_reached("sealed");
	o.jwe = jwe.at;
	if (!broker_offer(a->broker, &o, &answered, e))
		return false;
	step_reached("offered");
	return true;
}

static bool hand_over(struct consent *c, struct err *e)
{
	int64_t number = 0;
	bool ok;

	if (!begin(c, &number, e))
		return false;
	step_reached("marked");
	ok = offer(c, number, e);
	if (!ok && is_cold(c))
		keep_cold(c);
	agent_move(c->agent); /* not before: who migrates waits for the answer */
	return ok;
}

static bool consider(struct consent *c, struct err *e)
{
	struct agent *a = c->agent;
	const char *dir = agent_state_dir(a);
	const struct uuid *id = &c->q->instance;
	bool found = false;

	if (!check_statement(c, e) || !guest_load(dir, id, &c->guest, &found, e) ||
	    !move_load(dir, id, &c->move, e))
		return false;
	c->heard = was_heard(c);
	if (c->heard)
		return true;
	if (!is_free(c, e))
		return false;
	if (is_cold(c))
		return cold_may_leave(a, id, e) && hand_over(c, e);
	if (a->libvirt == NULL)
		return refuse(e, "the source runs guests without libvirt");
	return is_migrating_there(c, e) && hand_over(c, e);
}

static void tell_refusal(struct agent *a, const struct inquiry *q, const struct err *why)
{
	struct inquiry_refusal to = { .instance = q->instance,
				      .attempt = q->attempt,
				      .destination = q->destination };
	CLEANUP(buf_done) struct buf text = { 0 };
	struct err e = { 0 };
	bool answered;

	buf_add_printable(&text, why->detail); /* what libvirt says may have lines */
	to.text = text.failed || !text.at ? "" : text.at;
	if (!broker_refuse_ask(a->broker, &to, &answered, &e))
		log_err(a->log, LOG_LEVEL_WARN, "refusal not delivered", &e);
}

static bool consider_in_turn(struct agent *a, const struct inquiry *q, bool *ret_heard,
			     struct err *e)
{
	CLEANUP(consent_done) struct consent c = { .agent = a, .q = q };
	bool ok;

	if (!turns_take(a->turns, &q->instance, TURN_MS, e))
		return false;
	ok = consider(&c, e);
	*ret_heard = c.heard;
	turns_give(a->turns, &q->instance);
	return ok;
}

void consent_answer(struct agent *a, const struct inquiry *q)
{
	struct err e = { 0 };
	bool heard = false;
	bool consents = consider_in_turn(a, q, &heard, &e);

	if (heard)
		return;
	if (consents) {
		log_event(a->log, LOG_LEVEL_INFO, "handed over", "instance",
			  q->instance.text, "to", q->destination_name, "attempt",
			  q->attempt.text, NULL);
		return;
	}
	log_event(a->log, LOG_LEVEL_WARN, "not handed over", "instance", q->instance.text,
		  "to", q->destination_name, "detail", e.detail, "cause", e.trail, NULL);
	tell_refusal(a, q, &e);
}
