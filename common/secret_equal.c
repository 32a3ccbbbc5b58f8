/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from the rest: a program that compares no secrets does not load OpenSSL for it. */
#include "common/secret.h"

#include <openssl/crypto.h>

bool secret_equal(const struct secret *a, const struct secret *b)
{
	struct view x, y;

	if (!a || !b)
		return false;
	x = secret_view(a);
	y = secret_view(b);
	return x.len == y.len && CRYPTO_memcmp(x.at, y.at, x.len) == 0;
}
