/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/handovers.h"

#include "client/compute/broker_call.h"

#include <string.h>

enum { POLL_S = 3, AWAIT_MARGIN_MS = 500 };

static bool misunderstood(struct err *e)
{
	return err_set(e, ERR_BAD_SERVER, "the broker's answer is not understood");
}

bool handover_is(const struct handover *h, const char *state)
{
	return strcmp(h->state, state) == 0;
}

static bool set_path(struct broker_call *c, const struct uuid *instance, const char *rest,
		     struct err *e)
{
	return text_format(c->path, sizeof(c->path), "/v1/instances/%s/%s",
			   instance->text, rest) ||
	       err_set(e, ERR_INTERNAL, "the path does not fit");
}

static bool set_number(struct broker_call *c, const struct uuid *instance, int64_t number,
		       const char *verb, struct err *e)
{
	char rest[96];

	return (text_format(rest, sizeof(rest), "handovers/%lld%s%s", (long long)number,
			    verb[0] != '\0' ? "/" : "", verb) ||
		err_set(e, ERR_INTERNAL, "the path does not fit")) &&
	       set_path(c, instance, rest, e);
}

/* ---- reading ---- */

#define AT(member) \
	offsetof(struct handover, member), sizeof(((struct handover *)0)->member), 0

static const struct json_field handover_fields[] = {
	{ "instance", FIELD_UUID, AT(instance), 0, 0, true },
	{ "number", FIELD_INTEGER, AT(number), 1, INT64_MAX, true },
	{ "mode", FIELD_NAME, AT(mode), 1, 15, true },
	{ "state", FIELD_NAME, AT(state), 1, 15, true },
	{ "epoch", FIELD_INTEGER, AT(epoch), 0, INT64_MAX, true },
	{ "version", FIELD_INTEGER, AT(version), 0, INT64_MAX, true },
	{ "security", FIELD_NAME, AT(security), 1, 15, true },
	{ "secret", FIELD_UUID, AT(secret), 0, 0, true },
	{ "source_said", FIELD_TEXT, AT(source_said), 0, 15, false },
	{ "destination_said", FIELD_TEXT, AT(destination_said), 0, 15, false },
	{ "ran_there", FIELD_BOOLEAN, AT(ran_there), 0, 0, true },
	{ "may_wipe", FIELD_BOOLEAN, AT(may_wipe), 0, 0, false },
	{ "alarm", FIELD_BOOLEAN, AT(alarm), 0, 0, false },
};
#undef AT

static bool take_text(const struct json *j, const char *name, char *ret, size_t cap)
{
	const char *text = j != NULL ? json_get_text(j, name) : NULL;

	return text != NULL && text_copy(ret, cap, text);
}

bool handover_read(const struct json *tree, struct handover *ret, struct err *e)
{
	const struct json *from = json_get_object(tree, "source");
	const struct json *to = json_get_object(tree, "destination");

	*ret = (struct handover){ 0 };
	if (!json_read_known(tree, handover_fields, ARRAY_LEN(handover_fields), ret, e) ||
	    !take_text(from, "fingerprint", ret->source, sizeof(ret->source)) ||
	    !take_text(to, "fingerprint", ret->destination, sizeof(ret->destination)) ||
	    !take_text(from, "name", ret->source_name, sizeof(ret->source_name)) ||
	    !take_text(to, "name", ret->destination_name, sizeof(ret->destination_name)))
		return misunderstood(e);
	return true;
}

static bool call_handover(struct broker *b, const struct broker_call *c,
			  struct handover *ret, bool *ret_answered, struct err *e)
{
	OWNED(json) tree = NULL;

	return broker_call_json(b, c, &tree, ret_answered, e) &&
	       handover_read(tree, ret, e);
}

#define AT(member) \
	offsetof(struct inquiry, member), sizeof(((struct inquiry *)0)->member), 0

static const struct json_field inquiry_fields[] = {
	{ "instance", FIELD_UUID, AT(instance), 0, 0, true },
	{ "secret", FIELD_UUID, AT(secret), 0, 0, true },
	{ "attempt", FIELD_UUID, AT(attempt), 0, 0, true },
	{ "number", FIELD_INTEGER, AT(number), 0, INT64_MAX, true },
	{ "mode", FIELD_NAME, AT(mode), 1, 15, false },
	{ "nonce", FIELD_TEXT, AT(nonce), 16, NONCE_SIZE - 1, true },
	{ "statement", FIELD_TEXT, AT(statement), 1, STATEMENT_MAX - 1, true },
	{ "security", FIELD_NAME, AT(security), 1, 15, true },
	{ "version", FIELD_INTEGER, AT(version), 0, INT64_MAX, true },
	{ "epoch", FIELD_INTEGER, AT(epoch), 0, INT64_MAX, true },
};
#undef AT

bool inquiry_read(const struct json *tree, struct inquiry *ret, struct err *e)
{
	const struct json *to = json_get_object(tree, "destination");

	*ret = (struct inquiry){ 0 };
	if (!json_read_known(tree, inquiry_fields, ARRAY_LEN(inquiry_fields), ret, e) ||
	    !take_text(to, "fingerprint", ret->destination, sizeof(ret->destination)) ||
	    !take_text(to, "name", ret->destination_name, sizeof(ret->destination_name)))
		return misunderstood(e);
	/* One that gave no address can be named, but not found by its connections. */
	if (!take_text(to, "address", ret->address, sizeof(ret->address)))
		ret->address[0] = '\0';
	return true;
}

/* ---- the source ---- */

bool broker_prepare(struct broker *b, const struct prepare *p, struct handover *ret,
		    bool *ret_answered, struct err *e)
{
	CLEANUP(broker_call_done) struct broker_call c = { .method = "POST" };
	struct json_writer w = { .to = &c.body };

	*ret_answered = false;
	if (!set_path(&c, &p->instance, "handovers", e))
		return false;
	json_open(&w, NULL);
	json_put_text(&w, "destination", p->destination);
	json_put_text(&w, "mode", p->mode);
	if (uuid_is_set(&p->attempt))
		json_put_text(&w, "attempt", p->attempt.text);
	json_close(&w);
	return call_handover(b, &c, ret, ret_answered, e);
}

bool broker_offer(struct broker *b, const struct offer *o, bool *ret_answered,
		  struct err *e)
{
	CLEANUP(broker_call_done) struct broker_call c = { .method = "POST" };
	struct json_writer w = { .to = &c.body };
	struct handover h;

	*ret_answered = false;
	if (!set_number(&c, &o->instance, o->number, "offer", e))
		return false;
	json_open(&w, NULL);
	json_put_text(&w, "attempt", o->attempt.text);
	if (o->jwe != NULL)
		json_put_text(&w, "jwe", o->jwe);
	if (o->parts > 0)
		json_put_integer(&w, "parts", o->parts);
	json_close(&w);
	return call_handover(b, &c, &h, ret_answered, e);
}

bool broker_refuse_ask(struct broker *b, const struct inquiry_refusal *a,
		       bool *ret_answered, struct err *e)
{
	CLEANUP(broker_call_done) struct broker_call c = { .method = "POST" };
	struct json_writer w = { .to = &c.body };
	OWNED(json) tree = NULL;

	*ret_answered = false;
	if (!set_path(&c, &a->instance, "ask/refuse", e))
		return false;
	json_open(&w, NULL);
	json_put_text(&w, "attempt", a->attempt.text);
	json_put_text(&w, "destination", a->destination);
	json_put_text(&w, "text", a->text);
	json_close(&w);
	return broker_call_json(b, &c, &tree, ret_answered, e);
}

/* ---- the destination ---- */

static bool take_state(const struct json *tree, struct inquiry_state *ret, struct err *e)
{
	const struct json *offered = json_get_object(tree, "handover");

	*ret = (struct inquiry_state){ 0 };
	if (!take_text(tree, "answer", ret->answer, sizeof(ret->answer)) ||
	    (strcmp(ret->answer, "consented") == 0 && offered == NULL))
		return misunderstood(e);
	if (!take_text(tree, "text", ret->text, sizeof(ret->text)))
		ret->text[0] = '\0';
	return offered == NULL || handover_read(offered, &ret->handover, e);
}

static void put_asking(struct json_writer *w, const struct asking *a)
{
	json_put_text(w, "attempt", a->attempt.text);
	json_put_text(w, "nonce", a->nonce);
	json_put_text(w, "secret", a->secret.text);
}

bool broker_ask_source(struct broker *b, const struct asking *a,
		       struct inquiry_state *ret, bool *ret_answered, struct err *e)
{
	CLEANUP(broker_call_done)
	struct broker_call c = { .method = "POST", .total_ms = a->total_ms };
	struct json_writer w = { .to = &c.body };
	OWNED(json) tree = NULL;

	*ret_answered = false;
	if (!set_path(&c, &a->instance, "ask", e))
		return false;
	json_open(&w, NULL);
	put_asking(&w, a);
	json_put_text(&w, "purpose", a->purpose);
	json_put_text(&w, "statement", a->statement);
	json_close(&w);
	return broker_call_json(b, &c, &tree, ret_answered, e) &&
	       take_state(tree, ret, e);
}

/* Over before the call's own time is: else it would seem that the broker does not answer, where it
 * is the source. */
static int wait_of(const struct asking *a)
{
	int seconds = (a->total_ms - AWAIT_MARGIN_MS) / 1000;

	if (seconds < 0)
		return 0;
	return seconds < POLL_S ? seconds : POLL_S;
}

bool broker_await_source(struct broker *b, const struct asking *a,
			 struct inquiry_state *ret, bool *ret_answered, struct err *e)
{
	CLEANUP(broker_call_done)
	struct broker_call c = { .method = "GET", .total_ms = a->total_ms };
	OWNED(json) tree = NULL;
	char rest[80];

	*ret_answered = false;
	return (text_format(rest, sizeof(rest), "ask?attempt=%s&wait=%d", a->attempt.text,
			    wait_of(a)) ||
		err_set(e, ERR_INTERNAL, "the path does not fit")) &&
	       set_path(&c, &a->instance, rest, e) &&
	       broker_call_json(b, &c, &tree, ret_answered, e) &&
	       take_state(tree, ret, e);
}

void claim_done(struct claim *c)
{
	broker_release_done(&c->release);
}

static bool take_claim(const struct json *tree, struct claim *ret, struct err *e)
{
	*ret = (struct claim){ 0 };
	if (!broker_release_read(tree, &ret->release, e))
		return false;
	if (!json_get_boolean(tree, "relayed", &ret->relayed))
		ret->relayed = false;
	if (!json_get_integer(tree, "parts", &ret->parts))
		ret->parts = 0;
	return true;
}

bool broker_claim(struct broker *b, const struct asking *a, int64_t number,
		  struct claim *ret, bool *ret_answered, struct err *e)
{
	CLEANUP(broker_call_done)
	struct broker_call c = { .method = "POST", .total_ms = a->total_ms };
	struct json_writer w = { .to = &c.body };
	OWNED(json) tree = NULL;

	*ret_answered = false;
	if (!set_number(&c, &a->instance, number, "claim", e))
		return false;
	json_open(&w, NULL);
	put_asking(&w, a);
	json_put_boolean(&w, "lease", true);
	json_close(&w);
	return broker_call_json(b, &c, &tree, ret_answered, e) &&
	       take_claim(tree, ret, e);
}

/* ---- either ---- */

bool broker_say(struct broker *b, const struct say *s, struct handover *ret,
		bool *ret_answered, struct err *e)
{
	CLEANUP(broker_call_done) struct broker_call c = { .method = "POST" };

	*ret_answered = false;
	if (!set_number(&c, &s->instance, s->number, "say", e))
		return false;
	buf_addf(&c.body, "{\"what\":\"%s\"}", s->word);
	return call_handover(b, &c, ret, ret_answered, e);
}

bool broker_abort(struct broker *b, const struct say *s, struct handover *ret,
		  bool *ret_answered, struct err *e)
{
	CLEANUP(broker_call_done) struct broker_call c = { .method = "POST" };

	*ret_answered = false;
	if (!set_number(&c, &s->instance, s->number, "abort", e))
		return false;
	buf_add(&c.body, s->word != NULL ? "{\"absent\":true}" : "{}");
	return call_handover(b, &c, ret, ret_answered, e);
}

bool broker_handover(struct broker *b, const struct uuid *instance, int64_t number,
		     struct handover *ret, bool *ret_answered, struct err *e)
{
	struct broker_call c = { .method = "GET" };

	*ret_answered = false;
	return set_number(&c, instance, number, "", e) &&
	       call_handover(b, &c, ret, ret_answered, e);
}
