/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/dispatch/dispatch.h"

#include <pthread.h>

#include "broker/dispatch/limit.h"
#include "tests/unit/broker_world.h"

#define ID "0b0e5c8e-0f4e-4b5e-9d0e-7a1f0c2d3e4f"
#define MARK "MARKED-VALUE-of-a-secret-0123456789"

/* The handlers of these tests; counts what ran. */
struct api {
	struct world *w;
	atomic_int runs;
};

static bool say_ok(struct exchange *x)
{
	struct json_writer w;

	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_boolean(&w, "ok", true);
	json_close(&w);
	return true;
}

static bool hello(struct api *api, struct exchange *x, struct err *e)
{
	(void)e;
	api->runs++;
	return say_ok(x);
}

static struct setting_row setting(const char *name)
{
	struct setting_row s = { .allowed = 1 };

	snprintf(s.scope, sizeof s.scope, "image");
	snprintf(s.name, sizeof s.name, "%s", name);
	return s;
}

static bool write_one(struct api *api, struct exchange *x, struct err *e)
{
	struct setting_row s = setting(x->args[0]);

	(void)api;
	(void)e;
	change_put(x->change, TABLE_SETTING, &s);
	return say_ok(x);
}

/* Rests on a row that is never as it says. */
static bool stale(struct api *api, struct exchange *x, struct err *e)
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
static bool once_stale(struct api *api, struct exchange *x, struct err *e)
{
	struct setting_row s = setting("nothing"), mine = setting("once");

	(void)e;
	s.head.generation = api->runs++ == 0 ? 99 : 0;
	change_guard(x->change, TABLE_SETTING, &s);
	change_put(x->change, TABLE_SETTING, &mine);
	return say_ok(x);
}

static bool give_secret(struct api *api, struct exchange *x, struct err *e)
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

static bool refuse(struct api *api, struct exchange *x, struct err *e)
{
	struct setting_row s = setting("half-done");

	(void)api;
	change_put(x->change, TABLE_SETTING, &s);
	return err_set(e, ERR_PERMIT_MISSING, "the owner has not permitted this");
}

static bool tampered(struct api *api, struct exchange *x, struct err *e)
{
	(void)api;
	(void)x;
	return err_set(e, ERR_ROW_TAMPERED, "a row does not verify");
}

static bool want_match(struct api *api, struct exchange *x, struct err *e)
{
	char name[256];

	(void)api;
	if (exchange_query(x, "name", name, sizeof name) == NULL || strcmp(name, "a b") != 0)
		return err_field(e, ERR_BAD_VALUE, "name", "not what was sent");
	exchange_etag(x, 7);
	return exchange_if_match(x, 7, e) && say_ok(x);
}

#define ROUTE(m, p, h, who, kind, max, v, ...)                                             \
	{ .method = METHOD_##m, .pattern = p, .handler = h, .may = who, .body = kind,       \
	  .body_max = max, .verb = v, __VA_ARGS__ }

static const struct route routes[] = {
	ROUTE(GET, "/v1", hello, TRY_ANYONE, BODY_NONE, 0, "version"),
	ROUTE(GET, "/v1/me", hello, TRY_PERSON, BODY_NONE, 0, "me"),
	ROUTE(PUT, "/v1/images/{name}", write_one, TRY_PERSON, BODY_JSON, 64, "image.set"),
	ROUTE(PUT, "/v1/bytes", hello, TRY_PERSON, BODY_BYTES, 16, "bytes"),
	ROUTE(POST, "/v1/stale", stale, TRY_PERSON, BODY_NONE, 0, "stale"),
	ROUTE(POST, "/v1/once", once_stale, TRY_PERSON, BODY_NONE, 0, "once"),
	ROUTE(GET, "/v1/secret", give_secret, TRY_PERSON, BODY_NONE, 0, "secret.read",
	      .releases = true),
	ROUTE(GET, "/v1/instances/{uuid}/x", refuse, TRY_PERSON, BODY_NONE, 0, "refused"),
	ROUTE(GET, "/v1/tampered", tampered, TRY_PERSON, BODY_NONE, 0, "tampered"),
	ROUTE(GET, "/v1/match", want_match, TRY_PERSON, BODY_NONE, 0, "match"),
	ROUTE(GET, "/v1/self", hello, TRY_HOST, BODY_NONE, 0, "self"),
};

struct bench {
	struct world w;
	struct api api;
	struct auth *auth;
	struct dispatch *d;
};

static void bench_start(struct bench *b)
{
	b->api.w = &b->w;
	must(&b->w, auth_new(&(struct auth_options){ b->w.ca, &b->w.clock, 0 }, &b->auth, &b->w.e),
	     "auth");
	must(&b->w, dispatch_start(&(struct dispatch_options){ .routes = routes,
								.n_routes = ARRAY_LEN(routes),
								.api = &b->api,
								.auth = b->auth,
								.store = b->w.store,
								.clock = &b->w.clock,
								.workers = 3 },
				   &b->d, &b->w.e),
	     "dispatch");
}

static void bench_close(struct bench *b)
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

static struct exchange *call_make(const struct call *c, struct peer *peer, char text[96])
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
static int call_run(struct dispatch *d, const struct call *c, char ret_code[48])
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
		 json_parse((struct view){ (uint8_t *)x->reply.body.at, x->reply.body.len }, &j, &e) &&
		 json_get_text(j, "code") != NULL)
		snprintf(ret_code, 48, "%s%s", json_get_text(j, "code"),
			 strlen(json_get_text(j, "request_id")) == 36 ? "" : " without id");
	json_free(j);
	exchange_done(x);
	free(x);
	return status;
}

static const struct {
	const char *says;
	struct call call;
	int status;
	const char *code;
} rows[] = {
	{ "anyone may ask which broker this is", { .method = METHOD_GET, .path = "/v1" }, 200, "" },
	{ "a token opens what is for persons", { .method = METHOD_GET, .path = "/v1/me", .token = 'm' }, 200, "" },
	{ "no token is 401", { .method = METHOD_GET, .path = "/v1/me" }, 401, "unauthenticated" },
	{ "an expired token is 401", { .method = METHOD_GET, .path = "/v1/me", .token = 'e' }, 401, "token_expired" },
	{ "a host's route is not for persons", { .method = METHOD_GET, .path = "/v1/self", .token = 'm' }, 403,
	  "forbidden" },
	{ "an unknown path is 404", { .method = METHOD_GET, .path = "/v1/nothing", .token = 'm' }, 404, "unknown_path" },
	{ "another method is 405", { .method = METHOD_DELETE, .path = "/v1/me", .token = 'm' }, 405, "wrong_method" },
	{ "path tricks are 400", { .method = METHOD_GET, .path = "/v1/%2e%2e/me", .token = 'm' }, 400, "bad_path" },
	{ "a bad UUID is 400", { .method = METHOD_GET, .path = "/v1/instances/1/x", .token = 'm' }, 400, "bad_uuid" },
	{ "a malformed query is 400", { .method = METHOD_GET, .path = "/v1/me", .query = "a=%0", .token = 'm' }, 400, "bad_value" },
	{ "a forwarded certificate is 400",
	  { .method = METHOD_GET, .path = "/v1/me", .bad_header = "X-Client-Cert", .token = 'm' }, 400, "bad_value" },
	{ "a body where none belongs is 413",
	  { .method = METHOD_POST, .path = "/v1/once", .content_type = "application/json", .body = "{}", .token = 'm' },
	  413, "too_large" },
	{ "a body of 17 bytes where 16 fit is 413",
	  { .method = METHOD_PUT, .path = "/v1/bytes", .content_type = "application/octet-stream",
	    .body = "12345678901234567", .token = 'm' }, 413, "too_large" },
	{ "a body of 16 bytes fits",
	  { .method = METHOD_PUT, .path = "/v1/bytes", .content_type = "application/octet-stream",
	    .body = "1234567890123456", .token = 'm' }, 200, "" },
	{ "bytes as JSON are 415",
	  { .method = METHOD_PUT, .path = "/v1/bytes", .content_type = "application/json", .body = "{}", .token = 'm' },
	  415, "bad_content_type" },
	{ "a body without a type is 415", { .method = METHOD_PUT, .path = "/v1/bytes", .body = "x", .token = 'm' }, 415,
	  "bad_content_type" },
	{ "a type may have parameters",
	  { .method = METHOD_PUT, .path = "/v1/images/a", .content_type = "application/json; charset=utf-8",
	    .body = "{}", .token = 'm' }, 200, "" },
	{ "a row that exists by now makes its creation a conflict",
	  { .method = METHOD_PUT, .path = "/v1/images/a", .content_type = "application/json", .body = "{}", .token = 'm' },
	  409, "conflict" },
	{ "a query is decoded for the handler",
	  { .method = METHOD_GET, .path = "/v1/match", .query = "x=1&name=a+b", .if_match = "\"7\"", .token = 'm' }, 200, "" },
	{ "a missing If-Match is 428", { .method = METHOD_GET, .path = "/v1/match", .query = "name=a%20b", .token = 'm' }, 428,
	  "precondition_required" },
	{ "another If-Match is 412",
	  { .method = METHOD_GET, .path = "/v1/match", .query = "name=a+b", .if_match = "\"8\"", .token = 'm' }, 412,
	  "precondition_failed" },
	{ "a secret leaves with its audit record", { .method = METHOD_GET, .path = "/v1/secret", .token = 'm' }, 200,
	  "secret" },
	{ "a refusal tells its code", { .method = METHOD_GET, .path = "/v1/instances/" ID "/x", .token = 'm' }, 403,
	  "permit_missing" },
	{ "a row that does not verify is 500", { .method = METHOD_GET, .path = "/v1/tampered", .token = 'm' }, 500,
	  "row_tampered" },
};

static void people(struct world *w)
{
	world_token(w, 'm', "member", WORLD_BEGIN_US + 3600 * US_PER_S, 0);
	world_token(w, 'e', "member", WORLD_BEGIN_US - 1, 0);
}

static void rows_check(struct bench *b)
{
	char code[48];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int status = call_run(b->d, &rows[i].call, code);
		bool right = status == rows[i].status && strcmp(code, rows[i].code) == 0;

		if (!check(rows[i].says, right))
			printf("# got %d %s\n", status, code);
	}
}

static bool setting_exists(struct bench *b, const char *name)
{
	OWNED(reader) r = NULL;
	struct setting_row s;

	must(&b->w, reader_open(b->w.store, &r, &b->w.e), "reader");
	must(&b->w, read_setting(r, "image", name, &s, &b->w.e), "setting");
	return s.head.generation != 0;
}

static void stale_check(struct bench *b)
{
	char code[48];
	int status;

	b->api.runs = 0;
	status = call_run(b->d, &(struct call){ .method = METHOD_POST, .path = "/v1/stale", .token = 'm' }, code);
	check("a guard stale three times is 409 conflict", status == 409 && !strcmp(code, "conflict"));
	check("after exactly three runs", b->api.runs == DISPATCH_TRIES);
	check("and nothing of it was written", !setting_exists(b, "stale"));
	b->api.runs = 0;
	status = call_run(b->d, &(struct call){ .method = METHOD_POST, .path = "/v1/once", .token = 'm' }, code);
	check("a guard stale once is tried again and holds", status == 200 && b->api.runs == 2);
	check("and is written once", setting_exists(b, "once"));
	check("what a refused handler had staged is not written", !setting_exists(b, "half-done"));
}

struct tally {
	int rows;
	int64_t count;
	const char *reason;
	bool named;
};

static bool tally_one(void *ctx, int64_t seq, const char *writer, int64_t number,
		      const struct audit_record *a, struct err *e)
{
	struct tally *t = ctx;

	(void)seq;
	(void)writer;
	(void)number;
	(void)e;
	if (strcmp(a->reason, t->reason) != 0)
		return true;
	t->rows++;
	t->count += a->count;
	t->named = strcmp(a->subject, "member-m") == 0 && strcmp(a->instance.text, ID) == 0 &&
		   strcmp(a->address, "192.0.2.1") == 0 && strcmp(a->verdict, "refused") == 0;
	return true;
}

static struct tally tally(struct bench *b, const char *reason)
{
	OWNED(reader) r = NULL;
	struct tally t = { .reason = reason };

	must(&b->w, reader_open(b->w.store, &r, &b->w.e), "reader");
	must(&b->w, list_audit(r, &(struct audit_filter){ .limit = 100000 }, tally_one, &t, &b->w.e),
	     "audit");
	return t;
}

/* The rows of one refusal: at once, and when its window has ended. */
static void audit_check(struct bench *b)
{
	const struct call c = { .method = METHOD_GET, .path = "/v1/instances/" ID "/x", .token = 'm' };
	struct tally t = tally(b, "permit_missing");
	char code[48];

	check("a refusal to a proven identity is one row, which names it",
	      t.rows == 1 && t.count == 1 && t.named);
	for (int i = 0; i < 4; i++)
		(void)call_run(b->d, &c, code);
	check("its repeats are not rows", tally(b, "permit_missing").rows == 1);
	check("what nobody proved is no row", tally(b, "unauthenticated").rows == 0 &&
					      tally(b, "token_expired").rows == 0);
	check("a row that does not verify is in the trail", tally(b, "row_tampered").rows == 1);
}

static void limit_check(struct bench *b)
{
	char code[48];
	int status = 0, n = 0;

	while (n++ < 2 * LIMIT_BURST && status != 429)
		status = call_run(b->d, &(struct call){ .method = METHOD_GET, .path = "/v1/me" }, code);
	check("an address that keeps failing is told to wait",
	      status == 429 && !strcmp(code, "rate_limited"));
	check("a valid token from there still works",
	      call_run(b->d, &(struct call){ .method = METHOD_GET, .path = "/v1/me", .token = 'm' }, code) == 200);
}

enum { THREADS = 8, EACH = 200 };

static void *many(void *arg)
{
	struct bench *b = arg;
	intptr_t good = 0;
	char code[48];

	for (int i = 0; i < EACH; i++)
		good += call_run(b->d, &(struct call){ .method = METHOD_GET, .path = "/v1/secret", .token = 'm' },
				 code) == 200;
	return (void *)good;
}

static void load_check(struct bench *b)
{
	pthread_t t[THREADS];
	intptr_t good = 0;
	void *got;

	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, many, b);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], &got);
		good += (intptr_t)got;
	}
	check("all of 1,600 exchanges from eight threads are finished, once",
	      good == (intptr_t)THREADS * EACH);
}

static void stop_check(struct bench *b)
{
	char code[48];

	dispatch_stop(b->d);
	check("a stopped dispatch answers 503 stopping",
	      call_run(b->d, &(struct call){ .method = METHOD_GET, .path = "/v1" }, code) == 503 &&
		      strncmp(code, "stopping", 8) == 0);
	check("the repeats' count is written at the stop",
	      tally(b, "permit_missing").rows == 2 && tally(b, "permit_missing").count == 5);
}

/* A store that has no room: the change fails, and the secret stays. */
static void failure_check(void)
{
	struct bench *b = calloc(1, sizeof *b);
	struct peer peer;
	char text[96];
	struct exchange *x;

	world_open(&b->w);
	people(&b->w);
	store_free(b->w.store);
	world_store(&b->w, INT64_MAX / 8);
	bench_start(b);
	x = call_make(&(struct call){ .method = METHOD_GET, .path = "/v1/secret", .token = 'm' },
		      &peer, text);
	dispatch_run(b->d, x);
	check("without an audit record no secret leaves",
	      x->reply.status == 507 && x->reply.secret == NULL &&
		      strstr(x->reply.body.at, "audit_unavailable") != NULL);
	check("and nothing of it is in the answer", strstr(x->reply.body.at, "MARKED") == NULL);
	exchange_done(x);
	free(x);
	bench_close(b);
	free(b);
}

int main(void)
{
	struct bench *b = calloc(1, sizeof *b);

	world_open(&b->w);
	people(&b->w);
	bench_start(b);
	rows_check(b);
	stale_check(b);
	audit_check(b);
	load_check(b);
	limit_check(b);
	stop_check(b);
	bench_close(b);
	free(b);
	failure_check();
	return done();
}
