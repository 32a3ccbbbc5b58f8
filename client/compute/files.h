/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files - small files that are whole or absent, also after a power cut.
 *
 * Gives:   write (temporary name, fsync, rename, fsync of the directory), read, remove,
 *          paths that are never cut, and the names in a directory.
 * Refuses: to follow a symbolic link at the last step; a file above the given size.
 * Knows:   secrets only as bytes that pass through to a file of mode 0600.
 * Threads: no state.
 */
#ifndef CLIENT_COMPUTE_FILES_H
#define CLIENT_COMPUTE_FILES_H

#include "common/secret.h"
#include "common/text.h"

#include <sys/types.h>

struct path {
	char text[512];
};

MUST_CHECK bool path_set(struct path *ret, struct err *e, const char *fmt, ...)
	PRINTF(3, 4);

MUST_CHECK bool file_write(const char *path, struct view bytes, mode_t mode,
			   struct err *e);
/* Appends to ret. *ret_found is false, and nothing else happens, when there is no such file. */
MUST_CHECK bool file_read(const char *path, size_t max, struct buf *ret, bool *ret_found,
			  struct err *e);
/* A file of secret bytes: must be a regular file that only its owner may read. */
MUST_CHECK bool file_read_secret(const char *path, struct secret **ret, struct err *e);
MUST_CHECK bool file_remove(const char *path, struct err *e); /* absent is fine */
MUST_CHECK bool file_make_dir(const char *path, mode_t mode,
			      struct err *e); /* and its parents */
bool file_has_bytes(const char *path);        /* a regular file that is not empty */

/* Calls back with each name in the directory but dot files; an absent directory is empty. */
MUST_CHECK bool file_each(const char *dir, bool (*each)(void *ctx, const char *name),
			  void *ctx, struct err *e);

#endif
