/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/seal.h"

#include "crypto/random.h"
#include "tests/unit/check.h"

#include <string.h>

static const struct seal_header given = {
	.instance = { "2f1b2c3d-0001-4000-8000-00000000000a" },
	.secret = { "2f1b2c3d-0001-4000-8000-00000000000b" },
	.version = 3,
	.purpose = "autostart",
	.epoch = 7,
	.attempt = { "2f1b2c3d-0001-4000-8000-00000000000c" },
	.nonce = "_-9nonce0123456789nonce",
	.handover = 5,
};

/* A recipient, a sealer to it, and one value sealed. */
struct world {
	struct pkey *own;      /* owned */
	struct sealer *sealer; /* owned */
	struct secret *plain;  /* owned */
	struct buf jwe;        /* owned */
};

static void world_done(struct world *w)
{
	sealer_free(w->sealer);
	pkey_free(w->own);
	secret_free(w->plain);
	buf_done(&w->jwe);
}

static bool world_make(struct world *w)
{
	struct seal_header header = given;
	struct err e = { 0 };

	return pkey_new(&w->own, &e) && sealer_new(w->own, &w->sealer, &e) &&
	       random_passphrase(&w->plain, &e) &&
	       seal_jwe(w->sealer, &header, w->plain, &w->jwe, &e);
}

static bool opens(const struct pkey *own, const char *text, size_t len,
		  const struct secret *want)
{
	OWNED(secret) got = NULL;
	struct seal_header header = { 0 };
	struct err e = { 0 };
	bool ok = open_jwe(own, (struct view){ (const uint8_t *)text, len }, &header,
			   &got, &e);

	if (!ok)
		assert(e.kind == ERR_BAD_SEALED && !got && header.version == 0);
	return ok && secret_equal(got, want);
}

static void test_round_trip(struct world *w)
{
	OWNED(secret) got = NULL;
	struct seal_header header = { 0 };
	char kid[PKI_KID];
	struct err e = { 0 };

	check("what was sealed opens",
	      open_jwe(w->own, (struct view){ (uint8_t *)w->jwe.at, w->jwe.len }, &header,
		       &got, &e) &&
		      secret_equal(got, w->plain));
	check("its header says whose it is",
	      uuid_equal(&header.instance, &given.instance) &&
		      uuid_equal(&header.secret, &given.secret) &&
		      uuid_equal(&header.attempt, &given.attempt));
	check("and for what", header.version == 3 && header.epoch == 7 &&
				      header.handover == 5 &&
				      strcmp(header.purpose, "autostart") == 0 &&
				      strcmp(header.nonce, given.nonce) == 0);
	check("and to whom", pkey_kid(w->own, kid, &e) && strcmp(header.kid, kid) == 0);
	check("the value is not in the text",
	      !memmem(w->jwe.at, w->jwe.len, secret_view(w->plain).at, 20));
}

static void test_altered(struct world *w)
{
	OWNED(pkey) other = NULL;
	struct err e = { 0 };
	bool any = false;

	for (size_t i = 0; i < w->jwe.len; i++) {
		for (unsigned bit = 0; bit < 7; bit++) {
			w->jwe.at[i] = (char)(w->jwe.at[i] ^ 1 << bit);
			any |= opens(w->own, w->jwe.at, w->jwe.len, w->plain);
			w->jwe.at[i] = (char)(w->jwe.at[i] ^ 1 << bit);
		}
	}
	check("no single flipped bit of the text opens", !any);
	for (size_t len = 0; len < w->jwe.len; len += 3)
		any |= opens(w->own, w->jwe.at, len, w->plain);
	check("no shorter text opens", !any);
	check("another key does not open it",
	      pkey_new(&other, &e) && !opens(other, w->jwe.at, w->jwe.len, w->plain));
	check("it still opens unaltered", opens(w->own, w->jwe.at, w->jwe.len, w->plain));
}

#define EPK                                                      \
	"\"epk\":{\"kty\":\"EC\",\"crv\":\"P-256\","             \
	"\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\"," \
	"\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"},"
#define REST                                                                 \
	"\"instance\":\"2f1b2c3d-0001-4000-8000-00000000000a\","             \
	"\"secret\":\"2f1b2c3d-0001-4000-8000-00000000000b\",\"version\":3," \
	"\"purpose\":\"start\",\"epoch\":7,"                                 \
	"\"attempt\":\"2f1b2c3d-0001-4000-8000-00000000000c\","              \
	"\"nonce\":\"0123456789abcdef\",\"kid\":\"%s\"}"
#define OURS "\"enc\":\"A256GCM\",\"typ\":\"vtpm-release\","

/* Each header that is not ours, in front of an otherwise well-formed value. */
static const struct {
	const char *says, *format, *trail;
} bad_headers[] = {
	{ "a well-formed header only fails at the tag",
	  "{\"alg\":\"ECDH-ES\"," OURS EPK REST, "does not verify" },
	{ "another algorithm is refused", "{\"alg\":\"dir\"," OURS EPK REST, "ECDH-ES" },
	{ "key wrapping is refused", "{\"alg\":\"ECDH-ES+A256KW\"," OURS EPK REST,
	  "ECDH-ES" },
	{ "no algorithm is refused", "{" OURS EPK REST, "ECDH-ES" },
	{ "another cipher is refused",
	  "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",\"typ\":\"vtpm-release\"," EPK REST,
	  "A256GCM" },
	{ "another type is refused",
	  "{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"typ\":\"vtpm-lease\"," EPK REST,
	  "vtpm-release" },
	{ "compression is refused", "{\"alg\":\"ECDH-ES\",\"zip\":\"DEF\"," OURS EPK REST,
	  "zip" },
	{ "critical extensions are refused",
	  "{\"alg\":\"ECDH-ES\",\"crit\":[\"exp\"]," OURS EPK REST, "crit" },
	{ "named parties are refused",
	  "{\"alg\":\"ECDH-ES\",\"apu\":\"QQ\"," OURS EPK REST, "apu" },
	{ "a header without an ephemeral key is refused",
	  "{\"alg\":\"ECDH-ES\"," OURS REST, "ephemeral" },
	{ "an ephemeral key off the curve is refused",
	  "{\"alg\":\"ECDH-ES\"," OURS "\"epk\":{\"kty\":\"EC\",\"crv\":\"P-256\","
	  "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
	  "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyQ\"}," REST,
	  "not on P-256" },
	{ "the point 0,0 is refused",
	  "{\"alg\":\"ECDH-ES\"," OURS "\"epk\":{\"kty\":\"EC\",\"crv\":\"P-256\","
	  "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
	  "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}," REST,
	  "not on P-256" },
	{ "an ephemeral key of another curve is refused",
	  "{\"alg\":\"ECDH-ES\"," OURS "\"epk\":{\"kty\":\"EC\",\"crv\":\"P-"
	  "384\",\"x\":\"AA\",\"y\":\"AA\"}," REST,
	  "not on P-256" },
	{ "an ephemeral key that is too short is refused",
	  "{\"alg\":\"ECDH-ES\"," OURS "\"epk\":{\"kty\":\"EC\",\"crv\":\"P-"
	  "256\",\"x\":\"AA\",\"y\":\"AA\"}," REST,
	  "not on P-256" },
	{ "a member that appears twice is refused",
	  "{\"alg\":\"dir\",\"alg\":\"ECDH-ES\"," OURS EPK REST, "header" },
	{ "a hand-over numbered 0 is refused",
	  "{\"alg\":\"ECDH-ES\",\"handover\":0," OURS EPK REST, "handover" },
	{ "a header that is no JSON is refused", "alg=ECDH-ES%s", "header" },
};

static void test_headers(struct world *w)
{
	char kid[PKI_KID], *tail = strstr(w->jwe.at, "..");
	struct err e = { 0 };

	check("the recipient has an id", pkey_kid(w->own, kid, &e));
	for (size_t i = 0; i < ARRAY_LEN(bad_headers); i++) {
		CLEANUP(buf_done) struct buf json = { 0 };
		CLEANUP(buf_done) struct buf text = { 0 };
		OWNED(secret) got = NULL;
		struct seal_header header;
		const char *mark = strstr(bad_headers[i].format, "%s");

		buf_add_bytes(&json,
			      (struct view){ (const uint8_t *)bad_headers[i].format,
					     (size_t)(mark - bad_headers[i].format) });
		buf_add(&json, kid);
		buf_add(&json, mark + 2);
		buf_add_b64url(&text, (struct view){ (uint8_t *)json.at, json.len });
		buf_add(&text, tail);
		e = (struct err){ 0 };
		check(bad_headers[i].says,
		      !open_jwe(w->own, (struct view){ (uint8_t *)text.at, text.len },
				&header, &got, &e) &&
			      e.kind == ERR_BAD_SEALED &&
			      strstr(e.trail, bad_headers[i].trail));
	}
}

static void test_long_header(struct world *w)
{
	CLEANUP(buf_done) struct buf json = { 0 };
	CLEANUP(buf_done) struct buf text = { 0 };

	buf_addf(&json, "{\"alg\":\"ECDH-ES\",\"pad\":\"%02100d\"}", 0);
	buf_add_b64url(&text, (struct view){ (uint8_t *)json.at, json.len });
	buf_add(&text, strstr(w->jwe.at, ".."));
	check("a header above 2 KiB is refused",
	      !opens(w->own, text.at, text.len, w->plain));
}

static void test_parts(struct world *w)
{
	static const struct {
		const char *says, *tail;
	} rows[] = {
		{ "an encrypted key has no place here", ".AAAA.AAAAAAAAAAAAAAAA.AAAA."
							"AAAAAAAAAAAAAAAAAAAAAA" },
		{ "a short nonce is refused", "..AAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA" },
		{ "a short tag is refused", "..AAAAAAAAAAAAAAAA.AAAA.AAAA" },
		{ "an empty value is refused",
		  "..AAAAAAAAAAAAAAAA..AAAAAAAAAAAAAAAAAAAAAA" },
		{ "four parts are refused", "..AAAAAAAAAAAAAAAA.AAAA" },
		{ "six parts are refused",
		  "..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA.AAAA" },
	};
	size_t head = strcspn(w->jwe.at, ".");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(buf_done) struct buf text = { 0 };

		buf_add_bytes(&text, (struct view){ (uint8_t *)w->jwe.at, head });
		buf_add(&text, rows[i].tail);
		check(rows[i].says, !opens(w->own, text.at, text.len, w->plain));
	}
}

static void test_swapped(struct world *w)
{
	CLEANUP(buf_done) struct buf other = { 0 };
	CLEANUP(buf_done) struct buf mixed = { 0 };
	struct seal_header header = given;
	struct err e = { 0 };
	size_t head = strcspn(w->jwe.at, ".");

	header.epoch = 8;
	check("a second value is sealed",
	      seal_jwe(w->sealer, &header, w->plain, &other, &e));
	buf_add_bytes(&mixed, (struct view){ (uint8_t *)w->jwe.at, head });
	buf_add(&mixed, strchr(other.at, '.'));
	check("the header of one does not fit the value of another",
	      !opens(w->own, mixed.at, mixed.len, w->plain));
}

static void test_seal_refusals(struct world *w)
{
	static const struct {
		const char *says, *nonce, *purpose;
	} rows[] = {
		{ "a short nonce is refused", "0123456789abcde", "start" },
		{ "a nonce with a quote is refused", "0123456789abcdef\"", "start" },
		{ "an empty nonce is refused", "", "start" },
		{ "a purpose with a quote is refused", "0123456789abcdef", "a\",\"b" },
		{ "no purpose is refused", "0123456789abcdef", "" },
	};
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(buf_done) struct buf out = { 0 };
		struct seal_header header = given;

		check(rows[i].says,
		      text_copy(header.nonce, sizeof(header.nonce), rows[i].nonce) &&
			      text_copy(header.purpose, sizeof(header.purpose),
					rows[i].purpose) &&
			      !seal_jwe(w->sealer, &header, w->plain, &out, &e) &&
			      e.kind == ERR_BAD_VALUE);
	}
}

static void test_no_handover(struct world *w)
{
	CLEANUP(buf_done) struct buf out = { 0 };
	OWNED(secret) got = NULL;
	struct seal_header header = given;
	struct err e = { 0 };

	header.handover = 0;
	check("what is part of no hand-over says none",
	      seal_jwe(w->sealer, &header, w->plain, &out, &e) &&
		      open_jwe(w->own, (struct view){ (uint8_t *)out.at, out.len },
			       &header, &got, &e) &&
		      header.handover == 0);
	header.handover = -1;
	check("a hand-over below 1 is not sealed",
	      !seal_jwe(w->sealer, &header, w->plain, &out, &e) &&
		      e.kind == ERR_INTERNAL);
}

static void test_lengths(struct world *w)
{
	static const size_t lens[] = { 1, 2, 3, 31, 4096, SECRET_MAX };

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		CLEANUP(buf_done) struct buf out = { 0 };
		OWNED(secret) plain = NULL;
		struct seal_header header = given;
		struct err e = { 0 };

		buf_add(&out, "before"); /* the compact form is appended */
		check("values of every length come back",
		      random_secret(lens[i], &plain, &e) &&
			      seal_jwe(w->sealer, &header, plain, &out, &e) &&
			      opens(w->own, out.at + 6, out.len - 6, plain));
	}
}

static void test_fresh(struct world *w)
{
	CLEANUP(buf_done) struct buf again = { 0 };
	struct seal_header header = given;
	struct err e = { 0 };
	size_t head = strcspn(w->jwe.at, ".");

	check("no two sealings share an ephemeral key",
	      seal_jwe(w->sealer, &header, w->plain, &again, &e) &&
		      memcmp(again.at, w->jwe.at, head) != 0);
}

int main(void)
{
	CLEANUP(world_done) struct world w = { 0 };

	if (!check("a value is sealed", world_make(&w)))
		return done();
	test_round_trip(&w);
	test_altered(&w);
	test_headers(&w);
	test_long_header(&w);
	test_parts(&w);
	test_swapped(&w);
	test_seal_refusals(&w);
	test_no_handover(&w);
	test_lengths(&w);
	test_fresh(&w);
	return done();
}
