/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/random.h"

#include "common/text.h"
#include "crypto/evp.h"

#include <openssl/rand.h>

enum {
	PASSPHRASE_RANDOM = 48,
	PASSPHRASE_BYTES = 64,
	TOKEN_RANDOM = 32,
	TOKEN_BYTES = 43
};

bool random_bytes(uint8_t *ret, size_t len, struct err *e)
{
	return RAND_bytes_ex(NULL, ret, len, 0) == 1 ||
	       evp_failed(e, ERR_INTERNAL, "no random bytes");
}

bool random_secret(size_t len, struct secret **ret, struct err *e)
{
	OWNED(secret) s = NULL;

	if (!secret_new(len, &s, e))
		return false;
	if (RAND_priv_bytes_ex(NULL, secret_fill(s), len, 0) != 1)
		return evp_failed(e, ERR_INTERNAL, "no random bytes");
	*ret = secret_move(&s);
	return true;
}

/* Encoders write a NUL behind the text, so the secret is one byte longer at first. */
static bool random_text(size_t random, size_t text, struct secret **ret,
			size_t (*encode)(struct view, char *), struct err *e)
{
	OWNED(secret) raw = NULL;
	OWNED(secret) out = NULL;

	if (!random_secret(random, &raw, e) || !secret_new(text + 1, &out, e))
		return false;
	if (encode(secret_view(raw), (char *)secret_fill(out)) != text ||
	    !secret_truncate(out, text))
		return err_set(e, ERR_INTERNAL, "an encoding came out too short");
	*ret = secret_move(&out);
	return true;
}

static size_t encode_base64(struct view bytes, char *ret)
{
	return (size_t)EVP_EncodeBlock((unsigned char *)ret, bytes.at, (int)bytes.len);
}

bool random_passphrase(struct secret **ret, struct err *e)
{
	return random_text(PASSPHRASE_RANDOM, PASSPHRASE_BYTES, ret, encode_base64, e);
}

bool random_token(struct secret **ret, struct err *e)
{
	return random_text(TOKEN_RANDOM, TOKEN_BYTES, ret, text_b64url, e);
}
