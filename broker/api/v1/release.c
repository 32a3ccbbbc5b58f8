/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/v1/handlers.h"
#include "broker/api/v1/handover.h"
#include "broker/api/v1/lease.h"
#include "broker/api/v1/show.h"

enum { NONCE_MIN = 16, NONCE_MAX = 63 };

struct release_body {
	struct uuid attempt;
	char nonce[NONCE_MAX + 1];
	char purpose[WORD_SIZE];
	struct uuid secret;
	int64_t holds_copy;
	bool lease;
};

static const struct json_field release_fields[] = {
	{ .name = "attempt",
	  .type = FIELD_UUID,
	  API_AT(struct release_body, attempt),
	  .required = true },
	{ .name = "nonce",
	  .type = FIELD_TEXT,
	  API_AT(struct release_body, nonce),
	  .min = NONCE_MIN,
	  .max = NONCE_MAX,
	  .required = true },
	{ .name = "purpose",
	  .type = FIELD_NAME,
	  API_AT(struct release_body, purpose),
	  .min = 1,
	  .max = WORD_SIZE - 1,
	  .required = true },
	{ .name = "secret", .type = FIELD_UUID, API_AT(struct release_body, secret) },
	{ .name = "holds_copy",
	  .type = FIELD_INTEGER,
	  API_AT(struct release_body, holds_copy),
	  .min = 0,
	  .max = INT64_MAX },
	{ .name = "lease", .type = FIELD_BOOLEAN, API_AT(struct release_body, lease) },
};

static bool is_base64url(const char *text)
{
	return text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				 "0123456789-_")] == '\0';
}

static bool release_parse(const struct exchange *x, struct release_body *ret,
			  struct question *ret_q, struct err *e)
{
	if (!path_uuid(x, 0, "id", &ret_q->instance, e) ||
	    !API_BODY(x, release_fields, ret, e))
		return false;
	if (!is_base64url(ret->nonce))
		return err_field(e, ERR_BAD_VALUE, "nonce", "a nonce is base64url");
	if (!purpose_parse(ret->purpose, &ret_q->purpose) ||
	    !purpose_is_release(ret_q->purpose))
		return err_field(e, ERR_BAD_VALUE, "purpose",
				 "no release has this purpose");
	ret_q->attempt = ret->attempt;
	ret_q->secret = ret->secret;
	ret_q->holds_copy = ret->holds_copy;
	return true;
}

/* The rows that a release writes, and the verdict it rests on. */
struct release {
	struct verdict may;
	struct release_body ask;
	struct copy_row copy; /* that the host may keep, if has_copy */
	bool has_copy;
	unsigned puts; /* BIT(table) of what is written */
};

/* An attempt is one start: it cannot be used for another, nor again once it is over. */
static bool attempt_is_free(const struct verdict *v, struct err *e)
{
	if (v->release.head.generation == 0 || v->redelivered)
		return true;
	return err_field(e, ERR_ATTEMPT_MISMATCH, "attempt",
			 "this attempt is over, or was made for something else");
}

static void put(struct exchange *x, struct release *r, enum table t, const void *row)
{
	change_put(x->change, t, row);
	r->puts |= BIT(t);
}

/* Burnt in the very change that commits the release. */
static void burn_permit(struct exchange *x, struct release *r)
{
	struct permit_row p;

	if (gate_burns(&r->may, &r->ask.attempt, &p))
		put(x, r, TABLE_PERMIT, &p);
}

static bool record_attempt(struct exchange *x, struct release *r, struct err *e)
{
	const struct verdict *v = &r->may;
	struct release_row l = { .head = v->release.head,
				 .attempt = r->ask.attempt,
				 .instance = v->instance.id,
				 .epoch = v->placement.epoch,
				 .version = v->version.version,
				 .at_us = v->now_us };

	if (gate_uses_word(v))
		l.permit = v->permit.id;
	else if (v->redelivered)
		return true;
	if (!text_copy(l.host, sizeof(l.host), v->host.key_hash) ||
	    !text_copy(l.purpose, sizeof(l.purpose), purpose_name(v->question.purpose)))
		return err_set(e, ERR_INTERNAL, "a field of attempt %s", l.attempt.text);
	put(x, r, TABLE_RELEASE, &l);
	return true;
}

/* The large row is copied only where there is one; the trail names what has ended. */
static void end_handover(struct exchange *x, const struct release *r)
{
	struct handover_row h = r->may.handover;
	char ends[48];

	if (text_format(ends, sizeof(ends), "hand-over %lld is called off",
			(long long)h.number))
		text_cut(change_audit(x->change)->target, 2 * NAME_SIZE, ends);
	handover_end_by_start(x->change, &h, r->may.now_us);
}

/* From here on Place counts this attempt: it is the newest, and its guest has not stopped. A
 * start where the guest is placed calls a hand-over off that nobody has claimed. */
static void record_placement(struct exchange *x, struct release *r)
{
	struct placement_row p = r->may.placement;

	if (r->may.handover.head.generation != 0) {
		end_handover(x, r);
		r->puts |= BIT(TABLE_HANDOVER);
		p.moving = 0;
	} else if (r->may.redelivered) {
		return;
	}
	p.attempt = r->ask.attempt;
	p.stopped = 0;
	put(x, r, TABLE_PLACEMENT, &p);
}

/* From here on a new value would lock the guest out of its TPM. */
static bool record_state(struct exchange *x, struct release *r, struct err *e)
{
	struct instance_row i = r->may.instance;

	if (strcmp(i.state, "none") != 0)
		return true;
	if (!text_copy(i.state, sizeof(i.state), "possible"))
		return err_set(e, ERR_INTERNAL, "state");
	put(x, r, TABLE_INSTANCE, &i);
	return true;
}

static bool record_copy(const struct api *api, struct exchange *x, struct release *r,
			struct err *e)
{
	const struct verdict *v = &r->may;
	struct copy_row *c = &r->copy;
	bool keeps = r->ask.lease || v->reason == REASON_USE_COPY;

	if (v->ask.security != SECURITY_HOST || !keeps || api->lease_us == 0)
		return true;
	*c = v->copy;
	c->instance = v->instance.id;
	c->epoch = v->placement.epoch;
	c->version = v->version.version;
	c->lease_ends_us = lease_end(api, c, v->now_us);
	c->erased_us = 0;
	if (!text_copy(c->host, sizeof(c->host), v->host.key_hash))
		return err_set(e, ERR_INTERNAL, "host of a copy");
	r->has_copy = true;
	put(x, r, TABLE_COPY, c);
	return true;
}

static bool record(const struct api *api, struct exchange *x, struct release *r,
		   struct err *e)
{
	burn_permit(x, r);
	if (!record_attempt(x, r, e) || !record_state(x, r, e) ||
	    !record_copy(api, x, r, e))
		return false;
	record_placement(x, r);
	change_set_class(x->change, CHANGE_RELEASE);
	gate_guard(&r->may, x->change, r->puts);
	return true;
}

static bool seal(struct api *api, struct exchange *x, const struct release *r,
		 struct buf *ret, struct err *e)
{
	const struct verdict *v = &r->may;
	struct seal_header header = {
		.instance = v->instance.id,
		.secret = v->instance.secret,
		.version = v->version.version,
		.epoch = v->placement.epoch,
		.attempt = r->ask.attempt,
	};
	OWNED(secret) value = NULL;
	struct sealer *sealer;

	memcpy(header.nonce, r->ask.nonce, sizeof(r->ask.nonce));
	memcpy(header.purpose, r->ask.purpose, sizeof(header.purpose));
	return gate_open(api->gate, v, &value, e) &&
	       worker_sealer(x->worker, &v->host, &sealer, e) &&
	       seal_jwe(sealer, &header, value, ret, e);
}

static void release_write(struct exchange *x, const struct release *r, const char *jwe,
			  const char *lease)
{
	const struct verdict *v = &r->may;
	bool was_none = strcmp(v->instance.state, "none") == 0;
	struct json_writer w;

	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_text(&w, "kind", jwe == NULL ? "use_copy" : "sealed");
	if (jwe != NULL)
		json_put_text(&w, "jwe", jwe);
	json_put_text(&w, "secret", v->instance.secret.text);
	json_put_integer(&w, "version", v->version.version);
	json_put_integer(&w, "epoch", v->placement.epoch);
	json_put_text(&w, "security", v->instance.security);
	json_put_text(&w, "state", was_none ? "possible" : v->instance.state);
	json_put_text(&w, "state_before", v->instance.state);
	json_put_text(&w, "lease", lease);
	api_put_time(&w, "lease_ends", r->has_copy ? r->copy.lease_ends_us : 0);
	json_put_integer(&w, "number", v->placement.number);
	json_put_boolean(&w, "redelivered", v->redelivered);
	json_close(&w);
}

static bool release_reply(struct api *api, struct exchange *x, const struct release *r,
			  struct err *e)
{
	CLEANUP(buf_done) struct buf jwe = { 0 };
	CLEANUP(buf_done) struct buf lease = { 0 };

	if (r->may.reason == REASON_ALLOWED && !seal(api, x, r, &jwe, e))
		return false;
	if (r->has_copy && !lease_write(api, &r->copy, r->may.now_us, &lease, e))
		return false;
	release_write(x, r, jwe.at, lease.at);
	return true;
}

static void release_audit(struct api *api, struct exchange *x, const struct verdict *v)
{
	struct audit_record *a = audit_verdict(api, x, v);
	const char *verdict = "allowed";

	if (v->redelivered)
		verdict = "redelivered";
	if (v->handover.head.generation != 0)
		api_weigh(a, "handover", v->handover.head.generation);
	text_cut(a->verdict, sizeof(a->verdict), verdict);
}

bool api_release(struct api *api, struct exchange *x, struct err *e)
{
	struct release r = { 0 };
	struct question q = { 0 };

	if (!release_parse(x, &r.ask, &q, e) ||
	    !gate_decides(api->gate, x->db, &x->who, &q, &r.may, e))
		return false;
	release_audit(api, x, &r.may);
	if (!gate_allows(&r.may, e) || !attempt_is_free(&r.may, e))
		return false;
	return record(api, x, &r, e) && release_reply(api, x, &r, e);
}
