/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/socket.h"

#include "client/compute/files.h"
#include "common/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128, PROBE_MS = 2000 };

static void fd_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

void descriptors_close(struct descriptors *d)
{
	while (d->n > 0)
		close(d->at[--d->n]);
}

static bool address_of(const char *path, struct sockaddr_un *ret, struct err *e)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!text_copy(ret->sun_path, sizeof(ret->sun_path), path))
		return err_set(e, ERR_CONFIG, "the socket's path is too long: %s", path);
	return true;
}

static int64_t left_us(int64_t until_us)
{
	int64_t left = until_us - clock_monotonic_us(clock_system());

	return left > 0 ? left : 0;
}

/* An agent that hangs leaves its backlog to fill up: connect(2) would then wait for good. */
static bool connect_to(const char *path, int64_t until_us, int *ret, struct err *e)
{
	const int64_t left = left_us(until_us) + 1; /* 0 would mean no end */
	const struct timeval wait = { left / US_PER_S, left % US_PER_S };
	struct sockaddr_un to;
	int fd;

	if (!address_of(path, &to, e))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0 &&
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0) {
		*ret = fd;
		return true;
	}
	err_errno(e, ERR_AGENT_UNREACHABLE, "no agent answers at %s", path);
	fd_close(&fd);
	return false;
}

/* True when nobody listens there; a dead agent's socket is removed. */
static bool clear_place(const char *path, struct err *e)
{
	CLEANUP(fd_close) int other = -1;
	const int64_t until = clock_monotonic_us(clock_system()) + PROBE_MS * 1000;
	struct err none = { 0 };

	if (connect_to(path, until, &other, &none))
		return err_set(e, ERR_CONFLICT, "another agent serves %s", path);
	return file_remove(path, e);
}

static bool make_parent(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	struct path dir;

	if (slash == NULL || slash == path)
		return true;
	return path_set(&dir, e, "%.*s", (int)(slash - path), path) &&
	       file_make_dir(dir.text, 0700, e);
}

bool socket_listen(const char *path, int *ret, struct err *e)
{
	struct sockaddr_un at;
	mode_t before;
	int fd;
	bool bound;

	if (!address_of(path, &at, e) || !make_parent(path, e) || !clear_place(path, e))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	before = umask(0177);
	bound = fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;
	umask(before);
	if (!bound || listen(fd, BACKLOG) != 0) {
		err_errno(e, ERR_IO, "cannot listen at %s", path);
		fd_close(&fd);
		return false;
	}
	*ret = fd;
	return true;
}

bool socket_peer(int fd, pid_t *ret_pid, struct err *e)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
		return err_errno(e, ERR_IO, "cannot see who is at the other end");
	if (who.uid != geteuid())
		return err_set(e, ERR_FORBIDDEN, "the other end runs as another user");
	*ret_pid = who.pid;
	return true;
}

static bool wait_for(int fd, short events, int64_t until_us, struct err *e)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left = left_us(until_us);
	int n;

	if (left == 0)
		return err_set(e, ERR_DEADLINE, "no answer in time");
	n = poll(&p, 1, (int)(left / 1000) + 1);
	if (n < 0 && errno != EINTR)
		return err_errno(e, ERR_IO, "cannot wait for the other end");
	return true;
}

static void keep_descriptors(struct msghdr *m, struct descriptors *ret)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (ret != NULL && ret->n < SOCKET_FDS)
				ret->at[ret->n++] = fd;
			else
				close(fd);
		}
	}
}

static ssize_t receive(int fd, uint8_t *to, size_t cap, struct descriptors *ret_fds)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(SOCKET_FDS * sizeof(int))];
	} control = { 0 };
	struct iovec io = { to, cap };
	struct msghdr m = { .msg_iov = &io,
			    .msg_iovlen = 1,
			    .msg_control = control.room,
			    .msg_controllen = sizeof(control.room) };
	ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (n >= 0)
		keep_descriptors(&m, ret_fds);
	return n;
}

bool socket_read(int fd, int64_t until_us, struct buf *ret, struct descriptors *ret_fds,
		 struct err *e)
{
	uint8_t chunk[4096];

	while (wait_for(fd, POLLIN, until_us, e)) {
		ssize_t n = receive(fd, chunk, sizeof(chunk), ret_fds);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return err_errno(e, ERR_IO, "cannot read from the other end");
		if (n == 0)
			return err_set(e, ERR_IO, "the other end hung up");
		buf_add_bytes(ret, (struct view){ chunk, (size_t)n });
		if (ret->failed || ret->len > SOCKET_LINE_MAX)
			return err_set(e, ERR_TOO_LARGE, "a line may have %d bytes",
				       SOCKET_LINE_MAX);
		if (chunk[n - 1] == '\n')
			return true;
	}
	return false;
}

static void put_descriptors(struct msghdr *m, const struct descriptors *fds)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(fds->n * sizeof(int));
	memcpy(CMSG_DATA(c), fds->at, fds->n * sizeof(int));
}

bool socket_write(int fd, int64_t until_us, const struct buf *line,
		  const struct descriptors *fds, struct err *e)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(SOCKET_FDS * sizeof(int))];
	} control = { 0 };
	size_t sent = 0;

	if (line->failed)
		return err_set(e, ERR_NO_MEMORY, "no memory for a line");
	while (sent < line->len) {
		struct iovec io = { line->at + sent, line->len - sent };
		struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1 };
		ssize_t n;

		if (sent == 0 && fds != NULL && fds->n > 0) {
			m.msg_control = control.room;
			m.msg_controllen = CMSG_SPACE(fds->n * sizeof(int));
			put_descriptors(&m, fds);
		}
		if (!wait_for(fd, POLLOUT, until_us, e))
			return false;
		n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return err_errno(e, ERR_IO, "the other end does not listen");
		sent += (size_t)n;
	}
	return true;
}

bool socket_ask(const char *path, const struct buf *line, int64_t until_us,
		struct buf *ret, struct descriptors *ret_fds, struct err *e)
{
	CLEANUP(fd_close) int fd = -1;
	pid_t pid;

	return connect_to(path, until_us, &fd, e) && socket_peer(fd, &pid, e) &&
	       socket_write(fd, until_us, line, NULL, e) &&
	       socket_read(fd, until_us, ret, ret_fds, e);
}
