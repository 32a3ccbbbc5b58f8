/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/relay.h"

#include "crypto/jwe.h"

#include <string.h>

#define RELAY_TYP "vtpm-relay"

/* The longest value with the longest header and certificate has 10.9 KB as a JWS. */
static const struct jwe_form value_form = { .typ = RELAY_TYP,
					    .cty = "JWS",
					    .most = 11500 };

/* ---- sealing: {claims,"value":"..."} in a secret, then header.payload.signature ---- */

static bool make_payload(const struct seal_header *header, const struct secret *value,
			 struct secret **ret, struct err *e)
{
	struct view bytes = secret_view(value);
	char claims[JWE_CLAIMS], head[JWE_CLAIMS + 16];
	OWNED(secret) payload = NULL;
	uint8_t *at;

	if (bytes.len > RELAY_VALUE_MAX)
		return err_set(e, ERR_BAD_SECRET_LENGTH,
			       "a relayed secret has 1 to %d bytes", RELAY_VALUE_MAX);
	if (!jwe_claims(header, claims, sizeof(claims), e))
		return false;
	if (!text_format(head, sizeof(head), "{%s,\"value\":\"", claims))
		return err_set(e, ERR_INTERNAL, "a relayed header does not fit");
	if (!secret_new(strlen(head) + B64URL_SIZE(bytes.len) - 1 + 2, &payload, e))
		return false;
	at = secret_fill(payload);
	memcpy(at, head, strlen(head));
	at += strlen(head);
	at += text_b64url(bytes, (char *)at); /* its NUL gives way to the quote */
	memcpy(at, "\"}", 2);
	*ret = secret_move(&payload);
	return true;
}

static bool make_jws(const struct jws_signer *from, const struct secret *payload,
		     struct secret **ret, struct err *e)
{
	CLEANUP(buf_done) struct buf head = { 0 };
	OWNED(secret) jws = NULL;
	size_t signed_len;
	uint8_t *at;

	if (!jws_begin(from, RELAY_TYP, &head, e))
		return false;
	signed_len = head.len + 1 + B64URL_SIZE(secret_len(payload)) - 1;
	if (!secret_new(signed_len + 1 + JWS_SIGNATURE, &jws, e))
		return false;
	at = secret_fill(jws);
	memcpy(at, head.at, head.len);
	at[head.len] = '.';
	text_b64url(secret_view(payload), (char *)at + head.len + 1);
	if (!jws_sign(from, (struct view){ at, signed_len }, (char *)at + signed_len + 1,
		      e))
		return false;
	at[signed_len] = '.';
	if (!secret_truncate(jws, signed_len + JWS_SIGNATURE)) /* without its NUL */
		return err_set(e, ERR_INTERNAL, "a relayed secret does not fit");
	*ret = secret_move(&jws);
	return true;
}

bool relay_seal(const struct jws_signer *from, const struct pkey *to,
		struct seal_header *header, const struct secret *value, struct buf *ret,
		struct err *e)
{
	OWNED(sealer) sealer = NULL;
	OWNED(secret) payload = NULL;
	OWNED(secret) jws = NULL;

	return sealer_new(to, &sealer, e) && pkey_kid(to, header->kid, e) &&
	       make_payload(header, value, &payload, e) &&
	       make_jws(from, payload, &jws, e) &&
	       jwe_seal(sealer, &value_form, header, secret_view(jws), ret, e);
}

/* ---- opening ---- */

static bool unb64_secret(struct view text, struct secret **ret, struct err *e)
{
	OWNED(secret) plain = NULL;
	size_t len = text.len * 3 / 4, got = 0;

	if (len == 0)
		return err_set(e, ERR_BAD_SEALED, "a relayed secret is empty");
	if (!secret_new(len, &plain, e))
		return false;
	if (!text_unb64url(text, secret_fill(plain), len, &got) || got != len)
		return err_set(e, ERR_BAD_SEALED, "a relayed secret is not base64url");
	*ret = secret_move(&plain);
	return true;
}

static struct view after_space(struct view text, char want)
{
	while (text.len && strchr(" \t\r\n", *text.at) && *text.at)
		text = (struct view){ text.at + 1, text.len - 1 };
	if (text.len && *text.at == (uint8_t)want)
		return (struct view){ text.at + 1, text.len - 1 };
	return (struct view){ NULL, 0 };
}

/* Where the value is, between its quotes. Nothing that we sign needs an escape, so a quote is
 * always the begin or the end of a string, and `"value"` before a colon is always a name. */
static bool find_value(struct view json, struct view *ret)
{
	static const char name[] = "\"value\"";
	const uint8_t *at = memmem(json.at, json.len, name, sizeof(name) - 1), *end;
	struct view rest;

	if (!at || memchr(json.at, '\\', json.len))
		return false;
	rest.at = at + sizeof(name) - 1;
	rest.len = json.len - (size_t)(rest.at - json.at);
	rest = after_space(after_space(rest, ':'), '"');
	end = rest.len ? memchr(rest.at, '"', rest.len) : NULL;
	if (!end || memmem(rest.at, rest.len, name, sizeof(name) - 1))
		return false;
	*ret = (struct view){ rest.at, (size_t)(end - rest.at) };
	return true;
}

struct claims {
	struct seal_header header;
	char value[1]; /* empty by now */
};

/* The claims for the JSON library: all of the payload but the value. Its own words are not
 * passed on: they might quote what is misplaced. */
static bool read_claims(struct view json, struct view value, struct seal_header *ret,
			struct err *e)
{
	static const struct json_field fields[] = {
		JWE_FIELDS(0),
		{ "value", FIELD_TEXT, offsetof(struct claims, value), 1, 0, 0, 0, true },
	};
	size_t before = (size_t)(value.at - json.at);
	size_t after = json.len - before - value.len;
	struct claims claims = { 0 };
	uint8_t text[JWE_CLAIMS * 2];
	OWNED(json) payload = NULL;

	if (before + after > sizeof(text))
		return err_set(e, ERR_BAD_SEALED, "the signed claims are too long");
	memcpy(text, json.at, before);
	memcpy(text + before, value.at + value.len, after);
	if (!json_parse((struct view){ text, before + after }, &payload, e) ||
	    !json_read_fields(payload, fields, ARRAY_LEN(fields), &claims, e))
		return err_set(e, ERR_BAD_SEALED,
			       "the signed claims are not those of a relayed secret");
	*ret = claims.header;
	return true;
}

static bool open_payload(struct view part, const struct seal_header *sealed,
			 struct secret **ret, struct err *e)
{
	OWNED(secret) payload = NULL;
	struct seal_header header;
	struct view value, json;

	if (!unb64_secret(part, &payload, e))
		return false;
	json = secret_view(payload);
	if (!find_value(json, &value) || value.len >= B64URL_SIZE(RELAY_VALUE_MAX))
		return err_set(e, ERR_BAD_SEALED, "the signed claims hold no value");
	return read_claims(json, value, &header, e) && jwe_compare(sealed, &header, e) &&
	       unb64_secret(value, ret, e);
}

bool relay_open(const struct relay_reader *by, struct view compact, struct relayed *ret,
		struct secret **ret_value, struct err *e)
{
	CLEANUP(jwe_opening_done) struct jwe_opening w = { 0 };
	OWNED(secret) jws = NULL;
	struct cert_facts from;
	struct view payload;

	if (!jwe_read(by->sealing, &value_form, compact, &w, e) ||
	    !secret_new(w.len, &jws, e) || !jwe_decrypt(&w, secret_fill(jws), e) ||
	    !jws_check(&by->signer, RELAY_TYP, secret_view(jws), &from, &payload, e) ||
	    !open_payload(payload, &w.header, ret_value, e))
		return false;
	*ret = (struct relayed){ w.header, from };
	return true;
}
