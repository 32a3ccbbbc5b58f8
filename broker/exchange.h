/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange - one request and its answer, below every transport.
 *
 * Owns:    change and reply (freed by exchange_done); all else is borrowed until `finish`.
 * Life:    http fills the request and calls dispatch; dispatch finds route and identity, runs
 *          the handler, which stages a change and a reply; dispatch commits the change, and
 *          only then calls `finish`, which sends the reply. A change with writes but no audit
 *          record gets an ordinary one; a change without either is not committed at all.
 * Knows:   nothing of libmicrohttpd, so that tests and fuzzers call dispatch without a socket.
 * Threads: one at a time: I/O thread, worker, writer, I/O thread.
 */
#ifndef BROKER_EXCHANGE_H
#define BROKER_EXCHANGE_H

#include "broker/handler.h"
#include "broker/store/queries.h"
#include "common/json.h"

/* One TLS connection as auth sees it; kept by http for the connection's life. */
struct peer {
	char address[64];
	struct view certificate; /* DER; len 0: none was shown */
	bool checked;            /* below is set: verified once per connection */
	enum err_kind bad;       /* ERR_NONE: it is one of ours */
	struct cert_facts facts;
};

enum principal_kind { PRINCIPAL_NONE, PRINCIPAL_PERSON, PRINCIPAL_HOST };
enum role {
	ROLE_MEMBER,
	ROLE_OPERATOR,
	ROLE_ORCHESTRATOR,
	ROLE_HOST_ADMIN,
	ROLE_AUDITOR,
	ROLES
};

struct principal {
	enum principal_kind kind;
	enum role role;         /* of a person */
	struct token_row token; /* of a person: issuer, subject, project, scope */
	struct host_row host;   /* of a host, as read for this request */
};

struct reply {
	int status; /* 0: nothing staged yet */
	struct buf body;
	const char *content_type; /* const text */
	struct secret *secret;    /* owned; octet-stream instead of body, then wiped */
	char etag[24];            /* generation in quotes, or "" */
	char location[160];
};

struct waiting {                  /* for something to tell; see exchange_waits */
	char topic[PKI_HASH_HEX]; /* "": for nothing */
	int64_t run_us, until_us; /* when the handler ran, and will at the latest */
	uint64_t ticket;          /* older than all that this run has read */
	bool must_answer;         /* it may not wait: the broker is stopping */
};

struct exchange {
	/* set by the transport */
	enum method method;
	const char *path;          /* as received, without the query, not decoded */
	const char *query;         /* after '?', or "" */
	const char *authorization; /* NULL: header absent; likewise below */
	const char *content_type;
	const char *if_match;
	const char *bad_header; /* one that must not be there, or twice; or NULL */
	struct view body;
	bool body_too_large;
	struct peer *peer;
	void (*finish)(struct exchange *x); /* exactly once; any thread; must not block */
	void *transport;

	/* set by dispatch */
	char request_id[37];
	const struct route *route;
	char args[3][160]; /* what the pattern's {} matched, decoded */
	struct principal who;
	struct reader *db;     /* the worker's connection */
	struct change *change; /* owned */
	struct reply reply;    /* owned */
	int tries;
	void *worker;                /* the worker's own caches; see api.h */
	struct err failed;           /* the error that the reply tells, or ERR_NONE */
	int64_t started_us, ends_us; /* monotonic */
	struct waiting wait;
	struct dispatch *dispatch; /* borrowed */
	struct exchange *next;     /* in the queue */
};

void exchange_done(struct exchange *x);       /* frees what it owns, wipes the reply */
void exchange_drop_reply(struct exchange *x); /* wipes what was staged, or sent */

/* Helpers for handlers. */

/* The decoded value of a query field, or NULL when absent. Values above 255 bytes never reach
 * a handler, so a ret of 256 is always enough; a smaller one gets cut text. */
const char *exchange_query(const struct exchange *x, const char *name, char *ret,
			   size_t cap);
/* One %XX at `at`; false: there is none (RFC 3986, section 2.1). */
bool exchange_unescape(const char *at, char *ret);
/* Starts a JSON body: write the one object to ret. What was staged before is dropped. */
void exchange_json(struct exchange *x, int status, struct json_writer *ret);
void exchange_etag(struct exchange *x, int64_t generation);
/* ERR_PRECONDITION_REQUIRED without If-Match, ERR_PRECONDITION_FAILED with another. */
MUST_CHECK bool exchange_if_match(const struct exchange *x, int64_t generation,
				  struct err *e);
/* For a long poll with nothing to tell yet: true: return true with nothing staged, and be run
 * anew once the topic (see change_topic) is woken, or so many seconds after the request came.
 * False: answer now what there is. */
bool exchange_waits(struct exchange *x, const char *topic, int64_t seconds);
/* The one problem+json (RFC 9457) writer; drops and wipes what was staged. */
void exchange_problem(struct exchange *x, const struct err *e);
/* Fills who, when, from where and which verb in the change's audit record; verdict "allowed". */
struct audit_record *exchange_audit(struct exchange *x, int64_t now_us);

#endif
