/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a certificate request. What does not look like PEM is taken as DER and wrapped,
 * so that the fuzzer need not learn base64 first.
 */
#include "crypto/pki.h"
#include "tests/fuzz/target.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static void try_pem(const char *pem)
{
	static const struct uuid token = { "2f1b2c3d-0001-4000-8000-00000000000a" };
	struct csr_facts facts = { 0 };
	struct cert_facts cert = { 0 };
	char hash[PKI_HASH_HEX];
	struct err e = { 0 };

	if (csr_check(pem, &token, &facts, &e))
		assert(text_is_name(facts.name, sizeof(facts.name) - 1) &&
		       facts.identity_len == 91 && facts.sealing_len == 91);
	else
		assert(e.kind == ERR_BAD_CSR && facts.name[0] == '\0');
	e = (struct err){ 0 };
	assert(pki_cert_facts(pem, &cert, &e) || e.kind == ERR_BAD_CERTIFICATE);
	assert(pki_pem_key_hash(pem, hash, &e) || e.kind == ERR_BAD_CERTIFICATE);
}

static void try_der(const uint8_t *bytes, size_t len)
{
	CLEANUP(buf_done) struct buf pem = { 0 };
	char *base64 = malloc(4 * len / 3 + 8);

	if (!base64)
		return;
	EVP_EncodeBlock((unsigned char *)base64, bytes, (int)len);
	buf_add(&pem, "-----BEGIN CERTIFICATE REQUEST-----\n");
	for (size_t i = 0; i < strlen(base64); i += 64)
		buf_addf(&pem, "%.64s\n", base64 + i);
	buf_add(&pem, "-----END CERTIFICATE REQUEST-----\n");
	if (!pem.failed)
		try_pem(pem.at);
	free(base64);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	CLEANUP(buf_done) struct buf text = { 0 };

	if (len > PKI_PEM_MAX * 2)
		return 0;
	if (len == 0 || bytes[0] == 0x30) {
		try_der(bytes, len);
		return 0;
	}
	buf_add_bytes(&text, (struct view){ bytes, len });
	if (!text.failed)
		try_pem(text.at);
	return 0;
}
