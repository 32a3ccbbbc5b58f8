/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask - a destination's signed request for the secret of a guest that is moving to it.
 *
 * Form:    JWS (jws.h) of typ "vtpm-ask" over instance, secret, attempt, purpose, nonce, the sealing
 *          key (base64url of its SubjectPublicKeyInfo) and the time. Signed by the host's
 *          identity key, so that the source seals to a key of the host that the broker named
 *          as the destination, and to none that somebody put in between.
 * Refuses: what jws.h says; an ask older than ASK_LASTS_S or from the future, with two minutes
 *          of skew, an unknown claim, a sealing key that is none: ERR_BAD_SEALED.
 * Knows:   nothing of who may ask: the caller compares by.key_hash with the destination.
 * Threads: no state.
 */
#ifndef CRYPTO_ASK_H
#define CRYPTO_ASK_H

#include "crypto/jws.h"
#include "crypto/seal.h"

enum { ASK_MAX = 4096, ASK_LASTS_S = 600, ASK_SKEW_S = 120 };

struct ask {
	struct uuid instance, secret, attempt;
	char purpose[16]; /* as in struct seal_header, like the nonce */
	char nonce[64];
	int64_t issued_us;
};

struct asked {
	struct ask ask;
	struct cert_facts by;
	struct pkey *sealing; /* owned */
};

/* Appends the compact form, at most ASK_MAX bytes. */
MUST_CHECK bool ask_sign(const struct jws_signer *by, const struct ask *ask,
			 const struct pkey *sealing, struct buf *ret, struct err *e);
MUST_CHECK bool ask_check(const struct jws_reader *by, struct view compact,
			  struct asked *ret, struct err *e);
void asked_done(struct asked *a);

#endif
