/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/v1/choose.h"
#include "broker/api/v1/handlers.h"
#include "broker/api/v1/show.h"
#include "broker/vault/vault.h"

struct create_body {
	char name[2 * NAME_SIZE], image[2 * NAME_SIZE], flavor[2 * NAME_SIZE];
	char security[WORD_SIZE];
	char hosts[LINES_SIZE];
	char secret[WORD_SIZE];
};

static const struct json_field create_fields[] = {
	{ .name = "name",
	  .type = FIELD_TEXT,
	  API_AT(struct create_body, name),
	  .min = 1,
	  .max = 2 * NAME_SIZE - 1,
	  .required = true },
	{ .name = "image",
	  .type = FIELD_TEXT,
	  API_AT(struct create_body, image),
	  .min = 1,
	  .max = 2 * NAME_SIZE - 1 },
	{ .name = "flavor",
	  .type = FIELD_TEXT,
	  API_AT(struct create_body, flavor),
	  .min = 1,
	  .max = 2 * NAME_SIZE - 1 },
	{ .name = "security",
	  .type = FIELD_NAME,
	  API_AT(struct create_body, security),
	  .min = 1,
	  .max = WORD_SIZE - 1 },
	{ .name = "hosts",
	  .type = FIELD_LIST,
	  API_AT(struct create_body, hosts),
	  .min = 1,
	  .max = NAME_SIZE - 1 },
	{ .name = "secret",
	  .type = FIELD_NAME,
	  API_AT(struct create_body, secret),
	  .min = 1,
	  .max = WORD_SIZE - 1 },
};

static bool is_display(const char *text, const char *field, struct err *e)
{
	return text[0] == '\0' || text_is_display(text, 2 * NAME_SIZE - 1) ||
	       err_field(e, ERR_BAD_VALUE, field, "no control characters, please");
}

static bool create_parse(const struct exchange *x, struct create_body *ret,
			 bool *ret_generate, struct err *e)
{
	enum security s;

	if (!API_BODY(x, create_fields, ret, e) || !is_display(ret->name, "name", e) ||
	    !is_display(ret->image, "image", e) || !is_display(ret->flavor, "flavor", e))
		return false;
	if (ret->security[0] != '\0' && !security_parse(ret->security, &s))
		return err_field(e, ERR_BAD_VALUE, "security",
				 "a policy is user, host or deployment");
	*ret_generate = strcmp(ret->secret, "upload") != 0;
	if (*ret_generate && ret->secret[0] != '\0' &&
	    strcmp(ret->secret, "generate") != 0)
		return err_field(e, ERR_BAD_VALUE, "secret", "it is generate or upload");
	return true;
}

/* What the creator says and who he is; the rest is decided later. */
static bool create_row(const struct exchange *x, const struct create_body *b,
		       struct instance_row *i, struct err *e)
{
	const struct token_row *t = &x->who.token;

	if (!path_uuid(x, 0, "id", &i->id, e))
		return false;
	if (!text_copy(i->name, sizeof(i->name), b->name) ||
	    !text_copy(i->image, sizeof(i->image), b->image) ||
	    !text_copy(i->flavor, sizeof(i->flavor), b->flavor) ||
	    !text_copy(i->requested, sizeof(i->requested), b->security) ||
	    !text_copy(i->hosts, sizeof(i->hosts), b->hosts) ||
	    !text_copy(i->issuer, sizeof(i->issuer), t->issuer) ||
	    !text_copy(i->project, sizeof(i->project), t->project) ||
	    !text_copy(i->owner, sizeof(i->owner), t->subject) ||
	    !text_copy(i->state, sizeof(i->state), "none"))
		return err_set(e, ERR_INTERNAL, "a field of %s does not fit", i->id.text);
	return true;
}

/* The first version tells whether the secret was to be generated or uploaded. */
static bool same_secret(struct reader *r, const struct instance_row *was, bool generate,
			bool *ret, struct err *e)
{
	struct version_row first;

	if (!read_version(r, &was->secret, 1, &first, e))
		return false;
	*ret = generate ==
	       (first.head.generation != 0 && strcmp(first.origin, "generated") == 0);
	return true;
}

static bool same_instance(const struct instance_row *a, const struct instance_row *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->image, b->image) == 0 &&
	       strcmp(a->flavor, b->flavor) == 0 &&
	       strcmp(a->requested, b->requested) == 0 &&
	       strcmp(a->hosts, b->hosts) == 0 && strcmp(a->owner, b->owner) == 0;
}

/* PUT of what is there already: the same is harmless, anything else is refused. */
static bool create_again(struct exchange *x, const struct instance_row *was,
			 const struct instance_row *wanted, bool generate, struct err *e)
{
	bool same = false;

	if (!same_secret(x->db, was, generate, &same, e))
		return false;
	if (!same || !same_instance(was, wanted))
		return err_set(e, ERR_EXISTS_DIFFERENT,
			       "instance %s was created otherwise", was->id.text);
	return instance_reply(x, 200, was, e);
}

static bool create_secret(struct api *api, struct exchange *x, struct instance_view *v,
			  bool generate, struct err *e)
{
	if (!uuid_random(&v->row.secret, e))
		return false;
	if (!generate)
		return true;
	v->row.version = v->version.version = 1;
	v->version.created_us = v->row.created_us;
	return text_copy(v->version.state, sizeof(v->version.state), "active") &&
	       vault_generate(api->vault, x->db, &v->row, &v->version, x->change, e);
}

static bool create_new(struct api *api, struct exchange *x, struct instance_view *v,
		       bool generate, struct err *e)
{
	struct json_writer w;

	v->row.created_us = clock_wall_us(api->clock);
	if (!create_secret(api, x, v, generate, e))
		return false;
	change_set_class(x->change, CHANGE_CREATE);
	change_put(x->change, TABLE_INSTANCE, &v->row);
	text_cut(audit_about(api, x, &v->row)->target, 2 * NAME_SIZE, v->row.security);
	v->row.head.generation = 1;
	exchange_json(x, 201, &w);
	instance_view_write(&w, NULL, v);
	exchange_etag(x, 1);
	return text_format(x->reply.location, sizeof(x->reply.location),
			   "/v1/instances/%s", v->row.id.text);
}

bool api_instance_put(struct api *api, struct exchange *x, struct err *e)
{
	struct create_body ask = { 0 };
	struct instance_view v = { 0 };
	struct instance_row was;
	bool generate = true;

	if (!create_parse(x, &ask, &generate, e) || !create_row(x, &ask, &v.row, e) ||
	    !read_instance(x->db, &v.row.id, &was, e))
		return false;
	if (gate_sees(&x->who, &was, NULL))
		return create_again(x, &was, &v.row, generate, e);
	/* The same refusals, whether or not there is one that the asker may not see. */
	if (!api_root_key_is_kept(api, e) || !instance_choose(x, &v.row, e))
		return false;
	if (was.head.generation != 0)
		return err_set(e, ERR_NOT_FOUND, "there is no instance %s for you",
			       was.id.text);
	return create_new(api, x, &v, generate, e);
}

bool api_instance_get(struct api *api, struct exchange *x, struct err *e)
{
	struct instance_row i;
	struct uuid id;

	(void)api;
	return path_uuid(x, 0, "id", &id, e) &&
	       gate_instance(x->db, &x->who, &id, &i, e) && instance_reply(x, 200, &i, e);
}

struct list {
	struct exchange *x;
	struct api_list l;
	char last[40]; /* the row that the store gave last, shown or not */
	int64_t rows;
};

static bool list_one(void *ctx, const struct instance_row *row, struct err *e)
{
	struct list *c = ctx;
	struct instance_view v = { .row = *row };

	c->rows++;
	if (!text_copy(c->last, sizeof(c->last), row->id.text))
		return err_set(e, ERR_INTERNAL, "cursor");
	if (!gate_sees(&c->x->who, row, NULL) || !api_list_takes(&c->l, row->id.text))
		return true;
	if (!instance_view_read(c->x->db, &v, e))
		return false;
	instance_view_write(&c->l.w, NULL, &v);
	return true;
}

/* An operator of a few projects passes over the rows of others, so a page may take more. */
static bool list_rows(struct list *c, const struct instance_filter *f, struct err *e)
{
	struct page p = api_list_page(&c->l);
	char from[sizeof(c->last)]; /* the query borrows it */

	do {
		c->rows = 0;
		if (!list_instances(c->x->db, f, p, list_one, c, e))
			return false;
		memcpy(from, c->last, sizeof(from));
		p.after = from;
	} while (c->rows == p.limit && !c->l.more);
	return true;
}

bool api_instance_list(struct api *api, struct exchange *x, struct err *e)
{
	struct instance_filter f = { 0 };
	char match[256];
	struct list c = { .x = x };

	(void)api;
	if (x->who.role == ROLE_HOST_ADMIN)
		return err_set(e, ERR_FORBIDDEN,
			       "a host-admin sees hosts, not instances");
	f.match = exchange_query(x, "match", match, sizeof(match));
	if (x->who.role == ROLE_MEMBER) {
		f.issuer = x->who.token.issuer;
		f.project = x->who.token.project;
	}
	if (!api_list_open(x, &c.l, e) || !list_rows(&c, &f, e))
		return false;
	api_list_close(&c.l);
	return true;
}
