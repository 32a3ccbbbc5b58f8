/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queries - typed reads. Every row that comes back has verified.
 *
 * A single read of a row that is not there succeeds with ret->head.generation == 0.
 * Lists call back per row in key order, after `after` (exclusive, "" = from the start), at
 * most `limit` rows; a false from the callback stops the list and is returned.
 */
#ifndef BROKER_STORE_QUERIES_H
#define BROKER_STORE_QUERIES_H

#include "broker/store/store.h"

MUST_CHECK bool read_token(struct reader *r, const struct uuid *id, struct token_row *ret,
			   struct err *e);
MUST_CHECK bool read_token_by_sha256(struct reader *r, const uint8_t sha256[32],
				     struct token_row *ret, struct err *e);
MUST_CHECK bool read_enroll(struct reader *r, const struct uuid *id,
			    struct enroll_row *ret, struct err *e);
MUST_CHECK bool read_host(struct reader *r, const char *key_hash, struct host_row *ret,
			  struct err *e);
MUST_CHECK bool read_host_by_name(struct reader *r, const char *name,
				  struct host_row *ret, struct err *e); /* not revoked */
MUST_CHECK bool read_instance(struct reader *r, const struct uuid *id,
			      struct instance_row *ret, struct err *e);
MUST_CHECK bool read_version(struct reader *r, const struct uuid *secret, int64_t version,
			     struct version_row *ret, struct err *e);
MUST_CHECK bool read_placement(struct reader *r, const struct uuid *instance,
			       struct placement_row *ret, struct err *e);
MUST_CHECK bool read_permit(struct reader *r, const struct uuid *id,
			    struct permit_row *ret, struct err *e);
MUST_CHECK bool read_release(struct reader *r, const struct uuid *attempt,
			     struct release_row *ret, struct err *e);
MUST_CHECK bool read_copy(struct reader *r, const struct uuid *instance, const char *host,
			  struct copy_row *ret, struct err *e);
MUST_CHECK bool read_setting(struct reader *r, const char *scope, const char *name,
			     struct setting_row *ret, struct err *e);
MUST_CHECK bool read_project_key(struct reader *r, const char *issuer,
				 const char *project, struct project_key_row *ret,
				 struct err *e);
MUST_CHECK bool read_spool(struct reader *r, const char *host, struct spool_row *ret,
			   struct err *e);

typedef bool each_token(void *ctx, const struct token_row *row, struct err *e);
typedef bool each_host(void *ctx, const struct host_row *row, struct err *e);
typedef bool each_instance(void *ctx, const struct instance_row *row, struct err *e);
typedef bool each_permit(void *ctx, const struct permit_row *row, struct err *e);
typedef bool each_copy(void *ctx, const struct copy_row *row, struct err *e);
typedef bool each_setting(void *ctx, const struct setting_row *row, struct err *e);
typedef bool each_audit(void *ctx, int64_t seq, const char *writer, int64_t number,
			const struct audit_record *row, struct err *e);

struct page {
	const char *after;
	int64_t limit;
};

struct instance_filter {
	const char *issuer, *project; /* NULL: any project */
	const char *host;             /* placed on this key hash, or NULL */
	const char *match;            /* exact name or a prefix of the UUID, or NULL */
};

MUST_CHECK bool list_tokens(struct reader *r, struct page p, each_token *each, void *ctx,
			    struct err *e);
MUST_CHECK bool list_hosts(struct reader *r, struct page p, each_host *each, void *ctx,
			   struct err *e); /* by name */
MUST_CHECK bool list_instances(struct reader *r, const struct instance_filter *f,
			       struct page p, each_instance *each, void *ctx,
			       struct err *e);
MUST_CHECK bool list_permits(struct reader *r, const struct uuid *instance, struct page p,
			     each_permit *each, void *ctx, struct err *e);
MUST_CHECK bool list_grants(struct reader *r, const struct uuid *instance, struct page p,
			    each_permit *each, void *ctx, struct err *e);
/* All permits and grants of that purpose that were not withdrawn, the newest first. */
MUST_CHECK bool list_words(struct reader *r, const struct uuid *instance,
			   const char *purpose, each_permit *each, void *ctx,
			   struct err *e);
MUST_CHECK bool list_copies(struct reader *r, const char *host, struct page p,
			    each_copy *each, void *ctx, struct err *e);
MUST_CHECK bool list_settings(struct reader *r, const char *scope, struct page p,
			      each_setting *each, void *ctx, struct err *e);
struct audit_filter {
	const struct uuid *instance; /* or NULL: all */
	int64_t after;               /* seq */
	int64_t limit;
	bool newest_first;
};
MUST_CHECK bool list_audit(struct reader *r, const struct audit_filter *f,
			   each_audit *each, void *ctx, struct err *e);

#endif
