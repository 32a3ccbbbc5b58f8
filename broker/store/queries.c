/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/reader.h"

#include <string.h>

static bool get(struct reader *r, enum table t, void *row, struct err *e)
{
	return row_get(r->db, table_spec(t), r->row, row, e);
}

/* By another column than the key. */
static bool find(struct reader *r, enum table t, struct query *q, void *ret,
		 struct err *e)
{
	const struct table_spec *s = table_spec(t);
	bool found;

	memset(ret, 0, s->row_size);
	return query_next(q, &found, e) && (!found || row_read(q, s, r->row, ret, e));
}

/* An index that was bent leads to a row that verifies, but is not the one asked for. */
static bool is_the_one(enum table t, void *row, bool matches, struct err *e)
{
	const struct table_spec *s = table_spec(t);

	if (((const struct row_head *)row)->generation == 0 || matches)
		return true;
	row_tampered(s, row, e);
	memset(row, 0, s->row_size);
	return false;
}

bool read_token(struct reader *r, const struct uuid *id, struct token_row *ret,
		struct err *e)
{
	ret->id = *id;
	return get(r, TABLE_TOKEN, ret, e);
}

bool read_token_by_sha256(struct reader *r, const uint8_t sha256[32],
			  struct token_row *ret, struct err *e)
{
	QUERY(q, r->db, SQL_TOKEN_BY_SHA256);

	query_bytes(&q, (struct view){ sha256, 32 });
	return find(r, TABLE_TOKEN, &q, ret, e) &&
	       is_the_one(TABLE_TOKEN, ret, memcmp(ret->sha256, sha256, 32) == 0, e);
}

bool read_enroll(struct reader *r, const struct uuid *id, struct enroll_row *ret,
		 struct err *e)
{
	ret->id = *id;
	return get(r, TABLE_ENROLL, ret, e);
}

/* A key too long to be stored is the key of no row. */
bool read_host(struct reader *r, const char *key_hash, struct host_row *ret,
	       struct err *e)
{
	*ret = (struct host_row){ 0 };
	return !text_copy(ret->key_hash, sizeof(ret->key_hash), key_hash) ||
	       get(r, TABLE_HOST, ret, e);
}

bool read_host_by_name(struct reader *r, const char *name, struct host_row *ret,
		       struct err *e)
{
	QUERY(q, r->db, SQL_HOST_BY_NAME);

	query_text(&q, name);
	return find(r, TABLE_HOST, &q, ret, e) &&
	       is_the_one(TABLE_HOST, ret,
			  strcmp(ret->name, name) == 0 &&
				  strcmp(ret->state, "revoked") != 0,
			  e);
}

bool read_instance(struct reader *r, const struct uuid *id, struct instance_row *ret,
		   struct err *e)
{
	ret->id = *id;
	return get(r, TABLE_INSTANCE, ret, e);
}

bool read_version(struct reader *r, const struct uuid *secret, int64_t version,
		  struct version_row *ret, struct err *e)
{
	ret->secret = *secret;
	ret->version = version;
	return get(r, TABLE_VERSION, ret, e);
}

bool read_placement(struct reader *r, const struct uuid *instance,
		    struct placement_row *ret, struct err *e)
{
	ret->instance = *instance;
	return get(r, TABLE_PLACEMENT, ret, e);
}

bool read_permit(struct reader *r, const struct uuid *id, struct permit_row *ret,
		 struct err *e)
{
	ret->id = *id;
	return get(r, TABLE_PERMIT, ret, e);
}

bool read_release(struct reader *r, const struct uuid *attempt, struct release_row *ret,
		  struct err *e)
{
	ret->attempt = *attempt;
	return get(r, TABLE_RELEASE, ret, e);
}

bool read_copy(struct reader *r, const struct uuid *instance, const char *host,
	       struct copy_row *ret, struct err *e)
{
	*ret = (struct copy_row){ .instance = *instance };
	if (text_copy(ret->host, sizeof(ret->host), host))
		return get(r, TABLE_COPY, ret, e);
	*ret = (struct copy_row){ 0 };
	return true;
}

bool read_setting(struct reader *r, const char *scope, const char *name,
		  struct setting_row *ret, struct err *e)
{
	*ret = (struct setting_row){ 0 };
	if (text_copy(ret->scope, sizeof(ret->scope), scope) &&
	    text_copy(ret->name, sizeof(ret->name), name))
		return get(r, TABLE_SETTING, ret, e);
	*ret = (struct setting_row){ 0 };
	return true;
}

bool read_project_key(struct reader *r, const char *issuer, const char *project,
		      struct project_key_row *ret, struct err *e)
{
	*ret = (struct project_key_row){ 0 };
	if (text_copy(ret->issuer, sizeof(ret->issuer), issuer) &&
	    text_copy(ret->project, sizeof(ret->project), project))
		return get(r, TABLE_PROJECT_KEY, ret, e);
	*ret = (struct project_key_row){ 0 };
	return true;
}

bool read_spool(struct reader *r, const char *host, struct spool_row *ret, struct err *e)
{
	*ret = (struct spool_row){ 0 };
	return !text_copy(ret->host, sizeof(ret->host), host) ||
	       get(r, TABLE_SPOOL, ret, e);
}
