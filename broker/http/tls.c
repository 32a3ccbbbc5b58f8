/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/http/tls.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

struct tls_tickets {
	gnutls_datum_t key; /* owned */
};

struct other_end {
	struct peer peer;
	uint8_t *der; /* owned */
	bool asked;   /* for the certificate; there is none before the handshake */
};

bool tls_tickets_new(struct tls_tickets **ret, struct err *e)
{
	struct tls_tickets *t = calloc(1, sizeof *t);

	if (t == NULL || gnutls_session_ticket_key_generate(&t->key) < 0) {
		free(t);
		return err_set(e, ERR_NO_MEMORY, "a key for session tickets");
	}
	*ret = t;
	return true;
}

void tls_tickets_free(struct tls_tickets *t)
{
	if (t == NULL)
		return;
	gnutls_memset(t->key.data, 0, t->key.size);
	gnutls_free(t->key.data);
	free(t);
}

static gnutls_session_t session_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return i == NULL ? NULL : (gnutls_session_t)i->tls_session;
}

static void address_text(struct MHD_Connection *connection, char *ret, size_t cap)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *a = i == NULL ? NULL : i->client_addr;
	const void *at = NULL;

	if (a != NULL && a->sa_family == AF_INET)
		at = &((const struct sockaddr_in *)(const void *)a)->sin_addr;
	else if (a != NULL && a->sa_family == AF_INET6)
		at = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
	if (at == NULL || inet_ntop(a->sa_family, at, ret, (socklen_t)cap) == NULL)
		ret[0] = '\0';
}

void *tls_accept(const struct tls_tickets *t, struct MHD_Connection *connection)
{
	struct other_end *o = calloc(1, sizeof *o);
	gnutls_session_t session = session_of(connection);

	if (o == NULL)
		return NULL;
	address_text(connection, o->peer.address, sizeof o->peer.address);
	if (session != NULL) /* without tickets a connection works too */
		(void)gnutls_session_ticket_enable_server(session, &t->key);
	return o;
}

void tls_gone(void *socket_context)
{
	struct other_end *o = socket_context;

	if (o == NULL)
		return;
	free(o->der);
	free(o);
}

static void certificate_fetch(struct other_end *o, gnutls_session_t session)
{
	unsigned n = 0;
	const gnutls_datum_t *chain =
		session == NULL ? NULL : gnutls_certificate_get_peers(session, &n);

	o->asked = true;
	if (chain == NULL || n == 0)
		return;
	o->der = malloc(chain[0].size);
	if (o->der == NULL)
		return;
	memcpy(o->der, chain[0].data, chain[0].size);
	o->peer.certificate = (struct view){ o->der, chain[0].size };
}

struct peer *tls_peer(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct other_end *o = i == NULL ? NULL : i->socket_context;

	if (o == NULL)
		return NULL;
	if (!o->asked)
		certificate_fetch(o, session_of(connection));
	return &o->peer;
}
