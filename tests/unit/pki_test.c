/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pki.h"

#include "common/clock.h"
#include "crypto/x509.h"
#include "tests/unit/check.h"

#include <string.h>

static const int64_t now_us = INT64_C(1790000000) * US_PER_S;
static const int64_t day_us = INT64_C(86400) * US_PER_S;

/* A CA with what opens it. */
struct world {
	struct pkey *key; /* owned */
	struct buf pem;   /* owned */
	struct ca *ca;    /* owned */
};

static void world_done(struct world *w)
{
	ca_free(w->ca);
	pkey_free(w->key);
	buf_done(&w->pem);
}

static bool world_make(struct world *w, const char *name)
{
	struct err e = { 0 };

	return ca_make(name, now_us, &w->key, &w->pem, &e) &&
	       ca_open(w->key, w->pem.at, &w->ca, &e);
}

/* What the CA says about a certificate in PEM. */
static enum err_kind checks(const struct ca *ca, const char *pem, int64_t at_us,
			    struct cert_facts *ret)
{
	OWNED_EVP(X509) cert = x509_from_pem(pem);
	uint8_t *der = NULL;
	int len = cert ? i2d_X509(cert, &der) : 0;
	struct err e = { 0 };
	bool ok = len > 0 &&
		  ca_check_client(ca, (struct view){ der, (size_t)len }, at_us, ret, &e);

	OPENSSL_free(der);
	return ok ? ERR_NONE : e.kind;
}

static void test_keys(void)
{
	OWNED(pkey) key = NULL;
	OWNED(pkey) other = NULL;
	OWNED(pkey) back = NULL;
	OWNED(pkey) again = NULL;
	OWNED(secret) der = NULL;
	OWNED(secret) pem = NULL;
	char hash[PKI_HASH_HEX], same[PKI_HASH_HEX], kid[PKI_KID];
	struct err e = { 0 };

	check("keys are made", pkey_new(&key, &e) && pkey_new(&other, &e));
	check("a key has a hash", pkey_hash(key, hash, &e) && strlen(hash) == 64);
	check("a key has a thumbprint of 43 characters",
	      pkey_kid(key, kid, &e) && strlen(kid) == 43);
	check("another key has another hash",
	      pkey_hash(other, same, &e) && strcmp(hash, same) != 0);
	check("a private key comes back from PKCS #8",
	      pkey_private_der(key, &der, &e) && pkey_from_private_der(der, &back, &e) &&
		      pkey_hash(back, same, &e) && strcmp(hash, same) == 0);
	check("a private key comes back from PEM",
	      pkey_private_pem(key, &pem, &e) && pkey_from_private_pem(pem, &again, &e) &&
		      pkey_hash(again, same, &e) && strcmp(hash, same) == 0);
	check("its PEM says what it is",
	      memcmp(secret_view(pem).at, "-----BEGIN PRIVATE KEY-----", 27) == 0);
}

static void test_key_refusals(void)
{
	OWNED(pkey) key = NULL;
	OWNED(pkey) none = NULL;
	OWNED(pkey) public_only = NULL;
	OWNED(secret) der = NULL;
	OWNED(secret) nothing = NULL;
	uint8_t spki[PKI_SPKI_MAX];
	size_t len = 0;
	struct err e = { 0 };

	check("a public key is 91 bytes",
	      pkey_new(&key, &e) && pkey_spki(key, spki, sizeof(spki), &len, &e) &&
		      len == 91);
	check("a public key is read back",
	      pkey_from_spki((struct view){ spki, len }, &public_only, &e));
	check("a public key has no private half",
	      !pkey_private_der(public_only, &nothing, &e) &&
		      !pkey_private_pem(public_only, &nothing, &e) && !nothing);
	check("a byte less is refused",
	      !pkey_from_spki((struct view){ spki, len - 1 }, &none, &e));
	spki[90] ^= 1;
	check("a point off the curve is refused",
	      !pkey_from_spki((struct view){ spki, len }, &none, &e) &&
		      e.kind == ERR_BAD_VALUE);
	memset(spki + 27, 0, 64);
	check("the point 0,0 is refused",
	      !pkey_from_spki((struct view){ spki, len }, &none, &e));
	memset(spki + 27, 0xff, 64);
	check("coordinates above p are refused",
	      !pkey_from_spki((struct view){ spki, len }, &none, &e));
	spki[26] = 2;
	check("a compressed point is refused",
	      !pkey_from_spki((struct view){ spki, len }, &none, &e));
	check("a key's bytes are taken", pkey_private_der(key, &der, &e));
	secret_fill(der)[40] ^= 1;
	check("a private key that is not of its public half is refused",
	      !pkey_from_private_der(der, &none, &e) && !none);
	secret_fill(der)[40] ^= 1;
	check("a cut private key is refused",
	      secret_truncate(der, secret_len(der) - 1) &&
		      !pkey_from_private_der(der, &none, &e) && !none);
	check("PEM that is none is refused",
	      !pkey_from_private_pem(der, &none, &e) && !none);
}

static void test_other_curves(void)
{
	OWNED_EVP(EVP_PKEY) p384 = EVP_EC_gen("P-384");
	OWNED_EVP(EVP_PKEY) rsa = EVP_RSA_gen(2048);
	EVP_PKEY *keys[] = { p384, rsa };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		OWNED_EVP(PKCS8_PRIV_KEY_INFO) p8 = EVP_PKEY2PKCS8(keys[i]);
		OWNED(secret) der = NULL;
		OWNED(pkey) none = NULL;
		uint8_t *bytes = NULL;
		int len = i2d_PKCS8_PRIV_KEY_INFO(p8, &bytes);
		struct err e = { 0 };

		check(i ? "an RSA key is refused" : "a P-384 key is refused",
		      len > 0 &&
			      secret_from((struct view){ bytes, (size_t)len }, &der,
					  &e) &&
			      !pkey_from_private_der(der, &none, &e) &&
			      e.kind == ERR_BAD_VALUE);
		OPENSSL_free(bytes);
	}
}

static void test_client_certificates(struct world *w, struct world *foreign)
{
	CLEANUP(buf_done) struct buf mine = { 0 };
	CLEANUP(buf_done) struct buf theirs = { 0 };
	CLEANUP(buf_done) struct buf server = { 0 };
	OWNED(pkey) key = NULL;
	struct cert_facts facts = { 0 };
	char hash[PKI_HASH_HEX];
	struct err e = { 0 };

	check("certificates are issued",
	      pkey_new(&key, &e) && pkey_hash(key, hash, &e) &&
		      ca_issue_host(w->ca, key, "h1", now_us, 90, &mine, &e) &&
		      ca_issue_host(foreign->ca, key, "h1", now_us, 90, &theirs, &e) &&
		      ca_issue_server(w->ca, key, "broker.example\n127.0.0.1\n::1",
				      now_us, 90, &server, &e));
	check("a host's certificate is accepted",
	      checks(w->ca, mine.at, now_us, &facts) == ERR_NONE);
	check("it tells key and name",
	      strcmp(facts.key_hash, hash) == 0 && strcmp(facts.name, "h1") == 0);
	check("and its dates: two minutes back, 90 days on",
	      facts.not_before_us == now_us - 120 * US_PER_S &&
		      facts.not_after_us == now_us + 90 * day_us);
	check("a foreign CA's certificate is refused, though that CA has our name",
	      checks(w->ca, theirs.at, now_us, &facts) == ERR_BAD_CERTIFICATE);
	check("an expired certificate is refused as such",
	      checks(w->ca, mine.at, now_us + 91 * day_us, &facts) ==
		      ERR_CERTIFICATE_EXPIRED);
	check("a foreign expired certificate is foreign first",
	      checks(w->ca, theirs.at, now_us + 91 * day_us, &facts) ==
		      ERR_BAD_CERTIFICATE);
	check("a certificate that is not valid yet is refused",
	      checks(w->ca, mine.at, now_us - day_us, &facts) == ERR_CERTIFICATE_EXPIRED);
	check("a server's certificate is not for clients",
	      checks(w->ca, server.at, now_us, &facts) == ERR_BAD_CERTIFICATE);
	check("the CA's own certificate is not for clients",
	      checks(w->ca, w->pem.at, now_us, &facts) == ERR_BAD_CERTIFICATE);
}

/* Signed by our own CA, and yet not what we issue. */
static X509 *odd_certificate(struct world *w, bool with_use)
{
	CLEANUP(buf_done) struct buf pem = { 0 };
	OWNED(pkey) key = NULL;
	OWNED_EVP(X509) cert = NULL;
	OWNED_EVP(EVP_PKEY) signer = NULL;
	OWNED(secret) der = NULL;
	struct err e = { 0 };
	const uint8_t *at;

	if (!pkey_new(&key, &e) ||
	    !ca_issue_host(w->ca, key, "h1", now_us, 90, &pem, &e) ||
	    !pkey_private_der(w->key, &der, &e))
		return NULL;
	at = secret_view(der).at;
	signer = d2i_AutoPrivateKey(NULL, &at, (long)secret_len(der));
	cert = x509_from_pem(pem.at);
	if (!with_use)
		X509_EXTENSION_free(X509_delete_ext(
			cert, X509_get_ext_by_NID(cert, NID_ext_key_usage, -1)));
	else if (!x509_set_name(X509_get_subject_name(cert), "h2"))
		return NULL; /* a second CN */
	return X509_sign(cert, signer, EVP_sha256()) > 0 ? X509_move(&cert) : NULL;
}

static void test_odd_certificates(struct world *w)
{
	OWNED_EVP(X509) no_use = odd_certificate(w, false);
	OWNED_EVP(X509) two_names = odd_certificate(w, true);
	X509 *certs[] = { no_use, two_names };

	for (size_t i = 0; i < ARRAY_LEN(certs); i++) {
		struct cert_facts facts;
		uint8_t *der = NULL;
		int len = certs[i] ? i2d_X509(certs[i], &der) : 0;
		struct view view = { der, (size_t)len };
		struct err e = { 0 };

		check(i ? "a certificate with two names is refused"
			: "a certificate that does not say what it is for is refused",
		      len > 0 && !ca_check_client(w->ca, view, now_us, &facts, &e) &&
			      e.kind == ERR_BAD_CERTIFICATE);
		OPENSSL_free(der);
	}
}

static void test_altered(struct world *w)
{
	CLEANUP(buf_done) struct buf pem = { 0 };
	OWNED(pkey) key = NULL;
	OWNED_EVP(X509) cert = NULL;
	struct cert_facts facts;
	uint8_t *der = NULL;
	struct err e = { 0 };
	bool any = false;
	int len = 0;

	if (pkey_new(&key, &e) && ca_issue_host(w->ca, key, "h1", now_us, 90, &pem, &e)) {
		cert = x509_from_pem(pem.at);
		len = i2d_X509(cert, &der);
	}
	for (int i = 0; i < len; i++) {
		der[i] ^= 1;
		any |= ca_check_client(w->ca, (struct view){ der, (size_t)len }, now_us,
				       &facts, &e);
		der[i] ^= 1;
	}
	check("no single flipped bit leaves a certificate valid", len > 0 && !any);
	check("bytes behind a certificate are refused",
	      len > 0 && !ca_check_client(w->ca, (struct view){ der, (size_t)len - 1 },
					  now_us, &facts, &e));
	OPENSSL_free(der);
}

static void test_form(struct world *w)
{
	CLEANUP(buf_done) struct buf pem = { 0 };
	CLEANUP(buf_done) struct buf next = { 0 };
	OWNED(pkey) key = NULL;
	OWNED_EVP(X509) cert = NULL;
	OWNED_EVP(X509) other = NULL;
	OWNED_EVP(X509) ca = x509_from_pem(w->pem.at);
	struct err e = { 0 };

	check("a server's certificate is issued",
	      pkey_new(&key, &e) &&
		      ca_issue_server(w->ca, key, "broker.example\n127.0.0.1", now_us, 1,
				      &pem, &e) &&
		      ca_issue_server(w->ca, key, "broker.example", now_us, 1, &next,
				      &e));
	cert = x509_from_pem(pem.at);
	other = x509_from_pem(next.at);
	check("it is version 3", X509_get_version(cert) == X509_VERSION_3);
	check("it is for its names and no others",
	      X509_check_host(cert, "broker.example", 0, 0, NULL) == 1 &&
		      X509_check_ip_asc(cert, "127.0.0.1", 0) == 1 &&
		      X509_check_host(cert, "vtpm-brokerd", 0,
				      X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 0);
	check("it is for servers",
	      X509_check_purpose(cert, X509_PURPOSE_SSL_SERVER, 0) == 1 &&
		      X509_check_purpose(cert, X509_PURPOSE_SSL_CLIENT, 0) == 0);
	check("it is no CA", X509_check_ca(cert) == 0 && X509_check_ca(ca) == 1);
	check("it names the key that signed it",
	      ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(cert),
				    X509_get0_subject_key_id(ca)) == 0);
	check("no two have the same number",
	      ASN1_INTEGER_cmp(X509_get0_serialNumber(cert),
			       X509_get0_serialNumber(other)) != 0 &&
		      ASN1_STRING_length(X509_get0_serialNumber(cert)) == 16);
}

static void test_refused_to_issue(struct world *w, struct world *foreign)
{
	CLEANUP(buf_done) struct buf pem = { 0 };
	OWNED(ca) none = NULL;
	OWNED(pkey) key = NULL;
	struct cert_facts facts;
	char hash[PKI_HASH_HEX], same[PKI_HASH_HEX];
	struct err e = { 0 };

	check("a key is made", pkey_new(&key, &e));
	check("a host's name is a name",
	      !ca_issue_host(w->ca, key, "h1,O=evil", now_us, 90, &pem, &e) &&
		      e.kind == ERR_BAD_VALUE);
	check("a server's name is a DNS name",
	      !ca_issue_server(w->ca, key, "good\nDNS:evil,IP:1.2.3.4", now_us, 90, &pem,
			       &e) &&
		      e.kind == ERR_BAD_VALUE);
	check("a CA's certificate belongs to its key",
	      !ca_open(foreign->key, w->pem.at, &none, &e) && !none);
	check("a host's certificate is no CA",
	      ca_issue_host(w->ca, w->key, "h1", now_us, 90, &pem, &e) &&
		      !ca_open(w->key, pem.at, &none, &e) && !none);
	check("what is no certificate is refused",
	      !ca_open(w->key, "not PEM", &none, &e) && !pki_cert_facts("", &facts, &e) &&
		      !pki_pem_key_hash("-----BEGIN CERTIFICATE-----", hash, &e));
	check("a CA's hash is that of its key",
	      ca_key_hash(w->ca, hash, &e) && pkey_hash(w->key, same, &e) &&
		      strcmp(hash, same) == 0 && pki_pem_key_hash(w->pem.at, same, &e) &&
		      strcmp(hash, same) == 0);
	check("a CA lasts twenty years",
	      pki_cert_facts(w->pem.at, &facts, &e) &&
		      facts.not_after_us == now_us + 7300 * day_us);
}

int main(void)
{
	CLEANUP(world_done) struct world w = { 0 };
	CLEANUP(world_done) struct world foreign = { 0 };

	test_keys();
	test_key_refusals();
	test_other_curves();
	if (!check("two CAs of one name are made",
		   world_make(&w, "vtpm-broker CA") &&
			   world_make(&foreign, "vtpm-broker CA")))
		return done();
	test_client_certificates(&w, &foreign);
	test_odd_certificates(&w);
	test_altered(&w);
	test_form(&w);
	test_refused_to_issue(&w, &foreign);
	return done();
}
