/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api - what handlers work with, and the few things that many of them do.
 *
 * Owns:    nothing: struct api borrows from the daemon, for the life of the process.
 * Gives:   the route table (the site map), bodies by a table of fields, pages of lists,
 *          the worker's cache of sealers, policies and times as JSON.
 * Refuses: pages outside 1..500, bodies that are not what the table says.
 * Knows:   no SQL, no sockets.
 * Threads: struct api is shared and does not change, but for `backed_up`, which only ever
 *          turns true; a struct worker belongs to one worker thread.
 */
#ifndef BROKER_API_API_H
#define BROKER_API_API_H

#include <stdatomic.h>

#include "broker/exchange.h"
#include "crypto/seal.h"

struct gate;
struct presence;
struct vault;

struct api {
	const struct gate *gate;
	struct vault *vault;
	struct store *store;
	const struct clock *clock;
	const struct ca *ca;
	const char *ca_pem;
	char ca_hash[PKI_HASH_HEX];
	const struct pkey *statement; /* signs leases */
	const struct pkey *recovery;  /* its public half goes to hosts */
	const char *broker_uuid;
	const char *database; /* path, to ask whether the root key has a backup by now */
	int64_t lease_us;     /* 0: hosts keep no copies */
	struct presence *presence; /* which agents listen */
	atomic_bool backed_up;
};

enum { API_PROTOCOL = 1, API_CERTIFICATE_DAYS = 90, API_PAGE_MAX = 500, API_PAGE = 100 };

/* The site map; *ret_n routes, in the order in which they are matched. */
const struct route *api_routes(size_t *ret_n);

/* ERR_ROOT_KEY_NOT_BACKED_UP until `vtpm-brokerd backup` or `init --accept-...` was run. */
MUST_CHECK bool api_root_key_is_kept(struct api *api, struct err *e);

/* The caches of one worker thread: x->worker. */
struct worker;
MUST_CHECK bool worker_new(struct worker **ret, struct err *e);
void worker_free(struct worker *w);
/* The sealer for this host's sealing key; borrowed until the next call. */
MUST_CHECK bool worker_sealer(struct worker *w, const struct host_row *host,
			      struct sealer **ret, struct err *e);
DEFINE_DROP(worker)

/* The request's body by a table of fields. */
MUST_CHECK bool api_body(const struct exchange *x, const struct json_field *fields,
			 size_t n, void *to, struct err *e);
/* Where a field goes, for its row of the table. */
#define API_AT(type, member) \
	.offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define API_BODY(x, table, to, e) api_body((x), (table), ARRAY_LEN(table), (to), (e))

/* One page of a list: reads ?limit and ?after, opens {"items":[, and closes with "next".
 * Ask the store for api_list_page(&l): it is one row more than is shown. */
struct api_list {
	struct json_writer w;
	char after[SUBJECT_SIZE]; /* cursor of the request; the query borrows it */
	char last[SUBJECT_SIZE];  /* cursor of the row shown last */
	int64_t limit, count;
	bool more;
};
MUST_CHECK bool api_list_open(struct exchange *x, struct api_list *l, struct err *e);
struct page api_list_page(const struct api_list *l);
/* In the callback: true, then write the item to l->w; false: the page is full. */
bool api_list_takes(struct api_list *l, const char *key);
void api_list_close(struct api_list *l);

/* {"name":"2026-01-31T12:00:00Z"}, or null where the time is 0. */
void api_put_time(struct json_writer *w, const char *name, int64_t us);
/* ["user","host"] of BIT(security) | ... */
void api_put_policies(struct json_writer *w, const char *name, int64_t set);
/* Lines of policy names into a set; "" is 0. */
MUST_CHECK bool api_parse_policies(const char *lines, const char *field, int64_t *ret,
				   struct err *e);
/* Adds "what=generation " to the record's `weighed`. */
void api_weigh(struct audit_record *a, const char *what, int64_t generation);
/* Fills the record of a change that is allowed; returns it for the rest. */
struct audit_record *api_allowed(struct api *api, struct exchange *x);

#endif
