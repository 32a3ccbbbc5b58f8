/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/release.h"
#include "client/compute/upkeep.h"

#include <string.h>

enum { LEASE_PART = 7, TURN_MS = 500 };
#define CERTIFICATE_EARLY_US (30 * 24 * 3600 * US_PER_S)

/* ---- leases ---- */

static bool is_due(const struct agent *a, const struct copy *c)
{
	struct lease_holder me = agent_holder(a);
	struct lease lease;
	struct err e = { 0 };

	if (!copy_check(c, &me, &lease, &e))
		return true;
	return clock_wall_us(a->clock) >
	       lease.issued_us + (lease.ends_us - lease.issued_us) / LEASE_PART;
}

static bool is_final(const struct err *e)
{
	int status = err_info(e->kind)->status;

	return status == 403 || status == 404 || status == 409;
}

/* A walk over the guests, which ends when nobody answers: each would be waited for. */
struct walk {
	struct agent *agent; /* borrowed */
	bool silent;
};

static bool renew_lease(struct walk *walk, const struct guest *g, struct copy *c,
			struct err *e)
{
	struct agent *a = walk->agent;
	const struct broker_held held = { c->instance, c->version, c->epoch };
	struct buf jws = { 0 };
	bool answered;

	if (!broker_lease(a->broker, &held, &jws, &answered, e)) {
		buf_done(&jws);
		walk->silent = !answered;
		if (answered && is_final(e)) {
			err_clear(e);
			return release_erase_copy(a, g, e);
		}
		return false;
	}
	buf_done(&c->lease);
	c->lease = jws;
	return release_save_copy(a, c, e);
}

static bool renew_guest(struct walk *walk, const struct guest *g, struct err *e)
{
	struct agent *a = walk->agent;
	CLEANUP(copy_done) struct copy c = { 0 };
	bool found = false;

	return copy_load(agent_state_dir(a), &g->instance, &c, &found, e) &&
	       (!found || !is_due(a, &c) || renew_lease(walk, g, &c, e));
}

static void renew_in_turn(void *ctx, const struct guest *g)
{
	struct walk *walk = ctx;
	struct agent *a = walk->agent;
	struct err e = { 0 };
	bool ok;

	if (walk->silent || a->stopping)
		return;
	if (!turns_take(a->turns, &g->instance, TURN_MS, &e))
		return;
	ok = renew_guest(walk, g, &e);
	turns_give(a->turns, &g->instance);
	if (!ok)
		log_err(a->log, LOG_LEVEL_WARN, "lease not renewed", &e);
}

/* ---- the certificate ---- */

static bool renew_certificate(struct agent *a, struct err *e)
{
	const struct uuid nobody = { "00000000-0000-0000-0000-000000000000" };
	CLEANUP(buf_done) struct buf csr = { 0 };
	CLEANUP(buf_done) struct buf pem = { 0 };
	struct cert_facts facts;

	if (!csr_make(a->id->identity, a->id->sealing, a->config->name, &nobody, &csr,
		      e) ||
	    !broker_renew(a->broker, csr.at, &pem, e) ||
	    !pki_cert_facts(pem.at, &facts, e))
		return false;
	if (strcmp(facts.key_hash, a->id->hash) != 0)
		return err_set(e, ERR_BAD_SERVER,
			       "the renewed certificate is for another key");
	if (!file_write(a->id->certificate_file.text,
			(struct view){ (const uint8_t *)pem.at, pem.len }, 0644, e))
		return false;
	broker_renewed(a->broker);
	log_event(a->log, LOG_LEVEL_INFO, "certificate renewed", "host", a->config->name,
		  NULL);
	return true;
}

static bool is_certificate_due(struct agent *a, struct err *e)
{
	int64_t ends = 0;

	return identity_certificate_ends(a->id, &ends, e) &&
	       clock_wall_us(a->clock) > ends - CERTIFICATE_EARLY_US;
}

void upkeep_renew(struct agent *a)
{
	struct err e = { 0 };
	struct err damaged = { 0 };
	struct walk walk = { .agent = a };
	bool due = is_certificate_due(a, &e);

	if (e.kind != ERR_NONE || (due && !renew_certificate(a, &e)))
		log_err(a->log, LOG_LEVEL_WARN, "certificate not renewed", &e);
	if (!guest_each(agent_state_dir(a), renew_in_turn, &walk, &damaged))
		log_err(a->log, LOG_LEVEL_ERROR, "a record is damaged", &damaged);
	err_clear(&e);
	if (!copy_note_time(agent_state_dir(a), clock_wall_us(a->clock), &e))
		log_err(a->log, LOG_LEVEL_WARN, "time not stored", &e);
}
