/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profiles - the file by which vtpmctl finds broker and tokens, written once by init.
 *
 * Owns:    the files it staged, until they are kept or dropped.
 * Gives:   profiles_stage (everything is written, under temporary names), profiles_keep (they
 *          get their names). Beside the profiles' file lie the tokens and the CA.
 * Refuses: to replace any file: ERR_EXISTS_DIFFERENT.
 * Threads: none.
 */
#ifndef BROKER_DAEMON_PROFILES_H
#define BROKER_DAEMON_PROFILES_H

#include "broker/daemon/config.h"
#include "common/secret.h"

struct profile_token {
	const char *profile;       /* const text: "owner" */
	const struct secret *text; /* borrowed */
};

struct profiles_wish {
	const char *path; /* of the profiles' file, or NULL for vtpmctl's own */
	const char *url, *ca_pem;
	const struct profile_token *tokens;
	size_t n;
};

struct profiles;

MUST_CHECK bool profiles_stage(const struct profiles_wish *wish, struct profiles **ret,
			       struct err *e);
MUST_CHECK bool profiles_keep(struct profiles *p, struct err *e);
const char *profiles_path(const struct profiles *p);
void profiles_free(struct profiles *p); /* drops what is not kept */
DEFINE_DROP(profiles)

#endif
