/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/release.h"

#include "client/compute/hold.h"
#include "client/compute/own_copy.h"
#include "client/compute/report.h"
#include "client/compute/stale.h"
#include "crypto/random.h"

#include <string.h>
#include <time.h>

enum { WITH_COPY_MS = 3000, WITHOUT_COPY_MS = 4000, PAUSE_MS = 150, NONCE_BYTES = 16 };

/* One release under way. */
struct attempt {
	struct agent *agent; /* borrowed */
	struct release *ask; /* borrowed */
	struct guest *guest; /* borrowed */
	struct copy copy;    /* owned */
	bool has_copy;
	int64_t until_us; /* the broker's time is over then */
	char nonce[B64URL_SIZE(NONCE_BYTES)];
	struct broker_release reply; /* owned */
};

static void attempt_done(struct attempt *t)
{
	copy_done(&t->copy);
	broker_release_done(&t->reply);
}

static int64_t now_us(const struct agent *a)
{
	return clock_wall_us(a->clock);
}

static struct view view_of(const struct buf *b)
{
	return (struct view){ (const uint8_t *)b->at, b->len };
}

/* ---- reports ---- */

bool release_report_started(struct agent *a, struct guest *g, struct err *e)
{
	if (strcmp(g->phase, GUEST_ASKED) != 0)
		return true;
	if (!spool_add(a->spool, "started", &g->instance, &g->attempt, now_us(a), e) ||
	    !text_copy(g->phase, sizeof(g->phase), GUEST_STARTED) ||
	    !text_copy(g->state, sizeof(g->state), "expected"))
		return false;
	agent_wake(a);
	return guest_save(agent_state_dir(a), g, e);
}

bool release_report_stopped(struct agent *a, struct guest *g, struct err *e)
{
	if (strcmp(g->phase, GUEST_OVER) == 0)
		return true;
	if (!spool_add(a->spool, "stopped", &g->instance, &g->attempt, now_us(a), e))
		return false;
	g->phase[0] = '\0';
	g->run_pid = g->run_since = 0;
	agent_wake(a);
	return guest_save(agent_state_dir(a), g, e);
}

bool release_save_copy(struct agent *a, const struct copy *c, struct err *e)
{
	struct lease_holder me = agent_holder(a);
	struct err unstored = { 0 };
	struct lease lease;

	if (!copy_check(c, &me, &lease, e) || !copy_save(agent_state_dir(a), c, e))
		return false;
	if (!copy_note_lease(agent_state_dir(a), &lease, now_us(a), &unstored))
		log_err(a->log, LOG_LEVEL_WARN, "copy kept, latest time not stored",
			&unstored);
	return true;
}

bool release_erase_copy(struct agent *a, const struct guest *g, struct err *e)
{
	struct uuid attempt = g->attempt;
	bool was = false;

	if (!copy_erase(agent_state_dir(a), &g->instance, &was, e))
		return false;
	if (!was)
		return true;
	if (!uuid_is_set(&attempt) && !uuid_random(&attempt, e))
		return false;
	log_event(a->log, LOG_LEVEL_INFO, "copy erased", "instance", g->instance.text,
		  NULL);
	agent_wake(a);
	return spool_add(a->spool, "copy_erased", &g->instance, &attempt, now_us(a), e);
}

/* ---- before asking ---- */

static bool needs_state(const char *purpose)
{
	return strcmp(purpose, "start") == 0 || strcmp(purpose, "reboot") == 0 ||
	       strcmp(purpose, "autostart") == 0;
}

static bool refuse_missing(const struct guest *g, struct err *e)
{
	return err_set(e, ERR_STATE_MISSING,
		       "the TPM state of %s is expected here but is not there; a start "
		       "would make "
		       "an empty TPM",
		       g->instance.text);
}

/* Asked beforehand, so that no permit is burnt for a start that cannot be. */
static bool state_is_there(struct attempt *t, struct err *e)
{
	struct guest *g = t->guest;
	struct err unseen = { 0 };
	bool answered;

	if (t->ask->has_state && (t->ask->run_pid != 0 || needs_state(t->ask->purpose)) &&
	    !stale_is_not_there(t->agent, &g->instance, t->ask->state, e))
		return false;
	if (t->ask->has_state || !needs_state(t->ask->purpose) ||
	    strcmp(g->state, "expected") != 0)
		return true;
	/* The owner may have given the old TPM up meanwhile. */
	if (!broker_state_of(t->agent->broker, &g->instance, hold_left_ms(t->until_us),
			     g->state, &answered, &unseen))
		memcpy(g->state, "expected", sizeof("expected"));
	return strcmp(g->state, "expected") != 0 || refuse_missing(g, e);
}

static bool record_attempt(struct attempt *t, struct err *e)
{
	struct guest *g = t->guest;
	uint8_t nonce[NONCE_BYTES];

	/* Whatever was on record is over: its guest would still run otherwise. */
	if (!release_report_stopped(t->agent, g, e) || !uuid_random(&g->attempt, e) ||
	    !random_bytes(nonce, sizeof(nonce), e) ||
	    !text_copy(g->phase, sizeof(g->phase), GUEST_ASKED))
		return false;
	text_b64url((struct view){ nonce, sizeof(nonce) }, t->nonce);
	g->run_pid = t->ask->run_pid;
	g->run_since = t->ask->run_since;
	marks_put(t->agent->asked, &g->instance, "", clock_monotonic_us(t->agent->clock));
	if (!guest_save(agent_state_dir(t->agent), g, e))
		return false;
	if (g->run_pid != 0)
		t->agent->runs_changed = true;
	return true;
}

/* The attempt leads nowhere. Where the broker may have released to it, it hears so. */
static void end_attempt(struct attempt *t, bool may_be_released)
{
	const char *dir = agent_state_dir(t->agent);
	struct guest *g = t->guest;
	struct err e = { 0 };
	bool ok = !may_be_released || release_report_stopped(t->agent, g, &e);

	g->phase[0] = '\0';
	g->run_pid = g->run_since = 0;
	ok = ok && (g->version == 0 ? guest_remove(dir, &g->instance, &e)
				    : guest_save(dir, g, &e));
	if (!ok)
		log_err(t->agent->log, LOG_LEVEL_ERROR, "record not written", &e);
}

static void find_copy(struct attempt *t)
{
	struct agent *a = t->agent;
	struct err e = { 0 };

	if (!copy_load(agent_state_dir(a), &t->guest->instance, &t->copy, &t->has_copy,
		       &e)) {
		log_err(a->log, LOG_LEVEL_WARN, "copy not usable", &e);
		t->has_copy = false;
	}
	t->until_us = clock_monotonic_us(a->clock) +
		      INT64_C(1000) * (t->has_copy ? WITH_COPY_MS : WITHOUT_COPY_MS);
}

/* ---- asking ---- */

static void pause_ms(int64_t ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static bool ask_broker(struct attempt *t, struct err *e)
{
	struct agent *a = t->agent;
	struct broker_ask ask = { .instance = t->guest->instance,
				  .attempt = t->guest->attempt,
				  .secret = t->ask->secret,
				  .nonce = t->nonce,
				  .purpose = t->ask->purpose,
				  .holds_copy = t->has_copy ? t->copy.version : 0 };
	bool answered = false;

	for (;;) {
		err_clear(e);
		if (report_flush(a, t->until_us, &answered, e)) {
			ask.total_ms = hold_left_ms(t->until_us);
			if (broker_release(a->broker, &ask, &t->reply, &answered, e))
				return true;
		}
		if (answered || a->stopping || hold_left_ms(t->until_us) <= PAUSE_MS)
			break;
		pause_ms(PAUSE_MS);
	}
	t->ask->unanswered = !answered;
	return false;
}

/* Does this refusal mean that the copy will not be of use again? */
static bool ends_copy(enum err_kind kind)
{
	static const enum err_kind final[] = {
		ERR_NOT_FOUND,       ERR_FORBIDDEN,       ERR_HOST_FENCED,
		ERR_HOST_REVOKED,    ERR_NOT_PLACED_HERE, ERR_HOST_UNSUPPORTED,
		ERR_HOST_NOT_IN_SET, ERR_PERMIT_MISSING,  ERR_PERMIT_EXPIRED,
		ERR_PERMIT_USED,     ERR_PERMIT_FOREIGN,
	};

	for (size_t i = 0; i < ARRAY_LEN(final); i++)
		if (kind == final[i])
			return true;
	return false;
}

static void erase_copy(struct attempt *t)
{
	struct err e = { 0 };

	if (!release_erase_copy(t->agent, t->guest, &e))
		log_err(t->agent->log, LOG_LEVEL_ERROR, "copy not erased", &e);
}

/* ---- what came ---- */

static bool wrong(struct err *e, const char *what)
{
	return err_set(e, ERR_BAD_SEALED, "the sealed secret is for another %s", what);
}

static bool check_header(const struct attempt *t, const struct seal_header *h,
			 struct err *e)
{
	const struct guest *g = t->guest;

	if (strcmp(h->kid, t->agent->id->kid) != 0)
		return wrong(e, "host");
	if (!uuid_equal(&h->instance, &g->instance))
		return wrong(e, "instance");
	if (!uuid_equal(&h->secret, &t->reply.secret) ||
	    (uuid_is_set(&t->ask->secret) && !uuid_equal(&h->secret, &t->ask->secret)))
		return wrong(e, "secret");
	if (h->version != t->reply.version)
		return wrong(e, "version");
	if (strcmp(h->purpose, t->ask->purpose) != 0)
		return wrong(e, "purpose");
	if (!uuid_equal(&h->attempt, &g->attempt))
		return wrong(e, "attempt");
	if (strcmp(h->nonce, t->nonce) != 0)
		return wrong(e, "request");
	if (h->epoch != t->reply.epoch || h->epoch < g->epoch)
		return wrong(e, "placement");
	return true;
}

static bool open_sealed(const struct attempt *t, struct secret **ret, struct err *e)
{
	OWNED(secret) value = NULL;
	struct seal_header header;

	if (!open_jwe(t->agent->id->sealing, view_of(&t->reply.jwe), &header, &value,
		      e) ||
	    !check_header(t, &header, e))
		return false;
	*ret = secret_move(&value);
	return true;
}

static bool open_copy(const struct attempt *t, struct secret **ret, struct err *e)
{
	const struct copy *c = &t->copy;
	OWNED(secret) value = NULL;
	struct seal_header h;

	if (!open_jwe(t->agent->id->sealing, view_of(&c->jwe), &h, &value, e))
		return false;
	if (!uuid_equal(&h.instance, &t->guest->instance) ||
	    !uuid_equal(&h.secret, &c->secret) || h.version != c->version ||
	    h.epoch != c->epoch || h.epoch < t->guest->epoch)
		return wrong(e, "placement than this host's copy");
	if (uuid_is_set(&t->ask->secret) && !uuid_equal(&h.secret, &t->ask->secret))
		return err_set(e, ERR_SECRET_MISMATCH, "the domain names another secret");
	*ret = secret_move(&value);
	return true;
}

/* Keeps what was received under its lease; a start does not fail because that fails. */
static void keep_copy(struct attempt *t)
{
	struct agent *a = t->agent;
	struct broker_release *from = &t->reply;
	struct copy c = { t->guest->instance,
			  from->secret,
			  from->version,
			  from->epoch,
			  from->use_copy ? t->copy.jwe : from->jwe,
			  from->lease };
	struct err e = { 0 };
	bool ok;

	if (from->lease.len == 0)
		ok = !t->has_copy || release_erase_copy(a, t->guest, &e);
	else
		ok = release_save_copy(a, &c, &e);
	if (!ok)
		log_err(a->log, LOG_LEVEL_WARN, "copy not kept", &e);
}

static bool take_facts(struct attempt *t, struct err *e)
{
	struct guest *g = t->guest;

	g->secret = t->reply.secret;
	g->version = t->reply.version;
	g->epoch = t->reply.epoch;
	memcpy(g->security, t->reply.security, sizeof(g->security));
	memcpy(g->state, t->reply.state_before, sizeof(g->state));
	if (!guest_save(agent_state_dir(t->agent), g, e))
		return false;
	if (strcmp(g->state, "expected") == 0 && !t->ask->has_state &&
	    needs_state(t->ask->purpose))
		return refuse_missing(g, e);
	return true;
}

static bool take_answer(struct attempt *t, struct secret **ret, struct err *e)
{
	const struct own_copy_release fresh = { t->guest->instance, t->reply.number,
						t->reply.epoch };
	OWNED(secret) value = NULL;
	bool opened;

	if (t->reply.use_copy && !t->has_copy)
		return err_set(e, ERR_BAD_SERVER,
			       "the broker names a copy that is not here");
	opened = t->reply.use_copy ? open_copy(t, &value, e) : open_sealed(t, &value, e);
	/* A copy that does not open is of no use: the next start asks without it. */
	if (!opened && t->reply.use_copy)
		erase_copy(t);
	if (!opened || !take_facts(t, e) || !own_copy_unblock(t->agent, &fresh, e))
		return false;
	keep_copy(t);
	*ret = secret_move(&value);
	return true;
}

/* ---- without an answer ---- */

static bool use_own_copy(struct attempt *t, struct secret **ret, struct err *e)
{
	struct agent *a = t->agent;
	struct lease_holder me = agent_holder(a);
	struct guest *g = t->guest;
	OWNED(secret) value = NULL;

	if (!own_copy_is_free(a, &g->instance, e) ||
	    !copy_is_usable(agent_state_dir(a), &t->copy, &me, now_us(a), e) ||
	    !open_copy(t, &value, e) || !copy_note_time(agent_state_dir(a), now_us(a), e))
		return false;
	if (strcmp(g->state, "expected") == 0 && !t->ask->has_state &&
	    needs_state(t->ask->purpose))
		return refuse_missing(g, e);
	if (!spool_add(a->spool, "used_copy", &g->instance, &g->attempt, now_us(a), e))
		return false;
	log_event(a->log, LOG_LEVEL_INFO, "used own copy", "instance", g->instance.text,
		  NULL);
	g->secret = t->copy.secret;
	g->version = t->copy.version;
	g->epoch = t->copy.epoch;
	if (!guest_save(agent_state_dir(a), g, e))
		return false;
	*ret = secret_move(&value);
	return true;
}

static bool ask_and_take(struct attempt *t, struct secret **ret, struct err *e)
{
	bool released = ask_broker(t, e);
	struct err why = { 0 };

	if (released && take_answer(t, ret, e))
		return true;
	if (!released && t->ask->unanswered && t->has_copy) {
		if (use_own_copy(t, ret, &why)) {
			err_clear(e);
			return true;
		}
		*e = why;
	}
	/* Also one that could not be read. */
	if (!released && !t->ask->unanswered && ends_copy(e->kind))
		erase_copy(t);
	end_attempt(t, released || t->ask->unanswered);
	return false;
}

bool release_get(struct agent *a, struct release *r, struct guest *guest,
		 struct secret **ret, struct err *e)
{
	CLEANUP(attempt_done) struct attempt t = { .agent = a, .ask = r, .guest = guest };

	r->unanswered = false;
	find_copy(&t);
	if (!state_is_there(&t, e) || !record_attempt(&t, e))
		return false;
	return ask_and_take(&t, ret, e);
}
