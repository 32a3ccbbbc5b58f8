/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_dir - a directory of a test's own, as the agent has one; gone with the scope.
 *
 * Gives:   CLEANUP(state_dir_done) struct state_dir dir = state_dir_make();
 */
#ifndef TESTS_UNIT_STATE_DIR_H
#define TESTS_UNIT_STATE_DIR_H

#include "common/base.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct state_dir {
	char path[64];
};

UNUSED static int state_dir_remove(const char *path, const struct stat *st, int type,
				   struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

UNUSED static void state_dir_done(struct state_dir *d)
{
	nftw(d->path, state_dir_remove, 8, FTW_DEPTH | FTW_PHYS);
}

UNUSED static struct state_dir state_dir_make(void)
{
	struct state_dir d = { "/tmp/vtpm-state-XXXXXX" };

	if (mkdtemp(d.path) == NULL)
		d.path[0] = '\0';
	return d;
}

#endif
