/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libvirt_own - what the two files about libvirt share; no other includes it.
 *
 * Gives:   connections of one's own for calls about guests, and how a failed call is told.
 * Threads: any.
 */
#ifndef CLIENT_COMPUTE_LIBVIRT_OWN_H
#define CLIENT_COMPUTE_LIBVIRT_OWN_H

#include "client/compute/libvirt.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

/* For CLEANUP; NULL is fine. */
void libvirt_conn_drop(virConnectPtr *c);
void libvirt_domain_drop(virDomainPtr *d);

bool libvirt_failed(struct err *e, const char *what); /* false */
/*
 * A connection of its own: a call about a guest may wait long, for a start or for a hook, and
 * answers to other calls on the same connection then come late, up to its next keepalive.
 */
MUST_CHECK bool libvirt_connect(struct libvirt *l, virConnectPtr *ret, struct err *e);

#endif
