/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot - starts the guests with libvirt's autostart flag, because libvirtd serves nobody while it
 *        does so itself, and their start was vetoed.
 *
 * When:    at the first connection after a boot of the host, all of them; at later ones those
 *          that were vetoed meanwhile. Again every few seconds while the broker is silent,
 *          for ten minutes.
 * Purpose: reboot for a guest that ran when the host went down, else autostart.
 * Threads: boot_start_guests takes its time: from a thread of its own. *called_off ends it.
 */
#ifndef CLIENT_COMPUTE_BOOT_H
#define CLIENT_COMPUTE_BOOT_H

#include "client/compute/agent.h"

/* Before anything is mended: which guests ran when the host went down, and is this a new boot? */
MUST_CHECK bool boot_look(struct agent *a, bool *ret_new_boot, struct err *e);
/* True when it was not called off: nothing is left to start, or it gave up. */
bool boot_start_guests(struct agent *a, bool new_boot, const atomic_bool *called_off);

#endif
