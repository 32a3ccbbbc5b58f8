/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/socket.h"

#include "common/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/state_dir.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SHORT_MS = 200, LONG_S = 10 };

static int64_t in_ms(int64_t ms)
{
	return clock_monotonic_us(clock_system()) + ms * 1000;
}

static bool set_line(struct buf *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add(to, "x");
	buf_add(to, "\n");
	return !to->failed;
}

/* What one end makes of what the other end wrote, and how many descriptors it got. */
static bool read_from(int fd, struct err *e, struct descriptors *ret_fds)
{
	CLEANUP(buf_done) struct buf got = { 0 };

	return socket_read(fd, in_ms(SHORT_MS), &got, ret_fds, e);
}

static size_t open_fds(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

static void test_lines(void)
{
	CLEANUP(buf_done) struct buf huge = { 0 };
	struct err e = { 0 };
	int ends[2];

	if (!check("a pair of sockets",
		   socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0))
		return;
	check("half a line is not waited for beyond the deadline",
	      write(ends[1], "{", 1) == 1 && !read_from(ends[0], &e, NULL) &&
		      e.kind == ERR_DEADLINE);
	check("a line that is written is read",
	      write(ends[1], "}\n", 2) == 2 && read_from(ends[0], &e, NULL));
	check("nobody who does not read keeps the writer beyond the deadline",
	      set_line(&huge, 4 * (size_t)SOCKET_LINE_MAX) &&
		      !socket_write(ends[1], in_ms(SHORT_MS), &huge, NULL, &e) &&
		      e.kind == ERR_DEADLINE);
	close(ends[0]);
	close(ends[1]);
}

static void test_descriptors(void)
{
	CLEANUP(descriptors_close) struct descriptors got = { .n = 0 };
	CLEANUP(buf_done) struct buf line = { 0 };
	const struct descriptors three = { { 0, 1, 2 }, 3 };
	struct err e = { 0 };
	size_t before;
	int ends[2];

	if (!set_line(&line, 1) ||
	    !check("another pair",
		   socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0))
		return;
	before = open_fds();
	check("descriptors that nobody asked for are closed",
	      socket_write(ends[1], in_ms(SHORT_MS), &line, &three, &e) &&
		      read_from(ends[0], &e, NULL) && open_fds() == before);
	check("those that somebody asked for come with the line",
	      socket_write(ends[1], in_ms(SHORT_MS), &line, &three, &e) &&
		      read_from(ends[0], &e, &got) && got.n == 3);
	close(ends[0]);
	close(ends[1]);
}

/* As many as the backlog takes; they stay in it when they hang up. */
static void crowd(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, said = 0;

	if (!text_copy(to.sun_path, sizeof(to.sun_path), path))
		return;
	while (said == 0) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		said = connect(fd, (const struct sockaddr *)&to, sizeof(to));
		close(fd);
	}
}

/* The agent is there and hangs: it accepts nobody. */
static void test_backlog(const char *dir)
{
	CLEANUP(buf_done) struct buf ask = { 0 };
	CLEANUP(buf_done) struct buf answer = { 0 };
	struct err e = { 0 };
	char path[96];
	int fd;

	if (!set_line(&ask, 1) || !text_format(path, sizeof(path), "%s/s", dir) ||
	    !check("a socket listens", socket_listen(path, &fd, &e)))
		return;
	crowd(path);
	alarm(LONG_S); /* else it waits for good */
	check("an agent that hangs keeps nobody beyond the deadline",
	      !socket_ask(path, &ask, in_ms(SHORT_MS), &answer, NULL, &e));
	alarm(0);
	close(fd);
}

int main(void)
{
	CLEANUP(state_dir_done) struct state_dir dir = state_dir_make();

	test_lines();
	test_descriptors();
	test_backlog(dir.path);
	return done();
}
