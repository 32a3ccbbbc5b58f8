/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_bed - the network side over a few routes of its own, and a client of few words.
 *
 * Gives:   serve and unserve, as often as wanted, on any free port; client_open, client_send,
 *          client_reply, ask; certificates that are shown whatever the server asks for.
 * Owns:    the world below it; bench_close takes all down.
 */
#ifndef TESTS_UNIT_HTTP_BED_H
#define TESTS_UNIT_HTTP_BED_H

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "tests/unit/broker_world.h"

#include "broker/http/http.h"

enum { WHOLE = 20000, REPLY = 40000 };

struct api {
	struct world *w;
};

static UNUSED bool echo(struct api *api, struct exchange *x, struct err *e)
{
	struct json_writer w;

	(void)api;
	(void)e;
	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_integer(&w, "bytes", (int64_t)x->body.len);
	json_put_text(&w, "host",
		      x->who.kind == PRINCIPAL_HOST ? x->who.host.name : NULL);
	json_close(&w);
	exchange_etag(x, 3);
	return true;
}

static UNUSED bool give(struct api *api, struct exchange *x, struct err *e)
{
	x->reply.status = 200;
	x->reply.content_type = "application/octet-stream";
	if (!secret_new(WHOLE, &x->reply.secret, e))
		return false;
	memset(secret_fill(x->reply.secret), 's', WHOLE);
	(void)exchange_audit(x, clock_wall_us(&api->w->clock));
	return true;
}

static const struct route routes[] = {
	{ .method = METHOD_GET,
	  .pattern = "/v1",
	  .handler = echo,
	  .may = TRY_ANYONE,
	  .verb = "v" },
	{ .method = METHOD_PUT,
	  .pattern = "/v1/bytes",
	  .handler = echo,
	  .may = TRY_ANYONE,
	  .body = BODY_BYTES,
	  .body_max = 5000,
	  .verb = "bytes" },
	{ .method = METHOD_GET,
	  .pattern = "/v1/self",
	  .handler = echo,
	  .may = TRY_HOST,
	  .verb = "self" },
	{ .method = METHOD_GET,
	  .pattern = "/v1/secret",
	  .handler = give,
	  .may = TRY_HOST,
	  .verb = "secret",
	  .releases = true },
};

struct pair { /* a certificate and its key, as a client holds them */
	gnutls_certificate_credentials_t cred;
	gnutls_pcert_st chain;
	gnutls_privkey_t key;
};

struct bench {
	struct world w;
	struct api api;
	struct auth *auth;
	struct dispatch *d;
	struct http *http;
	unsigned port;
	struct buf server_pem;
	struct secret *server_key;
	struct pair none, host, foreign;
	unsigned connections; /* 0: as many as http thinks */
};

/* wide: the form is GnuTLS's */
static UNUSED int always_this(gnutls_session_t s, const gnutls_datum_t *names, int n,
			      const gnutls_pk_algorithm_t *algos, int n_algos,
			      gnutls_pcert_st **ret_chain, unsigned *ret_n,
			      gnutls_privkey_t *ret_key)
{
	struct pair *p = gnutls_session_get_ptr(s);

	(void)names;
	(void)n;
	(void)algos;
	(void)n_algos;
	*ret_chain = &p->chain;
	*ret_n = 1;
	*ret_key = p->key;
	return 0;
}

/* A client certificate that is sent whatever CA the server names. */
static UNUSED void pair_make(struct world *w, const struct ca *ca, struct pair *p,
			     bool enrol)
{
	struct pkey *key = NULL;
	struct secret *key_pem = NULL;
	struct buf pem = { 0 };
	char hash[PKI_HASH_HEX];
	gnutls_datum_t text;

	gnutls_certificate_allocate_credentials(&p->cred);
	if (ca == NULL)
		return;
	must(w, pkey_new(&key, &w->e) && pkey_hash(key, hash, &w->e), "key");
	must(w, ca_issue_host(ca, key, "h1", w->wall_us, 90, &pem, &w->e), "certificate");
	must(w, pkey_private_pem(key, &key_pem, &w->e), "pem");
	text = (gnutls_datum_t){ (void *)pem.at, (unsigned)pem.len };
	must(w,
	     gnutls_pcert_import_x509_raw(&p->chain, &text, GNUTLS_X509_FMT_PEM, 0) == 0,
	     "pcert");
	gnutls_privkey_init(&p->key);
	text = (gnutls_datum_t){ secret_fill(key_pem), (unsigned)secret_len(key_pem) };
	must(w,
	     gnutls_privkey_import_x509_raw(p->key, &text, GNUTLS_X509_FMT_PEM, NULL,
					    0) == 0,
	     "key");
	gnutls_certificate_set_retrieve_function2(p->cred, always_this);
	if (enrol)
		world_host(w, hash, "h1", "approved");
	secret_free(key_pem);
	buf_done(&pem);
	pkey_free(key);
}

static UNUSED void pair_done(struct pair *p)
{
	gnutls_certificate_free_credentials(p->cred);
	if (p->key != NULL) {
		gnutls_pcert_deinit(&p->chain);
		gnutls_privkey_deinit(p->key);
	}
}

static UNUSED int health(void *ctx, struct buf *ret_json)
{
	(void)ctx;
	buf_add(ret_json, "{\"status\":\"ok\"}");
	return 200;
}

static UNUSED bool serve(struct bench *b, struct err *e)
{
	const struct dispatch_options d = { .routes = routes,
					    .n_routes = ARRAY_LEN(routes),
					    .api = &b->api,
					    .auth = b->auth,
					    .store = b->w.store,
					    .clock = &b->w.clock };
	struct http_options o = { .listen = "127.0.0.1:0",
				  .cert_pem = b->server_pem.at,
				  .key_pem = b->server_key,
				  .ca_pem = b->w.ca_pem.at,
				  .connections = b->connections,
				  .health_listen = "127.0.0.1:0",
				  .health = health };

	must(&b->w, dispatch_start(&d, &b->d, e), "dispatch");
	o.dispatch = b->d;
	if (!http_start(&o, &b->http, e))
		return false;
	b->port = http_port(b->http);
	return true;
}

static UNUSED void unserve(struct bench *b)
{
	http_stop(b->http);
	dispatch_free(b->d);
}

static UNUSED void bench_open(struct bench *b)
{
	struct pkey *key = NULL, *other_key = NULL;
	struct ca *other = NULL;
	struct buf other_pem = { 0 };
	struct world *w = &b->w;

	world_open(w);
	b->api.w = w;
	must(w, auth_new(&(struct auth_options){ w->ca, &w->clock, 0 }, &b->auth, &w->e),
	     "auth");
	must(w, pkey_new(&key, &w->e) && pkey_private_pem(key, &b->server_key, &w->e),
	     "key");
	must(w,
	     ca_issue_server(w->ca, key, "localhost\n127.0.0.1", w->wall_us, 30,
			     &b->server_pem, &w->e),
	     "server certificate");
	must(w, ca_make("other", w->wall_us, &other_key, &other_pem, &w->e), "other CA");
	must(w, ca_open(other_key, other_pem.at, &other, &w->e), "other CA");
	pair_make(w, NULL, &b->none, false);
	pair_make(w, w->ca, &b->host, true);
	pair_make(w, other, &b->foreign, false);
	ca_free(other);
	buf_done(&other_pem);
	pkey_free(other_key);
	pkey_free(key);
}

static UNUSED void bench_close(struct bench *b)
{
	pair_done(&b->none);
	pair_done(&b->host);
	pair_done(&b->foreign);
	secret_free(b->server_key);
	buf_done(&b->server_pem);
	auth_free(b->auth);
	world_close(&b->w);
}

/* A client of few words. */

struct client {
	gnutls_session_t s;
	int fd;
	char got[REPLY + 1];
	size_t len;
};

/* From one of this machine's addresses, 127.0.0.1 to 127.0.0.255. */
static UNUSED int dial_from(unsigned source, unsigned port)
{
	const struct sockaddr_in from = { .sin_family = AF_INET,
					  .sin_addr.s_addr =
						  htonl(INADDR_LOOPBACK - 1 + source) };
	const struct timeval limit = { .tv_sec = 10 };
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (bind(fd, (const struct sockaddr *)&from, sizeof from) == 0 &&
	    connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	close(fd);
	return -1;
}

static UNUSED int dial(unsigned port)
{
	return dial_from(1, port);
}

/* Over a socket that is connected, which it takes. */
static UNUSED bool client_begin(struct client *c, int fd, struct pair *who,
				const char *priority, gnutls_datum_t *session)
{
	int r;

	memset(c, 0, sizeof *c);
	c->fd = fd;
	if (c->fd < 0)
		return false;
	gnutls_init(&c->s, GNUTLS_CLIENT);
	gnutls_priority_set_direct(c->s, priority, NULL);
	gnutls_credentials_set(c->s, GNUTLS_CRD_CERTIFICATE, who->cred);
	gnutls_session_set_ptr(c->s, who);
	gnutls_transport_set_int(c->s, c->fd);
	if (session != NULL)
		gnutls_session_set_data(c->s, session->data, session->size);
	do
		r = gnutls_handshake(c->s);
	while (r < 0 && !gnutls_error_is_fatal(r));
	return r == 0;
}

static UNUSED bool client_open(struct client *c, unsigned port, struct pair *who,
			       const char *priority, gnutls_datum_t *session)
{
	return client_begin(c, dial(port), who, priority, session);
}

static UNUSED void client_close(struct client *c)
{
	if (c->s != NULL)
		gnutls_deinit(c->s);
	if (c->fd >= 0)
		close(c->fd);
}

static UNUSED bool client_send(struct client *c, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = gnutls_record_send(c->s, text, len);

		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

/* The next reply's status, 0 when the connection ended; its text stands in ret. */
static UNUSED int client_reply(struct client *c, char ret[REPLY + 1])
{
	for (;;) {
		char *end = strstr(c->got, "\r\n\r\n");
		char *length = strcasestr(c->got, "content-length: ");
		size_t whole = end == NULL ? 0 : (size_t)(end - c->got) + 4;
		ssize_t n;

		if (end != NULL && length != NULL && length < end)
			whole += (size_t)atoi(length + 16);
		if (end != NULL && c->len >= whole) {
			memcpy(ret, c->got, whole);
			ret[whole] = '\0';
			memmove(c->got, c->got + whole, c->len - whole + 1);
			c->len -= whole;
			return atoi(ret + 9);
		}
		n = gnutls_record_recv(c->s, c->got + c->len, REPLY - c->len);
		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue; /* a session ticket came by */
		if (n <= 0)
			return 0;
		c->len += (size_t)n;
		c->got[c->len] = '\0';
	}
}

#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

/* One request on a connection of its own. */
static UNUSED int ask(struct bench *b, struct pair *who, const char *request,
		      char ret[REPLY + 1])
{
	struct client *c = calloc(1, sizeof *c);
	int status = 0;

	ret[0] = '\0';
	if (client_open(c, b->port, who, TLS13, NULL) &&
	    client_send(c, request, strlen(request)))
		status = client_reply(c, ret);
	client_close(c);
	free(c);
	return status;
}

#endif
