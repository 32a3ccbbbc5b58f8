/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_call - one request to the agent while it is answered, for the files that answer.
 *
 * Gives:   the request with the guest's record, and the few questions that many of them ask.
 * Threads: one per request.
 */
#ifndef CLIENT_COMPUTE_OPS_CALL_H
#define CLIENT_COMPUTE_OPS_CALL_H

#include "client/compute/message.h"
#include "client/compute/ops.h"

/* One request being answered. */
struct call {
	struct agent *agent; /* borrowed */
	struct request ask;
	int fd;                 /* borrowed: whoever asks */
	int64_t until_us;       /* monotonic: the hook waits no longer */
	pid_t pid;              /* its process */
	struct json_writer *w;  /* borrowed: inside {"ok":true */
	struct descriptors fds; /* owned: to be sent along */
	struct guest guest;     /* as on record when the call began */
	bool found;             /* there was a record */
	bool known;             /* and a secret was given by it */
};

/*
 * A guest never given a secret here, and nobody can say that it is ours: libvirt goes on with the
 * secret that it has. False, with *e as it was: refused.
 */
MUST_CHECK bool call_passes(const struct call *c, bool unanswered, struct err *e);
/* libvirt does not serve: whoever was never seen here is somebody else's guest. */
MUST_CHECK bool call_passes_unserved(const struct call *c, struct err *e);
/* Waits a moment for a libvirtd that served before; while one starts its autostart guests it
 * serves nobody, and that is said at once. */
MUST_CHECK bool call_is_serving(const struct call *c, struct err *e);
/* A hook that has given up cannot use a secret: libvirt has called the start off. */
MUST_CHECK bool call_hook_waits(const struct call *c, struct err *e);
bool call_is_over(const struct call *c); /* no attempt is on record */

/* Of guests on the move: ops_move.c. */
bool op_receive(struct call *c, struct err *e);
bool op_migrate(struct call *c, struct err *e);
bool op_move_prepare(struct call *c, struct err *e);
bool op_move_show(struct call *c, struct err *e);
bool op_move_abort(struct call *c, struct err *e);

#endif
