/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_client - HTTPS requests to one broker over one connection that is kept open.
 *
 * Owns:    the connection, a copy of the bearer token; answers own their bodies.
 * Gives:   http_client_ask: problem+json becomes a struct err, octets become a struct
 * secret. Refuses: anything but https and TLS 1.3; CAs other than the one given (the
 * system's list is not read); proxies, redirects, .netrc; text above 1 MiB, octets above
 * SECRET_MAX. Knows:   tokens and octets pass through libcurl, whose memory wipes itself
 * here when freed. Threads: a client belongs to one thread at a time.
 */
#ifndef COMMON_HTTP_CLIENT_H
#define COMMON_HTTP_CLIENT_H

#include "common/secret.h"
#include "common/text.h"

#include <stdatomic.h>

struct http_client;

struct http_client_options {
	const char *url;              /* "https://host:port" */
	const char *ca_file;          /* PEM; or */
	const char *ca_pem;           /* the PEM text itself */
	const char *certificate_file; /* of a client certificate, PEM, or NULL */
	const char *key_file;         /* its private key, PEM */
	const struct secret *token;   /* sent as a bearer token, or NULL; copied */
	int connect_ms;               /* 0: 5 s */
	int total_ms;                 /* of one request; 0: 30 s */
};

struct http_ask {
	const char *method;
	const char *path; /* with its query, escaped: see http_escape */
	const char *type; /* of the body, NULL: application/json when there is a body */
	struct view body; /* borrowed until the answer is there */
	const struct secret *octets; /* instead of a body, as application/octet-stream */
	const char *if_match;        /* a generation, without quotes, or NULL */
	int total_ms;                /* 0: the client's */
	const atomic_bool
		*called_off; /* borrowed; NULL or: once true, it ends in a second */
};

struct http_answer {
	int status;            /* 0: there was no answer */
	char etag[32];         /* without quotes, "" when there is none */
	char request_id[64];   /* "" when there is none */
	struct buf body;       /* owned; of every type but application/octet-stream */
	struct secret *secret; /* owned; an application/octet-stream body */
};

/* Reads no file and opens no connection yet: those failures come with the first request.
 */
MUST_CHECK bool http_client_new(const struct http_client_options *o,
				struct http_client **ret, struct err *e);
void http_client_free(struct http_client *c);
/*
 * True when the answer's status is 2xx. Else *e says why: with ret->status set, what the
 * broker answered; with ret->status 0 nobody answered (ERR_BROKER_UNREACHABLE,
 * ERR_BAD_SERVER when it is not the broker we know, ERR_DEADLINE when it took the request
 * and stayed silent). *ret is emptied first; end it with http_answer_done, also after a
 * failure.
 */
MUST_CHECK bool http_client_ask(struct http_client *c, const struct http_ask *ask,
				struct http_answer *ret, struct err *e);
void http_answer_done(
	struct http_answer *a); /* frees and wipes; for CLEANUP(http_answer_done) */
DEFINE_DROP(http_client)

/*
 * Before a CA is known: shakes hands with url, sends nothing, and returns the PEM of the
 * first certificate of the server's chain for which matches(ctx, pem) holds. The chain is
 * not verified here; make a client with the returned ca_pem, which does. ERR_BAD_SERVER
 * if none.
 */
MUST_CHECK bool http_client_find_ca(const char *url, int total_ms,
				    bool (*matches)(void *ctx, const char *pem),
				    void *ctx, struct buf *ret_pem, struct err *e);

/* Appends text percent-encoded, for a path segment or a query value (RFC 3986, 2.1). */
void http_escape(struct buf *to, const char *text);

#endif
