/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swtpm_child - starts one program with given descriptors as 3, 4, ... and nothing else open.
 *
 * Child:   stdin and stdout are /dev/null, stderr is words_fd; it gets SIGKILL when its parent
 *          dies, may not dump core, and has the default signal mask.
 * Refuses: more than CHILD_ARGS arguments, arguments above CHILD_ROOM bytes together.
 * Threads: call it while the process has one thread.
 */
#ifndef CLIENT_COMPUTE_SWTPM_CHILD_H
#define CLIENT_COMPUTE_SWTPM_CHILD_H

#include "common/text.h"

#include <sys/types.h>

enum { CHILD_ARGS = 24, CHILD_ROOM = 1024, CHILD_FDS = 4 };

struct child {
	const char *program; /* borrowed; looked for in PATH */
	int fds[CHILD_FDS];  /* borrowed */
	size_t n_fds;
	char room[CHILD_ROOM]; /* the arguments, one after the other */
	size_t used;
	size_t at[CHILD_ARGS]; /* where each begins */
	size_t n_args;
};

MUST_CHECK bool child_arg(struct child *c, const char *text);
MUST_CHECK bool child_argf(struct child *c, const char *fmt, ...) PRINTF(2, 3);
MUST_CHECK bool child_start(const struct child *c, int words_fd, pid_t *ret,
			    struct err *e);

#endif
