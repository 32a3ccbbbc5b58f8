/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/http_bed.h"

#include <pthread.h>
#include <signal.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static const struct {
	const char *says, *request;
	int status;
	const char *text; /* stands in the reply */
} rows[] = {
	{ "a reply carries a request id", GET("/v1"), 200, "X-Request-Id: " },
	{ "a reply is not to be stored", GET("/v1"), 200, "Cache-Control: no-store" },
	{ "a generation is the ETag", GET("/v1"), 200, "ETag: \"3\"" },
	{ "an unknown path is a problem", GET("/nothing"), 404,
	  "application/problem+json" },
	{ "no identity is 401, with what to send", GET("/v1/self"), 401,
	  "WWW-Authenticate: Bearer" },
	{ "a path is taken as it was sent", GET("/v1%00"), 400, "bad_path" },
	{ "a query does not belong to the path", GET("/v1?a=b"), 200, "\"bytes\":0" },
	{ "a bad query is refused", GET("/v1?a=%zz"), 400, "bad_value" },
	{ "a request without Host is refused", "GET /v1 HTTP/1.1\r\n\r\n", 400, "" },
	{ "two lengths are refused",
	  "PUT /v1/bytes HTTP/1.1\r\nHost: x\r\nContent-Type: "
	  "application/octet-stream\r\n"
	  "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
	  400, "Content-Length" },
	{ "a length beside chunks is refused",
	  "PUT /v1/bytes HTTP/1.1\r\nHost: x\r\nContent-Type: "
	  "application/octet-stream\r\n"
	  "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
	  400, "Transfer-Encoding" },
	{ "a blank before the colon is refused",
	  "GET /v1 HTTP/1.1\r\nHost: x\r\nX : a\r\n\r\n", 400, "malformed" },
	{ "two identities are refused",
	  "GET /v1 HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
	  400, "Authorization" },
	{ "a forwarded certificate is refused",
	  "GET /v1 HTTP/1.1\r\nHost: x\r\nx-forwarded-client-cert: a\r\n\r\n", 400,
	  "X-Forwarded-Client-Cert" },
	{ "a body in chunks is taken",
	  "PUT /v1/bytes HTTP/1.1\r\nHost: x\r\nContent-Type: "
	  "application/octet-stream\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n1\r\nz\r\n0\r\n\r\n",
	  200, "\"bytes\":3" },
	{ "HTTP/2 in the request line is refused", "GET /v1 HTTP/2.0\r\nHost: x\r\n\r\n",
	  505, "" },
};

static void rows_check(struct bench *b, char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int status = ask(b, &b->none, rows[i].request, text);
		bool right =
			status == rows[i].status && strstr(text, rows[i].text) != NULL;

		if (!check(rows[i].says, right))
			printf("# %d: %.300s\n", status, text);
	}
}

/* Two readings of where a request ends: what follows it is nobody's request. */
static void smuggle_check(struct bench *b, char *text)
{
	static const char *const two_ends[] = {
		"PUT /v1/bytes HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET("/v1"),
		"PUT /v1/bytes HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
		"Content-Length: 50\r\n\r\nxy" GET("/v1"),
	};
	struct client *c = calloc(1, sizeof *c);

	for (size_t i = 0; i < ARRAY_LEN(two_ends); i++) {
		check("a request with two ends is refused",
		      client_open(c, b->port, &b->none, "NORMAL", NULL) &&
			      client_send(c, two_ends[i], strlen(two_ends[i])) &&
			      client_reply(c, text) == 400);
		check("and what comes behind it is not taken for another",
		      client_reply(c, text) == 0);
		client_close(c);
	}
	free(c);
}

static void identity_check(struct bench *b, char *text)
{
	struct client *c = calloc(1, sizeof *c);
	gnutls_datum_t session = { 0 };

	check("a client certificate names the host",
	      ask(b, &b->host, GET("/v1/self"), text) == 200 &&
		      strstr(text, "\"h1\"") != NULL);
	check("one of another CA is 401",
	      ask(b, &b->foreign, GET("/v1/self"), text) == 401 &&
		      strstr(text, "bad_certificate"));
	check("a secret of many packets arrives whole",
	      ask(b, &b->host, GET("/v1/secret"), text) == 200 &&
		      strspn(strstr(text, "\r\n\r\n") + 4, "s") == WHOLE);
	check("TLS 1.2 is refused",
	      !client_open(c, b->port, &b->host, "NORMAL:-VERS-ALL:+VERS-TLS1.2", NULL));
	client_close(c);
	check("a first session",
	      client_open(c, b->port, &b->host, TLS13, NULL) &&
		      client_send(c, GET("/v1/self"), strlen(GET("/v1/self"))) &&
		      client_reply(c, text) == 200);
	gnutls_session_get_data2(c->s, &session);
	client_close(c);
	check("is resumed", client_open(c, b->port, &b->host, TLS13, &session) &&
				    gnutls_session_is_resumed(c->s) != 0);
	check("and is still the host's",
	      client_send(c, GET("/v1/self"), strlen(GET("/v1/self"))) &&
		      client_reply(c, text) == 200 && strstr(text, "\"h1\"") != NULL);
	client_close(c);
	gnutls_free(session.data);
	free(c);
}

static void body_check(struct bench *b, char *text)
{
	static const char head[] =
		"PUT /v1/bytes HTTP/1.1\r\nHost: x\r\n"
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
	check("and the connection goes on",
	      client_send(c, GET("/v1") GET("/v1"), 2 * strlen(GET("/v1"))) &&
		      client_reply(c, text) == 200);
	check("two requests at once are two replies", client_reply(c, text) == 200);
	snprintf(line, sizeof line, head, huge);
	sent = client_send(c, line, strlen(line)) && client_send(c, body, huge);
	check("a body out of all bounds ends the connection",
	      !sent || client_reply(c, text) == 0);
	client_close(c);
	free(body);
	free(c);
}

static int64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The first byte of a handshake, and nothing more: that must not keep a thread busy. */
static void silence_check(struct bench *b, char *text)
{
	const struct timespec while_it_lasts = { .tv_nsec = 500000000 };
	int64_t from_us;
	int fd = dial(b->port);

	check("a client that falls silent in its handshake",
	      fd >= 0 && write(fd, "\x16", 1) == 1);
	(void)ask(b, &b->none, GET("/v1"), text); /* the byte has been seen by now */
	from_us = cpu_us();
	(void)nanosleep(&while_it_lasts, NULL);
	check("costs no processor time", cpu_us() - from_us < 100000);
	close(fd);
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
		while (open &&
		       client_send(c, GET("/v1/secret"), strlen(GET("/v1/secret")))) {
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
	static const char half[] =
		"PUT /v1/bytes HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc";

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

/* Whether a client at that address gets an answer. */
static bool served_at(struct bench *b, unsigned source, char *text)
{
	struct client *c = calloc(1, sizeof *c);
	bool served =
		client_begin(c, dial_from(source, b->port), &b->none, TLS13, NULL) &&
		client_send(c, GET("/v1"), strlen(GET("/v1"))) &&
		client_reply(c, text) == 200;

	client_close(c);
	free(c);
	return served;
}

/* Who opens connections and says nothing shuts out himself, and nobody else. */
static void crowd_check(struct bench *b, char *text)
{
	int fds[6], tries = 0;

	b->connections = 8;
	must(&b->w, serve(b, &b->w.e), "serve");
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = dial_from(2, b->port);
	while (served_at(b, 2, text) && tries < 1000)
		tries++;
	check("one address gets three quarters of the connections and not more",
	      tries < 1000);
	check("another address is still served", served_at(b, 1, text));
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	unserve(b);
	b->connections = 0;
}

static void ports_check(struct bench *b, char *text)
{
	char listen[32];
	struct http_options o = { .listen = listen,
				  .cert_pem = b->server_pem.at,
				  .key_pem = b->server_key,
				  .ca_pem = b->w.ca_pem.at,
				  .dispatch = b->d };
	struct http *second = NULL;
	struct err e = { 0 };
	int fd = dial(http_health_port(b->http));
	ssize_t n;

	snprintf(listen, sizeof listen, "127.0.0.1:%u", b->port);
	check("a port in use is named",
	      !http_start(&o, &second, &e) && e.kind == ERR_PORT_IN_USE);
	snprintf(listen, sizeof listen, "localhost:1");
	check("a name is no address",
	      !http_start(&o, &second, &e) && e.kind == ERR_CONFIG);
	check("health answers without TLS",
	      fd >= 0 && write(fd, GET("/health"), strlen(GET("/health"))) > 0);
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
	smuggle_check(b, text);
	identity_check(b, text);
	body_check(b, text);
	silence_check(b, text);
	ports_check(b, text);
	unserve(b);
	crowd_check(b, text);
	stops_check(b);
	bench_close(b);
	free(text);
	free(b);
	return done();
}
