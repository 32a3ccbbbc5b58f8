/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"
#include "crypto/pkey.h"
#include "crypto/random.h"
#include "crypto/x509.h"

#include <stdlib.h>
#include <string.h>

enum { SERIAL_BYTES = 16, BACKDATE_S = 120, CA_DAYS = 20 * 365 };

struct ca {
	EVP_PKEY *key;     /* owned; NULL: it only checks */
	X509 *cert;        /* owned */
	X509_STORE *trust; /* owned: this CA and nothing else */
};

/* Who signs: a certificate's issuer and its key. */
struct issuer {
	EVP_PKEY *key; /* borrowed */
	X509 *cert;    /* borrowed; NULL: the certificate signs itself */
};

static bool set_serial(X509 *cert, struct err *e)
{
	uint8_t bytes[SERIAL_BYTES];
	BIGNUM *number;
	bool ok;

	if (!random_bytes(bytes, sizeof(bytes), e))
		return false;
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive and never short */
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	return ok || evp_failed(e, ERR_INTERNAL, "cannot number a certificate");
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;
	bool ok;

	X509V3_set_ctx(&ctx, issuer ? issuer : cert, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value); /* our own words only */
	ok = extension && X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

/* Subject, dates, key; the caller adds what the certificate is for, and signs. */
static bool begin_cert(const char *name, EVP_PKEY *key, int64_t now_us, int64_t days,
		       X509 *cert, struct err *e)
{
	time_t now = (time_t)(now_us / US_PER_S);

	if (!cert)
		return evp_failed(e, ERR_NO_MEMORY, "no memory for a certificate");
	if (!set_serial(cert, e))
		return false;
	if (X509_set_version(cert, X509_VERSION_3) != 1 ||
	    !x509_set_name(X509_get_subject_name(cert), name) ||
	    !ASN1_TIME_set(X509_getm_notBefore(cert), now - BACKDATE_S) ||
	    !ASN1_TIME_adj(X509_getm_notAfter(cert), now, (int)days, 0) ||
	    X509_set_pubkey(cert, key) != 1)
		return evp_failed(e, ERR_INTERNAL, "cannot fill a certificate in");
	return true;
}

static bool sign_cert(X509 *cert, const struct issuer *by, struct err *e)
{
	X509 *issuer = by->cert ? by->cert : cert;

	if (!add_extension(cert, by->cert, NID_subject_key_identifier, "hash") ||
	    !add_extension(cert, by->cert, NID_authority_key_identifier,
			   "keyid:always") ||
	    X509_set_issuer_name(cert, X509_get_subject_name(issuer)) != 1 ||
	    X509_sign(cert, by->key, EVP_sha256()) <= 0)
		return evp_failed(e, ERR_INTERNAL, "cannot sign a certificate");
	return true;
}

bool ca_make(const char *name, int64_t now_us, struct pkey **ret_key,
	     struct buf *ret_cert_pem, struct err *e)
{
	OWNED(pkey) key = NULL;
	OWNED_EVP(X509) cert = X509_new();
	struct issuer self = { 0 };

	if (!pkey_new(&key, e) ||
	    !begin_cert(name, pkey_evp(key), now_us, CA_DAYS, cert, e))
		return false;
	self.key = pkey_evp(key);
	if (!add_extension(cert, NULL, NID_basic_constraints,
			   "critical,CA:TRUE,pathlen:0") ||
	    !add_extension(cert, NULL, NID_key_usage, "critical,keyCertSign,cRLSign"))
		return evp_failed(e, ERR_INTERNAL, "cannot make a CA certificate");
	if (!sign_cert(cert, &self, e))
		return false;
	if (!x509_to_pem(cert, ret_cert_pem))
		return evp_failed(e, ERR_NO_MEMORY, "cannot write a certificate");
	*ret_key = pkey_move(&key);
	return true;
}

static X509_STORE *trust_only(X509 *cert)
{
	X509_STORE *trust = X509_STORE_new();

	if (trust && X509_STORE_add_cert(trust, cert) == 1)
		return trust;
	X509_STORE_free(trust);
	return NULL;
}

/* Whom to trust; the power to issue is the key's. */
static bool take_cert(struct ca *ca, const char *cert_pem, struct err *e)
{
	if (!ca)
		return err_set(e, ERR_NO_MEMORY, "no memory for the CA");
	ca->cert = x509_from_pem(cert_pem);
	if (!ca->cert || X509_check_ca(ca->cert) != 1)
		return evp_failed(e, ERR_BAD_CERTIFICATE,
				  "this is not the certificate of a CA");
	ca->trust = trust_only(ca->cert);
	return ca->trust || evp_failed(e, ERR_NO_MEMORY, "no memory for the CA");
}

bool ca_trust(const char *cert_pem, struct ca **ret, struct err *e)
{
	OWNED(ca) ca = calloc(1, sizeof(*ca));

	if (!take_cert(ca, cert_pem, e))
		return false;
	*ret = ca_move(&ca);
	return true;
}

bool ca_open(const struct pkey *key, const char *cert_pem, struct ca **ret, struct err *e)
{
	OWNED(ca) ca = calloc(1, sizeof(*ca));

	if (!take_cert(ca, cert_pem, e))
		return false;
	if (X509_check_private_key(ca->cert, pkey_evp(key)) != 1)
		return evp_failed(e, ERR_BAD_CERTIFICATE,
				  "the CA's certificate does not belong to its key");
	if (EVP_PKEY_up_ref(pkey_evp(key)) != 1)
		return evp_failed(e, ERR_NO_MEMORY, "no memory for the CA");
	ca->key = pkey_evp(key);
	*ret = ca_move(&ca);
	return true;
}

void ca_free(struct ca *ca)
{
	if (!ca)
		return;
	EVP_PKEY_free(ca->key);
	X509_free(ca->cert);
	X509_STORE_free(ca->trust);
	free(ca);
}

bool ca_key_hash(const struct ca *ca, char ret[PKI_HASH_HEX], struct err *e)
{
	struct cert_facts facts;

	if (!x509_facts(ca->cert, &facts, e))
		return false;
	memcpy(ret, facts.key_hash, sizeof(facts.key_hash));
	return true;
}

/* What a certificate is for, beyond its name and dates. */
struct use {
	const char *extended; /* of extKeyUsage */
	const char *names;    /* lines for subjectAltName, or NULL */
};

static bool is_dns_name(const char *text)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789-.";
	size_t len = strlen(text);

	return len >= 1 && len <= 253 && strspn(text, allowed) == len && text[0] != '.' &&
	       text[0] != '-';
}

static GENERAL_NAME *alt_name(const char *text)
{
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(text);
	ASN1_IA5STRING *dns = ip || !is_dns_name(text) ? NULL : ASN1_IA5STRING_new();
	GENERAL_NAME *name = ip || dns ? GENERAL_NAME_new() : NULL;

	if (name && dns && ASN1_STRING_set(dns, text, -1) != 1) {
		GENERAL_NAME_free(name);
		name = NULL;
	}
	if (!name) {
		ASN1_OCTET_STRING_free(ip);
		ASN1_IA5STRING_free(dns);
		return NULL;
	}
	GENERAL_NAME_set0_value(name, ip ? GEN_IPADD : GEN_DNS,
				ip ? (void *)ip : (void *)dns);
	return name;
}

static bool push_alt_name(GENERAL_NAMES *all, const char *line, size_t len, struct err *e)
{
	char text[256];
	GENERAL_NAME *name;

	if (!text_format(text, sizeof(text), "%.*s", (int)(len < 255 ? len : 255), line))
		return err_set(e, ERR_INTERNAL, "a name does not fit");
	name = alt_name(text);
	if (name && sk_GENERAL_NAME_push(all, name) > 0)
		return true;
	GENERAL_NAME_free(name);
	return evp_failed(e, ERR_BAD_VALUE,
			  "a server's name must be a DNS name or an address");
}

static bool add_alt_names(X509 *cert, const char *names, struct err *e)
{
	GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
	bool ok = all != NULL;

	for (const char *at = names; ok && *at; at += at[0] == '\n') {
		size_t len = strcspn(at, "\n");

		ok = push_alt_name(all, at, len, e);
		at += len;
	}
	if (ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, all, 0, 0) != 1)
		ok = evp_failed(e, ERR_BAD_VALUE, "a server needs a name");
	GENERAL_NAMES_free(all);
	return ok;
}

static bool add_use(X509 *cert, const struct ca *ca, const struct use *use, struct err *e)
{
	if (!add_extension(cert, ca->cert, NID_basic_constraints, "critical,CA:FALSE") ||
	    !add_extension(cert, ca->cert, NID_key_usage, "critical,digitalSignature") ||
	    !add_extension(cert, ca->cert, NID_ext_key_usage, use->extended))
		return evp_failed(e, ERR_INTERNAL, "cannot fill a certificate in");
	return !use->names || add_alt_names(cert, use->names, e);
}

static bool finish_cert(const struct ca *ca, X509 *cert, const struct use *use,
			struct buf *ret_pem, struct err *e)
{
	struct issuer by = { ca->key, ca->cert };

	if (!ca->key)
		return err_set(e, ERR_INTERNAL, "a CA without its key issues nothing");
	if (!add_use(cert, ca, use, e) || !sign_cert(cert, &by, e))
		return false;
	return x509_to_pem(cert, ret_pem) ||
	       evp_failed(e, ERR_NO_MEMORY, "cannot write a certificate");
}

/* wide: who, for whom, how long, to where; none of them belongs with another */
bool ca_issue_server(const struct ca *ca, const struct pkey *key, const char *names,
		     int64_t now_us, int64_t days, struct buf *ret_pem, struct err *e)
{
	static const char common_name[] =
		"vtpm-brokerd"; /* clients look at subjectAltName */
	const struct use use = { "serverAuth", names };
	OWNED_EVP(X509) cert = X509_new();

	return begin_cert(common_name, pkey_evp(key), now_us, days, cert, e) &&
	       finish_cert(ca, cert, &use, ret_pem, e);
}

/* wide: as ca_issue_server */
bool ca_issue_host(const struct ca *ca, const struct pkey *key, const char *name,
		   int64_t now_us, int64_t days, struct buf *ret_pem, struct err *e)
{
	const struct use use = { "clientAuth", NULL };
	OWNED_EVP(X509) cert = X509_new();

	if (!text_is_name(name, 63))
		return err_field(e, ERR_BAD_VALUE, "name", "this is not a host's name");
	return begin_cert(name, pkey_evp(key), now_us, days, cert, e) &&
	       finish_cert(ca, cert, &use, ret_pem, e);
}

/* ---- checking ---- */

static bool refuse_chain(int why, struct err *e)
{
	bool dates = why == X509_V_ERR_CERT_HAS_EXPIRED ||
		     why == X509_V_ERR_CERT_NOT_YET_VALID;

	return evp_failed(e, dates ? ERR_CERTIFICATE_EXPIRED : ERR_BAD_CERTIFICATE,
			  X509_verify_cert_error_string(why));
}

static bool verify_chain(const struct ca *ca, X509 *cert, int64_t now_us, struct err *e)
{
	OWNED_EVP(X509_STORE_CTX) ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;

	if (!ctx || X509_STORE_CTX_init(ctx, ca->trust, cert, NULL) != 1)
		return evp_failed(e, ERR_NO_MEMORY, "no memory to check a certificate");
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_time(param, (time_t)(now_us / US_PER_S));
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
	if (X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT) != 1)
		return evp_failed(e, ERR_INTERNAL, "cannot check a certificate");
	if (X509_verify_cert(ctx) != 1)
		return refuse_chain(X509_STORE_CTX_get_error(ctx), e);
	return true;
}

/* The purpose alone would let a certificate without extKeyUsage pass. */
static bool is_for_clients(X509 *cert)
{
	return (X509_get_extension_flags(cert) & EXFLAG_XKUSAGE) &&
	       (X509_get_extended_key_usage(cert) & XKU_SSL_CLIENT) &&
	       !X509_check_ca(cert);
}

bool ca_check_client(const struct ca *ca, struct view der, int64_t now_us,
		     struct cert_facts *ret, struct err *e)
{
	const uint8_t *at = der.at;
	OWNED_EVP(X509) cert = d2i_X509(NULL, &at, (long)der.len);

	if (!cert || at != der.at + der.len)
		return evp_failed(e, ERR_BAD_CERTIFICATE, "this is not a certificate");
	if (!verify_chain(ca, cert, now_us, e))
		return false;
	if (!is_for_clients(cert))
		return err_set(e, ERR_BAD_CERTIFICATE,
			       "this certificate is not for clients");
	return x509_facts(cert, ret, e);
}
