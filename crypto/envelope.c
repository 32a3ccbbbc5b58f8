/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/envelope.h"

#include "crypto/evp.h"
#include "crypto/random.h"

#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1, NONCE_BYTES = 12, TAG_BYTES = 16, HEAD_BYTES = 1 + NONCE_BYTES };

struct wrap_key {
	struct secret *bytes; /* owned */
	EVP_CIPHER *gcm;      /* owned: fetched once */
};

/* Takes the bytes over, also when it fails. */
static bool wrap_key_take(struct secret *bytes, struct wrap_key **ret, struct err *e)
{
	OWNED(secret) owned = bytes;
	OWNED(wrap_key) k = calloc(1, sizeof(*k));

	if (!k)
		return err_set(e, ERR_NO_MEMORY, "no memory for a key");
	k->gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (!k->gcm)
		return evp_failed(e, ERR_INTERNAL, "no AES-256-GCM");
	k->bytes = secret_move(&owned);
	*ret = wrap_key_move(&k);
	return true;
}

bool wrap_key_new(struct wrap_key **ret, struct err *e)
{
	struct secret *bytes = NULL;

	return random_secret(WRAP_KEY_BYTES, &bytes, e) && wrap_key_take(bytes, ret, e);
}

bool wrap_key_from(const struct secret *bytes, struct wrap_key **ret, struct err *e)
{
	struct secret *copy = NULL;

	if (secret_len(bytes) != WRAP_KEY_BYTES)
		return err_set(e, ERR_INTERNAL, "a wrapping key has %d bytes",
			       WRAP_KEY_BYTES);
	return secret_from(secret_view(bytes), &copy, e) && wrap_key_take(copy, ret, e);
}

void wrap_key_free(struct wrap_key *k)
{
	if (!k)
		return;
	secret_free(k->bytes);
	EVP_CIPHER_free(k->gcm);
	free(k);
}

const struct secret *wrap_key_secret(const struct wrap_key *k)
{
	return k->bytes;
}

static bool bind_bytes(EVP_CIPHER_CTX *ctx, struct view bytes)
{
	uint32_t len = (uint32_t)bytes.len;
	const uint8_t head[4] = { (uint8_t)(len >> 24), (uint8_t)(len >> 16),
				  (uint8_t)(len >> 8), (uint8_t)len };
	int n;

	return EVP_CipherUpdate(ctx, NULL, &n, head, sizeof(head)) == 1 &&
	       (len == 0 || EVP_CipherUpdate(ctx, NULL, &n, bytes.at, (int)len) == 1);
}

static bool bind_text(EVP_CIPHER_CTX *ctx, const char *text)
{
	return bind_bytes(ctx, (struct view){ (const uint8_t *)text,
					      text ? strlen(text) : 0 });
}

static bool bind_integer(EVP_CIPHER_CTX *ctx, int64_t value)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i));
	return bind_bytes(ctx, (struct view){ bytes, sizeof(bytes) });
}

/* The associated data: format, then every field behind its own length. */
static bool bind_fields(EVP_CIPHER_CTX *ctx, const struct envelope_binding *b)
{
	return bind_integer(ctx, FORMAT) && bind_text(ctx, b->kind) &&
	       bind_text(ctx, b->id) && bind_integer(ctx, b->version) &&
	       bind_text(ctx, b->instance) && bind_text(ctx, b->issuer) &&
	       bind_text(ctx, b->project) && bind_text(ctx, b->owner) &&
	       bind_text(ctx, b->security);
}

static bool encrypt(const struct wrap_key *k, const struct envelope_binding *b,
		    struct view plain, uint8_t *to)
{
	OWNED_EVP(EVP_CIPHER_CTX) ctx = EVP_CIPHER_CTX_new();
	uint8_t *text = to + HEAD_BYTES;
	int n = 0, rest = 0;

	return ctx &&
	       EVP_EncryptInit_ex2(ctx, k->gcm, secret_view(k->bytes).at, to + 1, NULL) ==
		       1 &&
	       bind_fields(ctx, b) &&
	       EVP_EncryptUpdate(ctx, text, &n, plain.at, (int)plain.len) == 1 &&
	       EVP_EncryptFinal_ex(ctx, text + n, &rest) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES,
				   text + plain.len) == 1;
}

/* wide: the room for the result and its length go together */
bool envelope_seal(const struct wrap_key *k, const struct envelope_binding *b,
		   const struct secret *plain, uint8_t *ret, size_t cap, size_t *ret_len,
		   struct err *e)
{
	struct view text = secret_view(plain);

	if (cap < text.len + ENVELOPE_OVERHEAD)
		return err_set(e, ERR_INTERNAL, "no room for an envelope");
	ret[0] = FORMAT;
	if (!random_bytes(ret + 1, NONCE_BYTES, e))
		return false;
	if (!encrypt(k, b, text, ret))
		return evp_failed(e, ERR_INTERNAL, "AES-256-GCM failed");
	*ret_len = text.len + ENVELOPE_OVERHEAD;
	return true;
}

/* GCM hands plain text out before it knows the tag: only a secret, freed on failure, sees it. */
static bool decrypt(const struct wrap_key *k, const struct envelope_binding *b,
		    struct view sealed, uint8_t *to)
{
	OWNED_EVP(EVP_CIPHER_CTX) ctx = EVP_CIPHER_CTX_new();
	size_t len = sealed.len - ENVELOPE_OVERHEAD;
	uint8_t tag[TAG_BYTES];
	int n = 0, rest = 0;

	memcpy(tag, sealed.at + HEAD_BYTES + len, sizeof(tag));
	return ctx &&
	       EVP_DecryptInit_ex2(ctx, k->gcm, secret_view(k->bytes).at, sealed.at + 1,
				   NULL) == 1 &&
	       bind_fields(ctx, b) &&
	       EVP_DecryptUpdate(ctx, to, &n, sealed.at + HEAD_BYTES, (int)len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
	       EVP_DecryptFinal_ex(ctx, to + n, &rest) == 1;
}

bool envelope_open(const struct wrap_key *k, const struct envelope_binding *b,
		   struct view sealed, struct secret **ret, struct err *e)
{
	OWNED(secret) plain = NULL;

	if (sealed.len <= ENVELOPE_OVERHEAD ||
	    sealed.len > SECRET_MAX + ENVELOPE_OVERHEAD || sealed.at[0] != FORMAT)
		return err_set(e, ERR_ENVELOPE_TAMPERED, "this is not an envelope");
	if (!secret_new(sealed.len - ENVELOPE_OVERHEAD, &plain, e))
		return false;
	if (!decrypt(k, b, sealed, secret_fill(plain)))
		return evp_failed(e, ERR_ENVELOPE_TAMPERED,
				  "an envelope does not verify");
	*ret = secret_move(&plain);
	return true;
}

/* wide: as envelope_seal */
bool envelope_wrap(const struct wrap_key *k, const struct envelope_binding *b,
		   const struct wrap_key *inner, uint8_t *ret, size_t cap,
		   size_t *ret_len, struct err *e)
{
	return envelope_seal(k, b, inner->bytes, ret, cap, ret_len, e);
}

bool envelope_unwrap(const struct wrap_key *k, const struct envelope_binding *b,
		     struct view sealed, struct wrap_key **ret, struct err *e)
{
	OWNED(secret) bytes = NULL;

	if (sealed.len != WRAP_KEY_BYTES + ENVELOPE_OVERHEAD)
		return err_set(e, ERR_ENVELOPE_TAMPERED,
			       "a wrapped key has another length");
	return envelope_open(k, b, sealed, &bytes, e) && wrap_key_from(bytes, ret, e);
}
