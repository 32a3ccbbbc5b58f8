/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/auth/auth.h"
#include "tests/unit/broker_world.h"

#define HOUR_US (3600 * US_PER_S)
#define DAY_US (24 * HOUR_US)

enum who { NOBODY, TOKEN, CERTIFICATE, BOTH };

enum host {
	APPROVED,
	DRAINING,
	PENDING,
	FENCED,
	REVOKED,
	UNKNOWN,
	FOREIGN,
	SHORT,
	HOSTS
};

static const char *const states[HOSTS] = { "approved", "draining", "pending", "fenced",
					   "revoked" };

static const struct {
	const char *says;
	unsigned may;
	enum who who;
	const char *authorization; /* %c: the token of that letter */
	enum host host;
	enum err_kind want;
} rows[] = {
	{ "a route for anyone asks for nothing", TRY_ANYONE, NOBODY, NULL, 0, ERR_NONE },
	{ "no identity at all is refused", TRY_PERSON, NOBODY, NULL, 0,
	  ERR_UNAUTHENTICATED },
	{ "no identity is refused on a host's route", TRY_HOST, NOBODY, NULL, 0,
	  ERR_UNAUTHENTICATED },
	{ "a member may do what members may", TRY_MEMBER, TOKEN, "m", 0, ERR_NONE },
	{ "a member may not do what operators may", TRY_OPERATOR, TOKEN, "m", 0,
	  ERR_FORBIDDEN },
	{ "an operator is no host-admin", TRY_HOST_ADMIN, TOKEN, "o", 0, ERR_FORBIDDEN },
	{ "a host-admin is no operator", TRY_OPERATOR, TOKEN, "h", 0, ERR_FORBIDDEN },
	{ "an auditor may read what persons may", TRY_PERSON, TOKEN, "a", 0, ERR_NONE },
	{ "a person may not do what hosts may", TRY_HOST, TOKEN, "m", 0, ERR_FORBIDDEN },
	{ "an expired token is refused", TRY_PERSON, TOKEN, "e", 0, ERR_TOKEN_EXPIRED },
	{ "a revoked token is refused", TRY_PERSON, TOKEN, "r", 0, ERR_TOKEN_REVOKED },
	{ "a token of an unknown role is refused", TRY_PERSON, TOKEN, "u", 0,
	  ERR_BAD_TOKEN },
	{ "an unknown token is refused", TRY_PERSON, TOKEN, "x", 0, ERR_BAD_TOKEN },
	{ "another scheme is refused", TRY_PERSON, TOKEN, "Basic dXNlcjpwYXNz", 0,
	  ERR_BAD_TOKEN },
	{ "an empty header is refused", TRY_PERSON, TOKEN, "", 0, ERR_BAD_TOKEN },
	{ "a token with bytes after it is refused", TRY_PERSON, TOKEN, "m+", 0,
	  ERR_BAD_TOKEN },
	{ "an approved host may do what hosts may", TRY_HOST, CERTIFICATE, NULL, APPROVED,
	  ERR_NONE },
	{ "a draining host may still release", TRY_HOST, CERTIFICATE, NULL, DRAINING,
	  ERR_NONE },
	{ "a pending host is refused", TRY_HOST, CERTIFICATE, NULL, PENDING,
	  ERR_HOST_PENDING },
	{ "a pending host may learn that it is", TRY_HOST | TRY_HOST_ANY, CERTIFICATE,
	  NULL, PENDING, ERR_NONE },
	{ "a fenced host is refused", TRY_HOST, CERTIFICATE, NULL, FENCED,
	  ERR_HOST_FENCED },
	{ "a fenced host may learn that it is", TRY_HOST_ANY, CERTIFICATE, NULL, FENCED,
	  ERR_NONE },
	{ "a revoked host may not even ask", TRY_HOST_ANY, CERTIFICATE, NULL, REVOKED,
	  ERR_HOST_REVOKED },
	{ "a certificate of ours without a host is refused", TRY_HOST, CERTIFICATE, NULL,
	  UNKNOWN, ERR_BAD_CERTIFICATE },
	{ "a certificate of another CA is refused", TRY_HOST, CERTIFICATE, NULL, FOREIGN,
	  ERR_BAD_CERTIFICATE },
	{ "a certificate out of its dates is refused", TRY_HOST, CERTIFICATE, NULL, SHORT,
	  ERR_CERTIFICATE_EXPIRED },
	{ "a host may not do what persons may", TRY_PERSON, CERTIFICATE, NULL, APPROVED,
	  ERR_FORBIDDEN },
	{ "with both, a host's route takes the certificate", TRY_HOST, BOTH, "m", FENCED,
	  ERR_HOST_FENCED },
	{ "with both, another route takes the token", TRY_PERSON | TRY_HOST, BOTH, "m",
	  FENCED, ERR_NONE },
	{ "a bad token is not saved by a good certificate", TRY_PERSON | TRY_HOST, BOTH,
	  "x", APPROVED, ERR_BAD_TOKEN },
};

static const char *authorization(const char *from, char ret[96])
{
	char token[64];

	if (from == NULL || strlen(from) > 2 || from[0] == '\0')
		return from;
	world_token_text(token, from[0]);
	snprintf(ret, 96, "Bearer %s%s", token, from + 1);
	return ret;
}

static void row_check(struct auth *a, struct reader *db, struct shown *shown, size_t i)
{
	struct route route = { .may = rows[i].may };
	struct peer peer = { 0 };
	struct exchange *x = calloc(1, sizeof *x);
	struct err e = { 0 };
	char text[96];
	bool ok;

	if (rows[i].who == CERTIFICATE || rows[i].who == BOTH)
		peer.certificate =
			(struct view){ shown[rows[i].host].der, shown[rows[i].host].len };
	x->route = &route;
	x->db = db;
	x->peer = &peer;
	x->authorization = authorization(rows[i].authorization, text);
	ok = auth_identify(a, x, &e);
	check(rows[i].says, ok == (rows[i].want == ERR_NONE) && e.kind == rows[i].want);
	free(x);
}

static void people_make(struct world *w)
{
	world_token(w, 'm', "member", WORLD_BEGIN_US + DAY_US, 0);
	world_token(w, 'o', "operator", WORLD_BEGIN_US + DAY_US, 0);
	world_token(w, 'h', "host-admin", WORLD_BEGIN_US + DAY_US, 0);
	world_token(w, 'a', "auditor", WORLD_BEGIN_US + DAY_US, 0);
	world_token(w, 'e', "member", WORLD_BEGIN_US + 1, 0);
	world_token(w, 'r', "member", WORLD_BEGIN_US + DAY_US, WORLD_BEGIN_US + 1);
	world_token(w, 'u', "emperor", WORLD_BEGIN_US + DAY_US, 0);
}

static void hosts_make(struct world *w, struct shown shown[HOSTS])
{
	struct pkey *key = NULL;
	struct ca *other = NULL;
	struct buf pem = { 0 };

	must(w, ca_make("other CA", w->wall_us, &key, &pem, &w->e), "other CA");
	must(w, ca_open(key, pem.at, &other, &w->e), "other CA");
	for (unsigned i = 0; i < HOSTS; i++) {
		char name[16];

		snprintf(name, sizeof name, "h%u", i);
		world_certificate(w, i == FOREIGN ? other : w->ca, name,
				  i == SHORT ? 1 : 90, &shown[i]);
		if (states[i] != NULL || i == SHORT)
			world_host(w, shown[i].hash, name,
				   i == SHORT ? "approved" : states[i]);
	}
	ca_free(other);
	pkey_free(key);
	buf_done(&pem);
}

/* One connection, over time: what changes in the row counts at once. */
static void time_check(struct world *w, struct auth *a, struct reader *db,
		       struct shown *s)
{
	struct route route = { .may = TRY_HOST };
	struct peer peer = { .certificate = { s[APPROVED].der, s[APPROVED].len } };
	struct exchange *x = calloc(1, sizeof *x);
	struct host_row h;

	x->route = &route;
	x->db = db;
	x->peer = &peer;
	check("a connection's first request is identified", auth_identify(a, x, &w->e));
	h = x->who.host;
	snprintf(h.state, sizeof h.state, "fenced");
	world_put(w, TABLE_HOST, &h);
	check("a fence holds for the next request of an open connection",
	      !auth_identify(a, x, &w->e) && w->e.kind == ERR_HOST_FENCED);
	check("a fenced host is still known by name, for the audit trail",
	      x->who.kind == PRINCIPAL_HOST && strcmp(x->who.host.name, "h0") == 0);
	err_clear(&w->e);
	w->wall_us = WORLD_BEGIN_US + 91 * DAY_US;
	check("a certificate that runs out on an open connection is refused",
	      !auth_identify(a, x, &w->e) && w->e.kind == ERR_CERTIFICATE_EXPIRED);
	err_clear(&w->e);
	w->wall_us = WORLD_BEGIN_US - 400 * DAY_US;
	check("a clock before the CA's own beginning is named",
	      !auth_identify(a, x, &w->e) && w->e.kind == ERR_CLOCK);
	free(x);
}

int main(void)
{
	struct world *w = calloc(1, sizeof *w);
	struct shown *shown = calloc(HOSTS, sizeof *shown);
	struct auth *a = NULL;
	struct reader *db = NULL;

	world_open(w);
	people_make(w);
	hosts_make(w, shown);
	must(w,
	     auth_new(&(struct auth_options){ w->ca, &w->clock, WORLD_BEGIN_US }, &a,
		      &w->e),
	     "auth_new");
	must(w, reader_open(w->store, &db, &w->e), "reader_open");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		w->wall_us = rows[i].host == SHORT ? WORLD_BEGIN_US + 2 * DAY_US
						   : WORLD_BEGIN_US + HOUR_US;
		row_check(a, db, shown, i);
	}
	for (size_t i = 0; i < ARRAY_LEN(rows);
	     i++) /* known by now, and judged the same */
		if (rows[i].who == CERTIFICATE) {
			w->wall_us = rows[i].host == SHORT ? WORLD_BEGIN_US + 2 * DAY_US
							   : WORLD_BEGIN_US + HOUR_US;
			row_check(a, db, shown, i);
		}
	w->wall_us = WORLD_BEGIN_US + HOUR_US;
	time_check(w, a, db, shown);
	reader_free(db);
	auth_free(a);
	world_close(w);
	free(shown);
	free(w);
	return done();
}
