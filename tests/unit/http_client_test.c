/* SPDX-License-Identifier: Apache-2.0 */
/* The client against real TLS servers: openssl s_server on loopback, one per trait. */
#include "common/http_client.h"
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct server {
	pid_t pid;
	char url[64];
};

static char dir[] = "/tmp/http_client_test.XXXXXX";

static bool run(const char *script)
{
	return system(script) == 0; /* the script is a constant of this file */
}

static bool make_certificates(void)
{
	return run("exec >/dev/null 2>&1; for ca in ours other; do "
		   "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
		   "-days 1 "
		   "-subj /CN=$ca -keyout $ca.key -out $ca.pem || exit 1; done; "
		   "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
		   "-subj /CN=broker -keyout server.key -out server.csr && "
		   "printf 'subjectAltName=IP:127.0.0.1\\n' >san && "
		   "printf 'subjectAltName=DNS:elsewhere\\n' >san2 && "
		   "openssl x509 -req -in server.csr -CA ours.pem -CAkey ours.key "
		   "-CAcreateserial -days 1 -extfile san -out server.pem && "
		   "openssl x509 -req -in server.csr -CA ours.pem -CAkey ours.key "
		   "-CAcreateserial -days 1 -extfile san2 -out elsewhere.pem");
}

/* Files that s_server -HTTP sends as they stand, head and all. */
static bool make_answers(void)
{
	return run(
		"put() { f=$1; shift; printf \"$@\" >$f; }\n"
		"put ok 'HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\n"
		"ETag: \"7\"\\r\\nX-Request-Id: r1\\r\\n\\r\\n{\"a\":1}'\n"
		"put octets 'HTTP/1.1 200 OK\\r\\nContent-Type: "
		"application/octet-stream\\r\\n\\r\\nhush\\001hush'\n"
		"put problem 'HTTP/1.1 409 Conflict\\r\\nContent-Type: "
		"application/"
		"problem+json\\r\\n\\r\\n{\"code\":\"not_placed\",\"detail\":\"web "
		"is nowhere\",\"field\":\"host\"}'\n"
		"put newer 'HTTP/1.1 403 No\\r\\nContent-Type: application/problem+json"
		"\\r\\n\\r\\n{\"code\":\"of_tomorrow\",\"detail\":\"newer\"}'\n"
		"put rude 'HTTP/1.1 403 No\\r\\nContent-Type: application/problem+json"
		"\\r\\n\\r\\n{\"code\":\"forbidden\",\"detail\":\"a\\\\u001b["
		"2Jb\\\\u009bc\"}'\n"
		"put html 'HTTP/1.1 500 No\\r\\nContent-Type: "
		"text/html\\r\\n\\r\\n<html>'\n"
		"put moved 'HTTP/1.1 302 No\\r\\nLocation: /ok\\r\\n\\r\\n'\n"
		"put huge 'HTTP/1.1 200 OK\\r\\nContent-Type: application/octet-stream"
		"\\r\\n\\r\\n'; head -c 20001 /dev/zero >>huge\n");
}

/* A port that was free a moment ago; s_server fails if somebody else was faster. */
static int free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int port = 0;

	if (bind(fd, (struct sockaddr *)&a, len) == 0 &&
	    getsockname(fd, (struct sockaddr *)&a, &len) == 0)
		port = ntohs(a.sin_port);
	close(fd);
	return port;
}

/* s_server prints ACCEPT once it listens. */
static bool wait_for_accept(int out)
{
	char text[512] = "";
	size_t len = 0;
	struct pollfd p = { .fd = out, .events = POLLIN };

	while (len + 1 < sizeof text && poll(&p, 1, 10000) == 1) {
		ssize_t n = read(out, text + len, sizeof text - 1 - len);
		if (n <= 0)
			return false;
		len += (size_t)n;
		text[len] = '\0';
		if (strstr(text, "ACCEPT"))
			return true;
	}
	return false;
}

static bool serve(struct server *s, const char *certificate, const char *version)
{
	int out[2], port = free_port();
	char address[32];

	snprintf(address, sizeof address, "127.0.0.1:%d", port);
	snprintf(s->url, sizeof s->url, "https://127.0.0.1:%d", port);
	if (pipe(out) != 0)
		return false;
	s->pid = fork();
	if (s->pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		close(out[0]);
		execlp("openssl", "openssl", "s_server", "-accept", address, "-cert",
		       certificate, "-key", "server.key", "-cert_chain", "ours.pem",
		       version, "-HTTP", (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	return s->pid > 0 && wait_for_accept(out[0]); /* out[0] stays: no SIGPIPE there */
}

static void stop(struct server *s)
{
	kill(s->pid, SIGTERM);
	waitpid(s->pid, NULL, 0);
}

static bool ask(const char *url, const char *ca, const char *path, struct http_answer *a,
		struct err *e)
{
	OWNED(http_client) c = NULL;
	const struct http_client_options o = { .url = url,
					       .ca_file = ca,
					       .total_ms = 5000 };
	const struct http_ask get = { .method = "GET", .path = path };

	return http_client_new(&o, &c, e) && http_client_ask(c, &get, a, e);
}

static void test_answers(const struct server *s)
{
	CLEANUP(http_answer_done) struct http_answer a = { 0 };
	struct err e = { 0 };

	check("a good answer is taken", ask(s->url, "ours.pem", "/ok", &a, &e));
	check("with its body",
	      a.status == 200 && a.body.at && strcmp(a.body.at, "{\"a\":1}") == 0);
	check("its generation, without quotes", strcmp(a.etag, "7") == 0);
	check("and the request's id", strcmp(a.request_id, "r1") == 0);
	http_answer_done(&a);
	check("octets go into a secret",
	      ask(s->url, "ours.pem", "/octets", &a, &e) && a.secret);
	check("of the right length and nowhere else",
	      a.secret && secret_len(a.secret) == 9 && a.body.len == 0 &&
		      memcmp(secret_view(a.secret).at, "hush\001hush", 9) == 0);
}

static void test_failures(const struct server *s)
{
	static const struct {
		const char *says, *path, *detail, *field;
		enum err_kind kind;
		int status;
	} rows[] = {
		{ "a problem cannot steer a terminal", "/rude", "a?[2Jb?c", "",
		  ERR_FORBIDDEN, 403 },
		{ "a problem becomes its error", "/problem", "web is nowhere", "host",
		  ERR_NOT_PLACED, 409 },
		{ "a code of tomorrow keeps its status", "/newer", "newer", "",
		  ERR_FORBIDDEN, 403 },
		{ "a page of HTML is an error", "/html", "", "", ERR_INTERNAL, 500 },
		{ "a redirect is not followed", "/moved", "", "", ERR_BAD_SERVER, 302 },
		{ "octets above the limit are refused", "/huge",
		  "the broker sent a value that is too long", "", ERR_BAD_SERVER, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(http_answer_done) struct http_answer a = { 0 };
		struct err e = { 0 };

		check(rows[i].says, !ask(s->url, "ours.pem", rows[i].path, &a, &e) &&
					    e.kind == rows[i].kind &&
					    a.status == rows[i].status &&
					    strcmp(e.detail, rows[i].detail) == 0 &&
					    strcmp(e.field, rows[i].field) == 0);
	}
}

static bool fails_with(const char *url, const char *ca, enum err_kind kind)
{
	CLEANUP(http_answer_done) struct http_answer a = { 0 };
	struct err e = { 0 };
	bool ok = !ask(url, ca, "/ok", &a, &e) && e.kind == kind && a.status == 0;

	if (!ok)
		printf("# %s: %s\n", err_info(e.kind)->code, e.trail);
	return ok;
}

static void test_trust(const struct server *good, const struct server *elsewhere,
		       const struct server *old)
{
	CLEANUP(http_answer_done) struct http_answer a = { 0 };
	struct err e = { 0 };
	char url[80];

	check("a server of another CA is refused",
	      fails_with(good->url, "other.pem", ERR_BAD_SERVER));
	check("a server of another name is refused",
	      fails_with(elsewhere->url, "ours.pem", ERR_BAD_SERVER));
	check("TLS 1.2 is refused", fails_with(old->url, "ours.pem", ERR_BAD_SERVER));
	check("a missing CA file is the configuration's fault",
	      fails_with(good->url, "nowhere.pem", ERR_CONFIG));
	snprintf(url, sizeof url, "http%s", good->url + 5);
	check("http without s is refused", fails_with(url, "ours.pem", ERR_CONFIG));
	snprintf(url, sizeof url, "https://127.0.0.1:%d", free_port());
	check("nobody there is unreachable",
	      fails_with(url, "ours.pem", ERR_BROKER_UNREACHABLE));
	setenv("https_proxy", "http://127.0.0.1:1", 1);
	check("a proxy of the environment is not used",
	      ask(good->url, "ours.pem", "/ok", &a, &e));
	unsetenv("https_proxy");
}

/* A listener that takes the connection and says nothing. */
static void test_silence(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	OWNED(http_client) c = NULL;
	CLEANUP(http_answer_done) struct http_answer a = { 0 };
	const struct http_ask get = { .method = "GET", .path = "/ok" };
	struct err e = { 0 };
	char url[64] = "";
	struct http_client_options o = { .url = url,
					 .ca_file = "ours.pem",
					 .connect_ms = 300 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	check("a port is free",
	      bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 1) == 0 &&
		      getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	snprintf(url, sizeof url, "https://127.0.0.1:%d", ntohs(at.sin_port));
	check("a server that never shakes hands is unreachable",
	      http_client_new(&o, &c, &e) && !http_client_ask(c, &get, &a, &e) &&
		      e.kind == ERR_BROKER_UNREACHABLE);
	close(fd);
}

static bool is_ours(void *ctx, const char *pem)
{
	const char *want = ctx;

	for (; *want && *pem; pem++) { /* line ends may differ */
		if (isspace((unsigned char)*pem))
			continue;
		while (isspace((unsigned char)*want))
			want++;
		if (*want++ != *pem)
			return false;
	}
	return true;
}

static bool is_never(void *ctx, const char *pem)
{
	(void)ctx;
	(void)pem;
	return false;
}

static void test_find_ca(const struct server *s)
{
	CLEANUP(buf_done) struct buf pem = { 0 };
	CLEANUP(http_answer_done) struct http_answer a = { 0 };
	OWNED(http_client) c = NULL;
	const struct http_ask get = { .method = "GET", .path = "/ok" };
	struct http_client_options o = { .url = s->url };
	struct err e = { 0 };
	char want[4096] = "";
	FILE *f = fopen("ours.pem", "r");

	check("the CA's file is there", f && fread(want, 1, sizeof want - 1, f) > 0);
	check("the expected CA is found in the chain",
	      http_client_find_ca(s->url, 0, is_ours, want, &pem, &e) && pem.at);
	o.ca_pem = pem.at;
	check("and serves to verify the next connection",
	      pem.at && http_client_new(&o, &c, &e) && http_client_ask(c, &get, &a, &e));
	check("a chain without it is refused",
	      !http_client_find_ca(s->url, 0, is_never, NULL, &pem, &e) &&
		      e.kind == ERR_BAD_SERVER);
	if (f)
		fclose(f);
}

static void test_token(void)
{
	OWNED(http_client) c = NULL;
	OWNED(secret) token = NULL;
	struct err e = { 0 };
	struct http_client_options o = { .url = "https://127.0.0.1:1",
					 .ca_file = "ours.pem" };
	const char *evil = "vtpm_x\r\nX-Other: 1";

	check("a token is made",
	      secret_from((struct view){ (const uint8_t *)evil, strlen(evil) }, &token,
			  &e));
	o.token = token;
	check("a token that would forge a header is refused",
	      !http_client_new(&o, &c, &e) && e.kind == ERR_BAD_TOKEN);
}

static void test_escape(void)
{
	CLEANUP(buf_done) struct buf b = { 0 };

	http_escape(&b, "a-b_c.~Z9 /?&=%\xc3\xa9\"");
	check("names are escaped",
	      b.at && strcmp(b.at, "a-b_c.~Z9%20%2F%3F%26%3D%25%C3%A9%22") == 0);
}

int main(void)
{
	struct server good = { 0 }, elsewhere = { 0 }, old = { 0 };
	struct err e = { 0 };
	char remove[64];

	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(dir) || chdir(dir) != 0 || !secret_slab_open(1 << 16, &e))
		return 1;
	check("certificates and answers are made", make_certificates() && make_answers());
	check("the servers serve",
	      serve(&good, "server.pem", "-tls1_3") &&
		      serve(&elsewhere, "elsewhere.pem", "-tls1_3") &&
		      serve(&old, "server.pem", "-tls1_2"));
	test_answers(&good);
	test_failures(&good);
	test_trust(&good, &elsewhere, &old);
	test_silence();
	test_find_ca(&good);
	test_token();
	test_escape();
	stop(&good);
	stop(&elsewhere);
	stop(&old);
	snprintf(remove, sizeof remove, "rm -r %s", dir);
	return run(remove) ? done() : 1;
}
