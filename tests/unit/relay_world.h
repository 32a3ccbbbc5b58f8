/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay_world - a CA, a source and a destination host, and a stranger, for the tests of relay
 *               and ask; and JWS put together by hand.
 */
#ifndef TESTS_UNIT_RELAY_WORLD_H
#define TESTS_UNIT_RELAY_WORLD_H

#include "common/clock.h"
#include "crypto/es256.h"
#include "crypto/jws.h"
#include "crypto/relay.h"
#include "crypto/x509.h"
#include "tests/unit/check.h"

#include <string.h>

static const int64_t now_us = INT64_C(1790000000) * US_PER_S;
static const int64_t day_us = INT64_C(86400) * US_PER_S;

struct party {
	struct pkey *identity; /* owned */
	struct pkey *sealing;  /* owned */
	struct buf cert;       /* owned */
};

struct world {
	struct pkey *key, *foreign_key; /* owned */
	struct buf pem, foreign_pem;    /* owned */
	struct ca *ca, *foreign;        /* owned: they issue */
	struct ca *trust;               /* owned: from the certificate alone */
	struct party a, b, c;    /* source, destination, a stranger of the same CA */
	struct buf foreign_cert; /* owned: for a's key */
	struct buf server_cert;  /* owned: for a's key */
};

static void party_done(struct party *p)
{
	pkey_free(p->identity);
	pkey_free(p->sealing);
	buf_done(&p->cert);
}

static void world_done(struct world *w)
{
	ca_free(w->ca);
	ca_free(w->foreign);
	ca_free(w->trust);
	pkey_free(w->key);
	pkey_free(w->foreign_key);
	buf_done(&w->pem);
	buf_done(&w->foreign_pem);
	buf_done(&w->foreign_cert);
	buf_done(&w->server_cert);
	party_done(&w->a);
	party_done(&w->b);
	party_done(&w->c);
}

static bool party_make(const struct ca *ca, const char *name, struct party *p)
{
	struct err e = { 0 };

	return pkey_new(&p->identity, &e) && pkey_new(&p->sealing, &e) &&
	       ca_issue_host(ca, p->identity, name, now_us, 90, &p->cert, &e);
}

static bool world_make(struct world *w)
{
	struct err e = { 0 };

	return ca_make("vtpm-broker CA", now_us, &w->key, &w->pem, &e) &&
	       ca_make("vtpm-broker CA", now_us, &w->foreign_key, &w->foreign_pem, &e) &&
	       ca_open(w->key, w->pem.at, &w->ca, &e) &&
	       ca_open(w->foreign_key, w->foreign_pem.at, &w->foreign, &e) &&
	       ca_trust(w->pem.at, &w->trust, &e) && party_make(w->ca, "a", &w->a) &&
	       party_make(w->ca, "b", &w->b) && party_make(w->ca, "c", &w->c) &&
	       ca_issue_host(w->foreign, w->a.identity, "a", now_us, 90, &w->foreign_cert,
			     &e) &&
	       ca_issue_server(w->ca, w->a.identity, "a", now_us, 90, &w->server_cert,
			       &e);
}

static struct jws_signer signer(const struct party *p)
{
	return (struct jws_signer){ p->identity, p->cert.at };
}

/* b, who opens what a host of the CA sealed to it. */
static UNUSED struct relay_reader reader(const struct world *w)
{
	return (struct relay_reader){ { w->trust, now_us }, w->b.sealing };
}

/* The header of what a relays to b, but its kid. */
#define RELAY_HEADER(purpose_)                                                      \
	{                                                                           \
		.instance = { "2f1b2c3d-0001-4000-8000-00000000000a" },             \
		.secret = { "2f1b2c3d-0001-4000-8000-00000000000b" }, .version = 3, \
		.purpose = purpose_, .epoch = 8,                                    \
		.attempt = { "2f1b2c3d-0001-4000-8000-00000000000c" },              \
		.nonce = "_-9nonce0123456789nonce", .handover = 5,                  \
	}

static struct view bytes_of(const struct buf *b)
{
	return (struct view){ (const uint8_t *)b->at, b->len };
}

/* A JWS with any header, signed by any key. */
static bool sign_by_hand(const struct pkey *key, const char *header, const char *payload,
			 struct buf *ret)
{
	uint8_t raw[ES256_BYTES];

	buf_add_b64url(ret, (struct view){ (const uint8_t *)header, strlen(header) });
	buf_add(ret, ".");
	buf_add_b64url(ret, (struct view){ (const uint8_t *)payload, strlen(payload) });
	if (!es256_sign(key, bytes_of(ret), raw))
		return false;
	buf_add(ret, ".");
	buf_add_b64url(ret, (struct view){ raw, sizeof(raw) });
	return !ret->failed;
}

/* The certificate as x5c has it: base64 with padding. */
static bool x5c_of(const char *pem, struct buf *ret)
{
	const char *at = strchr(pem, '\n'), *end = strstr(pem, "\n-----END");

	for (; at && at < end; at++)
		if (*at != '\n')
			buf_addf(ret, "%c", *at);
	return !ret->failed && ret->len > 0;
}

/* "%s" of each header stands for the certificate. */
static const struct odd_header {
	const char *says, *format;
	bool good;
	enum err_kind why;
} odd_headers[] = {
	{ "one made by hand is taken",
	  "{\"alg\":\"ES256\",\"typ\":\"TYP\",\"x5c\":[\"%s\"]}", true, ERR_NONE },
	{ "unsigned is refused", "{\"alg\":\"none\",\"typ\":\"TYP\",\"x5c\":[\"%s\"]}",
	  false, ERR_BAD_SEALED },
	{ "a symmetric algorithm is refused",
	  "{\"alg\":\"HS256\",\"typ\":\"TYP\",\"x5c\":[\"%s\"]}", false, ERR_BAD_SEALED },
	{ "a lease's type is refused",
	  "{\"alg\":\"ES256\",\"typ\":\"vtpm-lease\",\"x5c\":[\"%s\"]}", false,
	  ERR_BAD_SEALED },
	{ "no type is refused", "{\"alg\":\"ES256\",\"x5c\":[\"%s\"]}", false,
	  ERR_BAD_SEALED },
	{ "critical extensions are refused",
	  "{\"alg\":\"ES256\",\"typ\":\"TYP\",\"crit\":[\"exp\"],\"x5c\":[\"%s\"]}",
	  false, ERR_BAD_SEALED },
	{ "no certificate is refused", "{\"alg\":\"ES256\",\"typ\":\"TYP\",\"x\":\"%s\"}",
	  false, ERR_BAD_SEALED },
	{ "a certificate beside a chain is refused",
	  "{\"alg\":\"ES256\",\"typ\":\"TYP\",\"x5c\":[\"%s\",\"AAAA\"]}", false,
	  ERR_BAD_SEALED },
	{ "a certificate that is no list is refused",
	  "{\"alg\":\"ES256\",\"typ\":\"TYP\",\"x5c\":\"%s\"}", false, ERR_BAD_SEALED },
	{ "a certificate with bytes before it is refused",
	  "{\"alg\":\"ES256\",\"typ\":\"TYP\",\"x5c\":[\"AAAA%s\"]}", false,
	  ERR_BAD_CERTIFICATE },
	{ "a certificate in two lines is refused",
	  "{\"alg\":\"ES256\",\"typ\":\"TYP\",\"x5c\":[\"\\n\\n\\n\\n%s\"]}", false,
	  ERR_BAD_SEALED },
	{ "a header that names its certificate twice is refused",
	  "{\"alg\":\"ES256\",\"typ\":\"TYP\",\"x5c\":[\"%s\"],\"x5c\":[]}", false,
	  ERR_BAD_SEALED },
};

/* TYP becomes typ, %s the certificate of pem. */
static bool make_header(const struct odd_header *odd, const char *typ, const char *pem,
			struct buf *ret)
{
	CLEANUP(buf_done) struct buf x5c = { 0 };

	if (!x5c_of(pem, &x5c))
		return false;
	for (const char *at = odd->format; *at; at++) {
		if (strncmp(at, "TYP", 3) == 0) {
			buf_add(ret, typ);
			at += 2;
		} else if (strncmp(at, "%s", 2) == 0) {
			buf_add(ret, x5c.at);
			at++;
		} else {
			buf_addf(ret, "%c", *at);
		}
	}
	return !ret->failed;
}

#endif
