/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kdf - the Concat KDF of RFC 7518, section 4.6.2 (NIST SP 800-56A, SHA-256, one round).
 *
 * Refuses: more than 32 bytes of key, texts that do not fit its 256 bytes.
 * Wipes:   its own working memory.
 * Threads: no state.
 */
#ifndef CRYPTO_KDF_H
#define CRYPTO_KDF_H

#include "common/err.h"

struct kdf_input {
	struct view shared;    /* Z */
	const char *algorithm; /* "enc" for direct agreement */
	struct view apu, apv;  /* empty when absent */
};

MUST_CHECK bool kdf_concat(const struct kdf_input *in, uint8_t *ret, size_t len,
			   struct err *e);

#endif
