/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ids - a list of instances that grows.
 *
 * Owns:    its memory; CLEANUP(ids_done) struct ids l = { 0 };
 * Gives:   ids_add (false without memory, and then `failed` stays set), ids_has.
 * Threads: one at a time.
 */
#ifndef CLIENT_COMPUTE_IDS_H
#define CLIENT_COMPUTE_IDS_H

#include "common/uuid.h"

struct ids {
	struct uuid *at; /* owned */
	size_t n, cap;
	bool failed;
};

void ids_done(struct ids *l);
bool ids_add(struct ids *l, const struct uuid *id);
bool ids_has(const struct ids *l, const struct uuid *id);

#endif
