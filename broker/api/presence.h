/* SPDX-License-Identifier: Apache-2.0 */
/*
 * presence - which hosts' agents listen for events right now.
 *
 * Gives:   presence_note at each poll of a host, presence_is_near: it polled a short while ago.
 * Owns:    an entry for each host that ever polled since the broker started; nothing durable.
 * Threads: any; one lock.
 */
#ifndef BROKER_API_PRESENCE_H
#define BROKER_API_PRESENCE_H

#include "crypto/pki.h"

/* A poll waits for 30 s at most, and its host is back at once. */
#define PRESENCE_US (35 * US_PER_S)

struct presence;

MUST_CHECK bool presence_new(struct presence **ret, struct err *e);
void presence_free(struct presence *p);
/* Times are monotonic. Without memory for another host it counts as silent. */
void presence_note(struct presence *p, const char *key_hash, int64_t now_us);
bool presence_is_near(struct presence *p, const char *key_hash, int64_t now_us);
DEFINE_DROP(presence)

#endif
