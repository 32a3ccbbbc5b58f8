/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity - who this host is: its two keys, its certificate, and the keys of the broker.
 *
 * Owns:    identity.key and sealing.key (0600), client.pem, ca.pem, statement.key and
 *          recovery.key (the broker's public halves, base64url of their SPKI).
 * Refuses: keys that others may read; a certificate for another key than identity.key.
 * Threads: constant once opened; a renewed certificate is a file, not a member.
 */
#ifndef CLIENT_COMPUTE_IDENTITY_H
#define CLIENT_COMPUTE_IDENTITY_H

#include "client/compute/config.h"
#include "crypto/jws.h"

struct identity {
	struct pkey *identity;   /* owned */
	struct pkey *sealing;    /* owned */
	struct pkey *statement;  /* owned: the broker's, public */
	struct ca *trust;        /* owned: of the hosts' certificates, the CA's alone */
	char hash[PKI_HASH_HEX]; /* of the identity key: the host's true name */
	char kid[PKI_KID];       /* of the sealing key */
	struct path key_file, certificate_file, ca_file;
};

MUST_CHECK bool identity_open(const struct config *c, struct identity **ret,
			      struct err *e);
void identity_free(struct identity *id);
/* The key in that file, made now if there is none. */
MUST_CHECK bool identity_key(const struct places *at, const char *file, bool make,
			     struct pkey **ret, struct err *e);
MUST_CHECK bool identity_certificate_ends(const struct identity *id, int64_t *ret_us,
					  struct err *e);
/* To sign what goes to another host, with the certificate that is in the file now. */
struct identity_signer {
	struct jws_signer signer; /* borrows from identity and pem */
	struct buf pem;           /* owned */
};
MUST_CHECK bool identity_signer(const struct identity *id, struct identity_signer *ret,
				struct err *e);
void identity_signer_done(struct identity_signer *s);
DEFINE_DROP(identity)

#endif
