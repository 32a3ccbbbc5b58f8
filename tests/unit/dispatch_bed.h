/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dispatch_bed - a dispatch over a real store, with handlers that do one thing each.
 *
 * Gives:   the routes, bench_start and bench_close, call_run: one request without a socket.
 * Owns:    the world below it; bench_close takes all down.
 */
#ifndef TESTS_UNIT_DISPATCH_BED_H
#define TESTS_UNIT_DISPATCH_BED_H

#include "broker/dispatch/dispatch.h"
#include "tests/unit/broker_world.h"

#define ID "0b0e5c8e-0f4e-4b5e-9d0e-7a1f0c2d3e4f"
#define MARK "MARKED-VALUE-of-a-secret-0123456789"

/* The handlers of these tests; counts what ran. */
struct api {
	struct world *w;
	atomic_int runs;
};

static UNUSED bool say_ok(struct exchange *x)
{
	struct json_writer w;

	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_boolean(&w, "ok", true);
	json_close(&w);
	return true;
}

static UNUSED bool hello(struct api *api, struct exchange *x, struct err *e)
{
	(void)e;
	api->runs++;
	return say_ok(x);
}

static UNUSED struct setting_row setting(const char *name)
{
	struct setting_row s = { .allowed = 1 };

	snprintf(s.scope, sizeof s.scope, "image");
	snprintf(s.name, sizeof s.name, "%s", name);
	return s;
}

static UNUSED bool write_one(struct api *api, struct exchange *x, struct err *e)
{
	struct setting_row s = setting(x->args[0]);

	(void)api;
	(void)e;
	change_put(x->change, TABLE_SETTING, &s);
	return say_ok(x);
}

/* Rests on a row that is never as it says. */
static UNUSED bool stale(struct api *api, struct exchange *x, struct err *e)
{
	struct setting_row s = setting("other"), mine = setting("stale");

	(void)e;
	api->runs++;
	s.head.generation = 99;
	change_guard(x->change, TABLE_SETTING, &s);
	change_put(x->change, TABLE_SETTING, &mine);
	return say_ok(x);
}

/* Stale at the first run alone. */
static UNUSED bool once_stale(struct api *api, struct exchange *x, struct err *e)
{
	struct setting_row s = setting("nothing"), mine = setting("once");

	(void)e;
	s.head.generation = api->runs++ == 0 ? 99 : 0;
	change_guard(x->change, TABLE_SETTING, &s);
	change_put(x->change, TABLE_SETTING, &mine);
	return say_ok(x);
}

/* Somebody revokes the token while this runs. */
static UNUSED bool revoked_meanwhile(struct api *api, struct exchange *x, struct err *e)
{
	struct token_row t = x->who.token;
	struct setting_row mine = setting("after-revocation");

	(void)e;
	t.revoked_us = WORLD_BEGIN_US;
	world_put(api->w, TABLE_TOKEN, &t);
	change_put(x->change, TABLE_SETTING, &mine);
	return say_ok(x);
}

static UNUSED bool give_secret(struct api *api, struct exchange *x, struct err *e)
{
	const struct view mark = { (const uint8_t *)MARK, sizeof MARK - 1 };

	x->reply.status = 200;
	x->reply.content_type = "application/octet-stream";
	if (!secret_from(mark, &x->reply.secret, e))
		return false;
	change_set_class(x->change, CHANGE_RELEASE);
	(void)exchange_audit(x, clock_wall_us(&api->w->clock));
	return true;
}

static UNUSED bool refuse(struct api *api, struct exchange *x, struct err *e)
{
	struct setting_row s = setting("half-done");

	(void)api;
	change_put(x->change, TABLE_SETTING, &s);
	return err_set(e, ERR_PERMIT_MISSING, "the owner has not permitted this");
}

static UNUSED bool tampered(struct api *api, struct exchange *x, struct err *e)
{
	(void)api;
	(void)x;
	return err_set(e, ERR_ROW_TAMPERED, "a row does not verify");
}

static UNUSED bool want_match(struct api *api, struct exchange *x, struct err *e)
{
	char name[256];

	(void)api;
	if (exchange_query(x, "name", name, sizeof name) == NULL ||
	    strcmp(name, "a b") != 0)
		return err_field(e, ERR_BAD_VALUE, "name", "not what was sent");
	exchange_etag(x, 7);
	return exchange_if_match(x, 7, e) && say_ok(x);
}

/* Waits for the setting of this name, up to ?wait seconds. */
static UNUSED bool wait_for(struct api *api, struct exchange *x, struct err *e)
{
	struct setting_row s;
	int64_t seconds = 30;
	char text[8];

	api->runs++;
	if (!read_setting(x->db, "image", x->args[0], &s, e))
		return false;
	if (exchange_query(x, "wait", text, sizeof text) != NULL &&
	    !text_parse_int(text, 0, 30, &seconds))
		return err_field(e, ERR_BAD_VALUE, "wait", "no number");
	return s.head.generation != 0 || !exchange_waits(x, x->args[0], seconds)
		       ? say_ok(x)
		       : true;
}

/* A change with an event for those who wait for this name. */
static UNUSED void tell_change(struct change *c, const char *name)
{
	struct setting_row s = setting(name);
	struct uuid id = { ID };

	change_put(c, TABLE_SETTING, &s);
	change_event(c, name, "handover", &id, 1);
}

static UNUSED bool tell(struct api *api, struct exchange *x, struct err *e)
{
	(void)api;
	(void)e;
	tell_change(x->change, x->args[0]);
	return say_ok(x);
}

/* What it waits for comes after it has looked, and before it is parked. */
static UNUSED bool wait_too_late(struct api *api, struct exchange *x, struct err *e)
{
	struct change *c = NULL;
	struct setting_row s;

	if (!read_setting(x->db, "image", x->args[0], &s, e))
		return false;
	if (s.head.generation != 0)
		return say_ok(x);
	must(api->w, change_new(&c, e), "change_new");
	tell_change(c, x->args[0]);
	must(api->w, store_commit(api->w->store, c, e), "store_commit");
	change_free(c);
	return exchange_waits(x, x->args[0], 30);
}

#define ROUTE(m, p, h, who, kind, max, v, ...)                                \
	{                                                                     \
		.method = METHOD_##m, .pattern = p, .handler = h, .may = who, \
		.body = kind, .body_max = max, .verb = v, __VA_ARGS__         \
	}

static const struct route routes[] = {
	ROUTE(GET, "/v1", hello, TRY_ANYONE, BODY_NONE, 0, "version"),
	ROUTE(GET, "/v1/me", hello, TRY_PERSON, BODY_NONE, 0, "me"),
	ROUTE(PUT, "/v1/images/{name}", write_one, TRY_PERSON, BODY_JSON, 64,
	      "image.set"),
	ROUTE(PUT, "/v1/bytes", hello, TRY_PERSON, BODY_BYTES, 16, "bytes"),
	ROUTE(POST, "/v1/stale", stale, TRY_PERSON, BODY_NONE, 0, "stale"),
	ROUTE(POST, "/v1/once", once_stale, TRY_PERSON, BODY_NONE, 0, "once"),
	ROUTE(POST, "/v1/late", revoked_meanwhile, TRY_PERSON, BODY_NONE, 0, "late"),
	ROUTE(GET, "/v1/secret", give_secret, TRY_PERSON, BODY_NONE, 0, "secret.read",
	      .releases = true),
	ROUTE(GET, "/v1/instances/{uuid}/x", refuse, TRY_PERSON, BODY_NONE, 0, "refused"),
	ROUTE(GET, "/v1/tampered", tampered, TRY_PERSON, BODY_NONE, 0, "tampered"),
	ROUTE(GET, "/v1/match", want_match, TRY_PERSON, BODY_NONE, 0, "match"),
	ROUTE(GET, "/v1/wait/{name}", wait_for, TRY_PERSON, BODY_NONE, 0, "wait"),
	ROUTE(GET, "/v1/late/{name}", wait_too_late, TRY_PERSON, BODY_NONE, 0, "late"),
	ROUTE(PUT, "/v1/tell/{name}", tell, TRY_PERSON, BODY_NONE, 0, "tell"),
	ROUTE(GET, "/v1/self", hello, TRY_HOST, BODY_NONE, 0, "self"),
};

struct bench {
	struct world w;
	struct api api;
	struct auth *auth;
	struct dispatch *d;
};

static UNUSED void bench_start(struct bench *b)
{
	b->api.w = &b->w;
	must(&b->w,
	     auth_new(&(struct auth_options){ b->w.ca, &b->w.clock, 0 }, &b->auth,
		      &b->w.e),
	     "auth");
	must(&b->w,
	     dispatch_start(&(struct dispatch_options){ .routes = routes,
							.n_routes = ARRAY_LEN(routes),
							.api = &b->api,
							.auth = b->auth,
							.store = b->w.store,
							.clock = &b->w.clock,
							.workers = 3 },
			    &b->d, &b->w.e),
	     "dispatch");
}

static UNUSED void bench_close(struct bench *b)
{
	dispatch_free(b->d);
	auth_free(b->auth);
	world_close(&b->w);
}

struct call { /* one request, and what came of it */
	enum method method;
	const char *path, *query, *content_type, *body, *bad_header, *if_match;
	char token; /* 0: none */
};

static UNUSED struct exchange *call_make(const struct call *c, struct peer *peer,
					 char text[96])
{
	struct exchange *x = calloc(1, sizeof *x);
	char token[64];

	*peer = (struct peer){ .address = "192.0.2.1" };
	x->method = c->method;
	x->path = c->path;
	x->query = c->query == NULL ? "" : c->query;
	x->content_type = c->content_type;
	x->bad_header = c->bad_header;
	x->if_match = c->if_match;
	x->peer = peer;
	if (c->body != NULL)
		x->body = (struct view){ (const uint8_t *)c->body, strlen(c->body) };
	if (c->token != 0) {
		world_token_text(token, c->token);
		snprintf(text, 96, "Bearer %s", token);
		x->authorization = text;
	}
	return x;
}

/* Runs one request; the status, and in code the problem's code. */
static UNUSED int call_run(struct dispatch *d, const struct call *c, char ret_code[48])
{
	struct peer peer;
	char text[96];
	struct exchange *x = call_make(c, &peer, text);
	struct json *j = NULL;
	struct err e = { 0 };
	int status;

	dispatch_run(d, x);
	status = x->reply.status;
	ret_code[0] = '\0';
	if (x->reply.secret != NULL)
		snprintf(ret_code, 48, "secret");
	else if (x->reply.body.at != NULL &&
		 json_parse((struct view){ (uint8_t *)x->reply.body.at,
					   x->reply.body.len },
			    &j, &e) &&
		 json_get_text(j, "code") != NULL)
		snprintf(ret_code, 48, "%s%s", json_get_text(j, "code"),
			 strlen(json_get_text(j, "request_id")) == 36 ? ""
								      : " without id");
	json_free(j);
	exchange_done(x);
	free(x);
	return status;
}

#endif
