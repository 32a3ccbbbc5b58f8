/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/relay.h"

#include "crypto/jwe.h"
#include "crypto/random.h"
#include "tests/unit/relay_world.h"

#include <stdlib.h>

static const struct jwe_form outer = { .typ = "vtpm-relay", .cty = "JWS", .most = 11500 };

static const struct seal_header given = RELAY_HEADER("migrate-in");

/* Why a text is refused; ERR_NONE when it opens. */
static enum err_kind refusal(const struct relay_reader *by, struct view text)
{
	OWNED(secret) value = NULL;
	struct relayed r = { 0 };
	struct err e = { 0 };

	if (relay_open(by, text, &r, &value, &e))
		return ERR_NONE;
	assert(!value && !r.from.name[0] && r.header.version == 0 && e.kind != ERR_NONE);
	return e.kind;
}

static void test_round_trip(struct world *w, const struct secret *value, struct buf *jwe)
{
	OWNED(secret) got = NULL;
	struct relay_reader by = reader(w);
	struct jws_signer a = signer(&w->a);
	struct seal_header header = given;
	struct relayed r = { 0 };
	char hash[PKI_HASH_HEX], kid[PKI_KID];
	struct err e = { 0 };

	check("a source seals to a destination",
	      relay_seal(&a, w->b.sealing, &header, value, jwe, &e));
	check("who opens it",
	      relay_open(&by, bytes_of(jwe), &r, &got, &e) && secret_equal(got, value));
	check("and learns who sent it", pkey_hash(w->a.identity, hash, &e) &&
						strcmp(r.from.key_hash, hash) == 0 &&
						strcmp(r.from.name, "a") == 0);
	check("and whose it is and for what",
	      uuid_equal(&r.header.instance, &given.instance) &&
		      uuid_equal(&r.header.secret, &given.secret) &&
		      uuid_equal(&r.header.attempt, &given.attempt) &&
		      r.header.version == 3 && r.header.epoch == 8 &&
		      r.header.handover == 5 &&
		      strcmp(r.header.purpose, "migrate-in") == 0 &&
		      strcmp(r.header.nonce, given.nonce) == 0);
	check("and that it is for him",
	      pkey_kid(w->b.sealing, kid, &e) && strcmp(r.header.kid, kid) == 0);
	check("the value is not in the text",
	      !memmem(jwe->at, jwe->len, secret_view(value).at, 20));
}

static void test_altered(struct world *w, struct buf *jwe)
{
	struct relay_reader by = reader(w);
	bool any = false;

	for (size_t i = 0; i < jwe->len; i++) {
		unsigned bit = (unsigned)(i * 5 % 7);

		jwe->at[i] = (char)(jwe->at[i] ^ 1 << bit);
		any |= refusal(&by, bytes_of(jwe)) != ERR_BAD_SEALED;
		jwe->at[i] = (char)(jwe->at[i] ^ 1 << bit);
	}
	check("no text with one flipped bit opens", !any);
	for (size_t len = 0; len < jwe->len; len += 7)
		any |= refusal(&by, (struct view){ (uint8_t *)jwe->at, len }) !=
		       ERR_BAD_SEALED;
	check("no shorter text opens", !any);
	check("it still opens unaltered", refusal(&by, bytes_of(jwe)) == ERR_NONE);
}

/* Seals any text as if it were a source's JWS. */
static enum err_kind refusal_of_jws(struct world *w, struct view jws)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	OWNED(sealer) sealer = NULL;
	struct relay_reader by = reader(w);
	struct seal_header header = given;
	struct err e = { 0 };

	if (!sealer_new(w->b.sealing, &sealer, &e) ||
	    !jwe_seal(sealer, &outer, &header, jws, &text, &e))
		return e.kind;
	return refusal(&by, bytes_of(&text));
}

/* A source's JWS over these claims and a value, in a header's usual form. */
static bool make_jws(struct world *w, const struct seal_header *claimed,
		     const char *members, struct buf *ret)
{
	CLEANUP(buf_done) struct buf header = { 0 };
	CLEANUP(buf_done) struct buf payload = { 0 };
	struct seal_header h = *claimed;
	char claims[JWE_CLAIMS];
	struct err e = { 0 };

	if (!h.kid[0] && !pkey_kid(w->b.sealing, h.kid, &e))
		return false;
	if (!jwe_claims(&h, claims, sizeof(claims), &e) ||
	    !make_header(&odd_headers[0], "vtpm-relay", w->a.cert.at, &header))
		return false;
	buf_addf(&payload, "{%s%s}", claims, members);
	return sign_by_hand(w->a.identity, header.at, payload.at, ret);
}

#define VALUE ",\"value\":\"c2VjcmV0\""

static void test_inner_altered(struct world *w)
{
	CLEANUP(buf_done) struct buf jws = { 0 };
	bool any = false;

	check("a JWS made by hand opens",
	      make_jws(w, &given, VALUE, &jws) &&
		      refusal_of_jws(w, bytes_of(&jws)) == ERR_NONE);
	for (size_t i = 0; i < jws.len; i++) {
		unsigned bit = (unsigned)(i * 5 % 7);

		jws.at[i] = (char)(jws.at[i] ^ 1 << bit);
		any |= refusal_of_jws(w, bytes_of(&jws)) == ERR_NONE;
		jws.at[i] = (char)(jws.at[i] ^ 1 << bit);
	}
	check("no flipped bit of what was signed opens, sealed anew", !any);
	for (size_t len = 1; len < jws.len; len += 7)
		any |= refusal_of_jws(w, (struct view){ (uint8_t *)jws.at, len }) ==
		       ERR_NONE;
	check("nor does a shorter one", !any);
}

/* Each member of what was signed differs from what it is sealed as. */
static void test_bound(struct world *w)
{
	struct seal_header rows[9];
	static const char *const says[ARRAY_LEN(rows)] = {
		"words for another instance are refused",
		"words for another secret are refused",
		"words for another version are refused",
		"words for another purpose are refused",
		"words for another placement are refused",
		"words for another attempt are refused",
		"words for another nonce are refused",
		"words for another hand-over are refused",
		"words for another host, sealed anew to this one, are refused",
	};
	struct err e = { 0 };
	bool ok;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		rows[i] = given;
	rows[0].instance.text[35] = 'f';
	rows[1].secret.text[35] = 'f';
	rows[2].version = 4;
	ok = text_copy(rows[3].purpose, sizeof(rows[3].purpose), "cold-migrate");
	rows[4].epoch = 7;
	rows[5].attempt.text[35] = 'f';
	rows[6].nonce[3] = 'N';
	rows[7].handover = 0;
	ok = ok && pkey_kid(w->c.sealing, rows[8].kid, &e);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(buf_done) struct buf jws = { 0 };

		check(says[i],
		      ok && make_jws(w, &rows[i], VALUE, &jws) &&
			      refusal_of_jws(w, bytes_of(&jws)) == ERR_BAD_SEALED);
	}
}

static void test_claims(struct world *w)
{
	static const struct {
		const char *says, *members;
		bool good;
	} rows[] = {
		{ "claims may be spaced", " , \"value\" : \"c2VjcmV0\" ", true },
		{ "no value is refused", "", false },
		{ "an empty value is refused", ",\"value\":\"\"", false },
		{ "a value with padding is refused", ",\"value\":\"c2VjcmU=\"", false },
		{ "a value with stray bits is refused", ",\"value\":\"c2VjcmV\"", false },
		{ "a value in base64 is refused", ",\"value\":\"c2V/cmV0\"", false },
		{ "two values are refused", VALUE VALUE, false },
		{ "a value that is a number is refused", ",\"value\":12", false },
		{ "a value that is null is refused", ",\"value\":null", false },
		{ "a value that is a list is refused", ",\"value\":[\"c2VjcmV0\"]",
		  false },
		{ "a value further down is refused", ",\"x\":{\"value\":\"c2VjcmV0\"}",
		  false },
		{ "a value by another name is refused", ",\"content\":\"c2VjcmV0\"",
		  false },
		{ "escapes are refused", ",\"\\u0076alue\":\"c2VjcmV0\"", false },
		{ "escapes in a value are refused", ",\"value\":\"c2Vjcm\\u00560\"",
		  false },
		{ "a value without an end is refused", ",\"value\":\"c2VjcmV0", false },
		{ "an unknown claim is refused", VALUE ",\"x\":1", false },
		{ "a claim that is there twice is refused", VALUE ",\"version\":3",
		  false },
		{ "a second object is refused", VALUE "},{", false },
		{ "a name that is a text elsewhere is refused",
		  ",\"x\":\"value\",\"value\":\"c2VjcmV0\"", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(buf_done) struct buf jws = { 0 };

		check(rows[i].says,
		      make_jws(w, &given, rows[i].members, &jws) &&
			      refusal_of_jws(w, bytes_of(&jws)) ==
				      (rows[i].good ? ERR_NONE : ERR_BAD_SEALED));
	}
}

static void test_headers(struct world *w)
{
	char claims[JWE_CLAIMS];
	struct seal_header h = given;
	CLEANUP(buf_done) struct buf payload = { 0 };
	struct err e = { 0 };

	check("claims are made", pkey_kid(w->b.sealing, h.kid, &e) &&
					 jwe_claims(&h, claims, sizeof(claims), &e));
	buf_addf(&payload, "{%s" VALUE "}", claims);
	for (size_t i = 0; i < ARRAY_LEN(odd_headers); i++) {
		CLEANUP(buf_done) struct buf header = { 0 };
		CLEANUP(buf_done) struct buf jws = { 0 };

		check(odd_headers[i].says,
		      make_header(&odd_headers[i], "vtpm-relay", w->a.cert.at, &header) &&
			      sign_by_hand(w->a.identity, header.at, payload.at, &jws) &&
			      refusal_of_jws(w, bytes_of(&jws)) == odd_headers[i].why);
	}
}

static void test_parties(struct world *w, const struct secret *value, struct buf *jwe)
{
	CLEANUP(buf_done) struct buf theirs = { 0 };
	CLEANUP(buf_done) struct buf foreign = { 0 };
	CLEANUP(buf_done) struct buf server = { 0 };
	OWNED(secret) got = NULL;
	struct jws_signer c = signer(&w->c);
	struct jws_signer by_foreign = { w->a.identity, w->foreign_cert.at };
	struct jws_signer by_server = { w->a.identity, w->server_cert.at };
	struct relay_reader by = reader(w), other = by;
	struct seal_header header = given;
	struct relayed r = { 0 };
	struct err e = { 0 };

	other.sealing = w->c.sealing;
	check("another host cannot open it",
	      refusal(&other, bytes_of(jwe)) == ERR_BAD_SEALED);
	check("what a stranger sends is known as his",
	      relay_seal(&c, w->b.sealing, &header, value, &theirs, &e) &&
		      relay_open(&by, bytes_of(&theirs), &r, &got, &e) &&
		      strcmp(r.from.name, "c") == 0);
	check("a sender with a certificate of another CA is refused",
	      relay_seal(&by_foreign, w->b.sealing, &header, value, &foreign, &e) &&
		      refusal(&by, bytes_of(&foreign)) == ERR_BAD_CERTIFICATE);
	check("a sender with a server's certificate is refused",
	      relay_seal(&by_server, w->b.sealing, &header, value, &server, &e) &&
		      refusal(&by, bytes_of(&server)) == ERR_BAD_CERTIFICATE);
	by.signer.now_us = now_us + 91 * day_us;
	check("a sender whose certificate has expired is refused as such",
	      refusal(&by, bytes_of(jwe)) == ERR_CERTIFICATE_EXPIRED);
	by.signer.now_us = now_us - day_us;
	check("so is one whose certificate is not valid yet",
	      refusal(&by, bytes_of(jwe)) == ERR_CERTIFICATE_EXPIRED);
}

static void test_kinds(struct world *w, const struct secret *value, struct buf *jwe)
{
	CLEANUP(buf_done) struct buf release = { 0 };
	CLEANUP(buf_done) struct buf plain = { 0 };
	static const struct jwe_form no_cty = { .typ = "vtpm-relay", .most = 11500 };
	OWNED(sealer) sealer = NULL;
	OWNED(secret) got = NULL;
	struct relay_reader by = reader(w);
	struct seal_header header = given;
	struct err e = { 0 };

	check("a release is no relay",
	      sealer_new(w->b.sealing, &sealer, &e) &&
		      seal_jwe(sealer, &header, value, &release, &e) &&
		      refusal(&by, bytes_of(&release)) == ERR_BAD_SEALED);
	check("a relay is no release",
	      !open_jwe(w->b.sealing, bytes_of(jwe), &header, &got, &e) &&
		      e.kind == ERR_BAD_SEALED && !got);
	check("a relay that does not say what it holds is refused",
	      jwe_seal(sealer, &no_cty, &header, secret_view(value), &plain, &e) &&
		      refusal(&by, bytes_of(&plain)) == ERR_BAD_SEALED);
	check("a value that nobody signed is refused",
	      refusal_of_jws(w, secret_view(value)) == ERR_BAD_SEALED);
}

static void test_lengths(struct world *w)
{
	static const size_t lens[] = { 1, 2, 3, 64, RELAY_VALUE_MAX };
	struct jws_signer a = signer(&w->a);
	struct relay_reader by = reader(w);
	OWNED(secret) large = NULL;
	CLEANUP(buf_done) struct buf none = { 0 };
	struct seal_header header = given;
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		CLEANUP(buf_done) struct buf out = { 0 };
		OWNED(secret) value = NULL;
		OWNED(secret) got = NULL;
		struct relayed r;

		check("values of every length come back",
		      random_secret(lens[i], &value, &e) &&
			      relay_seal(&a, w->b.sealing, &header, value, &out, &e) &&
			      out.len <= RELAY_JWE_MAX &&
			      relay_open(&by, bytes_of(&out), &r, &got, &e) &&
			      secret_equal(got, value));
	}
	check("a longer value is refused",
	      random_secret(RELAY_VALUE_MAX + 1, &large, &e) &&
		      !relay_seal(&a, w->b.sealing, &header, large, &none, &e) &&
		      e.kind == ERR_BAD_SECRET_LENGTH);
	header.nonce[0] = '"';
	check("a header that would need escapes is refused",
	      secret_truncate(large, 64) &&
		      !relay_seal(&a, w->b.sealing, &header, large, &none, &e) &&
		      e.kind == ERR_BAD_VALUE && none.len == 0);
}

int main(void)
{
	CLEANUP(world_done) struct world w = { 0 };
	CLEANUP(buf_done) struct buf jwe = { 0 };
	OWNED(secret) value = NULL;
	struct err e = { 0 };

	if (!check("there are hosts and their CA",
		   world_make(&w) && random_passphrase(&value, &e)))
		return done();
	test_round_trip(&w, value, &jwe);
	test_altered(&w, &jwe);
	test_inner_altered(&w);
	test_bound(&w);
	test_claims(&w);
	test_headers(&w);
	test_parties(&w, value, &jwe);
	test_kinds(&w, value, &jwe);
	test_lengths(&w);
	return done();
}
