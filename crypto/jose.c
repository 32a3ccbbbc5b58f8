/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/jose.h"

#include <string.h>

bool jose_split(struct view compact, struct view *ret, size_t parts, struct err *e)
{
	struct view rest = compact;
	size_t n = 0;

	while (n < parts) {
		const uint8_t *dot = rest.len ? memchr(rest.at, '.', rest.len) : NULL;
		size_t len = dot ? (size_t)(dot - rest.at) : rest.len;

		ret[n++] = (struct view){ rest.at, len };
		if (!dot)
			return n == parts ||
			       err_set(e, ERR_BAD_SEALED, "parts are missing");
		rest = (struct view){ dot + 1, rest.len - len - 1 };
	}
	return err_set(e, ERR_BAD_SEALED, "there are too many parts");
}

bool jose_json(struct view part, struct json **ret, struct err *e)
{
	uint8_t text[JOSE_HEADER_MAX];
	size_t len = 0;

	if (!text_unb64url(part, text, sizeof(text), &len))
		return err_set(e, ERR_BAD_SEALED, "a part is not base64url or too long");
	if (!json_parse((struct view){ text, len }, ret, e)) {
		e->kind = ERR_BAD_SEALED;
		return err_wrap(e, "the protected header");
	}
	return true;
}

bool jose_claims(struct view part, const struct json_field *fields, size_t n,
		 const char *what, void *to, struct err *e)
{
	OWNED(json) payload = NULL;

	if (!jose_json(part, &payload, e))
		return false;
	if (json_read_fields(payload, fields, n, to, e))
		return true;
	e->kind = ERR_BAD_SEALED;
	return err_wrap(e, "%s", what);
}

bool jose_bytes(struct view part, uint8_t *ret, size_t len)
{
	size_t got = 0;

	return text_unb64url(part, ret, len, &got) && got == len;
}

bool jose_text_is(const struct json *j, const char *name, const char *want)
{
	const char *have = json_get_text(j, name);

	return have && strcmp(have, want) == 0;
}

bool jose_header(struct view part, const char *alg, const char *typ, struct json **ret,
		 struct err *e)
{
	OWNED(json) header = NULL;

	if (!jose_json(part, &header, e))
		return false;
	if (!jose_text_is(header, "alg", alg) || !jose_text_is(header, "typ", typ))
		return err_set(e, ERR_BAD_SEALED, "this is no %s by %s", typ, alg);
	if (json_has(header, "crit") || json_has(header, "zip"))
		return err_set(e, ERR_BAD_SEALED,
			       "\"crit\" and \"zip\" are not understood here");
	*ret = json_move(&header);
	return true;
}
