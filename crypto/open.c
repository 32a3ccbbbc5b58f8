/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ecdh.h"
#include "crypto/jose.h"
#include "crypto/seal.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { IV_BYTES = 12, TAG_BYTES = 16 };
enum part { HEADER, ENCRYPTED_KEY, IV, TEXT, TAG, PARTS };

static bool read_fields(const struct json *header, struct seal_header *ret, struct err *e)
{
#define FIELD(name, type, min, max)                                                   \
	{                                                                             \
#name, type, offsetof(struct seal_header, name),                      \
			sizeof(((struct seal_header *)NULL)->name), 0, min, max, true \
	}
	static const struct json_field fields[] = {
		FIELD(kid, FIELD_TEXT, PKI_KID - 1, PKI_KID - 1),
		FIELD(instance, FIELD_UUID, 0, 0),
		FIELD(secret, FIELD_UUID, 0, 0),
		FIELD(version, FIELD_INTEGER, 0, INT64_MAX),
		FIELD(purpose, FIELD_NAME, 1, 15),
		FIELD(epoch, FIELD_INTEGER, 0, INT64_MAX),
		FIELD(attempt, FIELD_UUID, 0, 0),
		FIELD(nonce, FIELD_TEXT, SEAL_NONCE_MIN, 63),
	};
#undef FIELD

	if (json_read_known(header, fields, ARRAY_LEN(fields), ret, e))
		return true;
	e->kind = ERR_BAD_SEALED;
	return err_wrap(e, "the protected header");
}

static bool check_recipient(const struct pkey *own, const struct seal_header *header,
			    struct err *e)
{
	char kid[PKI_KID];

	return pkey_kid(own, kid, e) &&
	       (strcmp(kid, header->kid) == 0 ||
		err_set(e, ERR_BAD_SEALED, "this is sealed to another key"));
}

static bool read_header(struct view part, struct seal_header *ret, struct ecdh_point *epk,
			struct err *e)
{
	OWNED(json) header = NULL;
	const struct json *point;

	if (!jose_header(part, "ECDH-ES", SEAL_TYP, &header, e))
		return false;
	if (!jose_text_is(header, "enc", "A256GCM"))
		return err_set(e, ERR_BAD_SEALED, "only A256GCM is understood here");
	if (json_has(header, "apu") || json_has(header, "apv"))
		return err_set(e, ERR_BAD_SEALED,
			       "\"apu\" and \"apv\" are not understood here");
	point = json_get_object(header, "epk");
	if (!point || !jose_text_is(point, "kty", "EC") ||
	    !jose_text_is(point, "crv", "P-256") || !json_get_text(point, "x") ||
	    !json_get_text(point, "y") ||
	    !text_copy(epk->x, sizeof(epk->x), json_get_text(point, "x")) ||
	    !text_copy(epk->y, sizeof(epk->y), json_get_text(point, "y")))
		return err_set(e, ERR_BAD_SEALED, "the ephemeral key is not on P-256");
	return read_fields(header, ret, e);
}

/* The pieces of one opening. */
struct opening {
	struct view aad;
	uint8_t key[32];
	uint8_t iv[IV_BYTES], tag[TAG_BYTES];
	uint8_t *text; /* owned: the cipher text */
	size_t len;
};

static void opening_done(struct opening *w)
{
	OPENSSL_cleanse(w->key, sizeof(w->key));
	free(w->text);
}

static bool read_parts(const struct view *parts, struct opening *w, struct err *e)
{
	if (parts[ENCRYPTED_KEY].len != 0 ||
	    !jose_bytes(parts[IV], w->iv, sizeof(w->iv)) ||
	    !jose_bytes(parts[TAG], w->tag, sizeof(w->tag)))
		return err_set(e, ERR_BAD_SEALED, "a part has the wrong length");
	if (parts[TEXT].len == 0 || parts[TEXT].len >= B64URL_SIZE(SECRET_MAX))
		return err_set(e, ERR_BAD_SEALED, "the sealed value has a wrong length");
	w->text = malloc(parts[TEXT].len);
	if (!w->text)
		return err_set(e, ERR_NO_MEMORY, "no memory to open a sealed value");
	return (text_unb64url(parts[TEXT], w->text, parts[TEXT].len, &w->len) &&
		w->len > 0) ||
	       err_set(e, ERR_BAD_SEALED, "the sealed value is not base64url");
}

static bool decrypt(struct opening *w, uint8_t *to)
{
	OWNED_EVP(EVP_CIPHER_CTX) ctx = EVP_CIPHER_CTX_new();
	int n = 0, rest = 0;

	return ctx &&
	       EVP_DecryptInit_ex2(ctx, EVP_aes_256_gcm(), w->key, w->iv, NULL) == 1 &&
	       EVP_DecryptUpdate(ctx, NULL, &n, w->aad.at, (int)w->aad.len) == 1 &&
	       EVP_DecryptUpdate(ctx, to, &n, w->text, (int)w->len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, w->tag) == 1 &&
	       EVP_DecryptFinal_ex(ctx, to + n, &rest) == 1;
}

bool open_jwe(const struct pkey *own, struct view compact, struct seal_header *ret_header,
	      struct secret **ret, struct err *e)
{
	CLEANUP(opening_done) struct opening w = { 0 };
	OWNED(secret) plain = NULL;
	struct seal_header header = { 0 };
	struct ecdh_point epk = { 0 };
	struct view parts[PARTS];

	if (!jose_split(compact, parts, PARTS, e) ||
	    !read_header(parts[HEADER], &header, &epk, e) ||
	    !check_recipient(own, &header, e) || !read_parts(parts, &w, e) ||
	    !secret_new(w.len, &plain, e) ||
	    !ecdh_receive(own, &epk, w.key, sizeof(w.key), e))
		return false;
	w.aad = parts[HEADER];
	if (!decrypt(&w, secret_fill(plain)))
		return evp_failed(e, ERR_BAD_SEALED, "the sealed value does not verify");
	*ret_header = header;
	*ret = secret_move(&plain);
	return true;
}
