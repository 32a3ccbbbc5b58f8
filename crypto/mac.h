/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mac - HMAC-SHA256 over a list of fields, for rows that confer authority and for audit chains.
 *
 * Gives:   an incremental MAC whose input is unambiguous: every field goes in as one type
 *          byte ('i' or 'b'), an 8-byte big-endian length or value, then the bytes.
 * Refuses: nothing; a failure of the library shows in mac_end.
 * Threads: a mac_key may be used by many threads; a struct mac belongs to one.
 */
#ifndef CRYPTO_MAC_H
#define CRYPTO_MAC_H

#include "common/secret.h"

enum { MAC_BYTES = 32 };

struct mac_key;
struct mac;

MUST_CHECK bool mac_key_from(const struct secret *key, struct mac_key **ret,
			     struct err *e);
void mac_key_free(struct mac_key *k);

/* One struct mac is reused: begin, add..., end. */
MUST_CHECK bool mac_new(const struct mac_key *k, struct mac **ret,
			struct err *e); /* k borrowed */
void mac_free(struct mac *m);
void mac_begin(struct mac *m);
void mac_add_text(struct mac *m, const char *text);
void mac_add_bytes(struct mac *m, struct view bytes);
void mac_add_integer(struct mac *m, int64_t value);
MUST_CHECK bool mac_end(struct mac *m, uint8_t ret[MAC_BYTES], struct err *e);
bool mac_equal(const uint8_t a[MAC_BYTES],
	       const uint8_t b[MAC_BYTES]); /* constant time */
/* SHA-256 of bytes. */
MUST_CHECK bool digest_sha256(struct view bytes, uint8_t ret[32], struct err *e);
DEFINE_DROP(mac_key)
DEFINE_DROP(mac)

#endif
