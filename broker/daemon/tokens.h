/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokens - bearer tokens of persons, as this broker issues them.
 *
 * Form:    "vtpm_" and 43 base64url characters; the database holds the SHA-256 of that text.
 * Gives:   token_draw (a row and its text), token_write (the text to a file of mode 0600).
 * Refuses: roles that do not exist, names that cannot be shown, one token for two roles.
 * Threads: no state.
 */
#ifndef BROKER_DAEMON_TOKENS_H
#define BROKER_DAEMON_TOKENS_H

#include "broker/store/rows.h"

struct token_wish {
	const char *subject, *project, *role;
	const char *projects, *hosts; /* "a,b", "*", or NULL for the default */
	int64_t now_us, ttl_us;
	const char *broker_uuid;
};

MUST_CHECK bool token_draw(const struct token_wish *wish, struct token_row *ret,
			   struct secret **ret_text, struct err *e);
/* path "-" is standard output. */
MUST_CHECK bool token_write(const char *path, const struct secret *text, struct err *e);
/* "30d", "12h", "45m". */
MUST_CHECK bool token_parse_ttl(const char *text, int64_t *ret_us, struct err *e);

#endif
