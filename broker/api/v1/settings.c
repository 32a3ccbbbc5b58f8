/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/api.h"
#include "broker/api/v1/handlers.h"
#include "policy/policy.h"

static const char DEPLOYMENT_NAME[] = "-"; /* the one row of scope deployment */

struct setting_body {
	char allowed[4 * WORD_SIZE];
	char preferred[WORD_SIZE];
};

static const struct json_field setting_fields[] = {
	{ .name = "allowed",
	  .type = FIELD_LIST,
	  API_AT(struct setting_body, allowed),
	  .min = 0,
	  .max = WORD_SIZE - 1 },
	{ .name = "default",
	  .type = FIELD_NAME,
	  API_AT(struct setting_body, preferred),
	  .min = 1,
	  .max = WORD_SIZE - 1 },
};

static void put_setting(struct json_writer *w, const struct setting_row *s,
			int64_t generation)
{
	json_open(w, NULL);
	json_put_text(w, "name", s->name);
	api_put_policies(w, "allowed", s->allowed);
	json_put_text(w, "default", s->preferred[0] ? s->preferred : NULL);
	json_put_integer(w, "generation", generation);
	json_close(w);
}

static void answer(struct exchange *x, int status, const struct setting_row *s,
		   int64_t generation)
{
	struct json_writer w;

	exchange_json(x, status, &w);
	put_setting(&w, s, generation);
	exchange_etag(x, generation);
}

static bool setting_parse(const struct exchange *x, struct setting_row *ret,
			  struct err *e)
{
	struct setting_body body = { 0 };
	enum security preferred = SECURITY_USER;

	if (!API_BODY(x, setting_fields, &body, e) ||
	    !api_parse_policies(body.allowed, "allowed", &ret->allowed, e))
		return false;
	ret->preferred[0] = '\0';
	if (!body.preferred[0])
		return true;
	if (!security_parse(body.preferred, &preferred))
		return err_field(e, ERR_BAD_VALUE, "default",
				 "a policy is user, host or deployment");
	if (ret->allowed && !(ret->allowed & BIT(preferred)))
		return err_field(e, ERR_BAD_VALUE, "default",
				 "the default is not allowed");
	return text_copy(ret->preferred, sizeof(ret->preferred), body.preferred);
}

static bool setting_set(struct api *api, struct exchange *x, const char *scope,
			const char *name, struct err *e)
{
	struct setting_row s = { 0 };
	struct audit_record *a;
	int64_t was;

	if (!read_setting(x->db, scope, name, &s, e))
		return false;
	was = s.head.generation;
	if (!exchange_if_match(x, was, e) || !setting_parse(x, &s, e))
		return false;
	if (!text_copy(s.scope, sizeof(s.scope), scope) ||
	    !text_copy(s.name, sizeof(s.name), name))
		return err_field(e, ERR_BAD_VALUE, "name", "the name is too long");
	change_set_class(x->change, was ? CHANGE_OTHER : CHANGE_CREATE);
	change_put(x->change, TABLE_SETTING, &s);
	a = api_allowed(api, x);
	text_cut(a->target, sizeof(a->target), name);
	api_weigh(a, "setting", was);
	answer(x, was ? 200 : 201, &s, was + 1);
	return change_ok(x->change, e);
}

static bool image_name(const struct exchange *x, struct err *e)
{
	if (!text_is_name(x->args[0], 2 * NAME_SIZE - 1))
		return err_field(e, ERR_BAD_VALUE, "name",
				 "an image's name is letters, digits, dots, dashes");
	return true;
}

/* PUT /v1/images/{name} - what an image allows; new guests of it obey. */
bool api_image_put(struct api *api, struct exchange *x, struct err *e)
{
	return image_name(x, e) && setting_set(api, x, "image", x->args[0], e);
}

/* PUT /v1/deployment - what the whole deployment allows. */
bool api_deployment_put(struct api *api, struct exchange *x, struct err *e)
{
	return setting_set(api, x, "deployment", DEPLOYMENT_NAME, e);
}

/* GET /v1/images/{name} */
bool api_image_get(struct api *api, struct exchange *x, struct err *e)
{
	struct setting_row s = { 0 };

	(void)api;
	if (!image_name(x, e) || !read_setting(x->db, "image", x->args[0], &s, e))
		return false;
	if (s.head.generation == 0)
		return err_set(e, ERR_NOT_FOUND, "no policy was set for this image");
	answer(x, 200, &s, s.head.generation);
	return true;
}

/* GET /v1/deployment - generation 0 while nobody has set it. */
bool api_deployment_get(struct api *api, struct exchange *x, struct err *e)
{
	struct setting_row s = { 0 };

	(void)api;
	if (!read_setting(x->db, "deployment", DEPLOYMENT_NAME, &s, e))
		return false;
	memcpy(s.name, DEPLOYMENT_NAME, sizeof(DEPLOYMENT_NAME));
	answer(x, 200, &s, s.head.generation);
	return true;
}

static bool list_setting(void *ctx, const struct setting_row *row, struct err *e)
{
	struct api_list *l = ctx;

	(void)e;
	if (api_list_takes(l, row->name))
		put_setting(&l->w, row, row->head.generation);
	return true;
}

/* GET /v1/images */
bool api_image_list(struct api *api, struct exchange *x, struct err *e)
{
	struct api_list l;

	(void)api;
	if (!api_list_open(x, &l, e) ||
	    !list_settings(x->db, "image", api_list_page(&l), list_setting, &l, e))
		return false;
	api_list_close(&l);
	return true;
}
