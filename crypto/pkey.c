/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkey.h"

#include "common/text.h"
#include "crypto/mac.h"

#include <stdlib.h>
#include <string.h>

struct pkey {
	EVP_PKEY *evp; /* owned */
};

/* SEQUENCE { SEQUENCE { id-ecPublicKey, secp256r1 }, BIT STRING { 04, x, y } } */
static const uint8_t spki_head[] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
	0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
};
static_assert(sizeof(spki_head) + PKEY_POINT == PKEY_SPKI, "a P-256 SPKI has 91 bytes");

EVP_PKEY *pkey_evp(const struct pkey *k)
{
	return k->evp;
}

/* Takes the key over, also when it fails. */
static bool pkey_take(EVP_PKEY *evp, struct pkey **ret, struct err *e)
{
	struct pkey *k = calloc(1, sizeof(*k));

	if (!k) {
		EVP_PKEY_free(evp);
		return err_set(e, ERR_NO_MEMORY, "no memory for a key");
	}
	k->evp = evp;
	*ret = k;
	return true;
}

bool pkey_new(struct pkey **ret, struct err *e)
{
	EVP_PKEY *evp = EVP_EC_gen("P-256");

	return evp ? pkey_take(evp, ret, e)
		   : evp_failed(e, ERR_INTERNAL, "cannot make a key");
}

void pkey_free(struct pkey *k)
{
	if (k)
		EVP_PKEY_free(k->evp);
	free(k);
}

bool pkey_point(const EVP_PKEY *key, uint8_t ret[PKEY_POINT])
{
	char group[32] = "";
	size_t len = 0;

	return EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group,
					      sizeof(group), NULL) == 1 &&
	       strcmp(group, "prime256v1") == 0 &&
	       EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, ret,
					       PKEY_POINT, &len) == 1 &&
	       len == PKEY_POINT && ret[0] == 4;
}

bool pkey_share(EVP_PKEY *key, struct pkey **ret)
{
	uint8_t point[PKEY_POINT];
	struct err ignored;

	if (!key || !pkey_point(key, point) || EVP_PKEY_up_ref(key) != 1)
		return false;
	return pkey_take(key, ret, &ignored);
}

EVP_PKEY *pkey_from_point(const uint8_t point[PKEY_POINT])
{
	OWNED_EVP(EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	char group[] = "P-256";
	uint8_t copy[PKEY_POINT];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy,
						  sizeof(copy)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *key = NULL;

	memcpy(copy, point, sizeof(copy));
	if (point[0] != 4 || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return NULL;
	return key;
}

bool pkey_spki(const struct pkey *k, uint8_t *ret, size_t cap, size_t *ret_len,
	       struct err *e)
{
	if (cap < PKEY_SPKI)
		return err_set(e, ERR_INTERNAL, "no room for a public key");
	memcpy(ret, spki_head, sizeof(spki_head));
	if (!pkey_point(k->evp, ret + sizeof(spki_head)))
		return evp_failed(e, ERR_INTERNAL, "a key has no public point");
	*ret_len = PKEY_SPKI;
	return true;
}

static bool public_key_is_sound(EVP_PKEY *key)
{
	OWNED_EVP(EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	return ctx && EVP_PKEY_public_check(ctx) == 1;
}

bool pkey_from_spki(struct view der, struct pkey **ret, struct err *e)
{
	OWNED_EVP(EVP_PKEY) evp = NULL;

	if (der.len != PKEY_SPKI || memcmp(der.at, spki_head, sizeof(spki_head)) != 0)
		return err_set(e, ERR_BAD_VALUE, "this is not a P-256 public key");
	evp = pkey_from_point(der.at + sizeof(spki_head));
	if (!evp || !public_key_is_sound(evp))
		return evp_failed(e, ERR_BAD_VALUE, "this point is not on P-256");
	return pkey_take(EVP_PKEY_move(&evp), ret, e);
}

bool pkey_hash(const struct pkey *k, char ret[PKI_HASH_HEX], struct err *e)
{
	uint8_t spki[PKEY_SPKI], digest[32];
	size_t len = 0;

	if (!pkey_spki(k, spki, sizeof(spki), &len, e) ||
	    !digest_sha256((struct view){ spki, len }, digest, e))
		return false;
	text_hex((struct view){ digest, sizeof(digest) }, ret);
	return true;
}

bool pkey_kid(const struct pkey *k, char ret[PKI_KID], struct err *e)
{
	uint8_t point[PKEY_POINT], digest[32];
	char x[B64URL_SIZE(PKEY_COORDINATE)], y[B64URL_SIZE(PKEY_COORDINATE)], jwk[160];

	if (!pkey_point(k->evp, point))
		return evp_failed(e, ERR_INTERNAL, "a key has no public point");
	text_b64url((struct view){ point + 1, PKEY_COORDINATE }, x);
	text_b64url((struct view){ point + 1 + PKEY_COORDINATE, PKEY_COORDINATE }, y);
	if (!text_format(jwk, sizeof(jwk),
			 "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
			 x, y))
		return err_set(e, ERR_INTERNAL, "a JWK does not fit");
	if (!digest_sha256((struct view){ (const uint8_t *)jwk, strlen(jwk) }, digest, e))
		return false;
	text_b64url((struct view){ digest, sizeof(digest) }, ret);
	return true;
}

bool pkey_sign(const EVP_PKEY *key, struct view text, uint8_t *ret, size_t cap,
	       size_t *ret_len)
{
	OWNED_EVP(EVP_MD_CTX) ctx = EVP_MD_CTX_new();
	size_t len = cap;

	if (!ctx ||
	    EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL,
				  (EVP_PKEY *)(uintptr_t)key, NULL) != 1 ||
	    EVP_DigestSign(ctx, ret, &len, text.at, text.len) != 1)
		return false;
	*ret_len = len;
	return true;
}

bool pkey_verifies(EVP_PKEY *key, struct view text, struct view signature)
{
	OWNED_EVP(EVP_MD_CTX) ctx = EVP_MD_CTX_new();

	return ctx &&
	       EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
	       EVP_DigestVerify(ctx, signature.at, signature.len, text.at, text.len) == 1;
}

/* ---- private halves: PKCS #8, in secrets only ---- */

bool pkey_private_der(const struct pkey *k, struct secret **ret, struct err *e)
{
	OWNED_EVP(PKCS8_PRIV_KEY_INFO) p8 = EVP_PKEY2PKCS8(k->evp);
	int len = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, NULL) : 0;
	OWNED(secret) der = NULL;
	uint8_t *to;

	if (len <= 0)
		return evp_failed(e, ERR_INTERNAL, "this key has no private half");
	if (!secret_new((size_t)len, &der, e))
		return false;
	to = secret_fill(der);
	if (i2d_PKCS8_PRIV_KEY_INFO(p8, &to) != len)
		return evp_failed(e, ERR_INTERNAL, "cannot encode a private key");
	*ret = secret_move(&der);
	return true;
}

/* A private key whose public half belongs to it. */
static bool pair_is_sound(EVP_PKEY *key)
{
	OWNED_EVP(EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	uint8_t point[PKEY_POINT];

	return pkey_point(key, point) && ctx && EVP_PKEY_check(ctx) == 1;
}

static bool pkey_from_p8(const PKCS8_PRIV_KEY_INFO *p8, struct pkey **ret, struct err *e)
{
	OWNED_EVP(EVP_PKEY) evp = p8 ? EVP_PKCS82PKEY(p8) : NULL;

	if (!evp || !pair_is_sound(evp))
		return evp_failed(e, ERR_BAD_VALUE, "this is not a P-256 private key");
	return pkey_take(EVP_PKEY_move(&evp), ret, e);
}

bool pkey_from_private_der(const struct secret *der, struct pkey **ret, struct err *e)
{
	struct view bytes = secret_view(der);
	const uint8_t *at = bytes.at;
	OWNED_EVP(PKCS8_PRIV_KEY_INFO)
	p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)bytes.len);

	if (at != bytes.at + bytes.len)
		return evp_failed(e, ERR_BAD_VALUE, "this is not a P-256 private key");
	return pkey_from_p8(p8, ret, e);
}

bool pkey_private_pem(const struct pkey *k, struct secret **ret, struct err *e)
{
	OWNED_EVP(PKCS8_PRIV_KEY_INFO) p8 = EVP_PKEY2PKCS8(k->evp);
	OWNED_EVP(BIO) bio = BIO_new(BIO_s_secmem());
	char *text = NULL;
	long len;

	if (!p8 || !bio || PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, p8) != 1)
		return evp_failed(e, ERR_INTERNAL, "this key has no private half");
	len = BIO_get_mem_data(bio, &text);
	return secret_from((struct view){ (const uint8_t *)text, (size_t)len }, ret, e);
}

bool pkey_from_private_pem(const struct secret *pem, struct pkey **ret, struct err *e)
{
	struct view text = secret_view(pem);
	OWNED_EVP(BIO) bio = BIO_new_mem_buf(text.at, (int)text.len);
	OWNED_EVP(PKCS8_PRIV_KEY_INFO) p8 = NULL;

	if (bio)
		p8 = PEM_read_bio_PKCS8_PRIV_KEY_INFO(bio, NULL, evp_no_password, NULL);
	return pkey_from_p8(p8, ret, e);
}
