/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ask.h"

#include "tests/unit/relay_world.h"

static const struct ask given = {
	.instance = { "2f1b2c3d-0001-4000-8000-00000000000a" },
	.secret = { "2f1b2c3d-0001-4000-8000-00000000000b" },
	.attempt = { "2f1b2c3d-0001-4000-8000-00000000000c" },
	.purpose = "migrate-in",
	.nonce = "_-9nonce0123456789nonce",
	.issued_us = INT64_C(1790000000) * US_PER_S,
};

/* Why an ask is refused; ERR_NONE when it is taken. */
static enum err_kind refusal(const struct ca *ca, struct view text, int64_t at_us)
{
	CLEANUP(asked_done) struct asked asked = { 0 };
	struct jws_reader by = { ca, at_us };
	struct err e = { 0 };

	if (ask_check(&by, text, &asked, &e))
		return ERR_NONE;
	assert(!asked.sealing && !asked.by.name[0] && e.kind != ERR_NONE);
	return e.kind;
}

static bool is_good(const struct world *w, struct view text)
{
	return refusal(w->trust, text, now_us) == ERR_NONE;
}

static void test_round_trip(struct world *w, struct buf *jws)
{
	CLEANUP(asked_done) struct asked asked = { 0 };
	struct jws_reader by = { w->trust, now_us };
	struct jws_signer b = signer(&w->b);
	char hash[PKI_HASH_HEX], kid[PKI_KID], same[PKI_KID];
	struct err e = { 0 };

	check("a host signs what it asks for",
	      ask_sign(&b, &given, w->b.sealing, jws, &e) && jws->len <= ASK_MAX);
	check("another host that knows the CA's certificate checks it",
	      ask_check(&by, bytes_of(jws), &asked, &e));
	check("it says what was asked for",
	      uuid_equal(&asked.ask.instance, &given.instance) &&
		      uuid_equal(&asked.ask.secret, &given.secret) &&
		      uuid_equal(&asked.ask.attempt, &given.attempt) &&
		      strcmp(asked.ask.purpose, given.purpose) == 0 &&
		      strcmp(asked.ask.nonce, given.nonce) == 0 &&
		      asked.ask.issued_us == given.issued_us);
	check("and by whom", pkey_hash(w->b.identity, hash, &e) &&
				     strcmp(asked.by.key_hash, hash) == 0 &&
				     strcmp(asked.by.name, "b") == 0);
	check("and which key to seal to",
	      asked.sealing && pkey_kid(w->b.sealing, kid, &e) &&
		      pkey_kid(asked.sealing, same, &e) && strcmp(kid, same) == 0);
}

static void test_altered(struct world *w, struct buf *jws)
{
	bool any = false;

	for (size_t i = 0; i < jws->len; i++) {
		for (unsigned bit = 0; bit < 7; bit += 3) {
			jws->at[i] = (char)(jws->at[i] ^ 1 << bit);
			any |= is_good(w, bytes_of(jws));
			jws->at[i] = (char)(jws->at[i] ^ 1 << bit);
		}
	}
	check("no single flipped bit is taken", !any);
	for (size_t len = 0; len < jws->len; len++)
		any |= is_good(w, (struct view){ (uint8_t *)jws->at, len });
	check("no shorter ask is taken", !any);
	check("it is still taken unaltered", is_good(w, bytes_of(jws)));
}

static void test_certificates(struct world *w, struct buf *jws)
{
	CLEANUP(buf_done) struct buf foreign = { 0 };
	CLEANUP(buf_done) struct buf server = { 0 };
	CLEANUP(buf_done) struct buf none = { 0 };
	struct jws_signer by_foreign = { w->a.identity, w->foreign_cert.at };
	struct jws_signer by_server = { w->a.identity, w->server_cert.at };
	struct jws_signer mixed = { w->a.identity, w->c.cert.at };
	struct jws_signer empty = { w->a.identity, "" };
	struct err e = { 0 };

	check("asks are signed with other certificates",
	      ask_sign(&by_foreign, &given, w->a.sealing, &foreign, &e) &&
		      ask_sign(&by_server, &given, w->a.sealing, &server, &e));
	check("a certificate of another CA of the same name is refused",
	      refusal(w->trust, bytes_of(&foreign), now_us) == ERR_BAD_CERTIFICATE);
	check("a server's certificate is refused",
	      refusal(w->trust, bytes_of(&server), now_us) == ERR_BAD_CERTIFICATE);
	check("a certificate that is not of the key signs nothing",
	      !ask_sign(&mixed, &given, w->a.sealing, &none, &e) &&
		      e.kind == ERR_BAD_CERTIFICATE &&
		      !ask_sign(&empty, &given, w->a.sealing, &none, &e) &&
		      e.kind == ERR_BAD_CERTIFICATE && none.len == 0);
	check("an expired certificate is refused as such",
	      refusal(w->trust, bytes_of(jws), now_us + 91 * day_us) ==
		      ERR_CERTIFICATE_EXPIRED);
	check("one that is not valid yet is refused",
	      refusal(w->trust, bytes_of(jws), now_us - day_us) ==
		      ERR_CERTIFICATE_EXPIRED);
	check("a CA with its key checks the same",
	      refusal(w->ca, bytes_of(jws), now_us) == ERR_NONE);
}

static void test_age(struct world *w, struct buf *jws)
{
	static const struct {
		const char *says;
		int64_t age_s;
		bool good;
	} rows[] = {
		{ "an ask lasts ten minutes, with two of skew", 719, true },
		{ "an older ask is refused", 722, false },
		{ "an ask of a minute ahead is taken", -60, true },
	};
	CLEANUP(buf_done) struct buf later = { 0 };
	struct jws_signer b = signer(&w->b);
	struct ask ask = given;
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(rows[i].says, refusal(w->trust, bytes_of(jws),
					    now_us + rows[i].age_s * US_PER_S) ==
					    (rows[i].good ? ERR_NONE : ERR_BAD_SEALED));
	ask.issued_us = now_us + 200 * US_PER_S;
	check("an ask of three minutes ahead is refused",
	      ask_sign(&b, &ask, w->b.sealing, &later, &e) &&
		      refusal(w->trust, bytes_of(&later), now_us) == ERR_BAD_SEALED);
}

#define IDS                                                      \
	"\"instance\":\"2f1b2c3d-0001-4000-8000-00000000000a\"," \
	"\"secret\":\"2f1b2c3d-0001-4000-8000-00000000000b\","   \
	"\"attempt\":\"2f1b2c3d-0001-4000-8000-00000000000c\","
#define FOR "\"purpose\":\"migrate-in\","
#define KEY                                                                  \
	"\"sealing\":\"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMKBCTNIcKUSDii11" \
	"ySs3526iDZ8AiTo7Tu6KPAqv7D7gS2XpJFbZiItSs3m9-9Ue6GnvHw_GW2ZZaVtszggXIw\","
#define WHEN "\"issued_us\":1790000000000000}"

static void test_claims(struct world *w)
{
	static const struct {
		const char *says, *payload;
		bool good;
	} rows[] = {
		{ "claims made by hand are taken",
		  "{" IDS FOR KEY "\"nonce\":\"0123456789abcdef\"," WHEN, true },
		{ "an unknown claim is refused",
		  "{" IDS FOR KEY "\"nonce\":\"0123456789abcdef\",\"look\":true," WHEN,
		  false },
		{ "a missing claim is refused", "{" IDS FOR KEY WHEN, false },
		{ "an ask for nothing is refused",
		  "{" IDS KEY "\"nonce\":\"0123456789abcdef\"," WHEN, false },
		{ "a short nonce is refused",
		  "{" IDS FOR KEY "\"nonce\":\"012345\"," WHEN, false },
		{ "an ask without a key is refused",
		  "{" IDS FOR "\"nonce\":\"0123456789abcdef\"," WHEN, false },
		{ "an ask with half a key is refused",
		  "{" IDS FOR "\"sealing\":\"MFkw\",\"nonce\":\"0123456789abcdef\"," WHEN,
		  false },
		{ "a claim that is there twice is refused",
		  "{" IDS FOR KEY KEY "\"nonce\":\"0123456789abcdef\"," WHEN, false },
		{ "no JSON is refused", "ask", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(buf_done) struct buf header = { 0 };
		CLEANUP(buf_done) struct buf jws = { 0 };

		check(rows[i].says,
		      make_header(&odd_headers[0], "vtpm-ask", w->b.cert.at, &header) &&
			      sign_by_hand(w->b.identity, header.at, rows[i].payload,
					   &jws) &&
			      refusal(w->trust, bytes_of(&jws), now_us) ==
				      (rows[i].good ? ERR_NONE : ERR_BAD_SEALED));
	}
}

static void test_headers(struct world *w)
{
	static const char payload[] =
		"{" IDS FOR KEY "\"nonce\":\"0123456789abcdef\"," WHEN;

	for (size_t i = 0; i < ARRAY_LEN(odd_headers); i++) {
		CLEANUP(buf_done) struct buf header = { 0 };
		CLEANUP(buf_done) struct buf jws = { 0 };

		check(odd_headers[i].says,
		      make_header(&odd_headers[i], "vtpm-ask", w->b.cert.at, &header) &&
			      sign_by_hand(w->b.identity, header.at, payload, &jws) &&
			      refusal(w->trust, bytes_of(&jws), now_us) ==
				      odd_headers[i].why);
	}
}

/* What stands in between may read an ask, and would like to be sealed to instead. */
static void test_another_key(struct world *w, struct buf *jws)
{
	CLEANUP(buf_done) struct buf theirs = { 0 };
	CLEANUP(buf_done) struct buf mixed = { 0 };
	CLEANUP(buf_done) struct buf header = { 0 };
	CLEANUP(buf_done) struct buf stolen = { 0 };
	struct jws_signer b = signer(&w->b);
	struct err e = { 0 };
	size_t head = strcspn(jws->at, "."), payload;

	check("an ask with another sealing key",
	      ask_sign(&b, &given, w->c.sealing, &theirs, &e));
	payload = strcspn(theirs.at + head + 1, ".");
	buf_add_bytes(&mixed, (struct view){ (uint8_t *)theirs.at, head + 1 + payload });
	buf_add(&mixed, strrchr(jws->at, '.'));
	check("a sealing key that the signature does not cover is refused",
	      refusal(w->trust, bytes_of(&mixed), now_us) == ERR_BAD_SEALED);
	check("a stranger's signature under the host's certificate is refused",
	      make_header(&odd_headers[0], "vtpm-ask", w->b.cert.at, &header) &&
		      sign_by_hand(w->c.identity, header.at,
				   "{" IDS FOR KEY "\"nonce\":\"0123456789abcdef\"," WHEN,
				   &stolen) &&
		      refusal(w->trust, bytes_of(&stolen), now_us) == ERR_BAD_SEALED);
}

static void test_trust(struct world *w)
{
	CLEANUP(buf_done) struct buf pem = { 0 };
	OWNED(ca) none = NULL;
	char hash[PKI_HASH_HEX], same[PKI_HASH_HEX];
	struct err e = { 0 };

	check("a CA without its key is the same CA",
	      ca_key_hash(w->trust, hash, &e) && ca_key_hash(w->ca, same, &e) &&
		      strcmp(hash, same) == 0);
	check("and issues nothing",
	      !ca_issue_host(w->trust, w->c.identity, "c", now_us, 1, &pem, &e) &&
		      e.kind == ERR_INTERNAL && pem.len == 0);
	check("a host's certificate is no CA", !ca_trust(w->a.cert.at, &none, &e) &&
						       e.kind == ERR_BAD_CERTIFICATE &&
						       !none);
	check("neither is any text",
	      !ca_trust("", &none, &e) && e.kind == ERR_BAD_CERTIFICATE);
}

int main(void)
{
	CLEANUP(world_done) struct world w = { 0 };
	CLEANUP(buf_done) struct buf jws = { 0 };

	if (!check("there are hosts and their CA", world_make(&w)))
		return done();
	test_round_trip(&w, &jws);
	test_altered(&w, &jws);
	test_certificates(&w, &jws);
	test_age(&w, &jws);
	test_claims(&w);
	test_headers(&w);
	test_another_key(&w, &jws);
	test_trust(&w);
	return done();
}
