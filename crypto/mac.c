/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mac.h"

#include "crypto/evp.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

struct mac_key {
	EVP_MAC_CTX *keyed; /* owned: a template, only ever copied */
};

struct mac {
	EVP_MAC_CTX *ctx; /* owned */
	bool failed;
};

static EVP_MAC_CTX *new_keyed(struct view key)
{
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	EVP_MAC_free(hmac);
	if (ctx && EVP_MAC_init(ctx, key.at, key.len, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

bool mac_key_from(const struct secret *key, struct mac_key **ret, struct err *e)
{
	OWNED(mac_key) k = calloc(1, sizeof(*k));

	if (!k)
		return err_set(e, ERR_NO_MEMORY, "no memory for a MAC key");
	k->keyed = new_keyed(secret_view(key));
	if (!k->keyed)
		return evp_failed(e, ERR_INTERNAL, "cannot set up HMAC-SHA256");
	*ret = mac_key_move(&k);
	return true;
}

void mac_key_free(struct mac_key *k)
{
	if (k)
		EVP_MAC_CTX_free(k->keyed);
	free(k);
}

bool mac_new(const struct mac_key *k, struct mac **ret, struct err *e)
{
	OWNED(mac) m = calloc(1, sizeof(*m));

	if (!m)
		return err_set(e, ERR_NO_MEMORY, "no memory for a MAC");
	m->ctx = EVP_MAC_CTX_dup(k->keyed);
	if (!m->ctx)
		return evp_failed(e, ERR_NO_MEMORY, "cannot copy a MAC key");
	*ret = mac_move(&m);
	return true;
}

void mac_free(struct mac *m)
{
	if (m)
		EVP_MAC_CTX_free(m->ctx);
	free(m);
}

void mac_begin(struct mac *m)
{
	m->failed = EVP_MAC_init(m->ctx, NULL, 0, NULL) != 1; /* the same key again */
}

/* OpenSSL does not survive an update of a context whose beginning failed. */
static void add(struct mac *m, struct view bytes)
{
	m->failed = m->failed || EVP_MAC_update(m->ctx, bytes.at, bytes.len) != 1;
}

static void add_head(struct mac *m, char type, uint64_t value)
{
	uint8_t head[9] = { (uint8_t)type };

	for (size_t i = 0; i < 8; i++)
		head[1 + i] = (uint8_t)(value >> (56 - 8 * i));
	add(m, (struct view){ head, sizeof(head) });
}

void mac_add_bytes(struct mac *m, struct view bytes)
{
	add_head(m, 'b', bytes.len);
	if (bytes.len)
		add(m, bytes);
}

void mac_add_text(struct mac *m, const char *text)
{
	mac_add_bytes(m, (struct view){ (const uint8_t *)text, strlen(text) });
}

void mac_add_integer(struct mac *m, int64_t value)
{
	add_head(m, 'i', (uint64_t)value);
}

bool mac_end(struct mac *m, uint8_t ret[MAC_BYTES], struct err *e)
{
	uint8_t out[MAC_BYTES];
	size_t len = 0;

	if (m->failed || EVP_MAC_final(m->ctx, out, &len, sizeof(out)) != 1 ||
	    len != MAC_BYTES)
		return evp_failed(e, ERR_INTERNAL, "HMAC-SHA256 failed");
	memcpy(ret, out, sizeof(out));
	return true;
}

bool mac_equal(const uint8_t a[MAC_BYTES], const uint8_t b[MAC_BYTES])
{
	return CRYPTO_memcmp(a, b, MAC_BYTES) == 0;
}

bool digest_sha256(struct view bytes, uint8_t ret[32], struct err *e)
{
	return EVP_Digest(bytes.at, bytes.len, ret, NULL, EVP_sha256(), NULL) == 1 ||
	       evp_failed(e, ERR_INTERNAL, "SHA-256 failed");
}
