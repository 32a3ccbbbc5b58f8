/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_reply - an HTTP answer as it arrives, piece by piece, and what it means.
 *
 * Gives:   the headers we use, text into a buf, octets into a struct secret, and a struct
 * err from problem+json (RFC 7807), or from the bare status when the body says nothing.
 * Refuses: bodies above the limits in http_client.h.
 * Knows:   nothing of sockets, TLS or libcurl.
 * Threads: a struct http_reply belongs to one thread.
 */
#ifndef COMMON_HTTP_REPLY_H
#define COMMON_HTTP_REPLY_H

#include "common/http_client.h"

struct http_reply {
	struct http_answer *to; /* borrowed */
	size_t octets;          /* taken into to->secret so far */
	bool is_octets;
	bool failed; /* e says why the body was refused */
	struct err e;
};

void http_reply_header(struct http_reply *r, const char *line,
		       size_t len); /* one line, CRLF too */
MUST_CHECK bool http_reply_body(struct http_reply *r, struct view bytes);
bool http_reply_refused(const struct http_reply *r,
			struct err *e); /* after a failed body */
MUST_CHECK bool http_reply_end(struct http_reply *r, int status, struct err *e);

#endif
