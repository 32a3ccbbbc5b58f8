/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope - secrets at rest: AES-256-GCM under a key, bound to who and what they are.
 *
 * Owns:    a struct wrap_key owns a 256-bit key in the secret slab.
 * Gives:   root key -> key table and project keys -> secret versions; every step is a wrap.
 * Form:    one byte format (1), 12 bytes nonce, ciphertext, 16 bytes tag.
 * Refuses: any change to the bytes, or to one field of the binding: ERR_ENVELOPE_TAMPERED.
 * Knows:   nothing of SQL or HTTP; nonces are random (fewer than 2^32 wraps per key).
 * Threads: a wrap_key may be used by many threads at once; it never changes.
 */
#ifndef CRYPTO_ENVELOPE_H
#define CRYPTO_ENVELOPE_H

#include "common/secret.h"
#include "common/uuid.h"

enum { ENVELOPE_OVERHEAD = 1 + 12 + 16, WRAP_KEY_BYTES = 32 };

struct wrap_key;

MUST_CHECK bool wrap_key_new(struct wrap_key **ret, struct err *e); /* random */
MUST_CHECK bool wrap_key_from(const struct secret *bytes, struct wrap_key **ret,
			      struct err *e); /* 32 bytes, copied */
void wrap_key_free(struct wrap_key *k);
DEFINE_DROP(wrap_key)

/* What a secret is bound to; encoded length-prefixed, so that no two bindings are alike. */
struct envelope_binding {
	const char *kind; /* "secret", "project-key" or "key" */
	const char *id;   /* secret uuid, or the key's name */
	int64_t version;
	const char *instance;
	const char *issuer;
	const char *project;
	const char *owner;
	const char *security; /* "user", "host", "deployment" or "" */
};

/* ret holds ENVELOPE_OVERHEAD more bytes than plain; cap is checked. */
MUST_CHECK bool envelope_seal(const struct wrap_key *k, const struct envelope_binding *b,
			      const struct secret *plain, uint8_t *ret, size_t cap,
			      size_t *ret_len, struct err *e);
MUST_CHECK bool envelope_open(const struct wrap_key *k, const struct envelope_binding *b,
			      struct view sealed, struct secret **ret, struct err *e);
/* A wrap_key itself as the plain text. */
MUST_CHECK bool envelope_wrap(const struct wrap_key *k, const struct envelope_binding *b,
			      const struct wrap_key *inner, uint8_t *ret, size_t cap,
			      size_t *ret_len, struct err *e);
MUST_CHECK bool envelope_unwrap(const struct wrap_key *k,
				const struct envelope_binding *b, struct view sealed,
				struct wrap_key **ret, struct err *e);
/* The key's bytes, for handing to a MAC or the root key's file. */
const struct secret *wrap_key_secret(const struct wrap_key *k);

#endif
