/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate_bed - a gate over a store with two approved hosts, for the tests of broker/gate.
 *
 * Owns:    the world, the vault's key, the vault, the gate and one reader, from bed_open to
 *          bed_close.
 * Threads: one.
 */
#ifndef TESTS_UNIT_GATE_BED_H
#define TESTS_UNIT_GATE_BED_H

#include "broker/gate/gate.h"
#include "broker/vault/vault.h"
#include "tests/unit/broker_world.h"

#define H1 "1111111111111111111111111111111111111111111111111111111111111111"
#define H2 "2222222222222222222222222222222222222222222222222222222222222222"

struct bed {
	struct world w;
	struct wrap_key *root;
	struct vault *vault;
	struct gate *gate;
	struct reader *r;
};

static void bed_open(struct bed *b)
{
	struct world *w = &b->w;

	world_open(w);
	must(w, wrap_key_new(&b->root, &w->e) && vault_new(b->root, &b->vault, &w->e),
	     "vault");
	must(w, gate_new(&w->clock, b->vault, &b->gate, &w->e), "gate");
	must(w, reader_open(w->store, &b->r, &w->e), "reader");
	world_host(w, H1, "h1", "approved");
	world_host(w, H2, "h2", "approved");
}

static void bed_close(struct bed *b)
{
	reader_free(b->r);
	gate_free(b->gate);
	vault_free(b->vault);
	wrap_key_free(b->root);
	world_close(&b->w);
}

/* An instance of alice's in p1, not written yet. */
static struct instance_row bed_instance(struct bed *b, const char *security)
{
	struct instance_row i = { 0 };

	must(&b->w, uuid_random(&i.id, &b->w.e) && uuid_random(&i.secret, &b->w.e),
	     "uuid");
	snprintf(i.issuer, sizeof i.issuer, "broker:test");
	snprintf(i.project, sizeof i.project, "p1");
	snprintf(i.owner, sizeof i.owner, "alice");
	snprintf(i.security, sizeof i.security, "%s", security);
	snprintf(i.state, sizeof i.state, "none");
	return i;
}

/* Do all rows that the verdict rests on still stand? */
static bool commits(struct bed *b, const struct verdict *v)
{
	struct change *c = NULL;
	struct err e = { 0 };
	bool ok;

	must(&b->w, change_new(&c, &b->w.e), "change");
	gate_guard(v, c, 0);
	change_audit(c)->count = 1;
	ok = store_commit(b->w.store, c, &e);
	change_free(c);
	return ok;
}

#endif
