/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what a host sends or asks another. A first byte of '{' makes them the claims of a
 * value that a good host signed and sealed, '[' (which then counts as '{') those of a state,
 * '<' those of an ask, 'J' a JWS that somebody sealed: the fuzzer need not learn ECDSA first.
 */
#include "crypto/ask.h"
#include "crypto/es256.h"
#include "crypto/jwe.h"
#include "crypto/relay.h"
#include "tests/fuzz/target.h"
#include "tests/interop/relay_sample.h"

#include <stdlib.h>
#include <string.h>

static const int64_t now_us = INT64_C(1790000000000000);

/* One host that is source and destination at once; for all inputs of a run. */
static struct {
	struct pkey *identity, *sealing;
	struct ca *ca;
	struct buf cert;
	struct sealer *sealer;
} host;

/* Keys are new in every run, so "kid" is not to be known: %K in claims stands for it. */
static char kid[PKI_KID];

static void make_host(void)
{
	CLEANUP(buf_done) struct buf pem = { 0 };
	OWNED(pkey) key = NULL;
	struct err e = { 0 };
	bool ok =
		ca_make("CA", now_us, &key, &pem, &e) &&
		ca_open(key, pem.at, &host.ca, &e) && pkey_new(&host.identity, &e) &&
		pkey_new(&host.sealing, &e) && pkey_kid(host.sealing, kid, &e) &&
		ca_issue_host(host.ca, host.identity, "a", now_us, 90, &host.cert, &e) &&
		sealer_new(host.sealing, &host.sealer, &e);

	assert(ok);
}

static void try_text(struct view text)
{
	CLEANUP(asked_done) struct asked asked = { 0 };
	CLEANUP(buf_done) struct buf bytes = { 0 };
	OWNED(secret) value = NULL;
	struct relay_reader by = { { host.ca, now_us }, host.sealing };
	struct relayed r = { 0 };
	struct err e = { 0 };

	if (relay_open(&by, text, &r, &value, &e))
		assert(value && secret_len(value) >= 1 && r.header.handover == 5);
	else
		assert(!value && e.kind != ERR_NONE && !r.from.name[0]);
	e = (struct err){ 0 };
	if (relay_open_bytes(&by, text, &r, &bytes, &e))
		assert(bytes.len >= 1 && r.header.handover == 5);
	else
		assert(!bytes.at && e.kind != ERR_NONE);
	e = (struct err){ 0 };
	if (ask_check(&by.signer, text, &asked, &e))
		assert(asked.sealing && strcmp(asked.by.name, "a") == 0);
	else
		assert(!asked.sealing && e.kind != ERR_NONE);
}

/* What a host signs, with claims of anybody's. */
static void sign(const char *typ, struct view claims, struct buf *ret)
{
	struct jws_signer by = { host.identity, host.cert.at };
	CLEANUP(buf_done) struct buf payload = { 0 };
	char signature[JWS_SIGNATURE];
	struct err e = { 0 };
	bool ok = jws_begin(&by, typ, ret, &e);

	for (size_t i = 0; i < claims.len; i++) {
		if (claims.at[i] == '%' && i + 1 < claims.len &&
		    claims.at[i + 1] == 'K') {
			buf_add(&payload, kid);
			i++;
		} else {
			buf_add_bytes(&payload, (struct view){ claims.at + i, 1 });
		}
	}
	buf_add(ret, ".");
	buf_add_b64url(ret, (struct view){ (uint8_t *)payload.at, payload.len });
	ok = ok &&
	     jws_sign(&by, (struct view){ (uint8_t *)ret->at, ret->len }, signature, &e);
	assert(ok);
	buf_add(ret, ".");
	buf_add(ret, signature);
}

static void try_sealed(const char *typ, const char *cty, struct view plain)
{
	const struct jwe_form form = { typ, cty, RELAY_BYTES_MAX };
	CLEANUP(buf_done) struct buf text = { 0 };
	struct seal_header header = relay_sample;
	struct err e = { 0 };

	if (plain.len && jwe_seal(host.sealer, &form, &header, plain, &text, &e))
		try_text((struct view){ (uint8_t *)text.at, text.len });
}

static struct view after_first(const uint8_t *bytes, size_t len)
{
	return (struct view){ bytes + 1, len - 1 };
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	CLEANUP(buf_done) struct buf jws = { 0 };

	if (!host.ca)
		make_host();
	switch (len ? bytes[0] : 0) {
	case '{':
		sign("vtpm-relay", (struct view){ bytes, len }, &jws);
		try_sealed("vtpm-relay", "JWS",
			   (struct view){ (uint8_t *)jws.at, jws.len });
		break;
	case '[':
		sign("vtpm-state", after_first(bytes, len), &jws);
		buf_add(&jws, "\nabc");
		try_sealed("vtpm-state", "vtpm-state",
			   (struct view){ (uint8_t *)jws.at, jws.len });
		break;
	case '<':
		sign("vtpm-ask", after_first(bytes, len), &jws);
		try_text((struct view){ (uint8_t *)jws.at, jws.len });
		break;
	case 'J':
		try_sealed("vtpm-relay", "JWS", after_first(bytes, len));
		try_sealed("vtpm-state", "vtpm-state", after_first(bytes, len));
		break;
	default:
		try_text((struct view){ bytes, len });
	}
	return 0;
}
