/* SPDX-License-Identifier: Apache-2.0 */
#include "common/text.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";
static const char b64url_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void text_hex(struct view bytes, char *ret)
{
	for (size_t i = 0; i < bytes.len; i++) {
		*ret++ = hex_digits[bytes.at[i] >> 4];
		*ret++ = hex_digits[bytes.at[i] & 15];
	}
	*ret = '\0';
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_unhex(const char *hex, uint8_t *ret, size_t len)
{
	if (strlen(hex) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

size_t text_b64url(struct view bytes, char *ret)
{
	const uint8_t *at = bytes.at;
	size_t left = bytes.len;
	char *to = ret;

	for (; left >= 3; left -= 3, at += 3) {
		*to++ = b64url_digits[at[0] >> 2];
		*to++ = b64url_digits[(at[0] & 3) << 4 | at[1] >> 4];
		*to++ = b64url_digits[(at[1] & 15) << 2 | at[2] >> 6];
		*to++ = b64url_digits[at[2] & 63];
	}
	if (left > 0) {
		*to++ = b64url_digits[at[0] >> 2];
		*to++ = b64url_digits[(at[0] & 3) << 4 | (left == 2 ? at[1] >> 4 : 0)];
	}
	if (left == 2)
		*to++ = b64url_digits[(at[1] & 15) << 2];
	*to = '\0';
	return (size_t)(to - ret);
}

static int b64url_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool text_unb64url(struct view text, uint8_t *ret, size_t cap, size_t *ret_len)
{
	uint32_t bits = 0;
	unsigned held = 0;
	size_t len = 0;

	if (text.len % 4 == 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int value = b64url_value(text.at[i]);

		if (value < 0)
			return false;
		bits = (bits << 6 | (uint32_t)value) & 0xffff;
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		if (len == cap)
			return false;
		ret[len++] = (uint8_t)(bits >> held);
	}
	if (bits & (BIT(held) - 1))
		return false; /* two spellings of the same bytes */
	*ret_len = len;
	return true;
}
