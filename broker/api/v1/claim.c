/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/v1/handlers.h"
#include "broker/api/v1/handover.h"
#include "broker/api/v1/show.h"

/* How the secret goes from the source to the destination: one offer, one claim. */

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				"0123456789-_";

struct offer_body {
	struct uuid attempt;
	char jwe[PIECE_MAX + 1];
	int64_t parts;
};

static const struct json_field offer_fields[] = {
	{ .name = "attempt",
	  .type = FIELD_UUID,
	  API_AT(struct offer_body, attempt),
	  .required = true },
	{ .name = "jwe",
	  .type = FIELD_TEXT,
	  API_AT(struct offer_body, jwe),
	  .min = 1,
	  .max = PIECE_MAX },
	{ .name = "parts",
	  .type = FIELD_INTEGER,
	  API_AT(struct offer_body, parts),
	  .min = 1,
	  .max = HANDOVER_PARTS_MAX },
};

/* Five parts of base64url (RFC 7516, section 7.1); what is in them only the recipient sees. */
static bool is_compact(const char *jwe)
{
	int dots = 0;

	for (; *jwe != '\0'; jwe++) {
		size_t len = strspn(jwe, base64url);

		jwe += len;
		if (*jwe == '\0')
			break;
		if (*jwe != '.')
			return false;
		dots++;
	}
	return dots == 4;
}

static bool offer_carries(const struct handover_view *v, const struct offer_body *b,
			  struct err *e)
{
	bool sealed = strcmp(v->instance.security, "host") == 0;
	bool cold = v->mode == HANDOVER_COLD;

	if (sealed && b->jwe[0] == '\0')
		return err_field(e, ERR_MISSING_FIELD, "jwe",
				 "under this policy the source seals the secret");
	if (!sealed && b->jwe[0] != '\0')
		return err_field(e, ERR_BAD_VALUE, "jwe",
				 "under this policy the broker seals the secret");
	if (sealed && !is_compact(b->jwe))
		return err_field(e, ERR_BAD_VALUE, "jwe", "this is no compact JWE");
	if (cold && b->parts == 0)
		return err_field(e, ERR_MISSING_FIELD, "parts",
				 "a cold move carries the TPM's state");
	return cold || b->parts == 0 ||
	       err_field(e, ERR_BAD_VALUE, "parts", "only a cold move carries parts");
}

static bool parts_are_there(struct exchange *x, const struct handover_view *v,
			    int64_t count, struct err *e)
{
	for (int64_t k = 0; k < count; k++) {
		struct part_row part;

		if (!read_part(x->db, &v->row, k, &part, e))
			return false;
		if (part.head.generation == 0)
			return err_field(e, ERR_BAD_VALUE, "parts",
					 "part %lld was not put", (long long)k);
		change_guard(x->change, TABLE_PART, &part);
	}
	return true;
}

/* The offer answers one ask of the destination's hook, by its attempt, while that waits. */
static bool offer_answers(struct exchange *x, struct handover_view *v,
			  const struct uuid *attempt, struct err *e)
{
	struct ask_row a;

	if (!read_ask(x->db, &v->row.instance, v->row.destination, &a, e))
		return false;
	if (a.head.generation == 0 || !uuid_equal(&a.attempt, attempt) ||
	    strcmp(a.answer, "waiting") != 0 || v->now_us - a.at_us > HANDOVER_ASK_US)
		return err_field(
			e, ERR_HANDOVER_STATE, "attempt",
			"%s does not ask for it with this attempt, or not any more",
			v->destination.name);
	a.number = v->row.number;
	text_cut(a.answer, sizeof(a.answer), "consented");
	change_put(x->change, TABLE_ASK, &a);
	return true;
}

static void offer_row(struct handover_row *h, const struct offer_body *b)
{
	size_t len = strlen(b->jwe);

	h->attempt = b->attempt;
	memcpy(h->jwe, b->jwe, len);
	h->jwe_len = (int64_t)len;
	h->parts = b->parts;
}

static bool offer_new(struct api *api, struct exchange *x, struct handover_view *v,
		      const struct offer_body *b, struct err *e)
{
	if (!offer_carries(v, b, e) || !parts_are_there(x, v, b->parts, e) ||
	    !offer_answers(x, v, &b->attempt, e))
		return false;
	offer_row(&v->row, b);
	change_guard(x->change, TABLE_INSTANCE, &v->instance);
	change_guard(x->change, TABLE_HOST, &v->destination);
	return handover_destination_is_fit(&v->destination, e) &&
	       handover_enter(api, x, v, HANDOVER_OFFERED, e);
}

/* POST /v1/instances/{id}/handovers/{n}/offer - the source consents to one ask. */
bool api_handover_offer(struct api *api, struct exchange *x, struct err *e)
{
	enum handover_state next = HANDOVER_PREPARED;
	struct handover_view v;
	struct offer_body b = { 0 };
	struct audit_record *a;

	if (!API_BODY(x, offer_fields, &b, e) || !handover_of_path(api, x, &v, e))
		return false;
	a = handover_audit(api, x, &v);
	a->attempt = b.attempt;
	if (!handover_asker_is(x, v.row.source))
		return err_set(e, ERR_FORBIDDEN, "the source makes the offer");
	if (!handover_weighs(&v, HANDOVER_SAYS_OFFER, false, &next, e))
		return false;
	if (v.state == HANDOVER_OFFERED) {
		if (!uuid_equal(&v.row.attempt, &b.attempt))
			return err_field(e, ERR_HANDOVER_STATE, "attempt",
					 "it is offered to another attempt already");
		change_reset(x->change);
	} else if (!offer_new(api, x, &v, &b, e)) {
		return false;
	}
	handover_reply(x, 200, &v);
	return true;
}

enum { NONCE_MIN = 16, NONCE_MAX = 63 };

struct claim_body {
	struct uuid attempt;
	char nonce[NONCE_MAX + 1];
	struct uuid secret;
	bool lease;
};

static const struct json_field claim_fields[] = {
	{ .name = "attempt",
	  .type = FIELD_UUID,
	  API_AT(struct claim_body, attempt),
	  .required = true },
	{ .name = "nonce",
	  .type = FIELD_TEXT,
	  API_AT(struct claim_body, nonce),
	  .min = NONCE_MIN,
	  .max = NONCE_MAX,
	  .required = true },
	{ .name = "secret",
	  .type = FIELD_UUID,
	  API_AT(struct claim_body, secret),
	  .required = true },
	{ .name = "lease", .type = FIELD_BOOLEAN, API_AT(struct claim_body, lease) },
};

struct claim {
	struct claim_body ask;
	struct handover_view v;
	struct verdict may;
	char state_before[WORD_SIZE];
};

static bool claim_parse(const struct exchange *x, struct claim_body *ret, struct err *e)
{
	if (!API_BODY(x, claim_fields, ret, e))
		return false;
	return ret->nonce[strspn(ret->nonce, base64url)] == '\0' ||
	       err_field(e, ERR_BAD_VALUE, "nonce", "a nonce is base64url");
}

/* All that the gate decides anew, as for any release. */
static bool claim_decide(struct api *api, struct exchange *x, struct claim *c,
			 struct err *e)
{
	const struct handover_row *h = &c->v.row;
	const struct question q = { .instance = h->instance,
				    .purpose = c->v.mode == HANDOVER_COLD
						       ? PURPOSE_COLD_MIGRATE
						       : PURPOSE_MIGRATE_IN,
				    .attempt = c->ask.attempt,
				    .secret = c->ask.secret,
				    .handover = h->number };

	return gate_decides(api->gate, x->db, &x->who, &q, &c->may, e);
}

static void claim_audit(struct api *api, struct exchange *x, const struct claim *c)
{
	struct audit_record *a = audit_verdict(api, x, &c->may);

	a->epoch = c->v.row.epoch + 1;
	text_cut(a->target, sizeof(a->target), c->v.source.name);
	api_weigh(a, "handover", c->v.row.head.generation);
	api_weigh(a, "source", c->v.source.head.generation);
	if (c->may.redelivered)
		text_cut(a->verdict, sizeof(a->verdict), "redelivered");
}

/* One offer serves one attempt, once; its reply may be lost and asked for again. */
static bool is_its_turn(const struct claim *c, struct err *e)
{
	const struct handover_view *v = &c->v;
	enum handover_state next = HANDOVER_PREPARED;

	if (!handover_weighs(v, HANDOVER_SAYS_CLAIM, false, &next, e))
		return false;
	if (!uuid_equal(&v->row.attempt, &c->ask.attempt))
		return err_field(e, ERR_HANDOVER_STATE, "attempt",
				 "it is %s by another attempt", v->row.state);
	if (v->state == HANDOVER_CLAIMED && !c->may.redelivered)
		return err_field(e, ERR_HANDOVER_STATE, "attempt",
				 "it was claimed too long ago to be answered again");
	if (c->may.release.head.generation != 0 && !c->may.redelivered)
		return err_field(e, ERR_ATTEMPT_MISMATCH, "attempt",
				 "this attempt is over, or was made for something else");
	return true;
}

/* A source that was fenced after its offer can say nothing more of the guest. */
static bool ends_are_fit(const struct claim *c, struct err *e)
{
	struct err why = { 0 };

	if (!handover_source_is_fit(&c->v.source, &why))
		return err_set(e, ERR_HANDOVER_STATE, "the source: %s", why.detail);
	return handover_destination_is_fit(&c->v.destination, e);
}

static bool claim_may(const struct claim *c, struct err *e)
{
	if (!c->may.ask.visible)
		return gate_allows(&c->may, e);
	if (!is_its_turn(c, e) || !ends_are_fit(c, e) || !gate_allows(&c->may, e))
		return false;
	return c->v.row.version == c->may.instance.version ||
	       err_set(e, ERR_HANDOVER_STATE,
		       "the secret has another version by now: abort it");
}

static unsigned claim_burn(struct exchange *x, struct claim *c)
{
	struct permit_row word;

	if (c->may.ask.security != SECURITY_USER || !gate_uses_word(&c->may))
		return 0;
	c->v.row.permit = c->may.permit.id;
	if (!gate_burns(&c->may, &c->ask.attempt, &word))
		return 0;
	change_put(x->change, TABLE_PERMIT, &word);
	return BIT(TABLE_PERMIT);
}

/* From here on a new value would lock the guest out of its TPM. */
static unsigned claim_state(struct exchange *x, struct claim *c)
{
	struct instance_row *i = &c->v.instance;

	if (strcmp(i->state, "none") != 0)
		return 0;
	text_cut(i->state, sizeof(i->state), "possible");
	change_put(x->change, TABLE_INSTANCE, i);
	return BIT(TABLE_INSTANCE);
}

/* A release like any other, of the epoch that the commit will bring. */
static void claim_release(struct exchange *x, const struct claim *c)
{
	const struct handover_row *h = &c->v.row;
	struct release_row l = { .attempt = c->ask.attempt,
				 .instance = h->instance,
				 .epoch = h->epoch + 1,
				 .version = h->version,
				 .permit = h->permit,
				 .at_us = c->may.now_us };

	memcpy(l.host, h->destination, sizeof(l.host));
	text_cut(l.purpose, sizeof(l.purpose), purpose_name(c->may.question.purpose));
	change_put(x->change, TABLE_RELEASE, &l);
}

static bool claim_stage(struct api *api, struct exchange *x, struct claim *c,
			struct err *e)
{
	unsigned puts = BIT(TABLE_PLACEMENT) | BIT(TABLE_HOST); /* handover_enter's */

	change_set_class(x->change, CHANGE_RELEASE);
	change_guard(x->change, TABLE_HOST, &c->v.source);
	if (c->may.redelivered) {
		gate_guard(&c->may, x->change, 0);
		return true;
	}
	puts |= claim_burn(x, c) | claim_state(x, c) | BIT(TABLE_RELEASE) |
		BIT(TABLE_HANDOVER);
	gate_guard(&c->may, x->change, puts);
	claim_release(x, c);
	memcpy(c->v.row.nonce, c->ask.nonce, sizeof(c->ask.nonce));
	c->v.row.lease = c->ask.lease;
	c->v.row.claimed_us = c->v.now_us;
	return handover_enter(api, x, &c->v, HANDOVER_CLAIMED, e);
}

static bool claim_seal(struct api *api, struct exchange *x, const struct claim *c,
		       struct buf *ret, struct err *e)
{
	const struct verdict *v = &c->may;
	struct seal_header header = {
		.instance = v->instance.id,
		.secret = v->instance.secret,
		.version = v->version.version,
		.epoch = c->v.row.epoch + 1,
		.attempt = c->ask.attempt,
		.handover = c->v.row.number,
	};
	OWNED(secret) value = NULL;
	struct sealer *sealer;

	memcpy(header.nonce, c->ask.nonce, sizeof(c->ask.nonce));
	text_cut(header.purpose, sizeof(header.purpose),
		 purpose_name(v->question.purpose));
	return gate_open(api->gate, v, &value, e) &&
	       worker_sealer(x->worker, &v->host, &sealer, e) &&
	       seal_jwe(sealer, &header, value, ret, e);
}

static void claim_write(struct exchange *x, const struct claim *c, const char *jwe)
{
	const struct handover_row *h = &c->v.row;
	const struct instance_row *i = &c->v.instance;
	struct json_writer w;

	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_text(&w, "kind", "sealed");
	json_put_boolean(&w, "relayed", h->jwe_len != 0);
	json_put_text(&w, "jwe", jwe);
	json_put_integer(&w, "parts", h->parts);
	json_put_text(&w, "secret", i->secret.text);
	json_put_integer(&w, "version", h->version);
	json_put_integer(&w, "epoch", h->epoch + 1);
	json_put_text(&w, "security", i->security);
	json_put_text(&w, "state", i->state);
	json_put_text(&w, "state_before", c->state_before);
	json_put_integer(&w, "number", h->number);
	json_put_boolean(&w, "redelivered", c->may.redelivered);
	json_close(&w);
}

/* Under `host` the source has sealed it, and the value that is stored here is not opened. */
static bool claim_reply(struct api *api, struct exchange *x, const struct claim *c,
			struct err *e)
{
	const struct handover_row *h = &c->v.row;
	CLEANUP(buf_done) struct buf jwe = { 0 };

	if (c->may.ask.security == SECURITY_HOST)
		buf_add_bytes(&jwe, (struct view){ h->jwe, (size_t)h->jwe_len });
	else if (!claim_seal(api, x, c, &jwe, e))
		return false;
	if (jwe.failed || jwe.at == NULL)
		return err_set(e, ERR_NO_MEMORY, "no memory for a sealed secret");
	claim_write(x, c, jwe.at);
	return true;
}

/* POST /v1/instances/{id}/handovers/{n}/claim - the destination takes the key. */
bool api_handover_claim(struct api *api, struct exchange *x, struct err *e)
{
	struct claim c = { 0 };

	if (!claim_parse(x, &c.ask, e) || !handover_of_path(api, x, &c.v, e))
		return false;
	if (!handover_asker_is(x, c.v.row.destination))
		return err_set(e, ERR_FORBIDDEN, "the destination makes the claim");
	if (!claim_decide(api, x, &c, e))
		return false;
	claim_audit(api, x, &c);
	if (!claim_may(&c, e))
		return false;
	memcpy(c.state_before, c.v.instance.state, sizeof(c.state_before));
	return claim_stage(api, x, &c, e) && claim_reply(api, x, &c, e);
}
