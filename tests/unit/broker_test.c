/* SPDX-License-Identifier: Apache-2.0 */
/* The list of placements from a server that is not right: openssl s_server on loopback. */
#include "client/compute/broker.h"

#include "client/compute/ids.h"
#include "tests/unit/check.h"
#include "tests/unit/state_dir.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ITEM "{\"id\":\"11111111-1111-4111-8111-11111111111%d\"}"

/* The certificates of a server that answers each path with the file of that name, head and all. */
static const char make_files[] =
	"exec >/dev/null 2>&1; openssl req -x509 -newkey ec -pkeyopt "
	"ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=ca -keyout ca.key -out ca.pem "
	"&& "
	"openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=broker "
	"-keyout server.key -out server.csr && "
	"printf 'subjectAltName=IP:127.0.0.1\\n' >san && "
	"openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days "
	"1 "
	"-extfile san -out server.pem && mkdir -p v1/hosts/self";

/* A port that was free a moment ago; s_server fails if somebody else was faster. */
static int free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int port = 0;

	if (bind(fd, (struct sockaddr *)&a, len) == 0 &&
	    getsockname(fd, (struct sockaddr *)&a, &len) == 0)
		port = ntohs(a.sin_port);
	close(fd);
	return port;
}

static void become_server(int port, int out)
{
	char address[32];

	if (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0 ||
	    !text_format(address, sizeof(address), "127.0.0.1:%d", port))
		_exit(127);
	execlp("openssl", "openssl", "s_server", "-accept", address, "-cert",
	       "server.pem", "-key", "server.key", "-tls1_3", "-HTTP", (char *)NULL);
	_exit(127);
}

/* It prints ACCEPT once it listens. */
static bool wait_for_accept(int out)
{
	char text[512] = "";
	size_t len = 0;
	struct pollfd p = { .fd = out, .events = POLLIN };

	while (len + 1 < sizeof(text) && poll(&p, 1, 10000) == 1) {
		ssize_t n = read(out, text + len, sizeof(text) - 1 - len);

		if (n <= 0)
			return false;
		len += (size_t)n;
		text[len] = '\0';
		if (strstr(text, "ACCEPT") != NULL)
			return true;
	}
	return false;
}

/* out stays open: without it the server would end at its next word. */
static bool serve(int port, pid_t *ret)
{
	int out[2];

	if (pipe(out) != 0)
		return false;
	*ret = fork();
	if (*ret == 0)
		become_server(port, out[1]);
	close(out[1]);
	return *ret > 0 && wait_for_accept(out[0]);
}

static bool put_page(const char *after, const char *items, const char *next)
{
	char path[96];
	FILE *f;

	if (!text_format(path, sizeof(path), "v1/hosts/self/instances?limit=500%s%s",
			 after[0] != '\0' ? "&after=" : "", after))
		return false;
	f = fopen(path, "w");
	if (f == NULL)
		return false;
	fprintf(f,
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
		"{\"items\":[%s]%s%s%s}",
		items, next[0] != '\0' ? ",\"next\":\"" : "", next,
		next[0] != '\0' ? "\"" : "");
	return fclose(f) == 0;
}

static bool put_item(const char *after, int n, const char *next)
{
	char item[64];

	return text_format(item, sizeof(item), ITEM, n) && put_page(after, item, next);
}

static bool take(void *ctx, const struct uuid *instance)
{
	return ids_add(ctx, instance);
}

static bool take_one(void *ctx, const struct uuid *instance)
{
	struct ids *l = ctx;

	return l->n == 0 && ids_add(l, instance);
}

static void test_pages(struct broker *b)
{
	CLEANUP(ids_done) struct ids all = { 0 };
	CLEANUP(ids_done) struct ids some = { 0 };
	struct err e = { 0 };

	check("each page of the list is read",
	      put_item("", 1, "a") && put_item("a", 2, "b") && put_item("b", 3, "") &&
		      broker_each_placed(b, take, &all, &e) && all.n == 3);
	check("until nobody wants more, and then it is not the whole list",
	      !broker_each_placed(b, take_one, &some, &e) && some.n == 1);
}

static enum err_kind refusal(struct broker *b)
{
	CLEANUP(ids_done) struct ids all = { 0 };
	struct err e = { 0 };

	return broker_each_placed(b, take, &all, &e) ? ERR_NONE : e.kind;
}

static void test_cursors(struct broker *b)
{
	check("a page that leads to itself is refused",
	      put_item("a", 2, "a") && refusal(b) == ERR_BAD_SERVER);
	check("so is an empty page that leads on",
	      put_page("a", "", "b") && refusal(b) == ERR_BAD_SERVER);
	check("pages that lead to each other are not followed without end",
	      put_item("a", 2, "b") && put_item("b", 2, "a") &&
		      refusal(b) == ERR_BAD_SERVER);
}

int main(void)
{
	CLEANUP(state_dir_done) struct state_dir dir = state_dir_make();
	struct identity id = { .ca_file = { "ca.pem" } };
	struct config c = { .name = "h1" };
	OWNED(broker) b = NULL;
	struct err e = { 0 };
	int port = free_port();
	pid_t server = 0;

	if (chdir(dir.path) != 0 || system(make_files) != 0 || !serve(port, &server) ||
	    !text_format(c.url, sizeof(c.url), "https://127.0.0.1:%d", port) ||
	    !broker_open(&c, &id, &b, &e))
		return 99;
	test_pages(b);
	test_cursors(b);
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	return done();
}
