/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peers - where is libvirtd of this host connected to?
 *
 * Why:     a source agent consents to a migration that it did not start. libvirt tells that a job
 *          is outgoing, but through no call where to. In a peer-to-peer migration libvirtd itself
 *          holds the connection to the destination's, or its child does (ssh, a ProxyCommand of
 *          ssh); so the kernel knows what libvirt does not say. In a direct migration the client
 *          holds it, and nothing on this host names the destination: PEERS_NONE.
 * Gives:   the pid behind libvirt's unix socket (each question is a connection without a word,
 *          which libvirtd logs); what it and its descendants are connected to.
 * Counts:  ESTABLISHED TCP connections (sock_diag(7)) of a socket that one of them has open (proc(5),
 *          /proc/PID/fd: CAP_SYS_PTRACE, unless it has all that libvirtd may). libvirtd is in the
 *          caller's network namespace, or has none that are seen. What comes in on a port
 *          on which one of them listens is not theirs; every other one is, loopback too.
 *          IPv4 in IPv6 (::ffff:a.b.c.d) is IPv4.
 * Refuses: to guess: an address that does not resolve is ERR_BAD_VALUE, a libvirtd that cannot be
 *          looked into ERR_NO_LIBVIRT.
 * Knows:   only now, and nothing of a connection that no descendant of libvirtd holds (ssh(1) with
 *          ControlMaster). Several migrations to several hosts at once are PEERS_OTHERS_TOO.
 * Threads: no state. Resolving a name may take as long as the resolver does; an address does not.
 */
#ifndef CLIENT_COMPUTE_PEERS_H
#define CLIENT_COMPUTE_PEERS_H

#include "common/err.h"

#include <sys/types.h>

enum peers_kind {
	PEERS_NONE,      /* not connected to that address */
	PEERS_ONLY,      /* to that address and to no other */
	PEERS_OTHERS_TOO /* to that address, and to others */
};

struct peers {
	enum peers_kind kind;
	char other
		[48]; /* one of the other addresses, for a message; "" when there is none */
};

/* socket: a path, or NULL for libvirt's usual ones (virtqemud's, then libvirtd's). */
MUST_CHECK bool peers_libvirtd(const char *socket, pid_t *ret, struct err *e);
/* address: IPv4, IPv6, or a name all of whose addresses count. */
MUST_CHECK bool peers_look(pid_t libvirtd, const char *address, struct peers *ret,
			   struct err *e);

#endif
