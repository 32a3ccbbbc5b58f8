/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay - what one host sends another through a broker that must not read or change it.
 *
 * Form:    signed, then sealed: a JWE (seal.h) of typ "vtpm-relay" and cty "JWS" to the
 *          recipient's sealing key, which holds a JWS (jws.h) of the same typ by the sender's
 *          identity key. The JWS repeats every claim of the JWE's header, the recipient's kid
 *          among them, so that nobody can seal a sender's words anew to another host, for
 *          another purpose or under another number; and the value, base64url.
 *          Bytes that are no secret (a TPM's state, cipher text already) are too many for
 *          base64url thrice: typ and cty "vtpm-state"; the JWE holds the JWS, a line feed and
 *          the bytes, of which the JWS has size and SHA-256.
 * Refuses: what seal.h and jws.h say; claims that differ, are missing or unknown, escapes in
 *          them: ERR_BAD_SEALED.
 * Knows:   nothing of who may send: the caller compares the header with what it asked for and
 *          from.key_hash with the source that the broker named.
 * Wipes:   value, JWS and payload are secrets on both sides; no JSON library sees the value.
 * Threads: no state.
 */
#ifndef CRYPTO_RELAY_H
#define CRYPTO_RELAY_H

#include "crypto/jws.h"
#include "crypto/seal.h"

enum {
	RELAY_VALUE_MAX = 4096,
	RELAY_BYTES_MAX = 256 * 1024,
	RELAY_JWE_MAX = 16 * 1024,   /* no sealed value is longer */
	RELAY_STATE_MAX = 384 * 1024 /* no sealed bytes are longer */
};

struct relay_reader {
	struct jws_reader signer;
	const struct pkey *sealing; /* borrowed: the recipient's own */
};

struct relayed {
	struct seal_header header;
	struct cert_facts from;
};

/* header->kid is filled in. Appends the compact form to ret. */
MUST_CHECK bool relay_seal(const struct jws_signer *from, const struct pkey *to,
			   struct seal_header *header, const struct secret *value,
			   struct buf *ret, struct err *e);
MUST_CHECK bool relay_open(const struct relay_reader *by, struct view compact,
			   struct relayed *ret, struct secret **ret_value, struct err *e);

/* The same over bytes that are no secret. relay_open_bytes appends them to ret_bytes. */
MUST_CHECK bool relay_seal_bytes(const struct jws_signer *from, const struct pkey *to,
				 struct seal_header *header, struct view bytes,
				 struct buf *ret, struct err *e);
MUST_CHECK bool relay_open_bytes(const struct relay_reader *by, struct view compact,
				 struct relayed *ret, struct buf *ret_bytes,
				 struct err *e);

#endif
