/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/api.h"
#include "broker/api/v1/handlers.h"
#include "broker/gate/gate.h"

static void put_host(struct json_writer *w, const struct host_row *h, int64_t generation)
{
	json_open(w, NULL);
	json_put_text(w, "name", h->name);
	json_put_text(w, "state", h->state);
	json_put_text(w, "fingerprint", h->key_hash);
	api_put_policies(w, "policies", h->policies);
	json_put_integer(w, "protocol", h->protocol);
	json_put_lines(w, "features", h->features);
	json_put_text(w, "address", h->address);
	api_put_time(w, "created", h->created_us);
	api_put_time(w, "approved", h->approved_us);
	json_put_integer(w, "generation", generation);
	json_close(w);
}

static void answer(struct exchange *x, const struct host_row *h, int64_t generation)
{
	struct json_writer w;

	exchange_json(x, 200, &w);
	put_host(&w, h, generation);
	exchange_etag(x, generation);
}

/* Revoked hosts keep their row but not their name: looked for only where no other has it. */
struct search {
	const char *name;
	struct host_row *found;
};

static bool search_host(void *ctx, const struct host_row *row, struct err *e)
{
	struct search *s = ctx;

	(void)e;
	if (strcmp(row->name, s->name) == 0 && row->created_us >= s->found->created_us)
		*s->found = *row;
	return true;
}

static bool host_of_path(struct exchange *x, struct host_row *ret, struct err *e)
{
	struct search s = { x->args[0], ret };
	char first[NAME_SIZE + 1];
	const struct page named = { .after = first, .limit = API_PAGE_MAX };

	*ret = (struct host_row){ 0 };
	if (!text_is_name(s.name, NAME_SIZE - 1) ||
	    !text_format(first, sizeof(first), "%s/", s.name))
		return err_field(e, ERR_BAD_VALUE, "name", "this is no name of a host");
	if (!read_host_by_name(x->db, s.name, ret, e) ||
	    (ret->head.generation == 0 && !list_hosts(x->db, named, search_host, &s, e)))
		return false;
	if (ret->head.generation == 0)
		return err_set(e, ERR_NOT_FOUND, "there is no host of this name");
	return true;
}

/* GET /v1/hosts/{name} */
bool api_host_get(struct api *api, struct exchange *x, struct err *e)
{
	struct host_row h = { 0 };

	(void)api;
	if (!host_of_path(x, &h, e))
		return false;
	answer(x, &h, h.head.generation);
	return true;
}

static bool list_host(void *ctx, const struct host_row *row, struct err *e)
{
	struct api_list *l = ctx;
	char key[NAME_SIZE + PKI_HASH_HEX]; /* a name is not unique among the revoked */

	if (!text_format(key, sizeof(key), "%s/%s", row->name, row->key_hash))
		return err_set(e, ERR_INTERNAL, "the key of a host is too long");
	if (api_list_takes(l, key))
		put_host(&l->w, row, row->head.generation);
	return true;
}

/* GET /v1/hosts */
bool api_host_list(struct api *api, struct exchange *x, struct err *e)
{
	struct api_list l;

	(void)api;
	if (!api_list_open(x, &l, e) ||
	    !list_hosts(x->db, api_list_page(&l), list_host, &l, e))
		return false;
	api_list_close(&l);
	return true;
}

/*
 * The states of a host are a table: for each verb, from which states it leads to which. A verb
 * that finds the state it leads to changes nothing and answers what is there.
 */
enum host_state { PENDING, APPROVED, DRAINING, FENCED, REVOKED, HOST_STATES };

static const char *const state_names[HOST_STATES] = { "pending", "approved", "draining",
						      "fenced", "revoked" };

struct move {
	unsigned from;
	enum host_state to;
	enum err_kind otherwise[HOST_STATES]; /* why not, from a state outside the mask */
};

static const struct move approving = {
	.from = BIT(PENDING),
	.to = APPROVED,
	.otherwise = { [DRAINING] = ERR_HOST_DRAINING,
		       [FENCED] = ERR_HOST_FENCED,
		       [REVOKED] = ERR_HOST_REVOKED },
};
static const struct move fencing = {
	.from = BIT(PENDING) | BIT(APPROVED) | BIT(DRAINING),
	.to = FENCED,
	.otherwise = { [REVOKED] = ERR_HOST_REVOKED },
};
static const struct move draining = {
	.from = BIT(APPROVED),
	.to = DRAINING,
	.otherwise = { [PENDING] = ERR_HOST_PENDING,
		       [FENCED] = ERR_HOST_FENCED,
		       [REVOKED] = ERR_HOST_REVOKED },
};
static const struct move undraining = {
	.from = BIT(DRAINING),
	.to = APPROVED,
	.otherwise = { [PENDING] = ERR_HOST_PENDING,
		       [FENCED] = ERR_HOST_FENCED,
		       [REVOKED] = ERR_HOST_REVOKED },
};
/* A fence forgets that the host was draining. */
static const struct move unfencing = {
	.from = BIT(FENCED),
	.to = APPROVED,
	.otherwise = { [PENDING] = ERR_HOST_PENDING,
		       [DRAINING] = ERR_HOST_DRAINING,
		       [REVOKED] = ERR_HOST_REVOKED },
};
static const struct move revoking = {
	.from = BIT(PENDING) | BIT(APPROVED) | BIT(DRAINING) | BIT(FENCED),
	.to = REVOKED,
};

static bool state_of(const struct host_row *h, enum host_state *ret, struct err *e)
{
	for (enum host_state s = PENDING; s < HOST_STATES; s++) {
		if (strcmp(h->state, state_names[s]) == 0) {
			*ret = s;
			return true;
		}
	}
	return err_set(e, ERR_INTERNAL, "host %s has an unknown state", h->name);
}

static void enter_state(struct host_row *h, enum host_state to, int64_t now_us)
{
	text_cut(h->state, sizeof(h->state), state_names[to]);
	if (to == APPROVED && h->approved_us == 0)
		h->approved_us = now_us;
	h->fenced_us = to == FENCED ? now_us : 0;
}

/* A fence of a host that nobody had approved ends where it began. */
static enum host_state target_of(const struct move *m, const struct host_row *h)
{
	return m == &unfencing && h->approved_us == 0 ? PENDING : m->to;
}

static bool host_move(struct api *api, struct exchange *x, const struct move *m,
		      struct host_row *h, struct err *e)
{
	enum host_state is = PENDING;
	enum host_state to = target_of(m, h);
	int64_t was = h->head.generation;
	struct audit_record *a;

	if (!state_of(h, &is, e))
		return false;
	if (is == to) {
		answer(x, h, was);
		return true;
	}
	if (!(m->from & BIT(is)))
		return err_set(e, m->otherwise[is], "host %s is %s", h->name, h->state);
	enter_state(h, to, clock_wall_us(api->clock));
	change_put(x->change, TABLE_HOST, h);
	a = api_allowed(api, x);
	text_cut(a->target, sizeof(a->target), h->name);
	text_cut(a->host, sizeof(a->host), h->name);
	api_weigh(a, "host", was);
	answer(x, h, was + 1);
	return change_ok(x->change, e);
}

struct approve_body {
	char fingerprint[PKI_HASH_HEX];
};

static const struct json_field approve_fields[] = {
	{ .name = "fingerprint",
	  .type = FIELD_TEXT,
	  API_AT(struct approve_body, fingerprint),
	  .min = PKI_HASH_HEX - 1,
	  .max = PKI_HASH_HEX - 1,
	  .required = true },
};

/* POST /v1/hosts/{name}/approve - by the fingerprint that the host itself shows. */
bool api_host_approve(struct api *api, struct exchange *x, struct err *e)
{
	struct approve_body body = { 0 };
	struct host_row h = { 0 };

	if (!API_BODY(x, approve_fields, &body, e) || !host_of_path(x, &h, e))
		return false;
	if (strcmp(body.fingerprint, h.key_hash) != 0)
		return err_field(e, ERR_BAD_VALUE, "fingerprint",
				 "the host enrolled with another key than this");
	return host_move(api, x, &approving, &h, e);
}

static bool host_verb(struct api *api, struct exchange *x, const struct move *m,
		      struct err *e)
{
	struct host_row h = { 0 };

	return api_body(x, NULL, 0, NULL, e) && host_of_path(x, &h, e) &&
	       host_move(api, x, m, &h, e);
}

/* POST /v1/hosts/{name}/fence - writes the host's row, on which every release rests. */
bool api_host_fence(struct api *api, struct exchange *x, struct err *e)
{
	return host_verb(api, x, &fencing, e);
}

/* POST /v1/hosts/{name}/drain - it keeps what it has; writes the host's row, on which every
 * placement rests. */
bool api_host_drain(struct api *api, struct exchange *x, struct err *e)
{
	return host_verb(api, x, &draining, e);
}

/* POST /v1/hosts/{name}/undrain */
bool api_host_undrain(struct api *api, struct exchange *x, struct err *e)
{
	return host_verb(api, x, &undraining, e);
}

/* POST /v1/hosts/{name}/unfence */
bool api_host_unfence(struct api *api, struct exchange *x, struct err *e)
{
	return host_verb(api, x, &unfencing, e);
}

/* POST /v1/hosts/{name}/revoke - the name is free again; the key comes back only with a new
 * enrolment and a new approval. */
bool api_host_revoke(struct api *api, struct exchange *x, struct err *e)
{
	return host_verb(api, x, &revoking, e);
}

/* Whoever sees instances sees those; a host-admin sees which they are, and nothing of whose. */
static bool put_guest(struct exchange *x, struct json_writer *w, const struct uuid *id,
		      struct err *e)
{
	bool named = x->who.role != ROLE_HOST_ADMIN;
	struct instance_row i;
	struct placement_row p;

	if (!read_instance(x->db, id, &i, e) || !read_placement(x->db, id, &p, e))
		return false;
	json_open(w, NULL);
	json_put_text(w, "id", i.id.text);
	json_put_text(w, "name", named ? i.name : NULL);
	json_put_text(w, "project", named ? i.project : NULL);
	json_put_text(w, "security", i.security);
	json_put_integer(w, "epoch", p.epoch);
	json_put_boolean(w, "running", uuid_is_set(&p.attempt) && p.stopped == 0);
	json_close(w);
	return true;
}

/* The page's instances; their other rows are read after the list's query has ended. */
struct guests {
	struct exchange *x;
	struct api_list l;
	int64_t rows;     /* that the store gave, shown or not */
	struct uuid last; /* of them */
	size_t n;
	struct uuid ids[API_PAGE_MAX];
};

static bool take_guest(void *ctx, const struct instance_row *row, struct err *e)
{
	struct guests *g = ctx;
	const struct principal *who = &g->x->who;
	bool sees = who->role == ROLE_HOST_ADMIN || gate_sees(who, row, NULL);

	(void)e;
	g->rows++;
	g->last = row->id;
	if (sees && api_list_takes(&g->l, row->id.text)) {
		assert(g->n < ARRAY_LEN(g->ids));
		g->ids[g->n++] = row->id;
	}
	return true;
}

/* A token of a few projects passes over the rows of others, so a page may take more. */
static bool list_guests(struct exchange *x, struct guests *g, const char *host,
			struct err *e)
{
	const struct instance_filter there = { .host = host };
	struct page p = api_list_page(&g->l);
	struct uuid from; /* the query borrows it */

	do {
		g->rows = 0;
		if (!list_instances(x->db, &there, p, take_guest, g, e))
			return false;
		from = g->last;
		p.after = from.text;
	} while (g->rows == p.limit && !g->l.more);
	for (size_t i = 0; i < g->n; i++)
		if (!put_guest(x, &g->l.w, &g->ids[i], e))
			return false;
	return true;
}

/* GET /v1/hosts/{name}/instances */
bool api_host_guests(struct api *api, struct exchange *x, struct err *e)
{
	struct guests g = { .x = x };
	struct host_row h = { 0 };
	bool done;

	(void)api;
	if (!host_of_path(x, &h, e) || !api_list_open(x, &g.l, e) ||
	    !reader_begin(x->db, e))
		return false;
	done = list_guests(x, &g, h.key_hash, e);
	reader_end(x->db);
	api_list_close(&g.l);
	return done;
}
