/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file - secrets from and to files, never through memory that is not wiped.
 *
 * Gives:   a token without its line's end, a value byte by byte; new files of mode 0600.
 * Refuses: a token file that others can read, files over the limit, files that exist already,
 *          printing a value on a terminal.
 * Threads: no state.
 */
#ifndef CLIENT_CTL_FILE_H
#define CLIENT_CTL_FILE_H

#include "common/secret.h"

MUST_CHECK bool file_read_token(const char *path, struct secret **ret, struct err *e);
/* "-" is standard input. */
MUST_CHECK bool file_read_value(const char *path, struct secret **ret, struct err *e);

bool file_ends_a_line(const struct secret *s); /* its last byte is a line feed */

/* A file to be; created at once, so that a request is not made in vain. */
struct new_file {
	const char *path; /* borrowed; NULL: standard output */
	int fd;
};
/* NULL or "-" is standard output, which must not be a terminal when `hides`. */
MUST_CHECK bool file_create(const char *path, bool hides, struct new_file *ret,
			    struct err *e);
MUST_CHECK bool file_write(struct new_file *f, struct view bytes, struct err *e);
MUST_CHECK bool file_write_secret(struct new_file *f, const struct secret *s,
				  struct err *e);
void file_done(
	struct new_file *f); /* removes what was not written; for CLEANUP(file_done) */

#endif
