/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socket - one line of JSON each way between the agent and the programs of its own user.
 *
 * Refuses: a peer of another user, on both ends (SO_PEERCRED, unix(7)); a line above
 *          SOCKET_LINE_MAX; more than SOCKET_FDS descriptors; anything after its deadline.
 * Gives:   descriptors beside the agent's line (SCM_RIGHTS), so that a passphrase can travel in
 *          a pipe that is already written and is nowhere else.
 * Threads: no state.
 */
#ifndef CLIENT_COMPUTE_SOCKET_H
#define CLIENT_COMPUTE_SOCKET_H

#include "common/text.h"

#include <sys/types.h>

enum { SOCKET_LINE_MAX = 1024 * 1024, SOCKET_FDS = 3 };

struct descriptors {
	int at[SOCKET_FDS]; /* owned */
	size_t n;
};
void descriptors_close(struct descriptors *d); /* for CLEANUP(descriptors_close) */

/* A socket of mode 0600 in a directory of mode 0700; replaces a dead agent's. */
MUST_CHECK bool socket_listen(const char *path, int *ret, struct err *e);
MUST_CHECK bool socket_peer(int fd, pid_t *ret_pid, struct err *e);
MUST_CHECK bool socket_read(int fd, int64_t until_us, struct buf *ret,
			    struct descriptors *ret_fds, struct err *e);
MUST_CHECK bool socket_write(int fd, int64_t until_us, const struct buf *line,
			     const struct descriptors *fds, struct err *e);
/* Asks the agent: ERR_AGENT_UNREACHABLE when there is none. Every until_us is monotonic. */
MUST_CHECK bool socket_ask(const char *path, const struct buf *line, int64_t until_us,
			   struct buf *ret, struct descriptors *ret_fds, struct err *e);

#endif
