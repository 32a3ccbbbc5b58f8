/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkey.h"
#include "crypto/x509.h"
#include "tests/unit/check.h"

#include <string.h>

static const struct uuid token = { "2f1b2c3d-0001-4000-8000-00000000000a" };
static const struct uuid other_token = { "2f1b2c3d-0001-4000-8000-00000000000b" };

static enum err_kind checks(const char *pem, const struct uuid *id, struct csr_facts *ret)
{
	struct err e = { 0 };

	return csr_check(pem, id, ret, &e) ? ERR_NONE : e.kind;
}

static void test_ours(const struct pkey *identity, const struct pkey *sealing)
{
	CLEANUP(buf_done) struct buf pem = { 0 };
	CLEANUP(buf_done) struct buf odd = { 0 };
	CLEANUP(buf_done) struct buf same = { 0 };
	struct csr_facts facts = { 0 };
	uint8_t spki[PKEY_SPKI];
	size_t len = 0;
	struct err e = { 0 };

	check("a request is made", csr_make(identity, sealing, "h1", &token, &pem, &e));
	check("it is accepted", checks(pem.at, &token, &facts) == ERR_NONE);
	check("it tells the name", strcmp(facts.name, "h1") == 0);
	check("it tells the identity key",
	      pkey_spki(identity, spki, sizeof(spki), &len, &e) &&
		      facts.identity_len == len &&
		      memcmp(spki, facts.identity_spki, len) == 0);
	check("it tells the sealing key",
	      pkey_spki(sealing, spki, sizeof(spki), &len, &e) &&
		      facts.sealing_len == len &&
		      memcmp(spki, facts.sealing_spki, len) == 0);
	check("it is of no use with another token",
	      checks(pem.at, &other_token, &facts) == ERR_BAD_CSR);
	check("a name that is no host's is refused",
	      csr_make(identity, sealing, "h1 ../x", &token, &odd, &e) &&
		      checks(odd.at, &token, &facts) == ERR_BAD_CSR);
	check("one key for both uses is refused",
	      csr_make(identity, identity, "h1", &token, &same, &e) &&
		      checks(same.at, &token, &facts) == ERR_BAD_CSR);
}

static void test_altered(const struct pkey *identity, const struct pkey *sealing)
{
	CLEANUP(buf_done) struct buf pem = { 0 };
	CLEANUP(buf_done) struct buf longer = { 0 };
	OWNED_EVP(X509_REQ) req = NULL;
	struct csr_facts facts;
	struct err e = { 0 };
	uint8_t *der = NULL;
	bool any = false;
	int len = 0;

	if (csr_make(identity, sealing, "h1", &token, &pem, &e)) {
		req = x509_req_from_pem(pem.at);
		len = i2d_X509_REQ(req, &der);
	}
	for (int i = 0; i < len; i++) {
		CLEANUP(buf_done) struct buf bad = { 0 };
		OWNED_EVP(X509_REQ) altered = NULL;
		const uint8_t *at = der;

		der[i] ^= 1;
		altered = d2i_X509_REQ(NULL, &at, len);
		any |= altered && x509_req_to_pem(altered, &bad) &&
		       checks(bad.at, &token, &facts) == ERR_NONE;
		der[i] ^= 1;
	}
	OPENSSL_free(der);
	check("no single flipped bit leaves a request valid", len > 0 && !any);
	check("what is no request is refused",
	      checks("", &token, &facts) == ERR_BAD_CSR &&
		      checks("-----BEGIN CERTIFICATE REQUEST-----", &token, &facts) ==
			      ERR_BAD_CSR);
	for (int i = 0; i < 100; i++)
		buf_add(&longer,
			"# a long comment, to fill more than a request may have\n");
	buf_add(&longer, pem.at);
	check("a request that is too long is refused",
	      checks(longer.at, &token, &facts) == ERR_BAD_CSR);
}

/* ---- requests that our own code would not make ---- */

/* SEQUENCE { OCTET STRING spki, OCTET STRING signature } */
static size_t proof_of(const struct pkey *named, const struct pkey *signer,
		       const struct pkey *identity, uint8_t *ret)
{
	uint8_t text[PKEY_SPKI + 16], signature[80];
	size_t len = 0, n = 0;
	struct err e = { 0 };

	if (!pkey_spki(identity, text, sizeof(text), &len, &e))
		return 0;
	uuid_bytes(&token, text + len);
	if (!pkey_sign(pkey_evp(signer), (struct view){ text, sizeof(text) }, signature,
		       sizeof(signature), &len))
		return 0;
	ret[n++] = 0x30;
	ret[n++] = 0x81;
	ret[n++] = (uint8_t)(2 + PKEY_SPKI + 2 + len);
	ret[n++] = 0x04;
	ret[n++] = PKEY_SPKI;
	if (!pkey_spki(named, ret + n, PKEY_SPKI, &(size_t){ 0 }, &e))
		return 0;
	n += PKEY_SPKI;
	ret[n++] = 0x04;
	ret[n++] = (uint8_t)len;
	memcpy(ret + n, signature, len);
	return n + len;
}

/* What to put into a request, right or wrong. */
struct odd {
	EVP_PKEY *key;    /* of the subject */
	EVP_PKEY *signer; /* of the request */
	const EVP_MD *digest;
	const char *name, *second_name;
	const char *oid, *second_oid;
	uint8_t proof[256];
	size_t proof_len;
};

static bool push(STACK_OF(X509_EXTENSION) * all, const char *oid, const struct odd *o)
{
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	bool ok = ASN1_OCTET_STRING_set(octets, o->proof, (int)o->proof_len) == 1 &&
		  sk_X509_EXTENSION_push(
			  all, X509_EXTENSION_create_by_OBJ(NULL, object, 0, octets)) > 0;

	ASN1_OBJECT_free(object);
	ASN1_OCTET_STRING_free(octets);
	return ok;
}

static enum err_kind checks_odd(const struct odd *o)
{
	CLEANUP(buf_done) struct buf pem = { 0 };
	OWNED_EVP(X509_REQ) req = X509_REQ_new();
	STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();
	X509_NAME *name = X509_REQ_get_subject_name(req);
	struct csr_facts facts;
	bool ok = x509_set_name(name, o->name) &&
		  (!o->second_name || x509_set_name(name, o->second_name)) &&
		  X509_REQ_set_pubkey(req, o->key) == 1 &&
		  (!o->oid || push(all, o->oid, o)) &&
		  (!o->second_oid || push(all, o->second_oid, o)) &&
		  (!o->oid || X509_REQ_add_extensions(req, all) == 1) &&
		  X509_REQ_sign(req, o->signer, o->digest) > 0 &&
		  x509_req_to_pem(req, &pem);

	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	assert(ok);
	return checks(pem.at, &token, &facts);
}

/* What is documented, by hand: the odd ones differ from it in one thing each. */
static struct odd good_request(const struct pkey *identity, const struct pkey *sealing)
{
	struct odd good = { .key = pkey_evp(identity),
			    .signer = pkey_evp(identity),
			    .digest = EVP_sha256(),
			    .name = "h1",
			    .oid = PKI_SEALING_OID };

	good.proof_len = proof_of(sealing, sealing, identity, good.proof);
	return good;
}

static void test_odd_keys(const struct pkey *identity, const struct pkey *sealing,
			  const struct pkey *thief)
{
	OWNED_EVP(EVP_PKEY) p384 = EVP_EC_gen("P-384");
	OWNED_EVP(EVP_PKEY) rsa = EVP_RSA_gen(2048);
	const struct odd good = good_request(identity, sealing);
	struct odd o = good;

	check("a request made by hand as documented is accepted",
	      checks_odd(&o) == ERR_NONE);
	o.proof_len = proof_of(sealing, thief, identity, o.proof);
	check("a sealing key that did not sign is refused",
	      checks_odd(&o) == ERR_BAD_CSR);
	o = good;
	o.proof_len = proof_of(sealing, sealing, thief, o.proof);
	check("a sealing key that signed for another identity is refused",
	      checks_odd(&o) == ERR_BAD_CSR);
	o = good;
	o.signer = pkey_evp(thief);
	check("a request that its key did not sign is refused",
	      checks_odd(&o) == ERR_BAD_CSR);
	o = good;
	o.key = o.signer = p384;
	check("a P-384 identity is refused", checks_odd(&o) == ERR_BAD_CSR);
	o.key = o.signer = rsa;
	check("an RSA identity is refused", checks_odd(&o) == ERR_BAD_CSR);
	o = good;
	o.digest = EVP_sha1();
	check("a request signed with SHA-1 is refused", checks_odd(&o) == ERR_BAD_CSR);
	o = good;
	o.proof[5 + 90] ^= 1;
	check("a sealing key off the curve is refused", checks_odd(&o) == ERR_BAD_CSR);
}

static void test_odd_forms(const struct pkey *identity, const struct pkey *sealing)
{
	const struct odd good = good_request(identity, sealing);
	struct odd o = good;

	o.second_name = "h2";
	check("a request with two names is refused", checks_odd(&o) == ERR_BAD_CSR);
	o = good;
	o.oid = NULL;
	check("a request without a sealing key is refused",
	      checks_odd(&o) == ERR_BAD_CSR);
	o = good;
	o.second_oid = PKI_SEALING_OID;
	check("a request with two sealing keys is refused",
	      checks_odd(&o) == ERR_BAD_CSR);
	o.second_oid = "2.5.29.17";
	check("a request that asks for more names is refused",
	      checks_odd(&o) == ERR_BAD_CSR);
	o = good;
	o.oid = "2.5.29.15";
	check("another extension is refused", checks_odd(&o) == ERR_BAD_CSR);
	o = good;
	o.proof_len--;
	check("a cut proof is refused", checks_odd(&o) == ERR_BAD_CSR);
	o = good;
	o.proof[o.proof_len++] = 0;
	check("bytes behind the proof are refused", checks_odd(&o) == ERR_BAD_CSR);
}

int main(void)
{
	OWNED(pkey) identity = NULL;
	OWNED(pkey) sealing = NULL;
	OWNED(pkey) thief = NULL;
	struct err e = { 0 };

	if (!check("three keys are made", pkey_new(&identity, &e) &&
						  pkey_new(&sealing, &e) &&
						  pkey_new(&thief, &e)))
		return done();
	test_ours(identity, sealing);
	test_altered(identity, sealing);
	test_odd_keys(identity, sealing, thief);
	test_odd_forms(identity, sealing);
	return done();
}
