/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libvirt - the local libvirtd, as far as secrets and the state of guests go.
 *
 * Owns:    one connection, kept by a thread of its own: while libvirtd starts its autostart
 *          guests an open connection attempt hangs, and nobody else may hang with it.
 * Gives:   libvirt_is_up at once; ephemeral private secrets defined and undefined.
 * Refuses: ERR_STARTING_UP while there is no connection; ERR_NO_LIBVIRT when a call fails.
 * Never:   a call about a domain from a request of the hook: libvirtd holds that domain.
 * Threads: any; the callback `up` comes from the keeping thread, just before a new connection
 *          is put to use.
 */
#ifndef CLIENT_COMPUTE_LIBVIRT_H
#define CLIENT_COMPUTE_LIBVIRT_H

#include "common/secret.h"
#include "common/uuid.h"

struct libvirt;

MUST_CHECK bool libvirt_open(const char *uri, void (*up)(void *ctx), void *ctx,
			     struct libvirt **ret, struct err *e);
void libvirt_free(struct libvirt *l);  /* leaves secrets as they are */
bool libvirt_is_up(struct libvirt *l); /* NULL: false */

/* Ephemeral and private: never on disk, never read back. Replaces a secret of the same UUID
 * and guest, so that nothing of an earlier, looser definition stays. */
MUST_CHECK bool libvirt_define(struct libvirt *l, const struct uuid *secret,
			       const struct uuid *instance, const struct secret *value,
			       struct err *e);
/* Only if it is this instance's; *ret_was says whether it was there. */
MUST_CHECK bool libvirt_undefine(struct libvirt *l, const struct uuid *secret,
				 const struct uuid *instance, bool *ret_was,
				 struct err *e);

enum libvirt_guest { LIBVIRT_ABSENT, LIBVIRT_OFF, LIBVIRT_STARTING, LIBVIRT_ACTIVE };
MUST_CHECK bool libvirt_find(struct libvirt *l, const struct uuid *instance,
			     enum libvirt_guest *ret, struct err *e);
/* Each guest that has libvirt's autostart flag and is off. */
MUST_CHECK bool libvirt_each_autostart(struct libvirt *l,
				       void (*each)(void *ctx,
						    const struct uuid *instance),
				       void *ctx, struct err *e);
MUST_CHECK bool libvirt_start(struct libvirt *l, const struct uuid *instance,
			      struct err *e);
DEFINE_DROP(libvirt)

#endif
