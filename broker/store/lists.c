/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/reader.h"

#include <string.h>

/* The next row of a list, verified. */
static bool next(struct reader *r, struct query *q, enum table t, void *row,
		 bool *ret_more, struct err *e)
{
	return query_next(q, ret_more, e) &&
	       (!*ret_more || row_read(q, table_spec(t), r->row, row, e));
}

/* walk_x calls `each` for every row that q yields. */
#define DEFINE_WALK(NAME, name)                                                       \
	static bool walk_##name(struct reader *r, struct query *q, each_##name *each, \
				void *ctx, struct err *e)                             \
	{                                                                             \
		struct name##_row row;                                                \
		bool more;                                                            \
                                                                                      \
		for (;;) {                                                            \
			if (!next(r, q, TABLE_##NAME, &row, &more, e))                \
				return false;                                         \
			if (!more)                                                    \
				return true;                                          \
			if (!each(ctx, &row, e))                                      \
				return false;                                         \
		}                                                                     \
	}
DEFINE_WALK(TOKEN, token)
DEFINE_WALK(HOST, host)
DEFINE_WALK(INSTANCE, instance)
DEFINE_WALK(PERMIT, permit)
DEFINE_WALK(COPY, copy)
DEFINE_WALK(SETTING, setting)

bool list_tokens(struct reader *r, struct page p, each_token *each, void *ctx,
		 struct err *e)
{
	QUERY(q, r->db, SQL_TOKENS);

	query_text(&q, p.after);
	query_integer(&q, p.limit);
	return walk_token(r, &q, each, ctx, e);
}

/* The cursor is NAME/KEY_HASH; a NAME alone stands for all hosts of that name. */
bool list_hosts(struct reader *r, struct page p, each_host *each, void *ctx,
		struct err *e)
{
	char name[NAME_SIZE];
	const char *slash = strchr(p.after, '/');
	size_t len = slash ? (size_t)(slash - p.after) : strlen(p.after);
	QUERY(q, r->db, SQL_HOSTS);

	if (len >= sizeof(name))
		return err_field(e, ERR_BAD_VALUE, "after", "this is no cursor of hosts");
	memcpy(name, p.after, len);
	name[len] = '\0';
	query_text(&q, name);
	query_text(&q, slash ? slash + 1 : len ? "~" : ""); /* '~' sorts after any hash */
	query_integer(&q, p.limit);
	return walk_host(r, &q, each, ctx, e);
}

static const char *or_any(const char *text)
{
	return text ? text : "";
}

static bool instances_like(struct reader *r, const struct instance_filter *f,
			   struct page p, each_instance *each, void *ctx, struct err *e)
{
	char from[40] = "", until[40];
	QUERY(q, r->db, SQL_INSTANCES_LIKE);

	if (strlen(f->match) >= sizeof(((struct instance_row *)0)->name))
		return true; /* the name of none */
	for (size_t i = 0; i < sizeof(from) - 2 && f->match[i]; i++) {
		char c = f->match[i];

		from[i] = (char)(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
	}
	if (!text_format(until, sizeof(until), "%s~",
			 from)) /* '~' sorts after any UUID */
		return err_set(e, ERR_INTERNAL, "a prefix is too long");
	query_text(&q, f->match);
	query_text(&q, from);
	query_text(&q, until);
	query_text(&q, p.after);
	query_text(&q, or_any(f->issuer));
	query_text(&q, or_any(f->project));
	query_text(&q, or_any(f->host));
	query_integer(&q, p.limit);
	return walk_instance(r, &q, each, ctx, e);
}

static bool instances_on(struct reader *r, const struct instance_filter *f, struct page p,
			 each_instance *each, void *ctx, struct err *e)
{
	QUERY(q, r->db, SQL_INSTANCES_ON);

	query_text(&q, f->host);
	query_text(&q, p.after);
	query_text(&q, or_any(f->issuer));
	query_text(&q, or_any(f->project));
	query_integer(&q, p.limit);
	return walk_instance(r, &q, each, ctx, e);
}

static bool instances_of(struct reader *r, const struct instance_filter *f, struct page p,
			 each_instance *each, void *ctx, struct err *e)
{
	QUERY(q, r->db, SQL_INSTANCES_OF);

	query_text(&q, f->issuer);
	query_text(&q, or_any(f->project));
	query_text(&q, p.after);
	query_integer(&q, p.limit);
	return walk_instance(r, &q, each, ctx, e);
}

static bool instances_all(struct reader *r, struct page p, each_instance *each, void *ctx,
			  struct err *e)
{
	QUERY(q, r->db, SQL_INSTANCES);

	query_text(&q, p.after);
	query_integer(&q, p.limit);
	return walk_instance(r, &q, each, ctx, e);
}

bool list_instances(struct reader *r, const struct instance_filter *f, struct page p,
		    each_instance *each, void *ctx, struct err *e)
{
	if (f->match && f->match[0])
		return instances_like(r, f, p, each, ctx, e);
	if (f->host)
		return instances_on(r, f, p, each, ctx, e);
	if (f->issuer)
		return instances_of(r, f, p, each, ctx, e);
	return instances_all(r, p, each, ctx, e);
}

bool list_permits(struct reader *r, const struct uuid *instance, struct page p,
		  each_permit *each, void *ctx, struct err *e)
{
	QUERY(q, r->db, SQL_PERMITS);

	query_text(&q, instance->text);
	query_text(&q, p.after);
	query_integer(&q, p.limit);
	return walk_permit(r, &q, each, ctx, e);
}

bool list_grants(struct reader *r, const struct uuid *instance, struct page p,
		 each_permit *each, void *ctx, struct err *e)
{
	QUERY(q, r->db, SQL_GRANTS);

	query_text(&q, instance->text);
	query_text(&q, p.after);
	query_integer(&q, p.limit);
	return walk_permit(r, &q, each, ctx, e);
}

/* A row that the index gave for another instance or purpose is not what was asked for. */
struct words {
	const struct uuid *instance;
	const char *purpose;
	each_permit *each;
	void *ctx;
};

static bool each_word(void *ctx, const struct permit_row *row, struct err *e)
{
	const struct words *w = ctx;

	if (!uuid_equal(&row->instance, w->instance) ||
	    strcmp(row->purpose, w->purpose) != 0 || row->withdrawn != 0)
		return row_tampered(table_spec(TABLE_PERMIT), row, e);
	return w->each(w->ctx, row, e);
}

bool list_words(struct reader *r, const struct uuid *instance, const char *purpose,
		each_permit *each, void *ctx, struct err *e)
{
	struct words w = { instance, purpose, each, ctx };
	QUERY(q, r->db, SQL_WORDS);

	query_text(&q, instance->text);
	query_text(&q, purpose);
	return walk_permit(r, &q, each_word, &w, e);
}

bool list_copies(struct reader *r, const char *host, struct page p, each_copy *each,
		 void *ctx, struct err *e)
{
	QUERY(q, r->db, SQL_COPIES);

	query_text(&q, host);
	query_text(&q, p.after);
	query_integer(&q, p.limit);
	return walk_copy(r, &q, each, ctx, e);
}

bool list_settings(struct reader *r, const char *scope, struct page p, each_setting *each,
		   void *ctx, struct err *e)
{
	QUERY(q, r->db, SQL_SETTINGS);

	query_text(&q, scope);
	query_text(&q, p.after);
	query_integer(&q, p.limit);
	return walk_setting(r, &q, each, ctx, e);
}
