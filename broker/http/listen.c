/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/http/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/text.h"

enum { BACKLOG = 1024 };

struct place {
	struct sockaddr_storage address;
	socklen_t len;
};

/* "127.0.0.1:7443" or "[::1]:7443" */
static bool split(const char *text, char host[64], const char **ret_port)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon == NULL ? 0 : (size_t)(colon - text);

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len == 0 || len >= 64)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	*ret_port = colon + 1;
	return true;
}

static bool place_parse(const char *text, struct place *ret, struct err *e)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	const char *port;
	char host[64];
	int64_t number;

	if (!split(text, host, &port) || !text_parse_int(port, 0, 65535, &number) ||
	    getaddrinfo(host, port, &hints, &found) != 0)
		return err_set(e, ERR_CONFIG, "'%s' is not an address and port", text);
	memcpy(&ret->address, found->ai_addr, found->ai_addrlen);
	ret->len = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

static bool bind_and_listen(int fd, const struct place *p, const char *text,
			    struct err *e)
{
	const struct sockaddr *at = (const struct sockaddr *)(const void *)&p->address;
	int one = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, at, p->len) == 0 && listen(fd, BACKLOG) == 0)
		return true;
	if (errno == EADDRINUSE)
		return err_set(e, ERR_PORT_IN_USE, "%s is in use by another program",
			       text);
	return err_errno(e, ERR_CONFIG, "cannot listen at %s", text);
}

static unsigned port_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = { .v6 = { .sin6_port = 0 } };
	socklen_t len = sizeof a;

	if (getsockname(fd, &a.any, &len) != 0)
		return 0;
	return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

bool listen_open(const char *text, struct listener *ret, struct err *e)
{
	struct place p = { 0 };
	int fd;

	if (!place_parse(text, &p, e))
		return false;
	fd = socket(p.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(e, ERR_CONFIG, "a socket for %s", text);
	if (!bind_and_listen(fd, &p, text, e)) {
		close(fd);
		return false;
	}
	*ret = (struct listener){ fd, p.address.ss_family == AF_INET6, port_of(fd) };
	return true;
}
