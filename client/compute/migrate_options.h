/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate_options - the words of `vtpm-client migrate`.
 *
 * Gives:   the command's words in one struct; its own help.
 * Refuses: words that contradict one another, and what libvirt would only refuse once the
 *          hand-over is prepared: ERR_USAGE.
 * Threads: getopt(3)'s; one.
 */
#ifndef CLIENT_COMPUTE_MIGRATE_OPTIONS_H
#define CLIENT_COMPUTE_MIGRATE_OPTIONS_H

#include "client/compute/config.h"

struct migrate_options {
	struct places at;
	const char *guest; /* name or UUID; NULL with all */
	const char *host;  /* as the broker names it */
	const char *uri;   /* of its libvirt; may be NULL with cold */
	const char *migrate_uri;
	int64_t bandwidth; /* MiB/s; 0: libvirt's own */
	bool all, plain, cold, direct, tunnelled;
	bool transient, keep_source;
	bool auto_converge, compressed, tls, unsafe, copy_all, copy_inc;
	bool json, help;
};

/* argv[0] is the command's name. */
MUST_CHECK bool migrate_options_parse(int argc, char *argv[], struct migrate_options *ret,
				      struct err *e);
/* Of the hand-over, as the broker names it. */
const char *migrate_options_mode(const struct migrate_options *o);
void migrate_options_help(void);

#endif
