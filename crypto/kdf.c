/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/kdf.h"

#include "crypto/mac.h"

#include <openssl/crypto.h>
#include <string.h>

struct message {
	uint8_t at[256];
	size_t len;
	bool full;
};

static void add_bytes(struct message *m, struct view bytes)
{
	if (bytes.len > sizeof(m->at) - m->len) {
		m->full = true;
		return;
	}
	if (bytes.len)
		memcpy(m->at + m->len, bytes.at, bytes.len);
	m->len += bytes.len;
}

static void add_number(struct message *m, size_t value)
{
	const uint8_t bytes[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16),
				   (uint8_t)(value >> 8), (uint8_t)value };

	add_bytes(m, (struct view){ bytes, sizeof(bytes) });
}

static void add_sized(struct message *m, struct view bytes)
{
	add_number(m, bytes.len);
	add_bytes(m, bytes);
}

/* round || Z || AlgorithmID || PartyUInfo || PartyVInfo || SuppPubInfo */
static void spell(struct message *m, const struct kdf_input *in, size_t key_len)
{
	struct view algorithm = { (const uint8_t *)in->algorithm, strlen(in->algorithm) };

	m->len = 0;
	m->full = false;
	add_number(m, 1);
	add_bytes(m, in->shared);
	add_sized(m, algorithm);
	add_sized(m, in->apu);
	add_sized(m, in->apv);
	add_number(m, key_len * 8);
}

bool kdf_concat(const struct kdf_input *in, uint8_t *ret, size_t len, struct err *e)
{
	struct message m;
	uint8_t digest[32];
	bool ok;

	spell(&m, in, len);
	if (m.full || len > sizeof(digest))
		ok = err_set(e, ERR_INTERNAL, "the key derivation's input is too long");
	else
		ok = digest_sha256((struct view){ m.at, m.len }, digest, e);
	if (ok)
		memcpy(ret, digest, len);
	OPENSSL_cleanse(&m, sizeof(m));
	OPENSSL_cleanse(digest, sizeof(digest));
	return ok;
}
