/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys - the keys of one installation: the root key's file, and table `key` that it wraps.
 *
 * Owns:    every key, in the secret slab or inside OpenSSL; freed and wiped by keys_free.
 * Gives:   keys_make (random, wrapped, stored) and keys_open.
 * Refuses: a root key that is not the one that wrapped the table: ERR_ROOT_KEY_BAD.
 * Knows:   nothing is derived from the root key; it only wraps.
 * Threads: does not change once opened.
 */
#ifndef BROKER_DAEMON_KEYS_H
#define BROKER_DAEMON_KEYS_H

#include "broker/store/store.h"

struct keys {
	struct wrap_key *root; /* owned, like all below */
	struct mac_key *row, *audit;
	struct pkey *statement, *recovery, *ca_key;
	struct ca *ca;
	char ca_pem[PKI_PEM_MAX];
	char ca_hash[PKI_HASH_HEX];
	char broker_uuid[37];
	int64_t since_us; /* when the CA was made */
};

/* Makes the root key's file and fills the table of a new store file. */
MUST_CHECK bool keys_make(const char *root_path, struct store_file *f, int64_t now_us,
			  struct err *e);
MUST_CHECK bool keys_open(const char *root_path, const char *database, struct keys **ret,
			  struct err *e);
void keys_free(struct keys *k);
DEFINE_DROP(keys)

#endif
