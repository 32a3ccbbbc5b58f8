/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/http/http.h"

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "tests/unit/broker_world.h"

enum { WHOLE = 20000, REPLY = 40000 };

struct api {
	struct world *w;
};

static bool echo(struct api *api, struct exchange *x, struct err *e)
{
	struct json_writer w;

	(void)api;
	(void)e;
	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_integer(&w, "bytes", (int64_t)x->body.len);
	json_put_text(&w, "host", x->who.kind == PRINCIPAL_HOST ? x->who.host.name : NULL);
	json_close(&w);
	exchange_etag(x, 3);
	return true;
}

static bool give(struct api *api, struct exchange *x, struct err *e)
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
	{ .method = METHOD_GET, .pattern = "/v1", .handler = echo, .may = TRY_ANYONE, .verb = "v" },
	{ .method = METHOD_PUT, .pattern = "/v1/bytes", .handler = echo, .may = TRY_ANYONE,
	  .body = BODY_BYTES, .body_max = 5000, .verb = "bytes" },
	{ .method = METHOD_GET, .pattern = "/v1/self", .handler = echo, .may = TRY_HOST, .verb = "self" },
	{ .method = METHOD_GET, .pattern = "/v1/secret", .handler = give, .may = TRY_HOST,
	  .verb = "secret", .releases = true },
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
};


static int always_this(gnutls_session_t s, const gnutls_datum_t *names, int n,
		       const gnutls_pk_algorithm_t *algos, int n_algos, gnutls_pcert_st **ret_chain,
		       unsigned *ret_n, gnutls_privkey_t *ret_key)
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
static void pair_make(struct world *w, const struct ca *ca, struct pair *p, bool enrol)
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
	must(w, gnutls_pcert_import_x509_raw(&p->chain, &text, GNUTLS_X509_FMT_PEM, 0) == 0, "pcert");
	gnutls_privkey_init(&p->key);
	text = (gnutls_datum_t){ secret_fill(key_pem), (unsigned)secret_len(key_pem) };
	must(w, gnutls_privkey_import_x509_raw(p->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0) == 0,
	     "key");
	gnutls_certificate_set_retrieve_function2(p->cred, always_this);
	if (enrol)
		world_host(w, hash, "h1", "approved");
	secret_free(key_pem);
	buf_done(&pem);
	pkey_free(key);
}

static void pair_done(struct pair *p)
{
	gnutls_certificate_free_credentials(p->cred);
	if (p->key != NULL) {
		gnutls_pcert_deinit(&p->chain);
		gnutls_privkey_deinit(p->key);
	}
}

static int health(void *ctx, struct buf *ret_json)
{
	(void)ctx;
	buf_add(ret_json, "{\"status\":\"ok\"}");
	return 200;
}

static bool serve(struct bench *b, struct err *e)
{
	const struct dispatch_options d = { .routes = routes, .n_routes = ARRAY_LEN(routes),
					    .api = &b->api, .auth = b->auth,
					    .store = b->w.store, .clock = &b->w.clock };
	struct http_options o = { .listen = "127.0.0.1:0", .cert_pem = b->server_pem.at,
				  .key_pem = b->server_key, .ca_pem = b->w.ca_pem.at,
				  .health_listen = "127.0.0.1:0", .health = health };

	must(&b->w, dispatch_start(&d, &b->d, e), "dispatch");
	o.dispatch = b->d;
	if (!http_start(&o, &b->http, e))
		return false;
	b->port = http_port(b->http);
	return true;
}

static void unserve(struct bench *b)
{
	http_stop(b->http);
	dispatch_free(b->d);
}

static void bench_open(struct bench *b)
{
	struct pkey *key = NULL, *other_key = NULL;
	struct ca *other = NULL;
	struct buf other_pem = { 0 };
	struct world *w = &b->w;

	world_open(w);
	b->api.w = w;
	must(w, auth_new(&(struct auth_options){ w->ca, &w->clock, 0 }, &b->auth, &w->e), "auth");
	must(w, pkey_new(&key, &w->e) && pkey_private_pem(key, &b->server_key, &w->e), "key");
	must(w, ca_issue_server(w->ca, key, "localhost\n127.0.0.1", w->wall_us, 30, &b->server_pem, &w->e),
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

static void bench_close(struct bench *b)
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

static int dial(unsigned port)
{
	const struct timeval limit = { .tv_sec = 10 };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool client_open(struct client *c, unsigned port, struct pair *who, const char *priority,
			gnutls_datum_t *session)
{
	int r;

	memset(c, 0, sizeof *c);
	c->fd = dial(port);
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

static void client_close(struct client *c)
{
	if (c->s != NULL)
		gnutls_deinit(c->s);
	if (c->fd >= 0)
		close(c->fd);
}

static bool client_send(struct client *c, const char *text, size_t len)
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
static int client_reply(struct client *c, char ret[REPLY + 1])
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
static int ask(struct bench *b, struct pair *who, const char *request, char ret[REPLY + 1])
{
	struct client *c = calloc(1, sizeof *c);
	int status = 0;

	ret[0] = '\0';
	if (client_open(c, b->port, who, TLS13, NULL) && client_send(c, request, strlen(request)))
		status = client_reply(c, ret);
	client_close(c);
	free(c);
	return status;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static const struct {
	const char *says, *request;
	int status;
	const char *text; /* stands in the reply */
} rows[] = {
	{ "a reply carries a request id", GET("/v1"), 200, "X-Request-Id: " },
	{ "a reply is not to be stored", GET("/v1"), 200, "Cache-Control: no-store" },
	{ "a generation is the ETag", GET("/v1"), 200, "ETag: \"3\"" },
	{ "an unknown path is a problem", GET("/nothing"), 404, "application/problem+json" },
	{ "no identity is 401, with what to send", GET("/v1/self"), 401, "WWW-Authenticate: Bearer" },
	{ "a path is taken as it was sent", GET("/v1%00"), 400, "bad_path" },
	{ "a query does not belong to the path", GET("/v1?a=b"), 200, "\"bytes\":0" },
	{ "a bad query is refused", GET("/v1?a=%zz"), 400, "bad_value" },
	{ "a request without Host is refused", "GET /v1 HTTP/1.1\r\n\r\n", 400, "" },
	{ "two lengths are refused",
	  "PUT /v1/bytes HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n"
	  "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy", 400, "Content-Length" },
	{ "a length beside chunks is refused",
	  "PUT /v1/bytes HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n"
	  "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 400,
	  "Transfer-Encoding" },
	{ "a blank before the colon is refused", "GET /v1 HTTP/1.1\r\nHost: x\r\nX : a\r\n\r\n", 400,
	  "malformed" },
	{ "two identities are refused",
	  "GET /v1 HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", 400,
	  "Authorization" },
	{ "a forwarded certificate is refused",
	  "GET /v1 HTTP/1.1\r\nHost: x\r\nx-forwarded-client-cert: a\r\n\r\n", 400,
	  "X-Forwarded-Client-Cert" },
	{ "a body in chunks is taken",
	  "PUT /v1/bytes HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n1\r\nz\r\n0\r\n\r\n", 200, "\"bytes\":3" },
	{ "HTTP/2 in the request line is refused", "GET /v1 HTTP/2.0\r\nHost: x\r\n\r\n", 505, "" },
};

static void rows_check(struct bench *b, char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int status = ask(b, &b->none, rows[i].request, text);
		bool right = status == rows[i].status && strstr(text, rows[i].text) != NULL;

		if (!check(rows[i].says, right))
			printf("# %d: %.300s\n", status, text);
	}
}

static void identity_check(struct bench *b, char *text)
{
	struct client *c = calloc(1, sizeof *c);
	gnutls_datum_t session = { 0 };

	check("a client certificate names the host",
	      ask(b, &b->host, GET("/v1/self"), text) == 200 && strstr(text, "\"h1\"") != NULL);
	check("one of another CA is 401",
	      ask(b, &b->foreign, GET("/v1/self"), text) == 401 && strstr(text, "bad_certificate"));
	check("a secret of many packets arrives whole",
	      ask(b, &b->host, GET("/v1/secret"), text) == 200 &&
		      strspn(strstr(text, "\r\n\r\n") + 4, "s") == WHOLE);
	check("TLS 1.2 is refused",
	      !client_open(c, b->port, &b->host, "NORMAL:-VERS-ALL:+VERS-TLS1.2", NULL));
	client_close(c);
	check("a first session", client_open(c, b->port, &b->host, TLS13, NULL) &&
					 client_send(c, GET("/v1/self"), strlen(GET("/v1/self"))) &&
					 client_reply(c, text) == 200);
	gnutls_session_get_data2(c->s, &session);
	client_close(c);
	check("is resumed", client_open(c, b->port, &b->host, TLS13, &session) &&
				    gnutls_session_is_resumed(c->s) != 0);
	check("and is still the host's", client_send(c, GET("/v1/self"), strlen(GET("/v1/self"))) &&
						 client_reply(c, text) == 200 &&
						 strstr(text, "\"h1\"") != NULL);
	client_close(c);
	gnutls_free(session.data);
	free(c);
}

static void body_check(struct bench *b, char *text)
{
	static const char head[] = "PUT /v1/bytes HTTP/1.1\r\nHost: x\r\n"
				   "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n\r\n";
	struct client *c = calloc(1, sizeof *c);
	size_t huge = 4 * 1024 * 1024;
	char *body = malloc(huge), line[200];
	bool sent;

	memset(body, 'b', huge);
	check("a connection for bodies", client_open(c, b->port, &b->none, TLS13, NULL));
	snprintf(line, sizeof line, head, (size_t)5000);
	check("the largest body is taken", client_send(c, line, strlen(line)) &&
						   client_send(c, body, 5000) &&
						   client_reply(c, text) == 200);
	snprintf(line, sizeof line, head, (size_t)5001);
	check("one byte more is 413", client_send(c, line, strlen(line)) &&
					      client_send(c, body, 5001) &&
					      client_reply(c, text) == 413);
	check("and the connection goes on", client_send(c, GET("/v1") GET("/v1"), 2 * strlen(GET("/v1"))) &&
						    client_reply(c, text) == 200);
	check("two requests at once are two replies", client_reply(c, text) == 200);
	snprintf(line, sizeof line, head, huge);
	sent = client_send(c, line, strlen(line)) && client_send(c, body, huge);
	check("a body out of all bounds ends the connection", !sent || client_reply(c, text) == 0);
	client_close(c);
	free(body);
	free(c);
}

struct load {
	struct bench *b;
	atomic_bool *stop;
	int whole, torn;
};

static void *load_run(void *arg)
{
	struct load *l = arg;
	struct client *c = calloc(1, sizeof *c);
	char *text = malloc(REPLY + 1);
	bool open;

	do {
		open = client_open(c, l->b->port, &l->b->host, TLS13, NULL);
		while (open && client_send(c, GET("/v1/secret"), strlen(GET("/v1/secret")))) {
			int status = client_reply(c, text);

			if (status == 0 && c->len > 0)
				l->torn++;
			if (status != 200 && status != 503)
				break;
			l->whole++;
		}
		client_close(c);
	} while (open && !atomic_load(l->stop));
	free(text);
	free(c);
	return NULL;
}

/* A client that began a request and never ends it. */
static void half_request(struct bench *b, struct client *c)
{
	static const char half[] = "PUT /v1/bytes HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc";

	(void)client_open(c, b->port, &b->none, TLS13, NULL);
	(void)client_send(c, half, sizeof half - 1);
}

enum { CLIENTS = 6, STOPS = 8 };

static void stops_check(struct bench *b)
{
	struct load load[CLIENTS] = { 0 };
	struct client *half = calloc(1, sizeof *half);
	int whole = 0, torn = 0, fast = 0;

	for (int n = 0; n < STOPS; n++) {
		pthread_t t[CLIENTS];
		atomic_bool stop = false;
		struct timespec from, to, pause = { .tv_nsec = 60000000 };
		bool serves = serve(b, &b->w.e);

		for (int i = 0; i < CLIENTS && serves; i++) {
			load[i] = (struct load){ b, &stop, 0, 0 };
			pthread_create(&t[i], NULL, load_run, &load[i]);
		}
		half_request(b, half);
		nanosleep(&pause, NULL); /* some load, not a condition */
		clock_gettime(CLOCK_MONOTONIC, &from);
		atomic_store(&stop, true);
		unserve(b);
		clock_gettime(CLOCK_MONOTONIC, &to);
		fast += to.tv_sec - from.tv_sec < 3;
		for (int i = 0; i < CLIENTS && serves; i++) {
			pthread_join(t[i], NULL);
			whole += load[i].whole;
			torn += load[i].torn;
		}
		client_close(half);
	}
	free(half);
	printf("# %d replies\n", whole);
	check("stopped under load, it ends each time within 3 s", fast == STOPS);
	check("no reply is torn by a stop", whole > 0 && torn == 0);
}

static void ports_check(struct bench *b, char *text)
{
	char listen[32];
	struct http_options o = { .listen = listen, .cert_pem = b->server_pem.at,
				  .key_pem = b->server_key, .ca_pem = b->w.ca_pem.at,
				  .dispatch = b->d };
	struct http *second = NULL;
	struct err e = { 0 };
	int fd = dial(http_health_port(b->http));
	ssize_t n;

	snprintf(listen, sizeof listen, "127.0.0.1:%u", b->port);
	check("a port in use is named", !http_start(&o, &second, &e) && e.kind == ERR_PORT_IN_USE);
	snprintf(listen, sizeof listen, "localhost:1");
	check("a name is no address", !http_start(&o, &second, &e) && e.kind == ERR_CONFIG);
	check("health answers without TLS", fd >= 0 && write(fd, GET("/health"), strlen(GET("/health"))) > 0);
	n = read(fd, text, REPLY);
	text[n > 0 ? n : 0] = '\0';
	check("with 200", strncmp(text, "HTTP/1.1 200", 12) == 0);
	close(fd);
}

int main(void)
{
	struct bench *b = calloc(1, sizeof *b);
	char *text = malloc(REPLY + 1);

	signal(SIGPIPE, SIG_IGN);
	bench_open(b);
	if (!check("it serves", serve(b, &b->w.e)))
		return done();
	rows_check(b, text);
	identity_check(b, text);
	body_check(b, text);
	ports_check(b, text);
	unserve(b);
	stops_check(b);
	bench_close(b);
	free(text);
	free(b);
	return done();
}
