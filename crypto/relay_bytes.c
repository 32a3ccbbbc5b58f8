/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/jose.h"
#include "crypto/jwe.h"
#include "crypto/mac.h"
#include "crypto/relay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STATE_TYP "vtpm-state"
enum { JWS_MAX = 4096, DIGEST = 32 };

static const struct jwe_form bytes_form = { .typ = STATE_TYP,
					    .cty = STATE_TYP,
					    .most = RELAY_BYTES_MAX + JWS_MAX };

static bool digest_of(struct view bytes, char ret[B64URL_SIZE(DIGEST)], struct err *e)
{
	uint8_t digest[DIGEST];

	if (!digest_sha256(bytes, digest, e))
		return false;
	text_b64url((struct view){ digest, sizeof(digest) }, ret);
	return true;
}

static bool add_payload(const struct seal_header *header, struct view bytes,
			struct buf *ret, struct err *e)
{
	char claims[JWE_CLAIMS], text[JWE_CLAIMS + 128], digest[B64URL_SIZE(DIGEST)];

	if (!jwe_claims(header, claims, sizeof(claims), e) ||
	    !digest_of(bytes, digest, e))
		return false;
	if (!text_format(text, sizeof(text), "{%s,\"size\":%zu,\"sha256\":\"%s\"}",
			 claims, bytes.len, digest))
		return err_set(e, ERR_INTERNAL, "a relayed header does not fit");
	buf_add(ret, ".");
	buf_add_b64url(ret, (struct view){ (const uint8_t *)text, strlen(text) });
	return !ret->failed || err_set(e, ERR_NO_MEMORY, "no memory to sign");
}

static bool add_jws(const struct jws_signer *from, const struct seal_header *header,
		    struct view bytes, struct buf *ret, struct err *e)
{
	char signature[JWS_SIGNATURE];

	if (!jws_begin(from, STATE_TYP, ret, e) || !add_payload(header, bytes, ret, e) ||
	    !jws_sign(from, (struct view){ (const uint8_t *)ret->at, ret->len },
		      signature, e))
		return false;
	buf_add(ret, ".");
	buf_add(ret, signature);
	buf_add(ret, "\n");
	return true;
}

bool relay_seal_bytes(const struct jws_signer *from, const struct pkey *to,
		      struct seal_header *header, struct view bytes, struct buf *ret,
		      struct err *e)
{
	CLEANUP(buf_done) struct buf plain = { 0 };
	OWNED(sealer) sealer = NULL;

	if (bytes.len == 0 || bytes.len > RELAY_BYTES_MAX)
		return err_set(e, ERR_TOO_LARGE, "a relayed state has 1 to %d bytes",
			       RELAY_BYTES_MAX);
	if (!sealer_new(to, &sealer, e) || !pkey_kid(to, header->kid, e) ||
	    !add_jws(from, header, bytes, &plain, e))
		return false;
	buf_add_bytes(&plain, bytes);
	if (plain.failed)
		return err_set(e, ERR_NO_MEMORY, "no memory to seal");
	return jwe_seal(sealer, &bytes_form, header,
			(struct view){ (const uint8_t *)plain.at, plain.len }, ret, e);
}

struct claims {
	struct seal_header header;
	int64_t size;
	char sha256[B64URL_SIZE(DIGEST)];
};

static bool read_claims(struct view part, struct claims *ret, struct err *e)
{
	static const struct json_field fields[] = {
		JWE_FIELDS(0),
		{ "size", FIELD_INTEGER, offsetof(struct claims, size), 0, 0, 1,
		  RELAY_BYTES_MAX, true },
		{ "sha256", FIELD_TEXT, offsetof(struct claims, sha256),
		  B64URL_SIZE(DIGEST), 0, B64URL_SIZE(DIGEST) - 1,
		  B64URL_SIZE(DIGEST) - 1, true },
	};

	return jose_claims(part, fields, ARRAY_LEN(fields), "a relayed state", ret, e);
}

static bool are_signed(const struct claims *c, struct view bytes, struct err *e)
{
	char digest[B64URL_SIZE(DIGEST)];

	return digest_of(bytes, digest, e) &&
	       (((uint64_t)c->size == bytes.len && strcmp(c->sha256, digest) == 0) ||
		err_set(e, ERR_BAD_SEALED, "these bytes are not those that were signed"));
}

static bool split_plain(struct view plain, struct view *ret_jws, struct view *ret_bytes,
			struct err *e)
{
	const uint8_t *end =
		memchr(plain.at, '\n', plain.len < JWS_MAX ? plain.len : JWS_MAX);

	if (!end)
		return err_set(e, ERR_BAD_SEALED, "a relayed state is not signed");
	*ret_jws = (struct view){ plain.at, (size_t)(end - plain.at) };
	*ret_bytes = (struct view){ end + 1, plain.len - ret_jws->len - 1 };
	return true;
}

static bool open_plain(const struct relay_reader *by, struct view plain,
		       struct relayed *r, struct buf *ret_bytes, struct err *e)
{
	struct claims claims = { 0 };
	struct view jws, bytes, payload;

	if (!split_plain(plain, &jws, &bytes, e) ||
	    !jws_check(&by->signer, STATE_TYP, jws, &r->from, &payload, e) ||
	    !read_claims(payload, &claims, e) ||
	    !jwe_compare(&r->header, &claims.header, e) || !are_signed(&claims, bytes, e))
		return false;
	buf_add_bytes(ret_bytes, bytes);
	return !ret_bytes->failed || err_set(e, ERR_NO_MEMORY, "no memory for a state");
}

bool relay_open_bytes(const struct relay_reader *by, struct view compact,
		      struct relayed *ret, struct buf *ret_bytes, struct err *e)
{
	CLEANUP(jwe_opening_done) struct jwe_opening w = { 0 };
	struct relayed r;
	uint8_t *plain;
	bool ok;

	if (!jwe_read(by->sealing, &bytes_form, compact, &w, e))
		return false;
	plain = malloc(w.len);
	if (!plain)
		return err_set(e, ERR_NO_MEMORY, "no memory for a state");
	r = (struct relayed){ .header = w.header };
	ok = jwe_decrypt(&w, plain, e) &&
	     open_plain(by, (struct view){ plain, w.len }, &r, ret_bytes, e);
	free(plain);
	if (ok)
		*ret = r;
	return ok;
}
