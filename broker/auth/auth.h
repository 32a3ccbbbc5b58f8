/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth - who is asking: a bearer token names a person, a client certificate names a host.
 *
 * Gives:   auth_identify, which fills x->who, or says why not. Where it fails with x->who
 *          set, the identity is proven and only the permission is missing.
 * Takes:   on routes for hosts alone the certificate, on all others the token where one is
 *          sent, else the certificate.
 * Refuses: by default. A certificate is verified once per connection, its dates and its host's
 *          row on every request; a token is looked up by SHA-256 on every request.
 *          ERR_CLOCK when the clock is before what it already signed.
 * Knows:   the store's token and host rows; no route by name, nothing of libmicrohttpd.
 * Threads: any number of workers; x and its reader belong to the calling one.
 */
#ifndef BROKER_AUTH_AUTH_H
#define BROKER_AUTH_AUTH_H

#include "broker/exchange.h"
#include "crypto/pki.h"

struct auth;

struct auth_options {
	const struct ca *ca;       /* borrowed */
	const struct clock *clock; /* borrowed */
	int64_t since_us; /* when this CA was made: no clock may show less; 0: unknown */
};

MUST_CHECK bool auth_new(const struct auth_options *o, struct auth **ret, struct err *e);
void auth_free(struct auth *a);
MUST_CHECK bool auth_identify(struct auth *a, struct exchange *x, struct err *e);
DEFINE_DROP(auth)

#endif
