/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evp - what the files of this directory share of OpenSSL; nobody outside includes it.
 *
 * Gives:   scope cleanup for OpenSSL's objects, one way to report its failures.
 * Knows:   OpenSSL's reasons name functions and formats, never values.
 * Threads: the error queue is OpenSSL's own, one per thread; it is left empty.
 */
#ifndef CRYPTO_EVP_H
#define CRYPTO_EVP_H

#include "common/err.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* What failed, with OpenSSL's reason in the trail; empties the queue; returns false. */
bool evp_failed(struct err *e, enum err_kind kind, const char *what);
/* Refuses to ask for a pass phrase; OpenSSL's own default asks the terminal. */
int evp_no_password(char *to, int size, int writing, void *ctx);

#define DEFINE_EVP_DROP(type, name)                      \
	UNUSED static inline void name##_drop(type **p)  \
	{                                                \
		name##_free(*p);                         \
	}                                                \
	UNUSED static inline type *name##_move(type **p) \
	{                                                \
		type *t = *p;                            \
		*p = NULL;                               \
		return t;                                \
	}

DEFINE_EVP_DROP(EVP_PKEY, EVP_PKEY)
DEFINE_EVP_DROP(EVP_PKEY_CTX, EVP_PKEY_CTX)
DEFINE_EVP_DROP(EVP_MD_CTX, EVP_MD_CTX)
DEFINE_EVP_DROP(EVP_CIPHER_CTX, EVP_CIPHER_CTX)
DEFINE_EVP_DROP(X509, X509)
DEFINE_EVP_DROP(X509_REQ, X509_REQ)
DEFINE_EVP_DROP(X509_STORE_CTX, X509_STORE_CTX)
DEFINE_EVP_DROP(PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO)
DEFINE_EVP_DROP(BIO, BIO)

#define OWNED_EVP(type) CLEANUP(type##_drop) type *

#endif
