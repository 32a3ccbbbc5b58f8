/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwe - one sealing in compact form, whatever it holds: what seal and relay share.
 *
 * Gives:   the claims of a header as text and as a table of fields; sealing to a recipient;
 *          opening in two steps, so that the caller says where the plain text goes.
 * Refuses: what seal.h says, a plain text above the form's length: ERR_BAD_SEALED.
 * Wipes:   the content key, by jwe_opening_done. A plain text written before the tag was found
 *          wrong is the caller's to wipe.
 * Threads: as in seal.h.
 */
#ifndef CRYPTO_JWE_H
#define CRYPTO_JWE_H

#include "common/json.h"
#include "crypto/seal.h"

enum { JWE_CLAIMS = 640, JWE_IV = 12, JWE_TAG = 16, JWE_KEY = 32 };

struct jwe_form {
	const char *typ;
	const char *cty; /* NULL: none */
	size_t most;     /* bytes of plain text */
};

extern const struct jwe_form jwe_release;

#define JWE_FIELD(base, name, type, min, max, required)                          \
	{                                                                        \
#name, type, (base) + offsetof(struct seal_header, name),        \
			sizeof(((struct seal_header *)NULL)->name), 0, min, max, \
			required                                                 \
	}
/* A seal_header's members, in a struct that holds one at `base`. */
#define JWE_FIELDS(base)                                                      \
	JWE_FIELD(base, kid, FIELD_TEXT, PKI_KID - 1, PKI_KID - 1, true),     \
		JWE_FIELD(base, instance, FIELD_UUID, 0, 0, true),            \
		JWE_FIELD(base, secret, FIELD_UUID, 0, 0, true),              \
		JWE_FIELD(base, version, FIELD_INTEGER, 0, INT64_MAX, true),  \
		JWE_FIELD(base, purpose, FIELD_NAME, 1, 15, true),            \
		JWE_FIELD(base, epoch, FIELD_INTEGER, 0, INT64_MAX, true),    \
		JWE_FIELD(base, attempt, FIELD_UUID, 0, 0, true),             \
		JWE_FIELD(base, nonce, FIELD_TEXT, SEAL_NONCE_MIN, 63, true), \
		JWE_FIELD(base, handover, FIELD_INTEGER, 1, INT64_MAX, false)

/* The members of a JSON object without its braces; checks what needs no escaping. */
MUST_CHECK bool jwe_claims(const struct seal_header *h, char *ret, size_t cap,
			   struct err *e);
/* Every member: what a sender signed must be what the sealing says. */
MUST_CHECK bool jwe_compare(const struct seal_header *sealed,
			    const struct seal_header *inner, struct err *e);
/* header->kid is filled in. Appends to ret. */
MUST_CHECK bool jwe_seal(struct sealer *s, const struct jwe_form *form,
			 struct seal_header *header, struct view plain, struct buf *ret,
			 struct err *e);

/* What is known of a sealed text before its plain text is. */
struct jwe_opening {
	struct seal_header header; /* not authenticated before jwe_decrypt has said so */
	struct view aad;           /* borrowed from the compact form */
	uint8_t key[JWE_KEY], iv[JWE_IV], tag[JWE_TAG];
	uint8_t *text; /* owned: the cipher text */
	size_t len;    /* of the cipher text, and so of the plain text */
};

MUST_CHECK bool jwe_read(const struct pkey *own, const struct jwe_form *form,
			 struct view compact, struct jwe_opening *w, struct err *e);
/* Writes w->len bytes to `to`, also when it fails. */
MUST_CHECK bool jwe_decrypt(const struct jwe_opening *w, uint8_t *to, struct err *e);
void jwe_opening_done(struct jwe_opening *w);

#endif
