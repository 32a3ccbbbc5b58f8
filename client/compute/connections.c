/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/connections.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_BYTES = 32768 };
enum { ESTABLISHED = 1, LISTENING = 10 }; /* as the kernel numbers them */

struct request {
	struct nlmsghdr head;
	struct inet_diag_req body;
};

struct walk {
	int fd;
	bool (*each)(void *ctx, const struct connection *c);
	void *ctx; /* borrowed */
	bool over;
};

static bool failed(struct err *e)
{
	return err_errno(e, ERR_NO_LIBVIRT, "the kernel does not list its connections");
}

/* The older of the two requests: it is for IPv4 and IPv6 at once, and the kernel walks a table whose
 * size goes with the machine's memory. */
static bool send_request(int fd, struct err *e)
{
	const struct request r = {
		.head = { .nlmsg_len = sizeof(r),
			  .nlmsg_type = TCPDIAG_GETSOCK,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.body = { .idiag_states = 1U << ESTABLISHED | 1U << LISTENING },
	};

	return send(fd, &r, sizeof(r), 0) == (ssize_t)sizeof(r) || failed(e);
}

static struct connection connection_of(const struct inet_diag_msg *m)
{
	struct connection c = { .local_port = ntohs(m->id.idiag_sport),
				.listens = m->idiag_state == LISTENING,
				.inode = m->idiag_inode };

	if (m->idiag_family == AF_INET6) {
		memcpy(c.remote, m->id.idiag_dst, sizeof(c.remote));
		return c;
	}
	memset(c.remote + 10, 0xff, 2);
	memcpy(c.remote + 12, m->id.idiag_dst, 4);
	return c;
}

/* NLMSG_DONE and NLMSG_ERROR begin with a negative errno alike (netlink(7)). */
static bool take_end(struct walk *w, struct view body, struct err *e)
{
	int why = -EPROTO;

	w->over = true;
	if (body.len >= sizeof(why))
		memcpy(&why, body.at, sizeof(why));
	errno = -why;
	return why == 0 || failed(e);
}

static bool take(struct walk *w, const struct nlmsghdr *h, struct view body,
		 struct err *e)
{
	struct inet_diag_msg m;
	struct connection c;

	errno = EINTR;
	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		return failed(e);
	if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
		return take_end(w, body, e);
	if (h->nlmsg_type != TCPDIAG_GETSOCK || body.len < sizeof(m))
		return true;
	memcpy(&m, body.at, sizeof(m));
	c = connection_of(&m);
	return w->each(w->ctx, &c) ||
	       err_set(e, ERR_NO_MEMORY, "no memory for connections");
}

static bool take_all(struct walk *w, struct err *e)
{
	uint8_t answer[ANSWER_BYTES];
	ssize_t n = recv(w->fd, answer, sizeof(answer), MSG_TRUNC);
	struct nlmsghdr h;

	if (n < 0)
		return errno == EINTR || failed(e);
	errno = EMSGSIZE;
	if ((size_t)n > sizeof(answer))
		return failed(e);
	for (size_t at = 0; !w->over && at + sizeof(h) <= (size_t)n;
	     at += NLMSG_ALIGN(h.nlmsg_len)) {
		memcpy(&h, answer + at, sizeof(h));
		if (h.nlmsg_len < NLMSG_HDRLEN || h.nlmsg_len > (size_t)n - at)
			return failed(e);
		if (!take(w, &h,
			  (struct view){ answer + at + NLMSG_HDRLEN,
					 h.nlmsg_len - NLMSG_HDRLEN },
			  e))
			return false;
	}
	return true;
}

static void fd_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

bool connections_each(bool (*each)(void *ctx, const struct connection *c), void *ctx,
		      struct err *e)
{
	const struct timeval soon = { .tv_sec = 2 };
	CLEANUP(fd_close)
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	struct walk w = { .fd = fd, .each = each, .ctx = ctx };

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)) != 0)
		return failed(e);
	if (!send_request(fd, e))
		return false;
	while (!w.over)
		if (!take_all(&w, e))
			return false;
	return true;
}
