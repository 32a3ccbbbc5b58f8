/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "broker/dispatch/limit.h"
#include "tests/unit/dispatch_bed.h"

static const struct {
	const char *says;
	struct call call;
	int status;
	const char *code;
} rows[] = {
	{ "anyone may ask which broker this is",
	  { .method = METHOD_GET, .path = "/v1" },
	  200,
	  "" },
	{ "a token opens what is for persons",
	  { .method = METHOD_GET, .path = "/v1/me", .token = 'm' },
	  200,
	  "" },
	{ "no token is 401",
	  { .method = METHOD_GET, .path = "/v1/me" },
	  401,
	  "unauthenticated" },
	{ "an expired token is 401",
	  { .method = METHOD_GET, .path = "/v1/me", .token = 'e' },
	  401,
	  "token_expired" },
	{ "a host's route is not for persons",
	  { .method = METHOD_GET, .path = "/v1/self", .token = 'm' },
	  403,
	  "forbidden" },
	{ "an unknown path is 404",
	  { .method = METHOD_GET, .path = "/v1/nothing", .token = 'm' },
	  404,
	  "unknown_path" },
	{ "another method is 405",
	  { .method = METHOD_DELETE, .path = "/v1/me", .token = 'm' },
	  405,
	  "wrong_method" },
	{ "path tricks are 400",
	  { .method = METHOD_GET, .path = "/v1/%2e%2e/me", .token = 'm' },
	  400,
	  "bad_path" },
	{ "a bad UUID is 400",
	  { .method = METHOD_GET, .path = "/v1/instances/1/x", .token = 'm' },
	  400,
	  "bad_uuid" },
	{ "a malformed query is 400",
	  { .method = METHOD_GET, .path = "/v1/me", .query = "a=%0", .token = 'm' },
	  400,
	  "bad_value" },
	{ "a forwarded certificate is 400",
	  { .method = METHOD_GET,
	    .path = "/v1/me",
	    .bad_header = "X-Client-Cert",
	    .token = 'm' },
	  400,
	  "bad_value" },
	{ "a body where none belongs is 413",
	  { .method = METHOD_POST,
	    .path = "/v1/once",
	    .content_type = "application/json",
	    .body = "{}",
	    .token = 'm' },
	  413,
	  "too_large" },
	{ "a body of 17 bytes where 16 fit is 413",
	  { .method = METHOD_PUT,
	    .path = "/v1/bytes",
	    .content_type = "application/octet-stream",
	    .body = "12345678901234567",
	    .token = 'm' },
	  413,
	  "too_large" },
	{ "a body of 16 bytes fits",
	  { .method = METHOD_PUT,
	    .path = "/v1/bytes",
	    .content_type = "application/octet-stream",
	    .body = "1234567890123456",
	    .token = 'm' },
	  200,
	  "" },
	{ "bytes as JSON are 415",
	  { .method = METHOD_PUT,
	    .path = "/v1/bytes",
	    .content_type = "application/json",
	    .body = "{}",
	    .token = 'm' },
	  415,
	  "bad_content_type" },
	{ "a body without a type is 415",
	  { .method = METHOD_PUT, .path = "/v1/bytes", .body = "x", .token = 'm' },
	  415,
	  "bad_content_type" },
	{ "a type may have parameters",
	  { .method = METHOD_PUT,
	    .path = "/v1/images/a",
	    .content_type = "application/json; charset=utf-8",
	    .body = "{}",
	    .token = 'm' },
	  200,
	  "" },
	{ "a row that exists by now makes its creation a conflict",
	  { .method = METHOD_PUT,
	    .path = "/v1/images/a",
	    .content_type = "application/json",
	    .body = "{}",
	    .token = 'm' },
	  409,
	  "conflict" },
	{ "a query is decoded for the handler",
	  { .method = METHOD_GET,
	    .path = "/v1/match",
	    .query = "x=1&name=a+b",
	    .if_match = "\"7\"",
	    .token = 'm' },
	  200,
	  "" },
	{ "a missing If-Match is 428",
	  { .method = METHOD_GET,
	    .path = "/v1/match",
	    .query = "name=a%20b",
	    .token = 'm' },
	  428,
	  "precondition_required" },
	{ "another If-Match is 412",
	  { .method = METHOD_GET,
	    .path = "/v1/match",
	    .query = "name=a+b",
	    .if_match = "\"8\"",
	    .token = 'm' },
	  412,
	  "precondition_failed" },
	{ "a secret leaves with its audit record",
	  { .method = METHOD_GET, .path = "/v1/secret", .token = 'm' },
	  200,
	  "secret" },
	{ "a refusal tells its code",
	  { .method = METHOD_GET, .path = "/v1/instances/" ID "/x", .token = 'm' },
	  403,
	  "permit_missing" },
	{ "a row that does not verify is 500",
	  { .method = METHOD_GET, .path = "/v1/tampered", .token = 'm' },
	  500,
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
	status = call_run(b->d,
			  &(struct call){ .method = METHOD_POST,
					  .path = "/v1/stale",
					  .token = 'm' },
			  code);
	check("a guard stale three times is 409 conflict",
	      status == 409 && !strcmp(code, "conflict"));
	check("after exactly three runs", b->api.runs == DISPATCH_TRIES);
	check("and nothing of it was written", !setting_exists(b, "stale"));
	b->api.runs = 0;
	status = call_run(
		b->d,
		&(struct call){ .method = METHOD_POST, .path = "/v1/once", .token = 'm' },
		code);
	check("a guard stale once is tried again and holds",
	      status == 200 && b->api.runs == 2);
	check("and is written once", setting_exists(b, "once"));
	check("what a refused handler had staged is not written",
	      !setting_exists(b, "half-done"));
}

static void revoked_check(struct bench *b)
{
	char code[48];
	int status;

	world_token(&b->w, 'r', "operator", INT64_MAX, 0);
	status = call_run(
		b->d,
		&(struct call){ .method = METHOD_POST, .path = "/v1/late", .token = 'r' },
		code);
	check("once a token is revoked nothing of its requests under way commits",
	      status == 401 && !strcmp(code, "token_revoked") &&
		      !setting_exists(b, "after-revocation"));
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
	t->named = strcmp(a->subject, "member-m") == 0 &&
		   strcmp(a->instance.text, ID) == 0 &&
		   strcmp(a->address, "192.0.2.1") == 0 &&
		   strcmp(a->verdict, "refused") == 0;
	return true;
}

static struct tally tally(struct bench *b, const char *reason)
{
	OWNED(reader) r = NULL;
	struct tally t = { .reason = reason };

	must(&b->w, reader_open(b->w.store, &r, &b->w.e), "reader");
	must(&b->w,
	     list_audit(r, &(struct audit_filter){ .limit = 100000 }, tally_one, &t,
			&b->w.e),
	     "audit");
	return t;
}

/* The rows of one refusal: at once, and when its window has ended. */
static void audit_check(struct bench *b)
{
	const struct call c = { .method = METHOD_GET,
				.path = "/v1/instances/" ID "/x",
				.token = 'm' };
	struct tally t = tally(b, "permit_missing");
	char code[48];

	check("a refusal to a proven identity is one row, which names it",
	      t.rows == 1 && t.count == 1 && t.named);
	for (int i = 0; i < 4; i++)
		(void)call_run(b->d, &c, code);
	check("its repeats are not rows", tally(b, "permit_missing").rows == 1);
	check("what nobody proved is no row",
	      tally(b, "unauthenticated").rows == 0 &&
		      tally(b, "token_expired").rows == 0);
	check("a row that does not verify is in the trail",
	      tally(b, "row_tampered").rows == 1);
}

static void limit_check(struct bench *b)
{
	char code[48];
	int status = 0, n = 0;

	while (n++ < 2 * LIMIT_BURST && status != 429)
		status =
			call_run(b->d,
				 &(struct call){ .method = METHOD_GET, .path = "/v1/me" },
				 code);
	check("an address that keeps failing is told to wait",
	      status == 429 && !strcmp(code, "rate_limited"));
	check("a valid token from there still works",
	      call_run(b->d,
		       &(struct call){
			       .method = METHOD_GET, .path = "/v1/me", .token = 'm' },
		       code) == 200);
}

enum { THREADS = 8, EACH = 200 };

static void *many(void *arg)
{
	struct bench *b = arg;
	intptr_t good = 0;
	char code[48];

	for (int i = 0; i < EACH; i++)
		good += call_run(b->d,
				 &(struct call){ .method = METHOD_GET,
						 .path = "/v1/secret",
						 .token = 'm' },
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
	      call_run(b->d, &(struct call){ .method = METHOD_GET, .path = "/v1" },
		       code) == 503 &&
		      strcmp(code, "stopping") == 0);
	check("the repeats' count is written at the stop",
	      tally(b, "permit_missing").rows == 2 &&
		      tally(b, "permit_missing").count == 5);
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
	x = call_make(&(struct call){ .method = METHOD_GET,
				      .path = "/v1/secret",
				      .token = 'm' },
		      &peer, text);
	dispatch_run(b->d, x);
	check("without an audit record no secret leaves",
	      x->reply.status == 507 && x->reply.secret == NULL &&
		      strstr(x->reply.body.at, "audit_unavailable") != NULL);
	check("and nothing of it is in the answer",
	      strstr(x->reply.body.at, "MARKED") == NULL);
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
	revoked_check(b);
	audit_check(b);
	load_check(b);
	limit_check(b);
	stop_check(b);
	bench_close(b);
	free(b);
	failure_check();
	return done();
}
