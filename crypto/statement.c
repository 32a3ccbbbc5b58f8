/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/statement.h"

#include "crypto/es256.h"
#include "crypto/jose.h"

#include <string.h>

#define LEASE_TYP "vtpm-lease"
enum { HEADER, PAYLOAD, SIGNATURE, PARTS };

static bool sign_into(const struct pkey *key, struct view text, struct buf *ret)
{
	uint8_t raw[ES256_BYTES];

	if (!es256_sign(key, text, raw))
		return false;
	buf_add(ret, ".");
	buf_add_b64url(ret, (struct view){ raw, sizeof(raw) });
	return true;
}

static void add_json(struct buf *ret, const struct buf *json)
{
	if (json->failed)
		ret->failed = true;
	else
		buf_add_b64url(ret,
			       (struct view){ (const uint8_t *)json->at, json->len });
}

static void add_header(const char *kid, struct buf *ret)
{
	CLEANUP(buf_done) struct buf json = { 0 };
	struct json_writer w = { .to = &json };

	json_open(&w, NULL);
	json_put_text(&w, "alg", "ES256");
	json_put_text(&w, "typ", LEASE_TYP);
	json_put_text(&w, "kid", kid);
	json_close(&w);
	add_json(ret, &json);
}

static void add_lease(const struct lease *l, struct buf *ret)
{
	CLEANUP(buf_done) struct buf json = { 0 };
	struct json_writer w = { .to = &json };

	json_open(&w, NULL);
	json_put_text(&w, "host", l->host);
	json_put_text(&w, "instance", l->instance.text);
	json_put_integer(&w, "version", l->version);
	json_put_integer(&w, "epoch", l->epoch);
	json_put_integer(&w, "issued_us", l->issued_us);
	json_put_integer(&w, "ends_us", l->ends_us);
	json_close(&w);
	add_json(ret, &json);
}

bool lease_sign(const struct pkey *statement, const struct lease *l, struct buf *ret,
		struct err *e)
{
	size_t start = ret->len;
	char kid[PKI_KID];
	struct view text;

	if (!pkey_kid(statement, kid, e))
		return false;
	add_header(kid, ret);
	buf_add(ret, ".");
	add_lease(l, ret);
	if (ret->failed)
		return err_set(e, ERR_NO_MEMORY, "no memory to sign a lease");
	text = (struct view){ (const uint8_t *)ret->at + start, ret->len - start };
	if (!sign_into(statement, text, ret))
		return evp_failed(e, ERR_INTERNAL, "cannot sign a lease");
	return !ret->failed || err_set(e, ERR_NO_MEMORY, "no memory to sign a lease");
}

static bool read_lease(struct view part, struct lease *ret, struct err *e)
{
#define FIELD(name, type, min, max)                                             \
	{                                                                       \
#name, type, offsetof(struct lease, name),                      \
			sizeof(((struct lease *)NULL)->name), 0, min, max, true \
	}
	static const struct json_field fields[] = {
		FIELD(host, FIELD_TEXT, PKI_HASH_HEX - 1, PKI_HASH_HEX - 1),
		FIELD(instance, FIELD_UUID, 0, 0),
		FIELD(version, FIELD_INTEGER, 0, INT64_MAX),
		FIELD(epoch, FIELD_INTEGER, 0, INT64_MAX),
		FIELD(issued_us, FIELD_INTEGER, 0, INT64_MAX),
		FIELD(ends_us, FIELD_INTEGER, 0, INT64_MAX),
	};
#undef FIELD
	OWNED(json) payload = NULL;

	if (!jose_json(part, &payload, e))
		return false;
	if (json_read_known(payload, fields, ARRAY_LEN(fields), ret, e))
		return true;
	e->kind = ERR_BAD_SEALED;
	return err_wrap(e, "a lease");
}

static bool is_signed_by(const struct pkey *key, struct view text, struct view part)
{
	uint8_t raw[ES256_BYTES];

	return jose_bytes(part, raw, sizeof(raw)) && es256_verifies(key, text, raw);
}

bool lease_check(const struct pkey *statement, struct view compact, struct lease *ret,
		 struct err *e)
{
	OWNED(json) header = NULL;
	struct view parts[PARTS], text;
	struct lease lease = { 0 };

	if (!jose_split(compact, parts, PARTS, e) ||
	    !jose_header(parts[HEADER], "ES256", LEASE_TYP, &header, e))
		return false;
	text = (struct view){ compact.at, parts[HEADER].len + 1 + parts[PAYLOAD].len };
	if (!is_signed_by(statement, text, parts[SIGNATURE]))
		return evp_failed(e, ERR_BAD_SEALED,
				  "a lease is not signed by the broker");
	if (!read_lease(parts[PAYLOAD], &lease, e))
		return false;
	*ret = lease;
	return true;
}
