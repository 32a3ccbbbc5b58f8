/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands - the subcommands of vtpm-client, one function each.
 *
 * Gives:   options parsed once by main; each command returns true, or false with *e, whose exit
 *          code main takes.
 */
#ifndef CLIENT_COMPUTE_COMMANDS_H
#define CLIENT_COMPUTE_COMMANDS_H

#include "client/compute/config.h"

struct options {
	struct places at;
	bool no_libvirt, no_wait, json;
	int ready_fd;          /* -1: none */
	const char *address;   /* of this host, for enroll */
	const char *tpm_dir;   /* for run; NULL: DIR/tpm/INSTANCE */
	const char *purpose;   /* for run; NULL: start */
	int64_t port;          /* for run; 0: unix sockets */
	const char *unix_path; /* for run */
	const char *word;      /* the positional argument, or NULL */
};

MUST_CHECK bool command_enroll(const struct options *o, struct err *e);
MUST_CHECK bool command_agent(const struct options *o, struct err *e);
MUST_CHECK bool command_run(const struct options *o, struct err *e);
MUST_CHECK bool command_deliver(const struct options *o, struct err *e);
MUST_CHECK bool command_forget(const struct options *o, struct err *e);
MUST_CHECK bool command_status(const struct options *o, struct err *e);

#endif
