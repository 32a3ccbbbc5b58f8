/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/jwe.h"
#include "crypto/random.h"
#include "crypto/relay.h"
#include "tests/unit/relay_world.h"

#include <stdlib.h>

static const struct jwe_form outer = { .typ = "vtpm-state",
				       .cty = "vtpm-state",
				       .most = RELAY_BYTES_MAX + 4096 };

static const struct seal_header given = RELAY_HEADER("cold-migrate");

static enum err_kind refusal(const struct relay_reader *by, struct view text)
{
	CLEANUP(buf_done) struct buf got = { 0 };
	struct relayed r = { 0 };
	struct err e = { 0 };

	if (relay_open_bytes(by, text, &r, &got, &e))
		return ERR_NONE;
	assert(!got.at && !r.from.name[0] && r.header.version == 0 && e.kind != ERR_NONE);
	return e.kind;
}

static bool comes_back(struct world *w, struct view bytes)
{
	CLEANUP(buf_done) struct buf jwe = { 0 };
	CLEANUP(buf_done) struct buf got = { 0 };
	struct jws_signer a = signer(&w->a);
	struct relay_reader by = reader(w);
	struct seal_header header = given;
	struct relayed r = { 0 };
	struct err e = { 0 };

	buf_add(&got, "before"); /* what was there stays */
	return relay_seal_bytes(&a, w->b.sealing, &header, bytes, &jwe, &e) &&
	       jwe.len <= RELAY_STATE_MAX &&
	       relay_open_bytes(&by, bytes_of(&jwe), &r, &got, &e) &&
	       got.len == bytes.len + 6 && memcmp(got.at + 6, bytes.at, bytes.len) == 0 &&
	       r.header.handover == 5 && strcmp(r.from.name, "a") == 0;
}

static void test_lengths(struct world *w)
{
	static const size_t lens[] = { 1, 2, 3, 6013, RELAY_BYTES_MAX };
	uint8_t *bytes = malloc(RELAY_BYTES_MAX + 1);
	CLEANUP(buf_done) struct buf none = { 0 };
	struct jws_signer a = signer(&w->a);
	struct seal_header header = given;
	struct err e = { 0 };

	check("there are bytes", bytes && random_bytes(bytes, RELAY_BYTES_MAX + 1, &e));
	for (size_t i = 0; i < ARRAY_LEN(lens); i++)
		check("a state of every length comes back",
		      comes_back(w, (struct view){ bytes, lens[i] }));
	check("a state of line feeds comes back",
	      comes_back(w, (struct view){ (const uint8_t *)"\n\n\n", 3 }));
	check("a longer state is refused",
	      !relay_seal_bytes(&a, w->b.sealing, &header,
				(struct view){ bytes, RELAY_BYTES_MAX + 1 }, &none, &e) &&
		      e.kind == ERR_TOO_LARGE);
	check("an empty state is refused",
	      !relay_seal_bytes(&a, w->b.sealing, &header, (struct view){ bytes, 0 },
				&none, &e) &&
		      e.kind == ERR_TOO_LARGE && none.len == 0);
	free(bytes);
}

static void test_altered(struct world *w)
{
	CLEANUP(buf_done) struct buf jwe = { 0 };
	struct jws_signer a = signer(&w->a);
	struct relay_reader by = reader(w), other = by;
	struct seal_header header = given;
	struct err e = { 0 };
	bool any = false;

	check("a state is sealed",
	      relay_seal_bytes(&a, w->b.sealing, &header,
			       (struct view){ (const uint8_t *)"state of a TPM", 14 },
			       &jwe, &e));
	for (size_t i = 0; i < jwe.len; i++) {
		unsigned bit = (unsigned)(i * 5 % 7);

		jwe.at[i] = (char)(jwe.at[i] ^ 1 << bit);
		any |= refusal(&by, bytes_of(&jwe)) != ERR_BAD_SEALED;
		jwe.at[i] = (char)(jwe.at[i] ^ 1 << bit);
	}
	for (size_t len = 0; len < jwe.len; len += 7)
		any |= refusal(&by, (struct view){ (uint8_t *)jwe.at, len }) !=
		       ERR_BAD_SEALED;
	check("no flipped bit and no shorter text opens", !any);
	other.sealing = w->c.sealing;
	check("another host cannot open it",
	      refusal(&other, bytes_of(&jwe)) == ERR_BAD_SEALED);
	by.signer.now_us = now_us + 91 * day_us;
	check("an expired sender is refused as such",
	      refusal(&by, bytes_of(&jwe)) == ERR_CERTIFICATE_EXPIRED);
}

/* A JWS that says something, before bytes that are something. */
static enum err_kind refusal_of(struct world *w, const struct seal_header *claimed,
				const char *members, const char *bytes)
{
	CLEANUP(buf_done) struct buf header = { 0 };
	CLEANUP(buf_done) struct buf payload = { 0 };
	CLEANUP(buf_done) struct buf plain = { 0 };
	CLEANUP(buf_done) struct buf jwe = { 0 };
	OWNED(sealer) sealer = NULL;
	struct relay_reader by = reader(w);
	struct seal_header h = *claimed, sealed = given;
	char claims[JWE_CLAIMS];
	struct err e = { 0 };

	if (!pkey_kid(w->b.sealing, h.kid, &e) ||
	    !jwe_claims(&h, claims, sizeof(claims), &e) ||
	    !make_header(&odd_headers[0], "vtpm-state", w->a.cert.at, &header))
		return ERR_INTERNAL;
	buf_addf(&payload, "{%s%s}", claims, members);
	if (!sign_by_hand(w->a.identity, header.at, payload.at, &plain) ||
	    !sealer_new(w->b.sealing, &sealer, &e))
		return ERR_INTERNAL;
	buf_add(&plain, bytes);
	if (!jwe_seal(sealer, &outer, &sealed, bytes_of(&plain), &jwe, &e))
		return ERR_INTERNAL;
	return refusal(&by, bytes_of(&jwe));
}

#define OF_ABC ",\"sha256\":\"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0\""

static void test_claims(struct world *w)
{
	static const struct {
		const char *says, *members, *bytes;
		bool good;
	} rows[] = {
		{ "a state made by hand opens", ",\"size\":3" OF_ABC, "\nabc", true },
		{ "other bytes are refused", ",\"size\":3" OF_ABC, "\nabd", false },
		{ "more bytes are refused", ",\"size\":3" OF_ABC, "\nabcd", false },
		{ "another size is refused", ",\"size\":4" OF_ABC, "\nabc", false },
		{ "bytes without their digest are refused", ",\"size\":3", "\nabc",
		  false },
		{ "bytes without their size are refused", OF_ABC, "\nabc", false },
		{ "an unknown claim is refused", ",\"size\":3,\"x\":1" OF_ABC, "\nabc",
		  false },
		{ "no line feed is refused", ",\"size\":3" OF_ABC, "abc", false },
		{ "no bytes are refused", ",\"size\":3" OF_ABC, "\n", false },
	};
	struct seal_header other = given;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(rows[i].says,
		      refusal_of(w, &given, rows[i].members, rows[i].bytes) ==
			      (rows[i].good ? ERR_NONE : ERR_BAD_SEALED));
	other.handover = 4;
	check("a state of another hand-over is refused",
	      refusal_of(w, &other, ",\"size\":3" OF_ABC, "\nabc") == ERR_BAD_SEALED);
}

static void test_kinds(struct world *w)
{
	CLEANUP(buf_done) struct buf state = { 0 };
	CLEANUP(buf_done) struct buf value = { 0 };
	OWNED(secret) secret = NULL;
	OWNED(secret) got = NULL;
	struct jws_signer a = signer(&w->a);
	struct relay_reader by = reader(w);
	struct seal_header header = given;
	struct relayed r;
	struct err e = { 0 };

	check("a state and a value are sealed",
	      random_passphrase(&secret, &e) &&
		      relay_seal(&a, w->b.sealing, &header, secret, &value, &e) &&
		      relay_seal_bytes(&a, w->b.sealing, &header, secret_view(secret),
				       &state, &e));
	check("a value is no state", refusal(&by, bytes_of(&value)) == ERR_BAD_SEALED);
	check("a state is no value", !relay_open(&by, bytes_of(&state), &r, &got, &e) &&
					     e.kind == ERR_BAD_SEALED && !got);
}

int main(void)
{
	CLEANUP(world_done) struct world w = { 0 };

	if (!check("there are hosts and their CA", world_make(&w)))
		return done();
	test_lengths(&w);
	test_altered(&w);
	test_claims(&w);
	test_kinds(&w);
	return done();
}
