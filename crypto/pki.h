/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pki - P-256 keys, the broker's own CA, hosts' certificate requests and certificates.
 *
 * Owns:    struct pkey owns an EVP_PKEY; nobody else in the tree sees OpenSSL.
 * Names:   a key's hash is the hex SHA-256 of its SubjectPublicKeyInfo (RFC 5280, 4.1.2.7);
 *          a key's id is its JWK thumbprint (RFC 7638), base64url.
 * Request: PKCS #10 (RFC 2986), CN = host name, ECDSA-SHA256 by the identity key, with an
 *          extension (PKI_SEALING_OID) of SEQUENCE { OCTET STRING sealing key's SPKI, OCTET
 *          STRING signature (DER) }: ECDSA-SHA256 by the sealing key whose message is the
 *          identity key's SPKI followed by the token id's 16 bytes, so that the sealing key
 *          is proven to be held by the same host.
 * Refuses: keys that are not P-256, unproven keys, other names, other extensions: ERR_BAD_CSR.
 * Threads: a struct pkey or ca may be used by many threads; they do not change.
 */
#ifndef CRYPTO_PKI_H
#define CRYPTO_PKI_H

#include "common/secret.h"
#include "common/text.h"
#include "common/uuid.h"

#define PKI_SEALING_OID "2.25.229148210263829373194728451098732155821"
enum { PKI_HASH_HEX = 65, PKI_KID = 44, PKI_SPKI_MAX = 120, PKI_PEM_MAX = 4096 };

struct pkey;

MUST_CHECK bool pkey_new(struct pkey **ret, struct err *e); /* P-256 */
void pkey_free(struct pkey *k);
MUST_CHECK bool pkey_spki(const struct pkey *k, uint8_t *ret, size_t cap, size_t *ret_len,
			  struct err *e);
MUST_CHECK bool pkey_from_spki(struct view der, struct pkey **ret,
			       struct err *e); /* validates the point */
MUST_CHECK bool pkey_hash(const struct pkey *k, char ret[PKI_HASH_HEX], struct err *e);
MUST_CHECK bool pkey_kid(const struct pkey *k, char ret[PKI_KID], struct err *e);
/* PKCS #8 DER, to be wrapped or written to a file of mode 0600. */
MUST_CHECK bool pkey_private_der(const struct pkey *k, struct secret **ret,
				 struct err *e);
MUST_CHECK bool pkey_from_private_der(const struct secret *der, struct pkey **ret,
				      struct err *e);
MUST_CHECK bool pkey_private_pem(const struct pkey *k, struct secret **ret,
				 struct err *e);
MUST_CHECK bool pkey_from_private_pem(const struct secret *pem, struct pkey **ret,
				      struct err *e);
DEFINE_DROP(pkey)

struct ca;

/* A new CA: a key and a self-signed certificate for `name`, 20 years. */
MUST_CHECK bool ca_make(const char *name, int64_t now_us, struct pkey **ret_key,
			struct buf *ret_cert_pem, struct err *e);
MUST_CHECK bool ca_open(const struct pkey *key, const char *cert_pem, struct ca **ret,
			struct err *e); /* copies */
/* From the certificate alone, as hosts have it: it checks and issues nothing. */
MUST_CHECK bool ca_trust(const char *cert_pem, struct ca **ret, struct err *e);
void ca_free(struct ca *ca);
MUST_CHECK bool ca_key_hash(const struct ca *ca, char ret[PKI_HASH_HEX], struct err *e);
DEFINE_DROP(ca)

/* names: lines of DNS names and IP addresses for subjectAltName (RFC 5280, 4.2.1.6). */
MUST_CHECK bool ca_issue_server(const struct ca *ca, const struct pkey *key,
				const char *names, int64_t now_us, int64_t days,
				struct buf *ret_pem, struct err *e);
MUST_CHECK bool ca_issue_host(const struct ca *ca, const struct pkey *key,
			      const char *name, int64_t now_us, int64_t days,
			      struct buf *ret_pem, struct err *e);

struct cert_facts {
	char key_hash[PKI_HASH_HEX];
	char name[64]; /* CN */
	int64_t not_before_us, not_after_us;
};

/* Verifies a DER client certificate: signed by this CA, clientAuth, within its dates.
 * ERR_BAD_CERTIFICATE or ERR_CERTIFICATE_EXPIRED. */
MUST_CHECK bool ca_check_client(const struct ca *ca, struct view der, int64_t now_us,
				struct cert_facts *ret, struct err *e);
MUST_CHECK bool pki_cert_facts(const char *pem, struct cert_facts *ret,
			       struct err *e); /* no check of any signature */
/* Hash of a CA certificate's key, for pinning: PEM in, hex out. */
MUST_CHECK bool pki_pem_key_hash(const char *pem, char ret[PKI_HASH_HEX], struct err *e);

struct csr_facts {
	char name[64];
	uint8_t identity_spki[PKI_SPKI_MAX];
	size_t identity_len;
	uint8_t sealing_spki[PKI_SPKI_MAX];
	size_t sealing_len;
};

MUST_CHECK bool csr_make(const struct pkey *identity, const struct pkey *sealing,
			 const char *name, const struct uuid *token_id,
			 struct buf *ret_pem, struct err *e);
/* Both signatures and the form; the caller compares the name. */
MUST_CHECK bool csr_check(const char *pem, const struct uuid *token_id,
			  struct csr_facts *ret, struct err *e);

#endif
