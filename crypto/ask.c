/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ask.h"

#include "common/clock.h"
#include "crypto/jose.h"
#include "crypto/pkey.h"

#include <string.h>

#define ASK_TYP "vtpm-ask"

static void add_claims(const struct ask *ask, struct view spki, struct buf *ret)
{
	CLEANUP(buf_done) struct buf json = { 0 };
	struct json_writer w = { .to = &json };
	char sealing[B64URL_SIZE(PKEY_SPKI)];

	text_b64url(spki, sealing);
	json_open(&w, NULL);
	json_put_text(&w, "instance", ask->instance.text);
	json_put_text(&w, "secret", ask->secret.text);
	json_put_text(&w, "attempt", ask->attempt.text);
	json_put_text(&w, "purpose", ask->purpose);
	json_put_text(&w, "nonce", ask->nonce);
	json_put_text(&w, "sealing", sealing);
	json_put_integer(&w, "issued_us", ask->issued_us);
	json_close(&w);
	if (json.failed)
		ret->failed = true;
	else
		buf_add_b64url(ret, (struct view){ (const uint8_t *)json.at, json.len });
}

static bool sign_rest(const struct jws_signer *by, size_t start, struct buf *ret,
		      struct err *e)
{
	char signature[JWS_SIGNATURE];

	if (ret->failed)
		return err_set(e, ERR_NO_MEMORY, "no memory to sign");
	if (!jws_sign(by,
		      (struct view){ (const uint8_t *)ret->at + start, ret->len - start },
		      signature, e))
		return false;
	buf_add(ret, ".");
	buf_add(ret, signature);
	if (ret->failed)
		return err_set(e, ERR_NO_MEMORY, "no memory to sign");
	return ret->len - start <= ASK_MAX ||
	       err_set(e, ERR_BAD_CERTIFICATE, "the host's certificate is too long");
}

bool ask_sign(const struct jws_signer *by, const struct ask *ask,
	      const struct pkey *sealing, struct buf *ret, struct err *e)
{
	size_t start = ret->len, len = 0;
	uint8_t spki[PKEY_SPKI];

	if (!pkey_spki(sealing, spki, sizeof(spki), &len, e) ||
	    !jws_begin(by, ASK_TYP, ret, e))
		return false;
	buf_add(ret, ".");
	add_claims(ask, (struct view){ spki, len }, ret);
	return sign_rest(by, start, ret, e);
}

struct claims {
	struct ask ask;
	char sealing[B64URL_SIZE(PKEY_SPKI)];
};

static bool read_claims(struct view part, struct claims *ret, struct err *e)
{
#define FIELD(member, name, type, min, max)                                        \
	{                                                                          \
		name, type, offsetof(struct claims, member),                       \
			sizeof(((struct claims *)NULL)->member), 0, min, max, true \
	}
	static const struct json_field fields[] = {
		FIELD(ask.instance, "instance", FIELD_UUID, 0, 0),
		FIELD(ask.secret, "secret", FIELD_UUID, 0, 0),
		FIELD(ask.attempt, "attempt", FIELD_UUID, 0, 0),
		FIELD(ask.purpose, "purpose", FIELD_NAME, 1, 15),
		FIELD(ask.nonce, "nonce", FIELD_TEXT, SEAL_NONCE_MIN, 63),
		FIELD(ask.issued_us, "issued_us", FIELD_INTEGER, 0, INT64_MAX / 2),
		FIELD(sealing, "sealing", FIELD_TEXT, B64URL_SIZE(PKEY_SPKI) - 1,
		      B64URL_SIZE(PKEY_SPKI) - 1),
	};
#undef FIELD

	return jose_claims(part, fields, ARRAY_LEN(fields), "an ask", ret, e);
}

static bool is_fresh(const struct ask *ask, int64_t now_us)
{
	int64_t age_s = (now_us - ask->issued_us) / US_PER_S;

	return age_s >= -ASK_SKEW_S && age_s <= ASK_LASTS_S + ASK_SKEW_S;
}

static bool read_sealing(const struct claims *c, struct pkey **ret, struct err *e)
{
	struct view text = { (const uint8_t *)c->sealing, strlen(c->sealing) };
	uint8_t spki[PKEY_SPKI];

	return (jose_bytes(text, spki, sizeof(spki)) &&
		pkey_from_spki((struct view){ spki, sizeof(spki) }, ret, e)) ||
	       err_set(e, ERR_BAD_SEALED, "an ask names no P-256 sealing key");
}

bool ask_check(const struct jws_reader *by, struct view compact, struct asked *ret,
	       struct err *e)
{
	OWNED(pkey) sealing = NULL;
	struct claims claims = { 0 };
	struct cert_facts from;
	struct view payload;

	if (compact.len > ASK_MAX)
		return err_set(e, ERR_BAD_SEALED, "an ask is too long");
	if (!jws_check(by, ASK_TYP, compact, &from, &payload, e) ||
	    !read_claims(payload, &claims, e))
		return false;
	if (!is_fresh(&claims.ask, by->now_us))
		return err_set(e, ERR_BAD_SEALED,
			       "an ask is too old, or the hosts' clocks differ");
	if (!read_sealing(&claims, &sealing, e))
		return false;
	*ret = (struct asked){ claims.ask, from, pkey_move(&sealing) };
	return true;
}

void asked_done(struct asked *a)
{
	pkey_free(a->sealing);
	a->sealing = NULL;
}
