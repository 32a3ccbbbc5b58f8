/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate - `vtpm-client migrate`: one guest, or every one that runs here, moved to another host.
 *
 * Strict:  the default. The guest arrives paused, and the other host's agent lets it run once the
 *          hand-over is committed.
 * Signals: the first SIGINT or SIGTERM calls job and hand-over off, and their end is still waited
 *          for; a second one ends the command, and the hand-over ends without it.
 */
#ifndef CLIENT_COMPUTE_MIGRATE_H
#define CLIENT_COMPUTE_MIGRATE_H

#include "client/compute/migrate_options.h"
#include "common/uuid.h"

/* ret_instance: the guest that it is about, as soon as that is known; unset with all. */
MUST_CHECK bool migrate_run(const struct migrate_options *o, struct uuid *ret_instance,
			    struct err *e);

#endif
