/* SPDX-License-Identifier: Apache-2.0 */
#include "common/uuid.h"

#include "common/text.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static bool is_dash_at(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

/* The folded character, or 0 when it may not stand at this place. */
static char uuid_char(char c, size_t i)
{
	if (is_dash_at(i))
		return c == '-' ? c : '\0';
	if (c >= 'A' && c <= 'F')
		return (char)(c - 'A' + 'a');
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ? c : '\0';
}

bool uuid_parse(const char *text, const char *field, struct uuid *ret, struct err *e)
{
	struct uuid out = { 0 };
	size_t len = text ? strnlen(text, sizeof(out.text)) : 0;

	if (len != sizeof(out.text) - 1)
		return err_field(e, ERR_BAD_UUID, field, "a UUID has 36 characters");
	for (size_t i = 0; i < len; i++) {
		out.text[i] = uuid_char(text[i], i);
		if (out.text[i] == '\0')
			return err_field(e, ERR_BAD_UUID, field,
					 "a UUID is 8-4-4-4-12 hexadecimal digits");
	}
	if (strspn(out.text, "0-") == len)
		return err_field(e, ERR_BAD_UUID, field, "the nil UUID names nothing");
	*ret = out;
	return true;
}

static void uuid_spell(const uint8_t bytes[16], struct uuid *ret)
{
	char hex[33], *to = ret->text;

	text_hex((struct view){ bytes, 16 }, hex);
	for (size_t i = 0, from = 0; i < sizeof(ret->text) - 1; i++)
		*to++ = is_dash_at(i) ? '-' : hex[from++];
	*to = '\0';
}

bool uuid_random(struct uuid *ret, struct err *e)
{
	uint8_t bytes[16];
	ssize_t n;

	do
		n = getrandom(bytes, sizeof(bytes), 0);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(bytes))
		return err_errno(e, ERR_INTERNAL, "getrandom");
	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
	uuid_spell(bytes, ret);
	return true;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return strcmp(a->text, b->text) == 0;
}

bool uuid_is_set(const struct uuid *u)
{
	return u->text[0] != '\0';
}

void uuid_bytes(const struct uuid *u, uint8_t ret[16])
{
	char hex[33] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(u->text) - 1 && n < sizeof(hex) - 1; i++)
		if (!is_dash_at(i))
			hex[n++] = u->text[i];
	if (!text_unhex(hex, ret, 16))
		memset(ret, 0, 16); /* an unset uuid */
}
