/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/presence.h"
#include "broker/api/v1/handlers.h"
#include "broker/api/v1/handover.h"
#include "broker/api/v1/show.h"

/*
 * A hook of the destination asks, and the source answers: by an offer, or by a refusal in words
 * that reach whoever began the migration. What can be refused without the source is.
 */
enum { NONCE_MIN = 16, NONCE_MAX = 63, TEXT_MAX = SAYING_SIZE - 1 };

struct ask_body {
	struct uuid attempt;
	char purpose[WORD_SIZE];
	char nonce[NONCE_MAX + 1];
	struct uuid secret;
	char statement[STATEMENT_MAX + 1];
};

static const struct json_field ask_fields[] = {
	{ .name = "attempt",
	  .type = FIELD_UUID,
	  API_AT(struct ask_body, attempt),
	  .required = true },
	{ .name = "purpose",
	  .type = FIELD_NAME,
	  API_AT(struct ask_body, purpose),
	  .min = 1,
	  .max = WORD_SIZE - 1,
	  .required = true },
	{ .name = "nonce",
	  .type = FIELD_TEXT,
	  API_AT(struct ask_body, nonce),
	  .min = NONCE_MIN,
	  .max = NONCE_MAX,
	  .required = true },
	{ .name = "secret",
	  .type = FIELD_UUID,
	  API_AT(struct ask_body, secret),
	  .required = true },
	{ .name = "statement",
	  .type = FIELD_TEXT,
	  API_AT(struct ask_body, statement),
	  .min = 1,
	  .max = STATEMENT_MAX,
	  .required = true },
};

/* What the destination asks, and the rows that it rests on. */
struct asking {
	struct ask_body ask;
	enum purpose purpose;
	struct instance_row instance;
	struct placement_row placement;
	struct handover_row handover; /* the open one, if any */
	struct host_row source;
	struct ask_row row;
	struct verdict may;
	int64_t now_us;
};

static bool is_signed(const char *text)
{
	return text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				 "0123456789-_.")] == '\0';
}

static bool ask_parse(const struct exchange *x, struct asking *a, struct err *e)
{
	struct ask_body *b = &a->ask;

	if (!API_BODY(x, ask_fields, b, e))
		return false;
	if (!purpose_parse(b->purpose, &a->purpose) ||
	    (a->purpose != PURPOSE_MIGRATE_IN && a->purpose != PURPOSE_COLD_MIGRATE))
		return err_field(e, ERR_BAD_VALUE, "purpose",
				 "no guest comes for this purpose");
	if (!is_signed(b->nonce) || strchr(b->nonce, '.') != NULL)
		return err_field(e, ERR_BAD_VALUE, "nonce", "a nonce is base64url");
	return is_signed(b->statement) ||
	       err_field(e, ERR_BAD_VALUE, "statement", "a statement is a compact JWS");
}

/* A host that names the instance's secret has the domain, so it knows. */
static bool ask_find(struct exchange *x, const struct uuid *id, struct asking *a,
		     struct err *e)
{
	const char *host = x->who.host.key_hash;

	if (!read_instance(x->db, id, &a->instance, e))
		return false;
	if (a->instance.head.generation == 0 ||
	    !uuid_equal(&a->instance.secret, &a->ask.secret))
		return err_set(e, ERR_NOT_FOUND, "there is no instance %s", id->text);
	return read_placement(x->db, id, &a->placement, e) &&
	       read_host(x->db, a->placement.host, &a->source, e) &&
	       read_ask(x->db, id, host, &a->row, e) &&
	       (a->placement.moving == 0 ||
		read_handover(x->db, id, a->placement.number, &a->handover, e));
}

static bool ask_read(struct exchange *x, struct asking *a, struct err *e)
{
	struct uuid id;
	bool ok;

	if (!path_uuid(x, 0, "id", &id, e) || !reader_begin(x->db, e))
		return false;
	ok = ask_find(x, &id, a, e);
	reader_end(x->db);
	return ok;
}

static struct audit_record *ask_audit(struct api *api, struct exchange *x,
				      const struct asking *a)
{
	struct audit_record *r = audit_about(api, x, &a->instance);

	r->epoch = a->placement.epoch;
	r->attempt = a->ask.attempt;
	text_cut(r->host, sizeof(r->host), x->who.host.name);
	text_cut(r->target, sizeof(r->target), a->source.name);
	text_cut(r->purpose, sizeof(r->purpose), purpose_name(a->purpose));
	api_weigh(r, "placement", a->placement.head.generation);
	api_weigh(r, "host", x->who.host.head.generation);
	api_weigh(r, "handover", a->handover.head.generation);
	return r;
}

static bool is_same_ask(const struct asking *a)
{
	return a->row.head.generation != 0 &&
	       uuid_equal(&a->row.attempt, &a->ask.attempt);
}

static bool ask_state(const struct asking *a, const char *word)
{
	return a->handover.head.generation != 0 && strcmp(a->handover.state, word) == 0;
}

/* What is prepared for a guest that is off is not for one that runs, nor the other way round. */
static bool is_of_that_kind(const struct asking *a, struct err *e)
{
	const bool cold = strcmp(a->handover.mode, "cold") == 0;

	return cold == (a->purpose == PURPOSE_COLD_MIGRATE) ||
	       err_field(e, ERR_HANDOVER_STATE, "purpose",
			 cold ? "what is prepared is a cold move"
			      : "no cold move is prepared");
}

/* One hand-over serves one ask: once it has consented, every other is refused. */
static bool is_open_for(const struct exchange *x, const struct asking *a, struct err *e)
{
	if (a->placement.moving == 0 ||
	    (handover_asker_is(x, a->handover.destination) && ask_state(a, "prepared")))
		return is_of_that_kind(a, e);
	return err_set(e, ERR_HANDOVER_OPEN, "hand-over %lld is %s",
		       (long long)a->placement.number, a->handover.state);
}

static bool is_elsewhere(const struct exchange *x, const struct asking *a, struct err *e)
{
	if (a->placement.head.generation == 0)
		return err_set(e, ERR_NOT_PLACED, "it is placed nowhere yet");
	if (handover_asker_is(x, a->placement.host))
		return err_set(e, ERR_HANDOVER_STATE, "it is placed on %s already",
			       x->who.host.name);
	return true;
}

static bool source_listens(struct api *api, struct exchange *x, const struct asking *a,
			   struct err *e)
{
	struct err why = { 0 };

	(void)x;
	if (!handover_source_is_fit(&a->source, &why))
		return err_set(e, ERR_SOURCE_SILENT, "%s", why.detail);
	return presence_is_near(api->presence, a->placement.host,
				clock_monotonic_us(api->clock)) ||
	       err_set(e, ERR_SOURCE_SILENT, "the agent of %s does not listen",
		       a->source.name);
}

/* All that a move to this host needs, before its source is woken. */
static bool ask_may(struct api *api, struct exchange *x, struct asking *a, struct err *e)
{
	const struct question q = { .instance = a->instance.id,
				    .purpose = a->purpose,
				    .moves = true };

	return is_elsewhere(x, a, e) && is_open_for(x, a, e) &&
	       handover_destination_is_fit(&x->who.host, e) &&
	       gate_supposes(api->gate, x->db, &x->who.host, &q, &a->may, e) &&
	       gate_allows(&a->may, e) && source_listens(api, x, a, e);
}

static bool ask_stage(struct exchange *x, struct asking *a, struct err *e)
{
	struct ask_row *r = &a->row;
	size_t len = strlen(a->ask.statement);

	r->instance = a->instance.id;
	memcpy(r->host, x->who.host.key_hash, sizeof(r->host));
	r->attempt = a->ask.attempt;
	r->number = a->placement.moving != 0 ? a->placement.number : 0;
	text_cut(r->nonce, sizeof(r->nonce), a->ask.nonce);
	memcpy(r->statement, a->ask.statement, len);
	r->statement_len = (int64_t)len;
	r->at_us = a->now_us;
	text_cut(r->answer, sizeof(r->answer), "waiting");
	r->text[0] = '\0';
	change_put(x->change, TABLE_ASK, r);
	change_event(x->change, a->placement.host, "ask", &r->instance, r->number);
	change_guard(x->change, TABLE_PLACEMENT, &a->placement);
	change_guard(x->change, TABLE_HOST, &a->source);
	gate_guard(&a->may, x->change, BIT(TABLE_PLACEMENT));
	return change_ok(x->change, e);
}

/* v: what it was consented to by, or NULL. */
static void ask_reply(struct exchange *x, const struct ask_row *r,
		      const struct handover_view *v)
{
	struct json_writer w;

	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_text(&w, "attempt", r->attempt.text);
	json_put_text(&w, "answer", r->answer);
	json_put_integer(&w, "number", r->number);
	json_put_text(&w, "text", r->text);
	if (v != NULL) {
		json_open(&w, "handover");
		handover_write(&w, v, NULL);
		json_close(&w);
	}
	json_close(&w);
}

static bool consent_read(struct exchange *x, const struct ask_row *r,
			 struct handover_view *v, struct err *e)
{
	bool ok;

	if (!reader_begin(x->db, e))
		return false;
	ok = read_handover(x->db, &r->instance, r->number, &v->row, e) &&
	     handover_view_read(x->db, v, e);
	reader_end(x->db);
	return ok;
}

/* The source's own words are the refusal's. */
static bool ask_answered(struct api *api, struct exchange *x, const struct ask_row *r,
			 struct err *e)
{
	struct handover_view v = { .now_us = clock_wall_us(api->clock) };
	const bool consented = strcmp(r->answer, "consented") == 0;

	if (strcmp(r->answer, "refused") == 0)
		return err_set(e, ERR_CONSENT_REFUSED, "%s", r->text);
	if (consented && !consent_read(x, r, &v, e))
		return false;
	ask_reply(x, r, consented ? &v : NULL);
	return true;
}

/* POST /v1/instances/{id}/ask */
bool api_ask_put(struct api *api, struct exchange *x, struct err *e)
{
	struct asking a = { .now_us = clock_wall_us(api->clock) };

	if (!ask_parse(x, &a, e) || !ask_read(x, &a, e))
		return false;
	if (is_same_ask(&a))
		return ask_answered(api, x, &a.row, e);
	(void)ask_audit(api, x, &a);
	if (!ask_may(api, x, &a, e) || !ask_stage(x, &a, e))
		return false;
	ask_reply(x, &a.row, NULL);
	return true;
}

static bool ask_of_query(struct exchange *x, struct ask_row *ret, struct err *e)
{
	struct uuid id, attempt;
	char text[64];

	if (!path_uuid(x, 0, "id", &id, e))
		return false;
	if (exchange_query(x, "attempt", text, sizeof(text)) == NULL)
		return err_field(e, ERR_MISSING_FIELD, "attempt", "which ask is meant");
	if (!uuid_parse(text, "attempt", &attempt, e) ||
	    !read_ask(x->db, &id, x->who.host.key_hash, ret, e))
		return false;
	return (ret->head.generation != 0 && uuid_equal(&ret->attempt, &attempt)) ||
	       err_set(e, ERR_NOT_FOUND, "this host asks nothing with that attempt");
}

/* GET /v1/instances/{id}/ask */
bool api_ask_get(struct api *api, struct exchange *x, struct err *e)
{
	struct ask_row row;
	int64_t seconds;

	if (!handover_wait(x, &seconds, e) || !ask_of_query(x, &row, e))
		return false;
	if (strcmp(row.answer, "waiting") == 0 &&
	    exchange_waits(x, row.instance.text, seconds))
		return true;
	return ask_answered(api, x, &row, e);
}

struct refusal_body {
	struct uuid attempt;
	char destination[PKI_HASH_HEX];
	char text[TEXT_MAX + 1];
};

static const struct json_field refusal_fields[] = {
	{ .name = "attempt",
	  .type = FIELD_UUID,
	  API_AT(struct refusal_body, attempt),
	  .required = true },
	{ .name = "destination",
	  .type = FIELD_TEXT,
	  API_AT(struct refusal_body, destination),
	  .min = PKI_HASH_HEX - 1,
	  .max = PKI_HASH_HEX - 1,
	  .required = true },
	{ .name = "text",
	  .type = FIELD_TEXT,
	  API_AT(struct refusal_body, text),
	  .min = 0,
	  .max = TEXT_MAX },
};

struct refusing {
	struct refusal_body body;
	struct instance_row instance;
	struct placement_row placement;
	struct ask_row row;
};

static bool refusal_parse(const struct exchange *x, struct refusal_body *ret,
			  struct err *e)
{
	if (!API_BODY(x, refusal_fields, ret, e))
		return false;
	return ret->text[0] == '\0' || text_is_display(ret->text, TEXT_MAX) ||
	       err_field(e, ERR_BAD_VALUE, "text", "text has no control characters");
}

static bool refusal_read(struct exchange *x, struct refusing *a, struct err *e)
{
	struct uuid id;
	bool ok;

	if (!path_uuid(x, 0, "id", &id, e) || !reader_begin(x->db, e))
		return false;
	ok = gate_instance(x->db, &x->who, &id, &a->instance, e) &&
	     read_placement(x->db, &id, &a->placement, e) &&
	     read_ask(x->db, &id, a->body.destination, &a->row, e);
	reader_end(x->db);
	return ok;
}

static bool refusal_fits(const struct refusing *a, struct err *e)
{
	return (a->row.head.generation != 0 &&
		uuid_equal(&a->row.attempt, &a->body.attempt)) ||
	       err_field(e, ERR_HANDOVER_STATE, "attempt",
			 "that host does not ask with this attempt any more");
}

static void refusal_audit(struct api *api, struct exchange *x, const struct refusing *a)
{
	struct audit_record *r = audit_about(api, x, &a->instance);

	r->epoch = a->placement.epoch;
	r->attempt = a->body.attempt;
	text_cut(r->host, sizeof(r->host), x->who.host.name);
	text_cut(r->target, sizeof(r->target), a->body.text);
	text_cut(r->reason, sizeof(r->reason), "refused");
	api_weigh(r, "placement", a->placement.head.generation);
	api_weigh(r, "ask", a->row.head.generation);
	api_weigh(r, "host", x->who.host.head.generation);
}

static bool refusal_stage(struct exchange *x, struct refusing *a, struct err *e)
{
	struct ask_row *r = &a->row;

	if (strcmp(r->answer, "refused") == 0) {
		change_reset(x->change);
		return true;
	}
	if (strcmp(r->answer, "waiting") != 0)
		return err_field(e, ERR_HANDOVER_STATE, "attempt", "it was %s already",
				 r->answer);
	text_cut(r->answer, sizeof(r->answer), "refused");
	text_cut(r->text, sizeof(r->text),
		 a->body.text[0] != '\0' ? a->body.text
					 : "the source host refuses the migration");
	change_put(x->change, TABLE_ASK, r);
	change_guard(x->change, TABLE_PLACEMENT, &a->placement);
	change_guard(x->change, TABLE_HOST, &x->who.host);
	return change_ok(x->change, e);
}

/* POST /v1/instances/{id}/ask/refuse - by the host on which the instance is placed. */
bool api_ask_refuse(struct api *api, struct exchange *x, struct err *e)
{
	struct refusing a = { 0 };

	if (!refusal_parse(x, &a.body, e) || !refusal_read(x, &a, e))
		return false;
	refusal_audit(api, x, &a);
	if (!refusal_fits(&a, e) || !refusal_stage(x, &a, e))
		return false;
	ask_reply(x, &a.row, NULL);
	return true;
}
