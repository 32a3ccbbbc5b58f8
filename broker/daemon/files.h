/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files - small files written whole or not at all, never over another.
 *
 * Gives:   file_create (0600, synced), file_replace (for what a program rewrites), tree_remove.
 * Refuses: an existing file: ERR_EXISTS_DIFFERENT names it.
 * Threads: no state.
 */
#ifndef BROKER_DAEMON_FILES_H
#define BROKER_DAEMON_FILES_H

#include <sys/types.h>

#include "common/err.h"

MUST_CHECK bool file_create(const char *path, mode_t mode, struct view bytes,
			    struct err *e);
/* By a temporary name and rename(2): readers see the old text or the new. */
MUST_CHECK bool file_replace(const char *path, mode_t mode, struct view bytes,
			     struct err *e);
MUST_CHECK bool file_sync_directory(const char *path, struct err *e);
/* All directories on the way to `path` and, with itself, the last too; mode 0700. */
MUST_CHECK bool make_parents(const char *path, bool itself, struct err *e);
/* Removes a flat directory that we made, with its files; best effort. */
void tree_remove(const char *path);

#endif
