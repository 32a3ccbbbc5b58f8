/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkey.h"
#include "crypto/x509.h"

#include <openssl/asn1t.h>
#include <string.h>

enum { SIGNATURE_MAX = 72, PROOF_TEXT = PKEY_SPKI + 16 };

static void any_free(ASN1_SEQUENCE_ANY *all)
{
	sk_ASN1_TYPE_pop_free(all, ASN1_TYPE_free);
}

static void any_drop(ASN1_SEQUENCE_ANY **p)
{
	any_free(*p);
}

/* What the sealing key signs: the identity it belongs to, and the token of this enrolment. */
static bool proof_text(const struct pkey *identity, const struct uuid *token_id,
		       uint8_t ret[PROOF_TEXT], struct err *e)
{
	size_t len = 0;

	if (!pkey_spki(identity, ret, PKEY_SPKI, &len, e))
		return false;
	uuid_bytes(token_id, ret + PKEY_SPKI);
	return true;
}

/* ---- making ---- */

static bool push_octets(ASN1_SEQUENCE_ANY *all, struct view bytes)
{
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	ASN1_TYPE *item = ASN1_TYPE_new();

	if (octets && item &&
	    ASN1_OCTET_STRING_set(octets, bytes.at, (int)bytes.len) == 1) {
		ASN1_TYPE_set(item, V_ASN1_OCTET_STRING,
			      octets); /* takes the octets over */
		if (sk_ASN1_TYPE_push(all, item) > 0)
			return true;
		octets = NULL;
	}
	ASN1_OCTET_STRING_free(octets);
	ASN1_TYPE_free(item);
	return false;
}

static bool proof_der(const struct pkey *sealing, struct view text, ASN1_OCTET_STRING *to,
		      struct err *e)
{
	CLEANUP(any_drop) ASN1_SEQUENCE_ANY *all = sk_ASN1_TYPE_new_null();
	uint8_t spki[PKEY_SPKI], signature[SIGNATURE_MAX], *der = NULL;
	size_t spki_len = 0, len = 0;
	int der_len;

	if (!pkey_spki(sealing, spki, sizeof(spki), &spki_len, e))
		return false;
	if (!all ||
	    !pkey_sign(pkey_evp(sealing), text, signature, sizeof(signature), &len) ||
	    !push_octets(all, (struct view){ spki, spki_len }) ||
	    !push_octets(all, (struct view){ signature, len }))
		return evp_failed(e, ERR_INTERNAL, "cannot prove the sealing key");
	der_len = i2d_ASN1_SEQUENCE_ANY(all, &der);
	if (der_len <= 0)
		return evp_failed(e, ERR_INTERNAL, "cannot encode the sealing key");
	ASN1_STRING_set0(to, der, der_len);
	return true;
}

static bool add_proof(X509_REQ *req, const ASN1_OCTET_STRING *der)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(PKI_SEALING_OID, 1);
	STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();
	X509_EXTENSION *extension = NULL;
	bool ok;

	if (oid)
		extension =
			X509_EXTENSION_create_by_OBJ(NULL, oid, 0,
						     (ASN1_OCTET_STRING *)(uintptr_t)der);
	ok = all && extension && sk_X509_EXTENSION_push(all, extension) > 0;
	if (!ok)
		X509_EXTENSION_free(extension);
	ok = ok && X509_REQ_add_extensions(req, all) == 1;
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	ASN1_OBJECT_free(oid);
	return ok;
}

static bool fill_request(X509_REQ *req, const struct pkey *identity, const char *name,
			 const ASN1_OCTET_STRING *proof)
{
	return X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 &&
	       x509_set_name(X509_REQ_get_subject_name(req), name) &&
	       X509_REQ_set_pubkey(req, pkey_evp(identity)) == 1 &&
	       add_proof(req, proof) &&
	       X509_REQ_sign(req, pkey_evp(identity), EVP_sha256()) > 0;
}

bool csr_make(const struct pkey *identity, const struct pkey *sealing, const char *name,
	      const struct uuid *token_id, struct buf *ret_pem, struct err *e)
{
	OWNED_EVP(X509_REQ) req = X509_REQ_new();
	ASN1_OCTET_STRING *proof = ASN1_OCTET_STRING_new();
	uint8_t text[PROOF_TEXT];
	bool ok = req && proof;

	if (!ok)
		err_set(e, ERR_NO_MEMORY, "no memory for a certificate request");
	ok = ok && proof_text(identity, token_id, text, e) &&
	     proof_der(sealing, (struct view){ text, sizeof(text) }, proof, e);
	if (ok &&
	    (!fill_request(req, identity, name, proof) || !x509_req_to_pem(req, ret_pem)))
		ok = evp_failed(e, ERR_INTERNAL, "cannot make a certificate request");
	ASN1_OCTET_STRING_free(proof);
	return ok;
}

/* ---- checking ---- */

/* The one extension that a request may have, or NULL. */
static ASN1_OCTET_STRING *only_extension(X509_REQ *req)
{
	STACK_OF(X509_EXTENSION) *all = X509_REQ_get_extensions(req);
	ASN1_OBJECT *oid = OBJ_txt2obj(PKI_SEALING_OID, 1);
	ASN1_OCTET_STRING *found = NULL;
	X509_EXTENSION *one =
		sk_X509_EXTENSION_num(all) == 1 ? sk_X509_EXTENSION_value(all, 0) : NULL;

	if (one && oid && X509_REQ_get_attr_count(req) == 1 &&
	    OBJ_cmp(X509_EXTENSION_get_object(one), oid) == 0)
		found = ASN1_OCTET_STRING_dup(X509_EXTENSION_get_data(one));
	ASN1_OBJECT_free(oid);
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	return found;
}

static struct view octets_at(const ASN1_SEQUENCE_ANY *all, int i)
{
	const ASN1_TYPE *item = sk_ASN1_TYPE_value(all, i);
	const ASN1_OCTET_STRING *octets;

	if (!item || ASN1_TYPE_get(item) != V_ASN1_OCTET_STRING)
		return (struct view){ NULL, 0 };
	octets = item->value.octet_string;
	return (struct view){ ASN1_STRING_get0_data(octets),
			      (size_t)ASN1_STRING_length(octets) };
}

static bool check_proof(const ASN1_OCTET_STRING *der, const struct pkey *identity,
			const struct uuid *token_id, struct csr_facts *facts,
			struct err *e)
{
	const uint8_t *at = ASN1_STRING_get0_data(der);
	const uint8_t *end = at + ASN1_STRING_length(der);
	CLEANUP(any_drop)
	ASN1_SEQUENCE_ANY *all = d2i_ASN1_SEQUENCE_ANY(NULL, &at, end - at);
	struct view spki = octets_at(all, 0), signature = octets_at(all, 1);
	OWNED(pkey) sealing = NULL;
	uint8_t text[PROOF_TEXT];

	if (sk_ASN1_TYPE_num(all) != 2 || at != end || !spki.at || !signature.at ||
	    !pkey_from_spki(spki, &sealing, e))
		return evp_failed(e, ERR_BAD_CSR, "the sealing key is not a P-256 key");
	if (!proof_text(identity, token_id, text, e))
		return false;
	if (!pkey_verifies(pkey_evp(sealing), (struct view){ text, sizeof(text) },
			   signature))
		return evp_failed(e, ERR_BAD_CSR, "the sealing key is not proven");
	return pkey_spki(sealing, facts->sealing_spki, sizeof(facts->sealing_spki),
			 &facts->sealing_len, e);
}

static bool check_identity(X509_REQ *req, struct pkey **ret, struct csr_facts *facts,
			   struct err *e)
{
	if (!pkey_share(X509_REQ_get0_pubkey(req), ret))
		return evp_failed(e, ERR_BAD_CSR, "the identity key is not a P-256 key");
	if (X509_REQ_get_signature_nid(req) != NID_ecdsa_with_SHA256 ||
	    X509_REQ_verify(req, pkey_evp(*ret)) != 1)
		return evp_failed(e, ERR_BAD_CSR, "the request is not signed by its key");
	if (!x509_common_name(X509_REQ_get_subject_name(req), facts->name,
			      sizeof(facts->name)) ||
	    !text_is_name(facts->name, sizeof(facts->name) - 1))
		return evp_failed(e, ERR_BAD_CSR, "the request names no host");
	return pkey_spki(*ret, facts->identity_spki, sizeof(facts->identity_spki),
			 &facts->identity_len, e);
}

bool csr_check(const char *pem, const struct uuid *token_id, struct csr_facts *ret,
	       struct err *e)
{
	OWNED_EVP(X509_REQ) req = x509_req_from_pem(pem);
	OWNED(pkey) identity = NULL;
	struct csr_facts facts = { 0 };
	ASN1_OCTET_STRING *der;
	bool ok;

	if (!req)
		return evp_failed(e, ERR_BAD_CSR, "this is not a certificate request");
	if (!check_identity(req, &identity, &facts, e))
		return false;
	der = only_extension(req);
	if (!der)
		return evp_failed(
			e, ERR_BAD_CSR,
			"the request must have the sealing key and nothing else");
	ok = check_proof(der, identity, token_id, &facts, e);
	ASN1_OCTET_STRING_free(der);
	if (ok && memcmp(facts.identity_spki, facts.sealing_spki, PKEY_SPKI) == 0)
		ok = err_set(e, ERR_BAD_CSR, "the sealing key must be a key of its own");
	if (ok)
		*ret = facts;
	return ok;
}
