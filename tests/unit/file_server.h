/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_server - what answers a broker's client: openssl s_server on loopback, which answers each
 *               path with the file of that name, head and all.
 *
 * Gives:   CLEANUP(file_server_done) struct file_server s = { 0 }; file_server_start(dir, &s);
 *          dir holds ca.pem then, and is where paths begin.
 */
#ifndef TESTS_UNIT_FILE_SERVER_H
#define TESTS_UNIT_FILE_SERVER_H

#include "common/text.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct file_server {
	char url[64];
	pid_t pid;
};

/* The certificates of a server that answers each path with the file of that name, head and all. */
static const char file_server_files[] =
	"exec >/dev/null 2>&1; openssl req -x509 -newkey ec -pkeyopt "
	"ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=ca -keyout ca.key -out ca.pem "
	"&& "
	"openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=broker "
	"-keyout server.key -out server.csr && "
	"printf 'subjectAltName=IP:127.0.0.1\\n' >san && "
	"openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days "
	"1 "
	"-extfile san -out server.pem";

/* A port that was free a moment ago; s_server fails if somebody else was faster. */
UNUSED static int file_server_port(void)
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

UNUSED static void file_server_become(int port, int out)
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
UNUSED static bool file_server_wait(int out)
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

/* Goes to dir. The server's words stay open: without them it would end at its next one. */
UNUSED static bool file_server_start(const char *dir, struct file_server *ret)
{
	int port = file_server_port();
	int out[2];

	if (chdir(dir) != 0 || system(file_server_files) != 0 || pipe(out) != 0 ||
	    !text_format(ret->url, sizeof(ret->url), "https://127.0.0.1:%d", port))
		return false;
	ret->pid = fork();
	if (ret->pid == 0)
		file_server_become(port, out[1]);
	close(out[1]);
	return ret->pid > 0 && file_server_wait(out[0]);
}

UNUSED static void file_server_done(struct file_server *s)
{
	if (s->pid <= 0)
		return;
	kill(s->pid, SIGTERM);
	waitpid(s->pid, NULL, 0);
}

UNUSED static bool file_server_put(const char *path, int status, const char *body)
{
	FILE *f = fopen(path, "w");

	if (f == NULL)
		return false;
	fprintf(f, "HTTP/1.1 %d x\r\nContent-Type: application/json\r\n\r\n%s", status,
		body);
	return fclose(f) == 0;
}

#endif
