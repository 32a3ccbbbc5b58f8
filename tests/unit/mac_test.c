/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mac.h"

#include "common/text.h"
#include "tests/unit/check.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* OpenSSL's allocations: the one that counts this down to 0 fails; below 0 none does. */
static _Atomic long fails_in = -1;

static bool fails(void)
{
	return fails_in >= 0 && fails_in-- == 0;
}

static void *take(size_t n, UNUSED const char *file, UNUSED int line)
{
	return fails() ? NULL : malloc(n);
}

static void *take_more(void *p, size_t n, UNUSED const char *file, UNUSED int line)
{
	return fails() ? NULL : realloc(p, n);
}

static void give_back(void *p, UNUSED const char *file, UNUSED int line)
{
	free(p);
}

static struct mac_key *new_key(uint8_t byte)
{
	uint8_t bytes[32];
	OWNED(secret) s = NULL;
	struct mac_key *k = NULL;
	struct err e = { 0 };

	memset(bytes, byte, sizeof(bytes));
	if (!secret_from((struct view){ bytes, sizeof(bytes) }, &s, &e) ||
	    !mac_key_from(s, &k, &e))
		return NULL;
	return k;
}

static void add_row(struct mac *m, const char *table, const char *key, int64_t generation)
{
	mac_begin(m);
	mac_add_text(m, table);
	mac_add_text(m, key);
	mac_add_integer(m, generation);
}

/* The encoding, written out: 'b', length, bytes; 'i', value. */
static void test_form(struct mac *m)
{
	static const uint8_t input[] = "b\0\0\0\0\0\0\0\4host"
				       "b\0\0\0\0\0\0\0\0"
				       "i\377\377\377\377\377\377\377\376";
	uint8_t key[32], want[32], got[32];
	struct err e = { 0 };

	memset(key, 1, sizeof(key));
	HMAC(EVP_sha256(), key, sizeof(key), input, sizeof(input) - 1, want, NULL);
	add_row(m, "host", "", -2);
	check("the MAC is HMAC-SHA256 over the documented form",
	      mac_end(m, got, &e) && mac_equal(want, got));
}

static void test_fields(struct mac *m, struct mac *other)
{
	uint8_t base[32], again[32], changed[32];
	struct err e = { 0 };

	add_row(m, "placement", "i1", 7);
	check("a row has a MAC", mac_end(m, base, &e));
	add_row(m, "placement", "i1", 7);
	check("the same row has the same MAC",
	      mac_end(m, again, &e) && mac_equal(base, again));
	add_row(other, "placement", "i1", 7);
	check("another key gives another MAC",
	      mac_end(other, changed, &e) && !mac_equal(base, changed));
	add_row(m, "placement", "i1", 8);
	check("another generation, another MAC",
	      mac_end(m, changed, &e) && !mac_equal(base, changed));
	add_row(m, "grant", "i1", 7);
	check("another table, another MAC",
	      mac_end(m, changed, &e) && !mac_equal(base, changed));
	add_row(m, "placemen", "ti1", 7);
	check("a moved boundary, another MAC",
	      mac_end(m, changed, &e) && !mac_equal(base, changed));
	add_row(m, "placement", "i1", 7);
	mac_add_text(m, "");
	check("an empty field more, another MAC",
	      mac_end(m, changed, &e) && !mac_equal(base, changed));
	mac_begin(m);
	mac_add_text(m, "placement");
	mac_add_text(m, "i1");
	mac_add_bytes(m, (struct view){ (const uint8_t *)"\0\0\0\0\0\0\0\7", 8 });
	check("bytes are not a number",
	      mac_end(m, changed, &e) && !mac_equal(base, changed));
}

/* FIPS 180-2, appendix B.1. */
static void test_digest(void)
{
	uint8_t digest[32];
	char hex[65];
	struct err e = { 0 };

	check("SHA-256 is computed",
	      digest_sha256((struct view){ (const uint8_t *)"abc", 3 }, digest, &e));
	text_hex((struct view){ digest, sizeof(digest) }, hex);
	check("SHA-256 of abc is the published one",
	      strcmp(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015"
			  "ad") == 0);
}

static void *churn(void *arg)
{
	OWNED(mac) m = NULL;
	uint8_t first[32], next[32];
	struct err e = { 0 };
	uintptr_t bad = !mac_new(arg, &m, &e);

	for (int i = 0; !bad && i < 20000; i++) {
		add_row(m, "host", "h1", 7);
		bad = !mac_end(m, i ? next : first, &e) || (i && !mac_equal(first, next));
	}
	return (void *)bad;
}

static void test_threads(struct mac_key *key)
{
	pthread_t threads[4];
	void *bad = NULL;
	bool ok = true;

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ok &= pthread_create(&threads[i], NULL, churn, key) == 0;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ok &= pthread_join(threads[i], &bad) == 0 && !bad;
	check("four threads share a key, each with a MAC of its own", ok);
}

/* Every allocation of one MAC fails in turn: no crash, no wrong MAC, and the next is right. */
static void test_memory(struct mac *m)
{
	uint8_t want[MAC_BYTES], got[MAC_BYTES] = { 0 };
	struct err e = { 0 };
	bool right = true;
	int failed = 0;

	add_row(m, "host", "h1", 1);
	right = mac_end(m, want, &e);
	for (long n = 0; n < 50; n++) {
		bool ended;

		fails_in = n;
		add_row(m, "host", "h1", 1);
		ended = mac_end(m, got, &e);
		fails_in = -1;
		failed += !ended;
		right = right && (!ended || mac_equal(want, got));
		add_row(m, "host", "h1", 1);
		right = right && mac_end(m, got, &e) && mac_equal(want, got);
	}
	check("without memory a MAC fails, and the next one is right", right);
	check("some of them did fail", failed > 0);
}

int main(void)
{
	int hooked = CRYPTO_set_mem_functions(take, take_more, give_back);
	OWNED(mac_key) one = new_key(1);
	OWNED(mac_key) two = new_key(2);
	OWNED(mac) m = NULL;
	OWNED(mac) other = NULL;
	struct err e = { 0 };

	if (check("keys are set up",
		  one && two && mac_new(one, &m, &e) && mac_new(two, &other, &e))) {
		check("OpenSSL asks for memory here", hooked == 1);
		test_form(m);
		test_memory(m);
		test_fields(m, other);
		test_threads(one);
	}
	test_digest();
	return done();
}
