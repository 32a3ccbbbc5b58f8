/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text - bounded strings: copy, format, hex, base64url, UTF-8.
 *
 * Gives:   functions that never cut silently: false means "does not fit".
 * Knows:   nothing of secrets; encode.c holds the encodings.
 * Threads: no state.
 */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include "common/err.h"

/* A growing, bounded buffer for text (never for secrets). */
struct buf {
	char *at; /* owned, NUL-terminated, NULL while empty */
	size_t len;
	size_t cap;
	bool failed; /* memory ran out or 64 MiB: at is what was there before */
};
void buf_add(struct buf *b, const char *text);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_add_bytes(struct buf *b, struct view bytes);
void buf_add_b64url(struct buf *b, struct view bytes);
/* What text_printable refuses shows as '?': a peer's words must not steer a terminal. */
void buf_add_printable(struct buf *b, const char *text);
void buf_done(struct buf *b); /* frees; for CLEANUP(buf_done) */

MUST_CHECK bool text_copy(char *to, size_t cap, const char *from);
/* What does not fit is cut between characters and ends in '~'; for records, never for keys. */
void text_cut(char *to, size_t cap, const char *from);
MUST_CHECK bool text_format(char *to, size_t cap, const char *fmt, ...) PRINTF(3, 4);
bool text_is_utf8(struct view bytes); /* well-formed (RFC 3629), no NUL */
/* Bytes of the UTF-8 sequence at text; 0 when it is not well-formed. */
size_t text_utf8_step(const char *text, size_t len);
/* Bytes of the printable UTF-8 character at text; 0 for a control character, for what reorders
 * text, and for what is not UTF-8. */
size_t text_printable(const char *text, size_t len);
bool text_is_name(const char *text, size_t max); /* [A-Za-z0-9][A-Za-z0-9._-]*, 1..max */
bool text_is_display(const char *text,
		     size_t max); /* UTF-8 without control characters, 1..max bytes */
void text_hex(struct view bytes, char *ret); /* ret of 2 * len + 1 */
MUST_CHECK bool text_unhex(const char *hex, uint8_t *ret, size_t len);
size_t text_b64url(struct view bytes,
		   char *ret); /* RFC 4648, no padding; ret of B64URL_SIZE(len) */
#define B64URL_SIZE(len) (((len)*4 + 2) / 3 + 1)
/* Strict: no padding, no other characters, no stray bits. */
MUST_CHECK bool text_unb64url(struct view text, uint8_t *ret, size_t cap,
			      size_t *ret_len);
MUST_CHECK bool text_parse_int(const char *text, int64_t min, int64_t max, int64_t *ret);

#endif
