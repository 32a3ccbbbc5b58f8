/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509 - the few steps that certificates and requests share.
 *
 * Refuses: encrypted PEM (nobody is asked for a pass phrase), PEM above PKI_PEM_MAX.
 * Threads: no state.
 */
#ifndef CRYPTO_X509_H
#define CRYPTO_X509_H

#include "crypto/evp.h"
#include "crypto/pki.h"

X509 *x509_from_pem(const char *pem); /* NULL when it is none; the caller frees it */
X509_REQ *x509_req_from_pem(const char *pem);
MUST_CHECK bool x509_set_name(X509_NAME *name, const char *common_name);
/* The one CN, if the name has nothing else. */
MUST_CHECK bool x509_common_name(const X509_NAME *name, char *ret, size_t cap);
MUST_CHECK bool x509_facts(const X509 *cert, struct cert_facts *ret, struct err *e);
/* The certificate's key, P-256; what it is worth is for ca_check_client to say. */
MUST_CHECK bool x509_der_key(struct view der, struct pkey **ret, struct err *e);
/* Appends PEM. */
MUST_CHECK bool x509_to_pem(const X509 *cert, struct buf *ret);
MUST_CHECK bool x509_req_to_pem(const X509_REQ *req, struct buf *ret);

#endif
