/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jws - what one host says to another: JWS compact (RFC 7515), ES256, with the signer's
 *       certificate in x5c, so that a reader who knows the CA needs nothing else.
 *
 * Gives:   the protected header, the signature, and both checked: facts of the signer.
 * Refuses: another typ or alg, "crit", more or less than one certificate, a wrong signature:
 *          ERR_BAD_SEALED; a certificate that the CA did not issue to a host:
 *          ERR_BAD_CERTIFICATE; one that is not valid now: ERR_CERTIFICATE_EXPIRED.
 * Knows:   nothing of the payload, which may be a secret: it looks at it only to hash it. A
 *          typ serves one purpose only; no signature of one is good for another.
 * Threads: no state.
 */
#ifndef CRYPTO_JWS_H
#define CRYPTO_JWS_H

#include "crypto/pki.h"

struct jws_signer {
	const struct pkey *identity; /* borrowed: the key of the certificate */
	const char *cert_pem;        /* borrowed */
};

struct jws_reader {
	const struct ca *ca; /* borrowed: ca_trust is enough */
	int64_t now_us;
};

enum { JWS_SIGNATURE = B64URL_SIZE(64) };

/* Appends the protected header, base64url. ERR_BAD_CERTIFICATE when certificate and key do
 * not belong together. */
MUST_CHECK bool jws_begin(const struct jws_signer *by, const char *typ, struct buf *ret,
			  struct err *e);
/* Of "header.payload". */
MUST_CHECK bool jws_sign(const struct jws_signer *by, struct view text,
			 char ret[JWS_SIGNATURE], struct err *e);
/* ret_payload is the payload's base64url, borrowed from compact. */
MUST_CHECK bool jws_check(const struct jws_reader *by, const char *typ,
			  struct view compact, struct cert_facts *ret_from,
			  struct view *ret_payload, struct err *e);

#endif
