/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/statement.h"

#include "common/text.h"
#include "crypto/jose.h"
#include "crypto/pkey.h"
#include "tests/unit/check.h"

#include <string.h>

#define HOST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct lease given = {
	.host = HOST,
	.instance = { "2f1b2c3d-0001-4000-8000-00000000000a" },
	.version = 3,
	.epoch = 7,
	.issued_us = INT64_C(1790000000000000),
	.ends_us = INT64_C(1790600000000000),
};

static bool is_good(const struct pkey *key, const char *text, size_t len)
{
	struct lease lease = { 0 };
	struct err e = { 0 };
	bool ok =
		lease_check(key, (struct view){ (const uint8_t *)text, len }, &lease, &e);

	if (!ok)
		assert(e.kind == ERR_BAD_SEALED && lease.version == 0);
	return ok;
}

static void test_round_trip(const struct pkey *key, const struct pkey *other,
			    struct buf *jws)
{
	struct lease lease = { 0 };
	struct err e = { 0 };
	bool any = false;

	check("a lease is signed", lease_sign(key, &given, jws, &e));
	check("it verifies",
	      lease_check(key, (struct view){ (uint8_t *)jws->at, jws->len }, &lease,
			  &e));
	check("it says what was signed",
	      strcmp(lease.host, HOST) == 0 &&
		      uuid_equal(&lease.instance, &given.instance) &&
		      lease.version == 3 && lease.epoch == 7 &&
		      lease.issued_us == given.issued_us &&
		      lease.ends_us == given.ends_us);
	check("another key's lease is refused", !is_good(other, jws->at, jws->len));
	for (size_t i = 0; i < jws->len; i++) {
		jws->at[i] = (char)(jws->at[i] ^ 1);
		any |= is_good(key, jws->at, jws->len);
		jws->at[i] = (char)(jws->at[i] ^ 1);
	}
	check("no single flipped bit verifies", !any);
	for (size_t len = 0; len < jws->len; len++)
		any |= is_good(key, jws->at, len);
	check("no shorter lease verifies", !any);
}

/* Signed by the right key, and yet not a lease. */
static bool odd_is_good(const struct pkey *key, const char *header, const char *payload)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	uint8_t der[72], raw[64] = { 0 };
	size_t len = 0, r_len, s_len;

	buf_add_b64url(&text, (struct view){ (const uint8_t *)header, strlen(header) });
	buf_add(&text, ".");
	buf_add_b64url(&text, (struct view){ (const uint8_t *)payload, strlen(payload) });
	if (!pkey_sign(pkey_evp(key), (struct view){ (uint8_t *)text.at, text.len }, der,
		       sizeof(der), &len))
		return true;
	r_len = der[3]; /* SEQUENCE { INTEGER r, INTEGER s } */
	s_len = der[5 + r_len];
	for (size_t i = 0; i < r_len && i < 32; i++)
		raw[31 - i] = der[3 + r_len - i];
	for (size_t i = 0; i < s_len && i < 32; i++)
		raw[63 - i] = der[5 + r_len + s_len - i];
	buf_add(&text, ".");
	buf_add_b64url(&text, (struct view){ raw, sizeof(raw) });
	return is_good(key, text.at, text.len);
}

#define PAYLOAD                                                                         \
	"{\"host\":\"" HOST "\",\"instance\":\"2f1b2c3d-0001-4000-8000-00000000000a\"," \
	"\"version\":3,\"epoch\":7,\"issued_us\":1,\"ends_us\":2}"

static void test_odd(const struct pkey *key)
{
	static const struct {
		const char *says, *header, *payload;
		bool good;
	} rows[] = {
		{ "a lease made by hand verifies",
		  "{\"alg\":\"ES256\",\"typ\":\"vtpm-lease\"}", PAYLOAD, true },
		{ "another algorithm is refused",
		  "{\"alg\":\"none\",\"typ\":\"vtpm-lease\"}", PAYLOAD, false },
		{ "a symmetric algorithm is refused",
		  "{\"alg\":\"HS256\",\"typ\":\"vtpm-lease\"}", PAYLOAD, false },
		{ "another statement of the same key is no lease",
		  "{\"alg\":\"ES256\",\"typ\":\"vtpm-checkpoint\"}", PAYLOAD, false },
		{ "no type is no lease", "{\"alg\":\"ES256\"}", PAYLOAD, false },
		{ "critical extensions are refused",
		  "{\"alg\":\"ES256\",\"typ\":\"vtpm-lease\",\"crit\":[\"b64\"],\"b64\":"
		  "false}",
		  PAYLOAD, false },
		{ "a lease without an end is refused",
		  "{\"alg\":\"ES256\",\"typ\":\"vtpm-lease\"}",
		  "{\"host\":\"" HOST
		  "\",\"instance\":\"2f1b2c3d-0001-4000-8000-00000000000a\","
		  "\"version\":3,\"epoch\":7,\"issued_us\":1}",
		  false },
		{ "a lease for half a host is refused",
		  "{\"alg\":\"ES256\",\"typ\":\"vtpm-lease\"}",
		  "{\"host\":\"01\",\"instance\":\"2f1b2c3d-0001-4000-8000-"
		  "00000000000a\","
		  "\"version\":3,\"epoch\":7,\"issued_us\":1,\"ends_us\":2}",
		  false },
		{ "a payload that is no JSON is refused",
		  "{\"alg\":\"ES256\",\"typ\":\"vtpm-lease\"}", "lease", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(rows[i].says,
		      odd_is_good(key, rows[i].header, rows[i].payload) == rows[i].good);
}

int main(void)
{
	CLEANUP(buf_done) struct buf jws = { 0 };
	OWNED(pkey) key = NULL;
	OWNED(pkey) other = NULL;
	struct err e = { 0 };

	if (!check("keys are made", pkey_new(&key, &e) && pkey_new(&other, &e)))
		return done();
	test_round_trip(key, other, &jws);
	test_odd(key);
	return done();
}
