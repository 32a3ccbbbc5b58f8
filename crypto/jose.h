/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jose - the compact form that JWE (RFC 7516) and JWS (RFC 7515) share.
 *
 * Gives:   the dot-separated parts, the protected header as JSON, and claims by a table.
 * Refuses: another number of parts, a header or claims above 2 KiB, "zip", "crit", another
 *          "typ" or "alg": ERR_BAD_SEALED. Nothing here says that a signature or a tag is
 *          right.
 * Threads: no state.
 */
#ifndef CRYPTO_JOSE_H
#define CRYPTO_JOSE_H

#include "common/json.h"

enum { JOSE_HEADER_MAX = 2048 };

MUST_CHECK bool jose_split(struct view compact, struct view *ret, size_t parts,
			   struct err *e);
MUST_CHECK bool jose_header(struct view part, const char *alg, const char *typ,
			    struct json **ret, struct err *e);
bool jose_text_is(const struct json *j, const char *name, const char *want);
/* Any part that is JSON. */
MUST_CHECK bool jose_json(struct view part, struct json **ret, struct err *e);
/* A payload of these claims and no others; `what` says whose they are: "an ask". */
MUST_CHECK bool jose_claims(struct view part, const struct json_field *fields, size_t n,
			    const char *what, void *to, struct err *e);
/* Exactly len bytes. */
MUST_CHECK bool jose_bytes(struct view part, uint8_t *ret, size_t len);

#endif
