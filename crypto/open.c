/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ecdh.h"
#include "crypto/jose.h"
#include "crypto/jwe.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum part { HEADER, ENCRYPTED_KEY, IV, TEXT, TAG, PARTS };

const struct jwe_form jwe_release = { .typ = SEAL_TYP, .most = SECRET_MAX };

static bool read_fields(const struct json *header, struct seal_header *ret, struct err *e)
{
	static const struct json_field fields[] = { JWE_FIELDS(0) };

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

static bool read_header(const struct jwe_form *form, struct view part,
			struct seal_header *ret, struct ecdh_point *epk, struct err *e)
{
	OWNED(json) header = NULL;
	const struct json *point;

	if (!jose_header(part, "ECDH-ES", form->typ, &header, e))
		return false;
	if (form->cty && !jose_text_is(header, "cty", form->cty))
		return err_set(e, ERR_BAD_SEALED, "this %s does not hold a %s", form->typ,
			       form->cty);
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

void jwe_opening_done(struct jwe_opening *w)
{
	OPENSSL_cleanse(w->key, sizeof(w->key));
	free(w->text);
}

static bool read_parts(const struct view *parts, size_t most, struct jwe_opening *w,
		       struct err *e)
{
	if (parts[ENCRYPTED_KEY].len != 0 ||
	    !jose_bytes(parts[IV], w->iv, sizeof(w->iv)) ||
	    !jose_bytes(parts[TAG], w->tag, sizeof(w->tag)))
		return err_set(e, ERR_BAD_SEALED, "a part has the wrong length");
	if (parts[TEXT].len == 0 || parts[TEXT].len >= B64URL_SIZE(most))
		return err_set(e, ERR_BAD_SEALED, "the sealed value has a wrong length");
	w->text = malloc(parts[TEXT].len);
	if (!w->text)
		return err_set(e, ERR_NO_MEMORY, "no memory to open a sealed value");
	return (text_unb64url(parts[TEXT], w->text, parts[TEXT].len, &w->len) &&
		w->len > 0) ||
	       err_set(e, ERR_BAD_SEALED, "the sealed value is not base64url");
}

static bool decrypt(const struct jwe_opening *w, uint8_t *to)
{
	OWNED_EVP(EVP_CIPHER_CTX) ctx = EVP_CIPHER_CTX_new();
	uint8_t tag[JWE_TAG]; /* OpenSSL's pointer is not const */
	int n = 0, rest = 0;

	memcpy(tag, w->tag, sizeof(tag));
	return ctx &&
	       EVP_DecryptInit_ex2(ctx, EVP_aes_256_gcm(), w->key, w->iv, NULL) == 1 &&
	       EVP_DecryptUpdate(ctx, NULL, &n, w->aad.at, (int)w->aad.len) == 1 &&
	       EVP_DecryptUpdate(ctx, to, &n, w->text, (int)w->len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) == 1 &&
	       EVP_DecryptFinal_ex(ctx, to + n, &rest) == 1;
}

bool jwe_read(const struct pkey *own, const struct jwe_form *form, struct view compact,
	      struct jwe_opening *w, struct err *e)
{
	struct ecdh_point epk = { 0 };
	struct view parts[PARTS];

	if (!jose_split(compact, parts, PARTS, e) ||
	    !read_header(form, parts[HEADER], &w->header, &epk, e) ||
	    !check_recipient(own, &w->header, e) ||
	    !read_parts(parts, form->most, w, e) ||
	    !ecdh_receive(own, &epk, w->key, sizeof(w->key), e))
		return false;
	w->aad = parts[HEADER];
	return true;
}

bool jwe_decrypt(const struct jwe_opening *w, uint8_t *to, struct err *e)
{
	return decrypt(w, to) ||
	       evp_failed(e, ERR_BAD_SEALED, "the sealed value does not verify");
}

bool jwe_compare(const struct seal_header *sealed, const struct seal_header *inner,
		 struct err *e)
{
	return (strcmp(sealed->kid, inner->kid) == 0 &&
		uuid_equal(&sealed->instance, &inner->instance) &&
		uuid_equal(&sealed->secret, &inner->secret) &&
		sealed->version == inner->version &&
		strcmp(sealed->purpose, inner->purpose) == 0 &&
		sealed->epoch == inner->epoch &&
		uuid_equal(&sealed->attempt, &inner->attempt) &&
		strcmp(sealed->nonce, inner->nonce) == 0 &&
		sealed->handover == inner->handover) ||
	       err_set(e, ERR_BAD_SEALED, "what was signed is not what it is sealed as");
}

bool open_jwe(const struct pkey *own, struct view compact, struct seal_header *ret_header,
	      struct secret **ret, struct err *e)
{
	CLEANUP(jwe_opening_done) struct jwe_opening w = { 0 };
	OWNED(secret) plain = NULL;

	if (!jwe_read(own, &jwe_release, compact, &w, e) ||
	    !secret_new(w.len, &plain, e) || !jwe_decrypt(&w, secret_fill(plain), e))
		return false;
	*ret_header = w.header;
	*ret = secret_move(&plain);
	return true;
}
