/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/envelope.h"

#include "crypto/random.h"
#include "tests/unit/check.h"

#include <string.h>

enum { PLAIN = 64 };

static const struct envelope_binding base = {
	.kind = "secret",
	.id = "2f1b2c3d-0001-4000-8000-00000000000a",
	.version = 1,
	.instance = "2f1b2c3d-0001-4000-8000-00000000000b",
	.issuer = "broker:1",
	.project = "p1",
	.owner = "alice",
	.security = "user",
};

/* One sealed value and its key, for all the ways to spoil it. */
struct sealed {
	struct wrap_key *key; /* owned */
	struct secret *plain; /* owned */
	uint8_t bytes[PLAIN + ENVELOPE_OVERHEAD];
	size_t len;
};

static void sealed_done(struct sealed *s)
{
	wrap_key_free(s->key);
	secret_free(s->plain);
}

static bool seal(struct sealed *s)
{
	struct err e = { 0 };

	return wrap_key_new(&s->key, &e) && random_secret(PLAIN, &s->plain, &e) &&
	       envelope_seal(s->key, &base, s->plain, s->bytes, sizeof(s->bytes), &s->len,
			     &e);
}

static bool opens(const struct wrap_key *k, const struct envelope_binding *b,
		  struct view sealed, const struct secret *want)
{
	OWNED(secret) got = NULL;
	struct err e = { 0 };
	bool ok = envelope_open(k, b, sealed, &got, &e);

	if (!ok)
		assert(e.kind == ERR_ENVELOPE_TAMPERED && !got);
	return ok && secret_equal(got, want);
}

/* base, but for the members that `change` names. */
static struct envelope_binding changed(const struct envelope_binding *change)
{
	struct envelope_binding b = base;

#define TAKE(member) b.member = change->member ? change->member : b.member
	TAKE(kind);
	TAKE(id);
	TAKE(version);
	TAKE(instance);
	TAKE(issuer);
	TAKE(project);
	TAKE(owner);
	TAKE(security);
#undef TAKE
	return b;
}

static void test_bindings(const struct sealed *s)
{
	static const struct {
		const char *says;
		struct envelope_binding change;
	} rows[] = {
		{ "a secret does not open as a key", { .kind = "key" } },
		{ "nor under another id",
		  { .id = "2f1b2c3d-0001-4000-8000-00000000000c" } },
		{ "nor as another version", { .version = 2 } },
		{ "nor for another instance",
		  { .instance = "2f1b2c3d-0001-4000-8000-00000000000c" } },
		{ "nor for another issuer", { .issuer = "https://idp" } },
		{ "nor in another project", { .project = "p2" } },
		{ "nor for another owner", { .owner = "mallory" } },
		{ "nor without an owner", { .owner = "" } },
		{ "nor under a weaker policy: host", { .security = "host" } },
		{ "nor under a weaker policy: deployment", { .security = "deployment" } },
		{ "nor with the boundary of two fields moved",
		  { .issuer = "broker:1p", .project = "1" } },
		{ "nor with two fields swapped", { .project = "alice", .owner = "p1" } },
	};
	struct view sealed = { s->bytes, s->len };

	check("a secret opens under its own binding",
	      opens(s->key, &base, sealed, s->plain));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct envelope_binding b = changed(&rows[i].change);

		check(rows[i].says, !opens(s->key, &b, sealed, s->plain));
	}
}

static void test_bytes(struct sealed *s)
{
	OWNED(wrap_key) other = NULL;
	struct err e = { 0 };
	bool any = false;

	for (size_t i = 0; i < s->len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			s->bytes[i] = (uint8_t)(s->bytes[i] ^ 1u << bit);
			any |= opens(s->key, &base, (struct view){ s->bytes, s->len },
				     s->plain);
			s->bytes[i] = (uint8_t)(s->bytes[i] ^ 1u << bit);
		}
	}
	check("no single flipped bit opens", !any);
	for (size_t len = 0; len < s->len; len++)
		any |= opens(s->key, &base, (struct view){ s->bytes, len }, s->plain);
	check("no shorter envelope opens", !any);
	check("another key does not open it",
	      wrap_key_new(&other, &e) &&
		      !opens(other, &base, (struct view){ s->bytes, s->len }, s->plain));
}

static void test_lengths(const struct wrap_key *key)
{
	static uint8_t bytes[SECRET_MAX + ENVELOPE_OVERHEAD + 1];
	static const size_t lens[] = { 1, 15, 16, 17, 4096, SECRET_MAX };
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		OWNED(secret) plain = NULL;
		size_t len = 0;

		check("values of every length come back",
		      random_secret(lens[i], &plain, &e) &&
			      envelope_seal(key, &base, plain, bytes, sizeof(bytes), &len,
					    &e) &&
			      len == lens[i] + ENVELOPE_OVERHEAD &&
			      opens(key, &base, (struct view){ bytes, len }, plain));
		check("an envelope that does not fit is refused",
		      !envelope_seal(key, &base, plain, bytes, len - 1, &len, &e));
	}
	check("an envelope above the largest is refused",
	      !opens(key, &base, (struct view){ bytes, sizeof(bytes) }, NULL));
}

static void test_fresh(const struct sealed *s)
{
	uint8_t again[PLAIN + ENVELOPE_OVERHEAD];
	size_t len = 0;
	struct err e = { 0 };

	check("the same value is never sealed alike",
	      envelope_seal(s->key, &base, s->plain, again, sizeof(again), &len, &e) &&
		      memcmp(again + 1, s->bytes + 1, 12) != 0 &&
		      memcmp(again + 13, s->bytes + 13, PLAIN) != 0);
}

/* root -> project -> secret; no step opens with the key of another. */
static void test_hierarchy(const struct sealed *s)
{
	const struct envelope_binding of_project = { .kind = "project-key",
						     .project = "p1" };
	const struct envelope_binding of_other = { .kind = "project-key",
						   .project = "p2" };
	OWNED(wrap_key) root = NULL;
	OWNED(wrap_key) back = NULL;
	uint8_t bytes[WRAP_KEY_BYTES + ENVELOPE_OVERHEAD];
	struct err e = { 0 };
	size_t len = 0;
	struct view wrapped = { bytes, sizeof(bytes) };

	check("a project key is wrapped",
	      wrap_key_new(&root, &e) &&
		      envelope_wrap(root, &of_project, s->key, bytes, sizeof(bytes), &len,
				    &e) &&
		      len == sizeof(bytes));
	check("it does not unwrap as another project's",
	      !envelope_unwrap(root, &of_other, wrapped, &back, &e) &&
		      e.kind == ERR_ENVELOPE_TAMPERED);
	check("it does not unwrap under itself",
	      !envelope_unwrap(s->key, &of_project, wrapped, &back, &e));
	check("a secret is no key",
	      !envelope_unwrap(s->key, &base, (struct view){ s->bytes, s->len }, &back,
			       &e));
	check("unwrapped it opens what it sealed",
	      envelope_unwrap(root, &of_project, wrapped, &back, &e) &&
		      secret_equal(wrap_key_secret(back), wrap_key_secret(s->key)) &&
		      opens(back, &base, (struct view){ s->bytes, s->len }, s->plain));
	check("a wrapping key has 32 bytes", !wrap_key_from(s->plain, &back, &e));
}

int main(void)
{
	CLEANUP(sealed_done) struct sealed s = { 0 };

	if (!check("a value is sealed", seal(&s)))
		return done();
	test_bindings(&s);
	test_bytes(&s);
	test_lengths(s.key);
	test_fresh(&s);
	test_hierarchy(&s);
	return done();
}
