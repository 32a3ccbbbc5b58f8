/* SPDX-License-Identifier: Apache-2.0 */
#include "common/text.h"

#include "tests/unit/check.h"

#include <string.h>

static struct view view_of(const char *text)
{
	return (struct view){ (const uint8_t *)text, strlen(text) };
}

/* RFC 4648, section 10, without the padding. */
static void test_b64url_vectors(void)
{
	static const struct {
		const char *plain, *coded;
	} rows[] = {
		{ "", "" },
		{ "f", "Zg" },
		{ "fo", "Zm8" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg" },
		{ "fooba", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char coded[32];
		uint8_t plain[32];
		size_t len = 99, size = text_b64url(view_of(rows[i].plain), coded);

		check("base64url encodes the vectors of RFC 4648",
		      strcmp(coded, rows[i].coded) == 0 && size == strlen(coded) &&
			      size < B64URL_SIZE(strlen(rows[i].plain)));
		check("base64url decodes the vectors of RFC 4648",
		      text_unb64url(view_of(rows[i].coded), plain, sizeof(plain), &len) &&
			      len == strlen(rows[i].plain) &&
			      memcmp(plain, rows[i].plain, len) == 0);
	}
}

static void test_b64url_refusals(void)
{
	static const struct {
		const char *says, *text;
	} rows[] = {
		{ "padding is refused", "Zg==" },
		{ "the other alphabet is refused: +", "ab+d" },
		{ "the other alphabet is refused: /", "ab/d" },
		{ "white space is refused", "Zm 9" },
		{ "a newline is refused", "Zm9v\n" },
		{ "one character is half a byte", "Z" },
		{ "five characters are half a byte too many", "Zm9vY" },
		{ "stray bits behind one byte are refused", "Zh" },
		{ "stray bits behind two bytes are refused", "Zm9" },
		{ "a letter that is not ASCII is refused", "Zm9\xc3" },
	};
	uint8_t out[32];
	size_t len;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(rows[i].says,
		      !text_unb64url(view_of(rows[i].text), out, sizeof(out), &len));
	check("what does not fit is refused",
	      !text_unb64url(view_of("Zm9vYmFy"), out, 5, &len));
	check("what just fits is taken",
	      text_unb64url(view_of("Zm9vYmFy"), out, 6, &len));
}

static void test_b64url_all_bytes(void)
{
	uint8_t bytes[256], back[256];
	char coded[B64URL_SIZE(256)];
	bool same = true;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		size_t got = 0, size = text_b64url((struct view){ bytes, len }, coded);
		struct view text = { (const uint8_t *)coded, size };

		same &= text_unb64url(text, back, sizeof(back), &got) && got == len &&
			memcmp(bytes, back, len) == 0;
	}
	check("every length comes back as it went", same);
}

static void test_hex(void)
{
	static const uint8_t bytes[] = { 0x00, 0x7f, 0xff, 0xa5 };
	char hex[9];
	uint8_t back[4];

	text_hex((struct view){ bytes, sizeof(bytes) }, hex);
	check("hex is lower case", strcmp(hex, "007fffa5") == 0);
	check("hex comes back", text_unhex(hex, back, 4) && memcmp(bytes, back, 4) == 0);
	check("hex of another length is refused", !text_unhex("00ff", back, 4));
	check("upper case has no second spelling", !text_unhex("007FFFA5", back, 4));
	check("other characters are refused", !text_unhex("007fffag", back, 4));
}

static void test_utf8(void)
{
	static const struct {
		const char *says, *text;
		bool ok;
	} rows[] = {
		{ "ASCII is UTF-8", "plain", true },
		{ "two, three and four bytes are UTF-8",
		  "\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91", true },
		{ "a lone continuation is not", "\x80", false },
		{ "an overlong slash is not", "\xc0\xaf", false },
		{ "an overlong euro sign is not", "\xf0\x82\x82\xac", false },
		{ "a surrogate is not", "\xed\xa0\x80", false },
		{ "what lies above U+10FFFF is not", "\xf4\x90\x80\x80", false },
		{ "a cut sequence is not", "\xe2\x82", false },
		{ "Latin-1 is not", "caf\xe9", false },
		{ "0xff is not", "\xff", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(rows[i].says, text_is_utf8(view_of(rows[i].text)) == rows[i].ok);
	check("U+0000 is not allowed",
	      !text_is_utf8((struct view){ (const uint8_t *)"a\0b", 3 }));
}

static void test_display(void)
{
	check("a display name may have spaces and accents",
	      text_is_display("caf\xc3\xa9 no. 1", 20));
	check("a display name has no newline", !text_is_display("a\nb", 20));
	check("a display name has no escape character", !text_is_display("a\x1b[2J", 20));
	check("a display name has no C1 control", !text_is_display("a\xc2\x9b", 20));
	check("a display name has no delete character", !text_is_display("a\x7f", 20));
	check("a display name has nothing that reorders it",
	      !text_is_display("a\xe2\x80\xae", 20));
	check("an empty display name is none", !text_is_display("", 20));
	check("a display name has a length", !text_is_display("abcdef", 5));
}

static void test_names(void)
{
	check("host-1.example_a is a name", text_is_name("host-1.example_a", 63));
	check("a name has at least one character", !text_is_name("", 63));
	check("a name does not begin with a dot", !text_is_name(".ssh", 63));
	check("a name does not begin with a dash", !text_is_name("-rf", 63));
	check("a name has no slash", !text_is_name("a/b", 63));
	check("a name has no space", !text_is_name("a b", 63));
	check("a name is ASCII", !text_is_name("caf\xc3\xa9", 63));
	check("a name ends in time", text_is_name("abc", 3) && !text_is_name("abcd", 3));
}

static void test_numbers(void)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} rows[] = {
		{ "0", true, 0 },
		{ "42", true, 42 },
		{ "-7", true, -7 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "99999999999999999999", false, 0 },
		{ "", false, 0 },
		{ "-", false, 0 },
		{ "+1", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "01", false, 0 },
		{ "0x10", false, 0 },
		{ "1e3", false, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t value = 0;
		bool ok = text_parse_int(rows[i].text, INT64_MIN, INT64_MAX, &value);

		check("a number has one decimal spelling and fits",
		      ok == rows[i].ok && value == rows[i].value);
	}
	check("a number keeps to its range",
	      !text_parse_int("5", 6, 9, &(int64_t){ 0 }) &&
		      !text_parse_int("10", 6, 9, &(int64_t){ 0 }));
}

static void test_bounded(void)
{
	CLEANUP(buf_done) struct buf b = { 0 };
	char small[4];
	bool same = true;

	check("a copy that fits is made", text_copy(small, sizeof(small), "abc"));
	check("a copy that does not fit is refused",
	      !text_copy(small, sizeof(small), "abcd"));
	check("formatting that does not fit is refused",
	      !text_format(small, sizeof(small), "%d", 12345));
	for (int i = 0; i < 5000; i++)
		buf_addf(&b, "%04d", i);
	for (int i = 0; i < 5000; i++)
		same &= strncmp(b.at + (size_t)i * 4,
				(char[]){ (char)('0' + i / 1000),
					  (char)('0' + i / 100 % 10),
					  (char)('0' + i / 10 % 10), (char)('0' + i % 10),
					  '\0' },
				4) == 0;
	check("a buffer grows and keeps what it has",
	      same && b.len == 20000 && !b.failed);
	buf_add_bytes(&b, (struct view){ (const uint8_t *)b.at, (size_t)1 << 40 });
	check("a buffer has an end", b.failed && b.len == 20000);
	buf_add(&b, "more");
	check("a failed buffer takes nothing more", b.len == 20000);
}

int main(void)
{
	test_b64url_vectors();
	test_b64url_refusals();
	test_b64url_all_bytes();
	test_hex();
	test_utf8();
	test_display();
	test_names();
	test_numbers();
	test_bounded();
	return done();
}
