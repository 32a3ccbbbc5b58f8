/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/broker_call.h"

#include "client/compute/hold.h"
#include "common/clock.h"
#include "common/http_client.h"
#include "common/json.h"

#include <stdlib.h>
#include <string.h>

enum { POOL = 16, CONNECT_MS = 2000, CALL_MS = 5000, PAGES_MAX = 200 };

struct seat {
	struct http_client *client; /* owned */
	bool busy;
	unsigned made; /* the pool's round in which it was made */
};

struct broker {
	char url[256];
	struct path ca_file, certificate_file, key_file;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t freed;
	struct seat seats[POOL];
	unsigned round;
	int64_t last_answer_us;
};

bool broker_open(const struct config *c, const struct identity *id, struct broker **ret,
		 struct err *e)
{
	struct broker *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return err_set(e, ERR_NO_MEMORY,
			       "no memory for the broker's connections");
	pthread_mutex_init(&b->lock, NULL);
	hold_cond_init(&b->freed);
	memcpy(b->url, c->url, sizeof(b->url));
	b->ca_file = id->ca_file;
	b->certificate_file = id->certificate_file;
	b->key_file = id->key_file;
	*ret = b;
	return true;
}

void broker_free(struct broker *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; i < POOL; i++)
		http_client_free(b->seats[i].client);
	pthread_cond_destroy(&b->freed);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

void broker_renewed(struct broker *b)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&b->lock);

	b->round++;
}

int64_t broker_last_answer_us(struct broker *b)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&b->lock);

	return b->last_answer_us;
}

/* ---- the pool ---- */

static struct seat *free_seat(struct broker *b)
{
	struct seat *empty = NULL;

	for (size_t i = 0; i < POOL; i++) {
		if (b->seats[i].busy)
			continue;
		if (b->seats[i].client != NULL)
			return &b->seats[i];
		empty = &b->seats[i];
	}
	return empty;
}

/* NULL when all stay busy: others wait for an answer as well. */
static struct seat *take_seat(struct broker *b, int64_t wait_ms)
{
	int64_t until = clock_monotonic_us(clock_system()) + wait_ms * 1000;
	struct seat *s;
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&b->lock);

	while ((s = free_seat(b)) == NULL)
		if (!hold_wait(&b->freed, &b->lock, until))
			return NULL;
	s->busy = true;
	if (s->client != NULL && s->made != b->round) {
		http_client_free(s->client);
		s->client = NULL;
	}
	s->made = b->round;
	return s;
}

static void give_seat(struct broker *b, struct seat *s, bool answered)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&b->lock);

	s->busy = false;
	if (answered)
		b->last_answer_us = clock_monotonic_us(clock_system());
	pthread_cond_signal(&b->freed);
}

static bool make_client(struct broker *b, struct seat *s, struct err *e)
{
	struct http_client_options o = { .url = b->url,
					 .ca_file = b->ca_file.text,
					 .certificate_file = b->certificate_file.text,
					 .key_file = b->key_file.text,
					 .connect_ms = CONNECT_MS,
					 .total_ms = CALL_MS };

	return s->client != NULL || http_client_new(&o, &s->client, e);
}

static bool decided(int status)
{
	return status != 0 && status != 429 && status != 503 && status != 507;
}

static bool ask_broker(struct broker *b, const struct http_ask *ask,
		       struct http_answer *ret, bool *ret_answered, struct err *e)
{
	int total_ms = ask->total_ms > 0 ? ask->total_ms : CALL_MS;
	int64_t until = clock_monotonic_us(clock_system()) + (int64_t)total_ms * 1000;
	struct seat *s = take_seat(b, total_ms);
	struct http_ask rest = *ask;
	bool ok;

	*ret_answered = false;
	if (s == NULL)
		return err_set(e, ERR_DEADLINE, "too many requests wait for the broker");
	/* Waiting for a connection is part of the whole. */
	rest.total_ms = hold_left_ms(until);
	ok = make_client(b, s, e) && http_client_ask(s->client, &rest, ret, e);
	*ret_answered = decided(ret->status);
	give_seat(b, s, ret->status != 0);
	return ok;
}

/* ---- asking with JSON, answered with JSON ---- */

void broker_call_done(struct broker_call *c)
{
	buf_done(&c->body);
}

static bool call(struct broker *b, const struct broker_call *c, struct http_answer *ret,
		 bool *ret_answered, struct err *e)
{
	struct http_ask ask = { .method = c->method,
				.path = c->path,
				.body = { (const uint8_t *)c->body.at, c->body.len },
				.octets = c->octets,
				.total_ms = c->total_ms,
				.called_off = c->called_off };

	*ret_answered = false;
	if (c->body.failed)
		return err_set(e, ERR_NO_MEMORY, "no memory for a request");
	return ask_broker(b, &ask, ret, ret_answered, e);
}

bool broker_call_octets(struct broker *b, const struct broker_call *c,
			struct secret **ret, bool *ret_answered, struct err *e)
{
	CLEANUP(http_answer_done) struct http_answer answer = { 0 };

	if (!call(b, c, &answer, ret_answered, e))
		return false;
	if (answer.secret == NULL)
		return err_set(e, ERR_BAD_SERVER, "the broker's answer is not octets");
	*ret = secret_move(&answer.secret);
	return true;
}

bool broker_call_json(struct broker *b, const struct broker_call *c, struct json **ret,
		      bool *ret_answered, struct err *e)
{
	CLEANUP(http_answer_done) struct http_answer answer = { 0 };

	if (!call(b, c, &answer, ret_answered, e))
		return false;
	return json_parse((struct view){ (const uint8_t *)answer.body.at,
					 answer.body.len },
			  ret, e) ||
	       err_set(e, ERR_BAD_SERVER, "the broker's answer is not understood");
}

/* Where the broker has nothing to tell but that it is done. */
bool broker_call_only(struct broker *b, const struct broker_call *c, bool *ret_answered,
		      struct err *e)
{
	CLEANUP(http_answer_done) struct http_answer answer = { 0 };

	return call(b, c, &answer, ret_answered, e);
}

/* ---- release ---- */

struct release_reply {
	char kind[16];
	struct uuid secret;
	int64_t version, epoch;
	char security[16];
	char state_before[16];
	bool redelivered;
	int64_t number;
};

#define AT(member)                              \
	offsetof(struct release_reply, member), \
		sizeof(((struct release_reply *)0)->member), 0

static const struct json_field release_fields[] = {
	{ "kind", FIELD_TEXT, AT(kind), 1, 15, true },
	{ "secret", FIELD_UUID, AT(secret), 0, 0, true },
	{ "version", FIELD_INTEGER, AT(version), 1, INT64_MAX, true },
	{ "epoch", FIELD_INTEGER, AT(epoch), 1, INT64_MAX, true },
	{ "security", FIELD_NAME, AT(security), 1, 15, true },
	{ "state_before", FIELD_NAME, AT(state_before), 1, 15, true },
	{ "redelivered", FIELD_BOOLEAN, AT(redelivered), 0, 0, false },
	{ "number", FIELD_INTEGER, AT(number), 0, INT64_MAX, false },
};

void broker_release_done(struct broker_release *r)
{
	buf_done(&r->jwe);
	buf_done(&r->lease);
}

bool broker_release_read(const struct json *tree, struct broker_release *ret,
			 struct err *e)
{
	const char *jwe = json_get_text(tree, "jwe");
	const char *lease = json_get_text(tree, "lease");
	struct release_reply r = { 0 };

	if (!json_read_known(tree, release_fields, ARRAY_LEN(release_fields), &r, e))
		return err_set(e, ERR_BAD_SERVER,
			       "the broker's answer is not understood");
	*ret = (struct broker_release){ .use_copy = strcmp(r.kind, "use_copy") == 0,
					.secret = r.secret,
					.version = r.version,
					.epoch = r.epoch,
					.number = r.number,
					.redelivered = r.redelivered };
	memcpy(ret->security, r.security, sizeof(ret->security));
	memcpy(ret->state_before, r.state_before, sizeof(ret->state_before));
	if (jwe != NULL)
		buf_add(&ret->jwe, jwe);
	if (lease != NULL)
		buf_add(&ret->lease, lease);
	if ((ret->use_copy ? ret->lease.len : ret->jwe.len) > 0)
		return true;
	broker_release_done(ret);
	return err_set(e, ERR_BAD_SERVER, "the broker's answer lacks what it is about");
}

bool broker_release(struct broker *b, const struct broker_ask *ask,
		    struct broker_release *ret, bool *ret_answered, struct err *e)
{
	CLEANUP(broker_call_done)
	struct broker_call c = { .method = "POST", .total_ms = ask->total_ms };
	struct json_writer w = { .to = &c.body };
	OWNED(json) tree = NULL;

	*ret_answered = false;
	if (!text_format(c.path, sizeof(c.path), "/v1/instances/%s/release",
			 ask->instance.text))
		return err_set(e, ERR_INTERNAL, "the path does not fit");
	json_open(&w, NULL);
	json_put_text(&w, "attempt", ask->attempt.text);
	json_put_text(&w, "nonce", ask->nonce);
	json_put_text(&w, "purpose", ask->purpose);
	if (uuid_is_set(&ask->secret))
		json_put_text(&w, "secret", ask->secret.text);
	if (ask->holds_copy > 0)
		json_put_integer(&w, "holds_copy", ask->holds_copy);
	json_put_boolean(&w, "lease", true);
	json_close(&w);
	return broker_call_json(b, &c, &tree, ret_answered, e) &&
	       broker_release_read(tree, ret, e);
}

/* ---- the rest ---- */

bool broker_lease(struct broker *b, const struct broker_held *copy, struct buf *ret_jws,
		  bool *ret_answered, struct err *e)
{
	CLEANUP(broker_call_done) struct broker_call c = { .method = "POST" };
	OWNED(json) tree = NULL;
	const char *jws;

	*ret_answered = false;
	if (!text_format(c.path, sizeof(c.path), "/v1/instances/%s/lease",
			 copy->instance.text))
		return err_set(e, ERR_INTERNAL, "the path does not fit");
	buf_addf(&c.body, "{\"version\":%lld,\"epoch\":%lld}", (long long)copy->version,
		 (long long)copy->epoch);
	if (!broker_call_json(b, &c, &tree, ret_answered, e))
		return false;
	jws = json_get_text(tree, "lease");
	if (jws == NULL)
		return err_set(e, ERR_BAD_SERVER, "the broker's answer holds no lease");
	buf_add(ret_jws, jws);
	return !ret_jws->failed || err_set(e, ERR_NO_MEMORY, "no memory for a lease");
}

static bool copy_word(const struct json *tree, const char *name, char ret[16],
		      struct err *e)
{
	const char *text = json_get_text(tree, name);

	return (text != NULL && text_copy(ret, 16, text)) ||
	       err_set(e, ERR_BAD_SERVER, "the broker's answer lacks %s", name);
}

bool broker_state_of(struct broker *b, const struct uuid *instance, int total_ms,
		     char ret[16], bool *ret_answered, struct err *e)
{
	CLEANUP(broker_call_done)
	struct broker_call c = { .method = "GET", .total_ms = total_ms };
	OWNED(json) tree = NULL;

	*ret_answered = false;
	return (text_format(c.path, sizeof(c.path), "/v1/instances/%s", instance->text) ||
		err_set(e, ERR_INTERNAL, "the path does not fit")) &&
	       broker_call_json(b, &c, &tree, ret_answered, e) &&
	       copy_word(tree, "state", ret, e);
}

bool broker_report(struct broker *b, const struct buf *body, int total_ms,
		   int64_t *ret_seq, bool *ret_answered, struct err *e)
{
	CLEANUP(broker_call_done)
	struct broker_call c = { .method = "POST",
				 .path = "/v1/hosts/self/reports",
				 .total_ms = total_ms };
	OWNED(json) tree = NULL;

	buf_add_bytes(&c.body, (struct view){ (const uint8_t *)body->at, body->len });
	return broker_call_json(b, &c, &tree, ret_answered, e) &&
	       (json_get_integer(tree, "seq", ret_seq) ||
		err_set(e, ERR_BAD_SERVER, "the broker's answer lacks seq"));
}

bool broker_renew(struct broker *b, const char *csr, struct buf *ret_pem, struct err *e)
{
	CLEANUP(broker_call_done)
	struct broker_call c = { .method = "POST", .path = "/v1/hosts/self/renew" };
	struct json_writer w = { .to = &c.body };
	OWNED(json) tree = NULL;
	const char *pem;
	bool answered;

	json_open(&w, NULL);
	json_put_text(&w, "csr", csr);
	json_close(&w);
	if (!broker_call_json(b, &c, &tree, &answered, e))
		return false;
	pem = json_get_text(tree, "certificate");
	if (pem == NULL)
		return err_set(e, ERR_BAD_SERVER,
			       "the broker's answer holds no certificate");
	buf_add(ret_pem, pem);
	return !ret_pem->failed ||
	       err_set(e, ERR_NO_MEMORY, "no memory for a certificate");
}

static bool set_page(struct broker_call *c, const char *after, struct err *e)
{
	CLEANUP(buf_done) struct buf path = { 0 };

	buf_add(&path, "/v1/hosts/self/instances?limit=500");
	if (after[0] != '\0') {
		buf_add(&path, "&after=");
		http_escape(&path, after);
	}
	return (!path.failed && text_copy(c->path, sizeof(c->path), path.at)) ||
	       err_set(e, ERR_BAD_SERVER, "the broker's cursor does not fit");
}

struct placed {
	bool (*each)(void *ctx, const struct uuid *instance);
	void *ctx; /* borrowed */
};

static bool take_page(const struct json *tree, const struct placed *to, struct err *e)
{
	for (size_t i = 0; i < json_count(tree, "items"); i++) {
		const struct json *item = json_item(tree, "items", i);
		const char *id = item != NULL ? json_get_text(item, "id") : NULL;
		struct uuid instance;

		if (!uuid_parse(id != NULL ? id : "", "id", &instance, e))
			return err_set(e, ERR_BAD_SERVER, "the list is not understood");
		if (!to->each(to->ctx, &instance))
			return err_set(e, ERR_DEADLINE, "the list was not read on");
	}
	return true;
}

/* A page that is not the last one must lead on. */
static bool take_cursor(const struct json *tree, char after[96], struct err *e)
{
	const char *next = json_get_text(tree, "next");

	if (next == NULL)
		next = "";
	if (next[0] != '\0' &&
	    (json_count(tree, "items") == 0 || strcmp(next, after) == 0))
		return err_set(e, ERR_BAD_SERVER, "the list does not go on");
	return text_copy(after, 96, next) ||
	       err_set(e, ERR_BAD_SERVER, "the broker's cursor does not fit");
}

bool broker_each_placed(struct broker *b,
			bool (*each)(void *ctx, const struct uuid *instance), void *ctx,
			struct err *e)
{
	struct placed to = { each, ctx };
	struct broker_call c = { .method = "GET" };
	char after[96] = "";
	bool answered;

	for (int page = 0; page < PAGES_MAX; page++) {
		OWNED(json) tree = NULL;

		if (!set_page(&c, after, e) ||
		    !broker_call_json(b, &c, &tree, &answered, e) ||
		    !take_page(tree, &to, e) || !take_cursor(tree, after, e))
			return false;
		if (after[0] == '\0')
			return true;
	}
	return err_set(e, ERR_BAD_SERVER, "the list has no end");
}

bool broker_host_state(struct broker *b, char ret[16], struct err *e)
{
	CLEANUP(broker_call_done)
	struct broker_call c = { .method = "GET", .path = "/v1/hosts/self" };
	OWNED(json) tree = NULL;
	bool answered;

	return broker_call_json(b, &c, &tree, &answered, e) &&
	       copy_word(tree, "state", ret, e);
}
