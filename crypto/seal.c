/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/seal.h"

#include "crypto/ecdh.h"
#include "crypto/jwe.h"
#include "crypto/random.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { IV_BYTES = 12, TAG_BYTES = 16 };

struct sealer {
	struct pkey *to;     /* owned: validated when it was read */
	EVP_PKEY_CTX *maker; /* owned: makes ephemeral keys, set up once */
	EVP_CIPHER *gcm;     /* owned: fetched once */
	EVP_CIPHER_CTX *ctx; /* owned: reused */
	char kid[PKI_KID];
};

bool sealer_new(const struct pkey *recipient, struct sealer **ret, struct err *e)
{
	OWNED(sealer) s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(e, ERR_NO_MEMORY, "no memory for a sealer");
	if (!ecdh_recipient(recipient, &s->to, e) || !pkey_kid(s->to, s->kid, e))
		return false;
	s->maker = ecdh_maker();
	s->gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	s->ctx = EVP_CIPHER_CTX_new();
	if (!s->maker || !s->gcm || !s->ctx)
		return evp_failed(e, ERR_INTERNAL, "no P-256 or AES-256-GCM");
	*ret = sealer_move(&s);
	return true;
}

void sealer_free(struct sealer *s)
{
	if (!s)
		return;
	pkey_free(s->to);
	EVP_PKEY_CTX_free(s->maker);
	EVP_CIPHER_free(s->gcm);
	EVP_CIPHER_CTX_free(s->ctx);
	free(s);
}

static bool is_b64url(const char *text, size_t least, size_t most)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789-_";
	size_t len = strlen(text);

	return len >= least && len <= most && strspn(text, digits) == len;
}

/* What goes into the header unescaped needs no escaping. */
static bool check_header(const struct seal_header *h, struct err *e)
{
	if (!is_b64url(h->nonce, SEAL_NONCE_MIN, sizeof(h->nonce) - 1))
		return err_field(e, ERR_BAD_VALUE, "nonce",
				 "a nonce has %d to %zu base64url characters",
				 SEAL_NONCE_MIN, sizeof(h->nonce) - 1);
	if (!text_is_name(h->purpose, sizeof(h->purpose) - 1))
		return err_field(e, ERR_BAD_VALUE, "purpose", "this is not a purpose");
	if (!uuid_is_set(&h->instance) || !uuid_is_set(&h->secret) ||
	    !uuid_is_set(&h->attempt) || h->handover < 0)
		return err_set(e, ERR_INTERNAL, "a sealed header lacks an id");
	return true;
}

bool jwe_claims(const struct seal_header *h, char *ret, size_t cap, struct err *e)
{
	char handover[48] = "";

	if (!check_header(h, e))
		return false;
	if ((h->handover && !text_format(handover, sizeof(handover),
					 ",\"handover\":%" PRId64, h->handover)) ||
	    !text_format(ret, cap,
			 "\"kid\":\"%s\",\"instance\":\"%s\",\"secret\":\"%s\","
			 "\"version\":%" PRId64 ",\"purpose\":\"%s\",\"epoch\":%" PRId64
			 ",\"attempt\":\"%s\",\"nonce\":\"%s\"%s",
			 h->kid, h->instance.text, h->secret.text, h->version, h->purpose,
			 h->epoch, h->attempt.text, h->nonce, handover))
		return err_set(e, ERR_INTERNAL, "a sealed header does not fit");
	return true;
}

static bool add_header(const struct jwe_form *form, const struct seal_header *h,
		       const struct ecdh_point *epk, struct buf *ret, struct err *e)
{
	char text[1024], claims[JWE_CLAIMS];
	const char *cty = form->cty ? form->cty : "";

	if (!jwe_claims(h, claims, sizeof(claims), e))
		return false;
	if (!text_format(text, sizeof(text),
			 "{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"typ\":\"%s\","
			 "%s%s%s\"epk\":{\"kty\":\"EC\",\"crv\":\"P-256\","
			 "\"x\":\"%s\",\"y\":\"%s\"},%s}",
			 form->typ, *cty ? "\"cty\":\"" : "", cty, *cty ? "\"," : "",
			 epk->x, epk->y, claims))
		return err_set(e, ERR_INTERNAL, "a sealed header does not fit");
	buf_add_b64url(ret, (struct view){ (const uint8_t *)text, strlen(text) });
	return true;
}

/* The pieces of one sealing, on their way into the compact form. */
struct sealing {
	struct view aad, plain;
	uint8_t key[32];
	uint8_t iv[IV_BYTES], tag[TAG_BYTES];
	uint8_t *text; /* owned: the cipher text */
};

static void sealing_done(struct sealing *w)
{
	OPENSSL_cleanse(w->key, sizeof(w->key));
	free(w->text);
}

static bool encrypt(struct sealer *s, struct sealing *w, struct err *e)
{
	int n = 0, rest = 0;

	w->text = malloc(w->plain.len);
	if (!w->text)
		return err_set(e, ERR_NO_MEMORY, "no memory to seal");
	if (!random_bytes(w->iv, sizeof(w->iv), e))
		return false;
	if (EVP_EncryptInit_ex2(s->ctx, s->gcm, w->key, w->iv, NULL) != 1 ||
	    EVP_EncryptUpdate(s->ctx, NULL, &n, w->aad.at, (int)w->aad.len) != 1 ||
	    EVP_EncryptUpdate(s->ctx, w->text, &n, w->plain.at, (int)w->plain.len) != 1 ||
	    EVP_EncryptFinal_ex(s->ctx, w->text + n, &rest) != 1 ||
	    EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, w->tag) != 1)
		return evp_failed(e, ERR_INTERNAL, "AES-256-GCM failed");
	return EVP_CIPHER_CTX_reset(s->ctx) == 1 ||
	       evp_failed(e, ERR_INTERNAL, "cannot wipe a cipher");
}

static void add_parts(const struct sealing *w, struct buf *ret)
{
	buf_add(ret, ".."); /* direct agreement: no encrypted key between the dots */
	buf_add_b64url(ret, (struct view){ w->iv, sizeof(w->iv) });
	buf_add(ret, ".");
	buf_add_b64url(ret, (struct view){ w->text, w->plain.len });
	buf_add(ret, ".");
	buf_add_b64url(ret, (struct view){ w->tag, sizeof(w->tag) });
}

bool jwe_seal(struct sealer *s, const struct jwe_form *form, struct seal_header *header,
	      struct view plain, struct buf *ret, struct err *e)
{
	CLEANUP(sealing_done) struct sealing w = { .plain = plain };
	struct ecdh_point epk;
	size_t start = ret->len;

	if (plain.len == 0 || plain.len > form->most)
		return err_set(e, ERR_INTERNAL, "a %s has 1 to %zu bytes", form->typ,
			       form->most);
	memcpy(header->kid, s->kid, sizeof(header->kid));
	if (!ecdh_send(s->maker, s->to, &epk, w.key, sizeof(w.key), e) ||
	    !add_header(form, header, &epk, ret, e))
		return false;
	if (ret->failed)
		return err_set(e, ERR_NO_MEMORY, "no memory to seal");
	w.aad = (struct view){ (const uint8_t *)ret->at + start, ret->len - start };
	if (!encrypt(s, &w, e))
		return false;
	add_parts(&w, ret);
	return !ret->failed || err_set(e, ERR_NO_MEMORY, "no memory to seal");
}

bool seal_jwe(struct sealer *s, struct seal_header *header, const struct secret *plain,
	      struct buf *ret, struct err *e)
{
	return jwe_seal(s, &jwe_release, header, secret_view(plain), ret, e);
}
