/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/random.h"

#include "tests/unit/check.h"

#include <string.h>

static bool only(struct view text, const char *allowed)
{
	for (size_t i = 0; i < text.len; i++)
		if (!memchr(allowed, text.at[i], strlen(allowed)))
			return false;
	return true;
}

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

int main(void)
{
	OWNED(secret) a = NULL;
	OWNED(secret) b = NULL;
	OWNED(secret) pass = NULL;
	OWNED(secret) token = NULL;
	uint8_t x[32] = { 0 }, y[32] = { 0 };
	struct err e = { 0 };

	check("random bytes differ", random_bytes(x, sizeof(x), &e) &&
					     random_bytes(y, sizeof(y), &e) &&
					     memcmp(x, y, sizeof(x)) != 0);
	check("random secrets differ", random_secret(32, &a, &e) &&
					       random_secret(32, &b, &e) &&
					       !secret_equal(a, b));
	check("a passphrase has 64 characters",
	      random_passphrase(&pass, &e) && secret_len(pass) == 64);
	check("of the base64 alphabet", only(secret_view(pass), ALNUM "+/"));
	check("a token has 43 characters",
	      random_token(&token, &e) && secret_len(token) == 43);
	check("of the base64url alphabet", only(secret_view(token), ALNUM "-_"));
	return done();
}
