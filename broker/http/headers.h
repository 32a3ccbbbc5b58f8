/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headers - the few header fields that the broker reads, and those that it sends.
 *
 * Refuses: (noted in x->bad_header) names that are no token (RFC 9110, section 5.6.2); a second
 *          Authorization, Content-Type, Content-Length, Host or If-Match; Content-Length beside
 *          Transfer-Encoding (RFC 9112, section 6.3); headers by which a proxy would claim to
 *          have seen a client certificate. The connection ends with such an answer.
 * Knows:   values stay where libmicrohttpd keeps them, for as long as the request lives.
 * Threads: the connection's I/O thread.
 */
#ifndef BROKER_HTTP_HEADERS_H
#define BROKER_HTTP_HEADERS_H

#include <microhttpd.h>

#include "broker/exchange.h"

void headers_read(struct MHD_Connection *connection, struct exchange *x);
/* closing: the connection ends with this reply. */
void headers_write(struct MHD_Response *r, const struct exchange *x, bool closing);

#endif
