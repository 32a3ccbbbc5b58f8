/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - the profiles of vtpmctl: an address, a CA and a token each.
 *
 * Form:    an INI file; a section is a profile, with url, ca and token_file. Relative paths
 *          start at the file's own directory.
 * Where:   --config, else $XDG_CONFIG_HOME/vtpmctl/config, else ~/.config/vtpmctl/config.
 * Which:   --profile, else $VTPMCTL_PROFILE, else the file's first.
 * Refuses: unknown or repeated keys, a profile without url or ca (ERR_CONFIG).
 * Threads: no state.
 */
#ifndef CLIENT_CTL_CONFIG_H
#define CLIENT_CTL_CONFIG_H

#include "common/text.h"

enum { CONFIG_PATH_MAX = 4096 };

struct profile {
	char name[64];
	char url[256];
	char ca[CONFIG_PATH_MAX];
	char token_file[CONFIG_PATH_MAX]; /* "" for none */
};

/* NULL path and NULL name: the defaults above. */
MUST_CHECK bool config_read(const char *path, const char *name, struct profile *ret,
			    struct err *e);

#endif
