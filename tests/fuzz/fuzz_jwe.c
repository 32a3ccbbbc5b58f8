/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a sealed value or a lease. What begins with '{' is taken as a protected
 * header and put in front of well-formed parts: the fuzzer need not learn base64url first.
 */
#include "crypto/seal.h"
#include "crypto/statement.h"
#include "tests/fuzz/target.h"

/* The recipient of corpus/jwe, a key of this test alone: PKCS #8, base64url. */
static const char test_key[] =
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgO3i5t8chpWAT16MK"
	"KEyupTVe5LKY1FfEVTm6_fVu6IOhRANCAAQB43Uj8vmLKya1bwyfSYCj1mUXmbdA"
	"JTx19KpAQ0i0KWjjfxbxPxkHYyf2V7gcVYNgfXNdcZHyULKloDRx8AKe";
static const char tail[] = "..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA";

static struct pkey *own_key(void)
{
	uint8_t der[256];
	size_t len = 0;
	OWNED(secret) s = NULL;
	struct pkey *key = NULL;
	struct err e = { 0 };

	if (!text_unb64url((struct view){ (const uint8_t *)test_key,
					  sizeof(test_key) - 1 },
			   der, sizeof(der), &len) ||
	    !secret_from((struct view){ der, len }, &s, &e) ||
	    !pkey_from_private_der(s, &key, &e))
		return NULL;
	return key;
}

static void try_text(const struct pkey *key, struct view text)
{
	OWNED(secret) plain = NULL;
	struct seal_header header = { 0 };
	struct lease lease = { 0 };
	struct err e = { 0 };

	if (open_jwe(key, text, &header, &plain, &e))
		assert(plain && secret_len(plain) >= 1 && uuid_is_set(&header.instance));
	else
		assert(!plain && e.kind != ERR_NONE && header.nonce[0] == '\0');
	e = (struct err){ 0 };
	assert(lease_check(key, text, &lease, &e) || e.kind != ERR_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct pkey *key; /* for all inputs of a run: reading it is slow */
	CLEANUP(buf_done) struct buf text = { 0 };

	if (!key)
		key = own_key();
	assert(key);
	if (len == 0 || bytes[0] != '{') {
		try_text(key, (struct view){ bytes, len });
		return 0;
	}
	buf_add_b64url(&text, (struct view){ bytes, len });
	buf_add(&text, tail);
	if (!text.failed)
		try_text(key, (struct view){ (const uint8_t *)text.at, text.len });
	return 0;
}
