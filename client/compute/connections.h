/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connections - the TCP sockets of this network namespace, as the kernel lists them
 *
 * Source:  sock_diag(7), linux/inet_diag.h. Needs no privilege.
 * Refuses: a kernel that cannot say, or a list that it has changed or cut: ERR_NO_LIBVIRT.
 * Threads: no state.
 */
#ifndef CLIENT_COMPUTE_CONNECTIONS_H
#define CLIENT_COMPUTE_CONNECTIONS_H

#include "common/err.h"

#include <stdint.h>

struct connection {
	uint8_t remote[16]; /* IPv6, or IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2) */
	uint16_t local_port;
	bool listens; /* false: it is established */
	uint32_t inode;
};

/* Tells of each, in no order. False from each ends it: no memory. */
MUST_CHECK bool connections_each(bool (*each)(void *ctx, const struct connection *c),
				 void *ctx, struct err *e);

#endif
