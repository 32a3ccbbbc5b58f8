/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_bed - the handlers over a real store, with a clock that the test sets.
 *
 * Gives:   call: runs one handler as dispatch does, and commits; who calls is as_person's and
 *          as_host's to say. Hosts' key hashes are one digit, 64 times.
 * Owns:    the world below it; bed_close takes all down.
 * Threads: one.
 */
#ifndef TESTS_UNIT_API_BED_H
#define TESTS_UNIT_API_BED_H

#include "broker/api/api.h"
#include "broker/api/presence.h"
#include "broker/api/v1/handlers.h"
#include "broker/gate/gate.h"
#include "broker/vault/vault.h"
#include "crypto/statement.h"
#include "tests/unit/broker_world.h"

#define DAY_US (INT64_C(24) * 3600 * US_PER_S)
#define INSTANCE "11111111-0000-4000-8000-000000000001"
#define ATTEMPT "22222222-0000-4000-8000-00000000000"
#define NONCE "nnnnnnnnnnnnnnnnnnnn"

struct bed {
	struct world w;
	struct wrap_key *root;
	struct vault *vault;
	struct gate *gate;
	struct presence *presence;
	struct reader *r;
	struct worker *worker;
	struct pkey *statement, *sealing;
	struct api api;
	struct exchange x;
	struct err e;
	int64_t waited_us; /* how long ago the request came */
};

static UNUSED void bed_open(struct bed *b)
{
	struct world *w = &b->w;

	world_open(w);
	must(w, wrap_key_new(&b->root, &w->e) && vault_new(b->root, &b->vault, &w->e),
	     "vault");
	must(w, gate_new(&w->clock, b->vault, &b->gate, &w->e), "gate");
	must(w, presence_new(&b->presence, &w->e), "presence");
	must(w, reader_open(w->store, &b->r, &w->e), "reader");
	must(w, worker_new(&b->worker, &w->e), "worker");
	must(w, pkey_new(&b->statement, &w->e) && pkey_new(&b->sealing, &w->e), "keys");
	b->api = (struct api){ .gate = b->gate,
			       .vault = b->vault,
			       .store = w->store,
			       .clock = &w->clock,
			       .presence = b->presence,
			       .statement = b->statement,
			       .lease_us = 7 * DAY_US,
			       .backed_up = true };
}

static UNUSED void bed_close(struct bed *b)
{
	exchange_done(&b->x);
	pkey_free(b->statement);
	pkey_free(b->sealing);
	worker_free(b->worker);
	reader_free(b->r);
	gate_free(b->gate);
	presence_free(b->presence);
	vault_free(b->vault);
	wrap_key_free(b->root);
	world_close(&b->w);
}

/* A host whose key hash is one digit, 64 times. */
static UNUSED void host_put(struct bed *b, char digit, const char *name)
{
	struct host_row h = { .created_us = WORLD_BEGIN_US,
			      .policies = 7,
			      .protocol = 1 };
	size_t len = 0;

	memset(h.key_hash, digit, 64);
	snprintf(h.name, sizeof h.name, "%s", name);
	snprintf(h.state, sizeof h.state, "approved");
	must(&b->w,
	     pkey_spki(b->sealing, h.sealing_spki, sizeof h.sealing_spki, &len,
		       &b->w.e) &&
		     pkey_kid(b->sealing, h.sealing_kid, &b->w.e),
	     "sealing key");
	h.sealing_len = (int64_t)len;
	world_put(&b->w, TABLE_HOST, &h);
}

static UNUSED void host_state(struct bed *b, const char *name, const char *state)
{
	struct host_row h;

	must(&b->w, read_host_by_name(b->r, name, &h, &b->w.e), "read_host");
	snprintf(h.state, sizeof h.state, "%s", state);
	world_put(&b->w, TABLE_HOST, &h);
}

static UNUSED void as_person(struct bed *b, enum role role, const char *subject)
{
	struct token_row *t = &b->x.who.token;

	b->x.who = (struct principal){ .kind = PRINCIPAL_PERSON, .role = role };
	snprintf(t->issuer, sizeof t->issuer, "broker:test");
	snprintf(t->subject, sizeof t->subject, "%s", subject);
	snprintf(t->project, sizeof t->project, "p1");
	snprintf(t->projects, sizeof t->projects, "*");
	snprintf(t->hosts, sizeof t->hosts, "*");
}

static UNUSED void as_host(struct bed *b, const char *name)
{
	b->x.who = (struct principal){ .kind = PRINCIPAL_HOST };
	must(&b->w, read_host_by_name(b->r, name, &b->x.who.host, &b->w.e), "read_host");
}

/* Runs a handler as dispatch does, and commits. ERR_NONE, or what it refused with. */
static UNUSED enum err_kind call(struct bed *b, api_handler *handler, const char *arg,
				 const char *body)
{
	static const struct route route = { .verb = "test" };
	struct exchange *x = &b->x;

	exchange_done(x);
	must(&b->w, change_new(&x->change, &b->w.e), "change");
	x->route = &route;
	x->query = "";
	x->started_us = b->w.monotonic_us - b->waited_us;
	x->db = b->r;
	x->worker = b->worker;
	x->body = (struct view){ (const uint8_t *)body, strlen(body) };
	snprintf(x->args[0], sizeof x->args[0], INSTANCE);
	snprintf(x->args[1], sizeof x->args[1], "%s", arg);
	b->e = (struct err){ 0 };
	if (!handler(&b->api, x, &b->e))
		return b->e.kind;
	if (!change_is_empty(x->change))
		must(&b->w, store_commit(b->w.store, x->change, &b->w.e), "commit");
	return ERR_NONE;
}

static UNUSED bool said(const struct bed *b, const char *text)
{
	return b->x.reply.body.at != NULL && strstr(b->x.reply.body.at, text) != NULL;
}

static UNUSED void at(struct bed *b, int64_t us_later)
{
	b->w.wall_us = WORLD_BEGIN_US + us_later;
}

static UNUSED enum err_kind place(struct bed *b, const char *body)
{
	as_person(b, ROLE_OPERATOR, "olga");
	return call(b, api_instance_place, "", body);
}

static UNUSED enum err_kind permit(struct bed *b, const char *id, const char *body)
{
	as_person(b, ROLE_MEMBER, "alice");
	return call(b, api_permit_put, id, body);
}

static UNUSED enum err_kind release(struct bed *b, const char *host, char attempt,
				    const char *more)
{
	char body[300];

	as_host(b, host);
	snprintf(body, sizeof body,
		 "{\"attempt\":\"" ATTEMPT "%c\",\"nonce\":\"" NONCE
		 "\",\"purpose\":\"start\"%s}",
		 attempt, more);
	return call(b, api_release, "", body);
}

#endif
