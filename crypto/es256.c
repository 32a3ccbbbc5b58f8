/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/es256.h"

#include <openssl/ecdsa.h>

enum { DER_MAX = 72 };

/* ES256 carries r and s side by side (RFC 7518, 3.4); OpenSSL speaks DER. */
static bool raw_from_der(struct view der, uint8_t ret[ES256_BYTES])
{
	const uint8_t *at = der.at;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
	bool ok = pair &&
		  BN_bn2binpad(ECDSA_SIG_get0_r(pair), ret, ES256_BYTES / 2) > 0 &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(pair), ret + ES256_BYTES / 2,
			       ES256_BYTES / 2) > 0;

	ECDSA_SIG_free(pair);
	return ok;
}

static bool der_from_raw(const uint8_t raw[ES256_BYTES], uint8_t ret[DER_MAX],
			 size_t *ret_len)
{
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, ES256_BYTES / 2, NULL);
	BIGNUM *s = BN_bin2bn(raw + ES256_BYTES / 2, ES256_BYTES / 2, NULL);
	int len = 0;

	if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
		len = i2d_ECDSA_SIG(pair, NULL);
		if (len > 0 && len <= DER_MAX)
			i2d_ECDSA_SIG(pair, &ret);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(pair);
	*ret_len = (size_t)len;
	return len > 0 && len <= DER_MAX;
}

bool es256_sign(const struct pkey *key, struct view text, uint8_t ret[ES256_BYTES])
{
	uint8_t der[DER_MAX];
	size_t len = 0;

	return pkey_sign(pkey_evp(key), text, der, sizeof(der), &len) &&
	       raw_from_der((struct view){ der, len }, ret);
}

bool es256_verifies(const struct pkey *key, struct view text,
		    const uint8_t raw[ES256_BYTES])
{
	uint8_t der[DER_MAX];
	size_t len = 0;

	return der_from_raw(raw, der, &len) &&
	       pkey_verifies(pkey_evp(key), text, (struct view){ der, len });
}
