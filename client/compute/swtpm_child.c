/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/swtpm_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FIRST_FD = 3, ASIDE_FD = 64, NOT_STARTED = 127 };

bool child_arg(struct child *c, const char *text)
{
	size_t n = strlen(text) + 1;

	if (c->n_args == CHILD_ARGS || n > sizeof(c->room) - c->used)
		return false;
	memcpy(c->room + c->used, text, n);
	c->at[c->n_args++] = c->used;
	c->used += n;
	return true;
}

bool child_argf(struct child *c, const char *fmt, ...)
{
	char text[CHILD_ROOM];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return n >= 0 && (size_t)n < sizeof(text) && child_arg(c, text);
}

/* First out of the way, then to their places: a source may sit where another has to go. */
static bool place_fds(const struct child *c, int words_fd)
{
	int aside[CHILD_FDS];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(words_fd, 2) < 0)
		return false;
	for (size_t i = 0; i < c->n_fds; i++)
		if ((aside[i] = fcntl(c->fds[i], F_DUPFD, ASIDE_FD)) < 0)
			return false;
	for (size_t i = 0; i < c->n_fds; i++)
		if (dup2(aside[i], FIRST_FD + (int)i) < 0)
			return false;
	return close_range(FIRST_FD + (unsigned)c->n_fds, ~0U, 0) == 0;
}

static bool confine(pid_t parent)
{
	struct rlimit none = { 0, 0 };
	sigset_t empty;

	sigemptyset(&empty);
	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
	       setrlimit(RLIMIT_CORE, &none) == 0 &&
	       signal(SIGPIPE, SIG_DFL) != SIG_ERR &&
	       sigprocmask(SIG_SETMASK, &empty, NULL) == 0;
}

static void become(const struct child *c, int words_fd, pid_t parent)
{
	char program[64];
	char *argv[CHILD_ARGS + 2] = { program };
	char room[CHILD_ROOM];

	memcpy(room, c->room, sizeof(room));
	for (size_t i = 0; i < c->n_args; i++)
		argv[i + 1] = room + c->at[i];
	if (!text_copy(program, sizeof(program), c->program) || !confine(parent) ||
	    !place_fds(c, words_fd))
		_exit(NOT_STARTED);
	execvp(program, argv);
	dprintf(2, "%s cannot be run: %s\n", program, strerror(errno));
	_exit(NOT_STARTED);
}

bool child_start(const struct child *c, int words_fd, pid_t *ret, struct err *e)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(e, ERR_EMULATOR_FAILED, "no process for %s", c->program);
	if (pid == 0)
		become(c, words_fd, parent);
	*ret = pid;
	return true;
}
