/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls - what is known of the other end of a connection.
 *
 * Owns:    one struct peer for each connection, with a copy of the client's certificate.
 * Gives:   tls_accept and tls_gone for the connection's two ends; tls_peer for its requests;
 *          session tickets (RFC 8446, section 2.2), so that a client comes back without a full
 *          handshake. A resumed session carries its client certificate along.
 * Knows:   nothing of whose certificate it is, nor whether it is any good: auth does.
 * Threads: the connection's I/O thread; the ticket key is shared and does not change.
 */
#ifndef BROKER_HTTP_TLS_H
#define BROKER_HTTP_TLS_H

#include <microhttpd.h>

#include "broker/exchange.h"

struct tls_tickets;

MUST_CHECK bool tls_tickets_new(struct tls_tickets **ret, struct err *e);
void tls_tickets_free(struct tls_tickets *t);
/* Returns what tls_gone gets back: the connection's socket context. NULL: out of memory. */
void *tls_accept(const struct tls_tickets *t, struct MHD_Connection *connection);
void tls_gone(void *socket_context);
struct peer *tls_peer(struct MHD_Connection *connection);

#endif
