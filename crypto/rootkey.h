/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootkey - the key that wraps all others, behind one interface.
 *
 * Form:    a file of one line, "vtpm-broker-root-1 " and 43 base64url characters and LF, mode 0400.
 * Gives:   make (never overwrites), load, backup to another file.
 * Refuses: a missing file (ERR_ROOT_KEY_MISSING); wrong length or form, readable by group or
 *          others, owned by another user than this process or root (ERR_ROOT_KEY_BAD).
 * Writes:  to a temporary name, fsync, link, fsync of the directory.
 * Threads: no state.
 */
#ifndef CRYPTO_ROOTKEY_H
#define CRYPTO_ROOTKEY_H

#include "crypto/envelope.h"

MUST_CHECK bool rootkey_make(const char *path, struct wrap_key **ret, struct err *e);
MUST_CHECK bool rootkey_load(const char *path, struct wrap_key **ret, struct err *e);
MUST_CHECK bool rootkey_backup(const struct wrap_key *root, const char *path,
			       struct err *e);
/* A short name for a root key: hex of the first 8 bytes of SHA-256 over "root-id" and the key. */
MUST_CHECK bool rootkey_id(const struct wrap_key *root, char ret[17], struct err *e);

#endif
