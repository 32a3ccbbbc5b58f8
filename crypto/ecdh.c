/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ecdh.h"

#include "crypto/kdf.h"

#include <openssl/crypto.h>
#include <string.h>

EVP_PKEY_CTX *ecdh_maker(void)
{
	OWNED_EVP(EVP_PKEY_CTX) maker = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

	if (!maker || EVP_PKEY_keygen_init(maker) != 1 ||
	    EVP_PKEY_CTX_set_group_name(maker, "P-256") != 1)
		return NULL;
	return EVP_PKEY_CTX_move(&maker);
}

bool ecdh_recipient(const struct pkey *from, struct pkey **ret, struct err *e)
{
	uint8_t spki[PKEY_SPKI];
	size_t len = 0;

	return pkey_spki(from, spki, sizeof(spki), &len, e) &&
	       pkey_from_spki((struct view){ spki, len }, ret, e);
}

static bool agree(EVP_PKEY *mine, EVP_PKEY *theirs, bool validate, uint8_t *ret_key,
		  size_t key_len, struct err *e)
{
	OWNED_EVP(EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new_from_pkey(NULL, mine, NULL);
	uint8_t shared[PKEY_COORDINATE];
	size_t len = sizeof(shared);
	bool ok = ctx && EVP_PKEY_derive_init(ctx) == 1 &&
		  EVP_PKEY_derive_set_peer_ex(ctx, theirs, validate) == 1 &&
		  EVP_PKEY_derive(ctx, shared, &len) == 1 && len == sizeof(shared);
	const struct kdf_input in = { .shared = { shared, len }, .algorithm = "A256GCM" };

	if (!ok)
		evp_failed(e, ERR_BAD_SEALED, "ECDH failed");
	ok = ok && kdf_concat(&in, ret_key, key_len, e);
	OPENSSL_cleanse(shared, sizeof(shared));
	return ok;
}

static bool spell_point(const EVP_PKEY *key, struct ecdh_point *ret)
{
	uint8_t point[PKEY_POINT];
	size_t len = 0;

	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point,
					    sizeof(point), &len) != 1 ||
	    len != sizeof(point))
		return false;
	text_b64url((struct view){ point + 1, PKEY_COORDINATE }, ret->x);
	text_b64url((struct view){ point + 1 + PKEY_COORDINATE, PKEY_COORDINATE },
		    ret->y);
	return true;
}

bool ecdh_send(EVP_PKEY_CTX *maker, const struct pkey *to, struct ecdh_point *ret_epk,
	       uint8_t *ret_key, size_t key_len, struct err *e)
{
	OWNED_EVP(EVP_PKEY) ephemeral = NULL;

	if (EVP_PKEY_generate(maker, &ephemeral) != 1 || !spell_point(ephemeral, ret_epk))
		return evp_failed(e, ERR_INTERNAL, "cannot make an ephemeral key");
	return agree(ephemeral, pkey_evp(to), false, ret_key, key_len, e);
}

static bool read_coordinate(const char *text, uint8_t *ret)
{
	struct view view = { (const uint8_t *)text, strlen(text) };
	size_t len = 0;

	return text_unb64url(view, ret, PKEY_COORDINATE, &len) && len == PKEY_COORDINATE;
}

bool ecdh_receive(const struct pkey *own, const struct ecdh_point *epk, uint8_t *ret_key,
		  size_t key_len, struct err *e)
{
	OWNED_EVP(EVP_PKEY) theirs = NULL;
	uint8_t point[PKEY_POINT] = { 4 };

	if (read_coordinate(epk->x, point + 1) &&
	    read_coordinate(epk->y, point + 1 + PKEY_COORDINATE))
		theirs = pkey_from_point(point);
	if (!theirs)
		return evp_failed(e, ERR_BAD_SEALED, "the ephemeral key is not on P-256");
	return agree(pkey_evp(own), theirs, true, ret_key, key_len, e);
}
