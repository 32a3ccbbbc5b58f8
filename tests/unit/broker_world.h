/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker_world - a real store in a directory of its own, a clock that tests set, a CA, people
 *                and hosts: what tests of the broker's upper floors stand on.
 *
 * Owns:    the directory; world_close removes it.
 * Threads: the clock may be read by many and set by one.
 */
#ifndef TESTS_UNIT_BROKER_WORLD_H
#define TESTS_UNIT_BROKER_WORLD_H

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/store/queries.h"
#include "crypto/pki.h"
#include "tests/unit/check.h"

#define WORLD_BEGIN_US INT64_C(1800000000000000)

struct world {
	char dir[64];
	char path[96];
	struct clock clock;
	_Atomic int64_t wall_us, monotonic_us;
	struct mac_key *row, *audit;
	struct store *store;
	struct pkey *ca_key;
	struct ca *ca;
	struct buf ca_pem;
	struct err e;
};

static UNUSED int64_t world_wall(void *ctx)
{
	return ((struct world *)ctx)->wall_us;
}

static UNUSED int64_t world_monotonic(void *ctx)
{
	return ((struct world *)ctx)->monotonic_us;
}

/* A step of the set-up that must work, or the test is pointless. */
static UNUSED void must(struct world *w, bool worked, const char *what)
{
	if (worked)
		return;
	fprintf(stderr, "set-up: %s: %s (%s)\n", what, w->e.detail, w->e.trail);
	abort();
}

static UNUSED struct mac_key *world_key(struct world *w, uint8_t with)
{
	struct mac_key *key = NULL;
	struct secret *s = NULL;

	must(w, secret_new(32, &s, &w->e), "secret");
	memset(secret_fill(s), with, 32);
	must(w, mac_key_from(s, &key, &w->e), "mac key");
	secret_free(s);
	return key;
}

/* margin_bytes: how much free space the store wants; more than there is lets changes fail. */
static UNUSED void world_store(struct world *w, int64_t margin_bytes)
{
	const struct store_options o = { .path = w->path,
					 .writer = "broker",
					 .keys = { w->row, w->audit },
					 .clock = &w->clock,
					 .margin_bytes = margin_bytes };

	must(w, store_open(&o, &w->store, &w->e), "store_open");
}

static UNUSED void world_open(struct world *w)
{
	struct store_file *f = NULL;

	*w = (struct world){ .wall_us = WORLD_BEGIN_US, .monotonic_us = 1000000 };
	w->clock = (struct clock){ world_wall, world_monotonic, w };
	must(w, secret_slab_open(1 << 20, &w->e), "slab");
	snprintf(w->dir, sizeof w->dir, "/tmp/vtpm-test-XXXXXX");
	must(w, mkdtemp(w->dir) != NULL, "mkdtemp");
	snprintf(w->path, sizeof w->path, "%s/broker.db", w->dir);
	must(w, store_file_create(w->path, &f, &w->e), "store_file_create");
	store_file_free(f);
	w->row = world_key(w, 1);
	w->audit = world_key(w, 2);
	world_store(w, 0);
	must(w, ca_make("test CA", w->wall_us, &w->ca_key, &w->ca_pem, &w->e), "ca_make");
	must(w, ca_open(w->ca_key, w->ca_pem.at, &w->ca, &w->e), "ca_open");
}

static UNUSED void world_close(struct world *w)
{
	char command[128];

	store_free(w->store);
	mac_key_free(w->row);
	mac_key_free(w->audit);
	ca_free(w->ca);
	pkey_free(w->ca_key);
	buf_done(&w->ca_pem);
	snprintf(command, sizeof command, "rm -r '%s'", w->dir);
	if (system(command) != 0)
		fprintf(stderr, "%s is left behind\n", w->dir);
}

static UNUSED void world_put(struct world *w, enum table t, const void *row)
{
	struct change *c = NULL;

	must(w, change_new(&c, &w->e), "change_new");
	change_put(c, t, row);
	must(w, store_commit(w->store, c, &w->e), "store_commit");
	change_free(c);
}

/* "vtpm_" and 43 characters, all of them `fill`. */
static UNUSED void world_token_text(char ret[64], char fill)
{
	memset(ret, 0, 64);
	snprintf(ret, 64, "vtpm_");
	memset(ret + 5, fill, 42);
	ret[47] = 'A'; /* the last character has no stray bits */
}

static UNUSED void world_token(struct world *w, char fill, const char *role,
			       int64_t ends_us, int64_t revoked_us)
{
	struct token_row t = { .created_us = WORLD_BEGIN_US,
			       .expires_us = ends_us,
			       .revoked_us = revoked_us };
	char text[64];

	world_token_text(text, fill);
	must(w,
	     digest_sha256((struct view){ (uint8_t *)text, strlen(text) }, t.sha256,
			   &w->e),
	     "digest");
	must(w, uuid_random(&t.id, &w->e), "uuid");
	snprintf(t.issuer, sizeof t.issuer, "broker:test");
	snprintf(t.subject, sizeof t.subject, "%s-%c", role, fill);
	snprintf(t.project, sizeof t.project, "p1");
	snprintf(t.role, sizeof t.role, "%s", role);
	snprintf(t.projects, sizeof t.projects, "*");
	snprintf(t.hosts, sizeof t.hosts, "*");
	world_put(w, TABLE_TOKEN, &t);
}

/* The DER inside one PEM block. */
static UNUSED size_t world_der(const char *pem, uint8_t *ret, size_t cap)
{
	char b64[8192] = { 0 };
	size_t n = 0;
	const char *p = strchr(pem, '\n');
	int len;

	for (; p != NULL && *p != '-'; p++)
		if (*p != '\n' && n + 1 < sizeof b64)
			b64[n++] = *p;
	len = n * 3 / 4 > cap ? -1 : EVP_DecodeBlock(ret, (uint8_t *)b64, (int)n);
	for (size_t i = n; len > 0 && i > 0 && b64[i - 1] == '='; i--)
		len--;
	return len < 0 ? 0 : (size_t)len;
}

/* A certificate of a host, as it shows it. */
struct shown {
	uint8_t der[2048];
	size_t len;
	char hash[PKI_HASH_HEX]; /* of its key */
};

/* By `ca`, for a new key, from now on. */
static UNUSED void world_certificate(struct world *w, const struct ca *ca,
				     const char *name, int64_t days, struct shown *ret)
{
	struct pkey *key = NULL;
	struct buf pem = { 0 };

	must(w, pkey_new(&key, &w->e) && pkey_hash(key, ret->hash, &w->e), "host key");
	must(w, ca_issue_host(ca, key, name, w->wall_us, days, &pem, &w->e),
	     "certificate");
	ret->len = world_der(pem.at, ret->der, sizeof ret->der);
	buf_done(&pem);
	pkey_free(key);
}

static UNUSED void world_host(struct world *w, const char *hash, const char *name,
			      const char *state)
{
	struct host_row h = { .created_us = WORLD_BEGIN_US,
			      .policies = 7,
			      .protocol = 1 };

	snprintf(h.key_hash, sizeof h.key_hash, "%s", hash);
	snprintf(h.name, sizeof h.name, "%s", name);
	snprintf(h.state, sizeof h.state, "%s", state);
	world_put(w, TABLE_HOST, &h);
}

#endif
