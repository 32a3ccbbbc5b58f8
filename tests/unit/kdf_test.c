/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/kdf.h"

#include "common/text.h"
#include "tests/unit/check.h"

#include <string.h>

/* RFC 7518, appendix C: Z of its section C, apu "Alice", apv "Bob", A128GCM. */
static const uint8_t rfc_z[] = {
	158, 86, 217, 29,  129, 113, 53,  211, 114, 131, 66,  131, 191, 132, 38,  156,
	251, 49, 110, 163, 218, 128, 106, 72,  246, 218, 167, 121, 140, 254, 144, 196,
};

static struct view view_of(const char *text)
{
	return (struct view){ (const uint8_t *)text, strlen(text) };
}

int main(void)
{
	struct kdf_input in = { .shared = { rfc_z, sizeof(rfc_z) },
				.algorithm = "A128GCM",
				.apu = view_of("Alice"),
				.apv = view_of("Bob") };
	uint8_t key[32], other[32];
	char coded[32], longer[300];
	struct err e = { 0 };

	check("a key is derived", kdf_concat(&in, key, 16, &e));
	text_b64url((struct view){ key, 16 }, coded);
	check("it is the key of RFC 7518, appendix C",
	      strcmp(coded, "VqqN6vgjbSBcIijNcacQGg") == 0);
	in.apv = view_of("Bo");
	check("another party, another key",
	      kdf_concat(&in, other, 16, &e) && memcmp(key, other, 16) != 0);
	in.apu = view_of("AliceB");
	in.apv = view_of("ob");
	check("a moved boundary, another key",
	      kdf_concat(&in, other, 16, &e) && memcmp(key, other, 16) != 0);
	check("a longer key does not begin with the shorter one",
	      kdf_concat(&in, key, 32, &e) && memcmp(key, other, 16) != 0);
	check("more than one round is refused", !kdf_concat(&in, key, 33, &e));
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	in.apu = view_of(longer);
	check("a party that does not fit is refused", !kdf_concat(&in, key, 32, &e));
	return done();
}
