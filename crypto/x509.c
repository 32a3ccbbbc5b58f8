/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x509.h"

#include "common/clock.h"
#include "crypto/mac.h"
#include "crypto/pkey.h"

#include <string.h>
#include <time.h>

static BIO *pem_bio(const char *pem)
{
	size_t len = strnlen(pem, PKI_PEM_MAX + 1);

	return len > PKI_PEM_MAX ? NULL : BIO_new_mem_buf(pem, (int)len);
}

X509 *x509_from_pem(const char *pem)
{
	OWNED_EVP(BIO) bio = pem_bio(pem);

	return bio ? PEM_read_bio_X509(bio, NULL, evp_no_password, NULL) : NULL;
}

X509_REQ *x509_req_from_pem(const char *pem)
{
	OWNED_EVP(BIO) bio = pem_bio(pem);

	return bio ? PEM_read_bio_X509_REQ(bio, NULL, evp_no_password, NULL) : NULL;
}

bool x509_set_name(X509_NAME *name, const char *common_name)
{
	return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
					  (const unsigned char *)common_name, -1, -1,
					  0) == 1;
}

bool x509_common_name(const X509_NAME *name, char *ret, size_t cap)
{
	const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, 0);
	unsigned char *text = NULL;
	int len;
	bool ok;

	if (X509_NAME_entry_count(name) != 1 ||
	    OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != NID_commonName)
		return false;
	len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
	ok = len > 0 && strlen((const char *)text) == (size_t)len &&
	     text_copy(ret, cap, (const char *)text);
	OPENSSL_free(text);
	return ok;
}

static bool time_us(const ASN1_TIME *when, int64_t *ret)
{
	struct tm parts = { 0 };

	if (ASN1_TIME_to_tm(when, &parts) != 1)
		return false;
	*ret = (int64_t)timegm(&parts) * US_PER_S;
	return true;
}

/* Of any kind of key: a CA that we pin need not be one of ours. */
static bool key_hash(const X509 *cert, char ret[PKI_HASH_HEX], struct err *e)
{
	uint8_t digest[32], *spki = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);
	bool ok = len > 0 && digest_sha256((struct view){ spki, (size_t)len }, digest, e);

	OPENSSL_free(spki);
	if (!ok)
		return evp_failed(e, ERR_BAD_CERTIFICATE, "a certificate has no key");
	text_hex((struct view){ digest, sizeof(digest) }, ret);
	return true;
}

bool x509_facts(const X509 *cert, struct cert_facts *ret, struct err *e)
{
	struct cert_facts facts = { 0 };

	if (!key_hash(cert, facts.key_hash, e))
		return false;
	if (!x509_common_name(X509_get_subject_name(cert), facts.name,
			      sizeof(facts.name)) ||
	    !text_is_display(facts.name, sizeof(facts.name)) ||
	    !time_us(X509_get0_notBefore(cert), &facts.not_before_us) ||
	    !time_us(X509_get0_notAfter(cert), &facts.not_after_us))
		return evp_failed(e, ERR_BAD_CERTIFICATE,
				  "a certificate has no plain name or dates");
	*ret = facts;
	return true;
}

bool pki_cert_facts(const char *pem, struct cert_facts *ret, struct err *e)
{
	OWNED_EVP(X509) cert = x509_from_pem(pem);

	return cert ? x509_facts(cert, ret, e)
		    : evp_failed(e, ERR_BAD_CERTIFICATE, "this is not a certificate");
}

bool pki_pem_key_hash(const char *pem, char ret[PKI_HASH_HEX], struct err *e)
{
	OWNED_EVP(X509) cert = x509_from_pem(pem);

	return cert ? key_hash(cert, ret, e)
		    : evp_failed(e, ERR_BAD_CERTIFICATE, "this is not a certificate");
}

bool x509_der_key(struct view der, struct pkey **ret, struct err *e)
{
	const uint8_t *at = der.at;
	OWNED_EVP(X509) cert = d2i_X509(NULL, &at, (long)der.len);

	return (cert && pkey_share(X509_get0_pubkey(cert), ret)) ||
	       evp_failed(e, ERR_BAD_CERTIFICATE, "a certificate's key is not on P-256");
}

static bool take_pem(BIO *bio, struct buf *ret)
{
	char *text = NULL;
	long len = BIO_get_mem_data(bio, &text);

	buf_add_bytes(ret, (struct view){ (const uint8_t *)text, (size_t)len });
	return len > 0 && !ret->failed;
}

bool x509_to_pem(const X509 *cert, struct buf *ret)
{
	OWNED_EVP(BIO) bio = BIO_new(BIO_s_mem());

	return bio && PEM_write_bio_X509(bio, cert) == 1 && take_pem(bio, ret);
}

bool x509_req_to_pem(const X509_REQ *req, struct buf *ret)
{
	OWNED_EVP(BIO) bio = BIO_new(BIO_s_mem());

	return bio && PEM_write_bio_X509_REQ(bio, req) == 1 && take_pem(bio, ret);
}
