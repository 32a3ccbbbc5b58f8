/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/v1/handlers.h"
#include "broker/api/v1/handover.h"
#include "broker/api/v1/show.h"

struct prepare_body {
	char destination[NAME_SIZE];
	char mode[WORD_SIZE];
	struct uuid attempt;
};

static const struct json_field prepare_fields[] = {
	{ .name = "destination",
	  .type = FIELD_NAME,
	  API_AT(struct prepare_body, destination),
	  .min = 1,
	  .max = NAME_SIZE - 1,
	  .required = true },
	{ .name = "mode",
	  .type = FIELD_NAME,
	  API_AT(struct prepare_body, mode),
	  .min = 1,
	  .max = WORD_SIZE - 1 },
	{ .name = "attempt", .type = FIELD_UUID, API_AT(struct prepare_body, attempt) },
};

/* What is asked for, what there is, and the verdict on the destination. */
struct prepare {
	struct prepare_body ask;
	enum handover_mode mode;
	struct handover_view v; /* v.row: the open one, then the one that is prepared */
	struct ask_row hook;    /* what the destination's hook asks, if it does */
	struct verdict may;
};

static bool prepare_parse(const struct exchange *x, struct prepare *ret, struct err *e)
{
	memcpy(ret->ask.mode, "plain", sizeof("plain"));
	if (!API_BODY(x, prepare_fields, &ret->ask, e))
		return false;
	return handover_mode_parse(ret->ask.mode, &ret->mode) ||
	       err_field(e, ERR_BAD_VALUE, "mode", "a mode is plain, strict or cold");
}

static bool reaches(const struct exchange *x, const char *host, const char *field,
		    struct err *e)
{
	return x->who.kind == PRINCIPAL_HOST || gate_reaches_host(&x->who.token, host) ||
	       err_field(e, ERR_FORBIDDEN, field, "the token does not reach the host %s",
			 host);
}

static bool prepare_read(struct exchange *x, struct prepare *p, struct err *e)
{
	struct handover_view *v = &p->v;
	struct uuid id;

	if (!path_uuid(x, 0, "id", &id, e) ||
	    !gate_instance(x->db, &x->who, &id, &v->instance, e) ||
	    !reaches(x, p->ask.destination, "destination", e) ||
	    !read_placement(x->db, &id, &v->placement, e) ||
	    !read_host(x->db, v->placement.host, &v->source, e) ||
	    !read_host_by_name(x->db, p->ask.destination, &v->destination, e))
		return false;
	if (v->destination.head.generation == 0)
		return err_field(e, ERR_NOT_FOUND, "destination", "there is no host %s",
				 p->ask.destination);
	return read_ask(x->db, &id, v->destination.key_hash, &p->hook, e) &&
	       (v->placement.moving == 0 ||
		read_handover(x->db, &id, v->placement.number, &v->row, e));
}

static struct audit_record *prepare_audit(struct api *api, struct exchange *x,
					  const struct prepare *p)
{
	const struct handover_view *v = &p->v;
	struct audit_record *a = audit_about(api, x, &v->instance);

	a->epoch = v->placement.epoch;
	a->attempt = p->ask.attempt;
	text_cut(a->host, sizeof(a->host), v->destination.name);
	text_cut(a->target, sizeof(a->target), v->source.name);
	text_cut(a->purpose, sizeof(a->purpose),
		 purpose_name(p->mode == HANDOVER_COLD ? PURPOSE_COLD_MIGRATE
						       : PURPOSE_MIGRATE_IN));
	api_weigh(a, "placement", v->placement.head.generation);
	api_weigh(a, "host", v->destination.head.generation);
	api_weigh(a, "source", v->source.head.generation);
	return a;
}

/* The same again is answered with what is there; whoever moves it elsewhere waits. */
static bool is_prepared_already(struct exchange *x, struct prepare *p, bool *ret,
				struct err *e)
{
	const struct handover_row *h = &p->v.row;

	*ret = false;
	if (p->v.placement.moving == 0)
		return true;
	if (strcmp(h->destination, p->v.destination.key_hash) != 0 ||
	    strcmp(h->mode, p->ask.mode) != 0 || strcmp(h->state, "prepared") != 0)
		return err_set(e, ERR_HANDOVER_OPEN, "hand-over %lld is %s",
			       (long long)p->v.placement.number, h->state);
	*ret = true;
	return handover_view_read(x->db, &p->v, e);
}

/* Every host that the guest may come to is one that could get its secret. */
static bool destination_may(struct api *api, struct exchange *x, struct prepare *p,
			    struct err *e)
{
	const struct question q = { .instance = p->v.instance.id,
				    .purpose = p->mode == HANDOVER_COLD
						       ? PURPOSE_COLD_MIGRATE
						       : PURPOSE_MIGRATE_IN,
				    .moves = true };

	if (strcmp(p->v.destination.key_hash, p->v.placement.host) == 0)
		return err_field(e, ERR_BAD_VALUE, "destination",
				 "the instance is placed on %s already",
				 p->v.destination.name);
	return handover_source_is_fit(&p->v.source, e) &&
	       handover_destination_is_fit(&p->v.destination, e) &&
	       gate_supposes(api->gate, x->db, &p->v.destination, &q, &p->may, e) &&
	       gate_allows(&p->may, e);
}

/* An attempt that is named must be one that the destination's hook has asked with. */
static bool hook_asks(struct exchange *x, struct prepare *p, struct err *e)
{
	if (!uuid_is_set(&p->ask.attempt))
		return true;
	if (p->hook.head.generation == 0 ||
	    !uuid_equal(&p->hook.attempt, &p->ask.attempt) ||
	    strcmp(p->hook.answer, "waiting") != 0)
		return err_field(e, ERR_HANDOVER_STATE, "attempt",
				 "%s does not ask for it with this attempt",
				 p->v.destination.name);
	p->hook.number = p->v.row.number;
	change_put(x->change, TABLE_ASK, &p->hook);
	return true;
}

static const char *made_by(const struct exchange *x)
{
	if (x->who.kind == PRINCIPAL_HOST)
		return "host";
	return x->who.role == ROLE_OPERATOR ? "operator" : "orchestrator";
}

static void prepare_row(const struct exchange *x, struct prepare *p)
{
	struct handover_view *v = &p->v;
	struct handover_row *h = &v->row;
	bool host = x->who.kind == PRINCIPAL_HOST;

	*h = (struct handover_row){ .instance = v->instance.id,
				    .number = v->placement.number + 1,
				    .epoch = v->placement.epoch,
				    .version = v->instance.version,
				    .created_us = v->now_us };
	memcpy(h->source, v->source.key_hash, sizeof(h->source));
	memcpy(h->destination, v->destination.key_hash, sizeof(h->destination));
	text_cut(h->mode, sizeof(h->mode), p->ask.mode);
	text_cut(h->state, sizeof(h->state), handover_state_name(HANDOVER_PREPARED));
	text_cut(h->made_by, sizeof(h->made_by), made_by(x));
	text_cut(h->issuer, sizeof(h->issuer), host ? "" : x->who.token.issuer);
	text_cut(h->subject, sizeof(h->subject),
		 host ? x->who.host.name : x->who.token.subject);
	v->mode = p->mode;
	v->state = HANDOVER_PREPARED;
}

/* The verdict's rows, both hosts', and the placement, of which each move is the only one. */
static bool prepare_stage(struct exchange *x, struct prepare *p, struct err *e)
{
	struct handover_view *v = &p->v;

	prepare_row(x, p);
	if (!hook_asks(x, p, e))
		return false;
	v->placement.number = v->row.number;
	v->placement.moving = 1;
	change_put(x->change, TABLE_HANDOVER, &v->row);
	change_put(x->change, TABLE_PLACEMENT, &v->placement);
	change_guard(x->change, TABLE_HOST, &v->source);
	change_guard(x->change, TABLE_HOST, &v->destination);
	gate_guard(&p->may, x->change, BIT(TABLE_PLACEMENT) | BIT(TABLE_HOST));
	change_event(x->change, v->row.source, "handover", &v->row.instance,
		     v->row.number);
	change_event(x->change, v->row.destination, "handover", &v->row.instance,
		     v->row.number);
	return change_ok(x->change, e);
}

static bool prepare_new(struct api *api, struct exchange *x, struct prepare *p,
			struct err *e)
{
	if (p->v.placement.head.generation == 0)
		return err_set(e, ERR_NOT_PLACED, "it is placed nowhere yet");
	return reaches(x, p->v.source.name, "source", e) &&
	       destination_may(api, x, p, e) && prepare_stage(x, p, e);
}

/* POST /v1/instances/{id}/handovers - name the destination; nothing moves yet. */
bool api_handover_prepare(struct api *api, struct exchange *x, struct err *e)
{
	struct prepare p = { .v.now_us = clock_wall_us(api->clock) };
	bool again = false, ok;

	if (!prepare_parse(x, &p, e) || !reader_begin(x->db, e))
		return false;
	ok = prepare_read(x, &p, e);
	reader_end(x->db);
	if (!ok)
		return false;
	(void)prepare_audit(api, x, &p);
	if (!is_prepared_already(x, &p, &again, e))
		return false;
	if (again)
		change_reset(x->change);
	else if (!prepare_new(api, x, &p, e))
		return false;
	handover_reply(x, again ? 200 : 201, &p.v);
	return true;
}

struct list {
	struct exchange *x;
	struct api_list l;
	int64_t now_us;
	bool is_party;
};

static bool list_one(void *ctx, const struct handover_row *row, struct err *e)
{
	struct list *c = ctx;
	struct handover_view v = { .row = *row, .now_us = c->now_us };
	char key[24];

	c->is_party = true;
	if (!text_format(key, sizeof(key), "%lld", (long long)row->number))
		return err_set(e, ERR_INTERNAL, "the key of a hand-over is too long");
	if (!api_list_takes(&c->l, key))
		return true;
	if (!handover_view_read(c->x->db, &v, e))
		return false;
	json_open(&c->l.w, NULL);
	handover_write(&c->l.w, &v, NULL);
	json_close(&c->l.w);
	return true;
}

/* A host that has a part in none of them knows of none. */
static bool list_all(struct exchange *x, const struct uuid *id, struct list *c,
		     struct err *e)
{
	const bool host = x->who.kind == PRINCIPAL_HOST;
	const struct handover_filter f = { id, host ? x->who.host.key_hash : NULL };
	struct instance_row i;

	if (!host && !gate_instance(x->db, &x->who, id, &i, e))
		return false;
	if (!list_handovers(x->db, &f, api_list_page(&c->l), list_one, c, e))
		return false;
	return !host || c->is_party || gate_instance(x->db, &x->who, id, &i, e);
}

/* GET /v1/instances/{id}/handovers */
bool api_handover_list(struct api *api, struct exchange *x, struct err *e)
{
	struct list c = { .x = x, .now_us = clock_wall_us(api->clock) };
	struct uuid id;
	bool ok;

	if (!path_uuid(x, 0, "id", &id, e) || !api_list_open(x, &c.l, e) ||
	    !reader_begin(x->db, e))
		return false;
	ok = list_all(x, &id, &c, e);
	reader_end(x->db);
	api_list_close(&c.l);
	return ok;
}

/* ?state: what the caller knows already. */
static bool known_state(const struct exchange *x, enum handover_state *ret,
			bool *ret_given, struct err *e)
{
	char text[WORD_SIZE];

	*ret_given = exchange_query(x, "state", text, sizeof(text)) != NULL;
	return !*ret_given || handover_state_parse(text, ret) ||
	       err_field(e, ERR_BAD_VALUE, "state", "a hand-over has no such state");
}

/* GET /v1/instances/{id}/handovers/{n} - with ?wait and ?state, once the state is another. */
bool api_handover_get(struct api *api, struct exchange *x, struct err *e)
{
	enum handover_state known = HANDOVER_PREPARED;
	struct handover_view v;
	int64_t seconds;
	bool given;

	if (!handover_wait(x, &seconds, e) || !known_state(x, &known, &given, e) ||
	    !handover_of_path(api, x, &v, e))
		return false;
	if (given && v.state == known && exchange_waits(x, v.row.instance.text, seconds))
		return true;
	handover_reply(x, 200, &v);
	return true;
}
