/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/v1/handover.h"

#include <string.h>

#include "broker/api/v1/lease.h"
#include "broker/api/v1/show.h"

/* Reading. */

/* What lies at the source then is not stale, or will not be for long. */
static bool read_back(struct reader *r, struct handover_view *v, struct err *e)
{
	const struct placement_row *p = &v->placement;
	struct handover_row open;

	v->is_back = strcmp(p->host, v->row.source) == 0;
	if (v->is_back || v->state != HANDOVER_COMMITTED || p->moving == 0)
		return true;
	if (!read_handover(r, &p->instance, p->number, &open, e))
		return false;
	v->is_back = strcmp(open.destination, v->row.source) == 0;
	return true;
}

bool handover_view_read(struct reader *r, struct handover_view *v, struct err *e)
{
	const struct handover_row *h = &v->row;

	if (!handover_mode_parse(h->mode, &v->mode) ||
	    !handover_state_parse(h->state, &v->state))
		return err_set(e, ERR_INTERNAL,
			       "hand-over %lld of %s is of no known kind",
			       (long long)h->number, h->instance.text);
	return read_instance(r, &h->instance, &v->instance, e) &&
	       read_placement(r, &h->instance, &v->placement, e) &&
	       read_host(r, h->source, &v->source, e) &&
	       read_host(r, h->destination, &v->destination, e) && read_back(r, v, e);
}

bool handover_asker_is(const struct exchange *x, const char *key_hash)
{
	return x->who.kind == PRINCIPAL_HOST &&
	       strcmp(x->who.host.key_hash, key_hash) == 0;
}

static bool sees(const struct exchange *x, const struct handover_view *v)
{
	if (x->who.kind == PRINCIPAL_HOST)
		return handover_asker_is(x, v->row.source) ||
		       handover_asker_is(x, v->row.destination);
	return gate_sees(&x->who, &v->instance, &v->placement);
}

static bool view_find(struct exchange *x, const struct uuid *id, int64_t number,
		      struct handover_view *v, struct err *e)
{
	if (!read_handover(x->db, id, number, &v->row, e))
		return false;
	if (v->row.head.generation != 0 && !handover_view_read(x->db, v, e))
		return false;
	if (v->row.head.generation == 0 || !sees(x, v))
		return err_set(e, ERR_NOT_FOUND, "there is no hand-over %lld of %s",
			       (long long)number, id->text);
	return true;
}

bool handover_of_path(struct api *api, struct exchange *x, struct handover_view *ret,
		      struct err *e)
{
	struct uuid id;
	int64_t number;
	bool ok;

	*ret = (struct handover_view){ .now_us = clock_wall_us(api->clock) };
	if (!path_uuid(x, 0, "id", &id, e))
		return false;
	if (!text_parse_int(x->args[1], 1, INT64_MAX, &number))
		return err_field(e, ERR_BAD_VALUE, "number",
				 "a hand-over has a number, from 1");
	if (!reader_begin(x->db, e))
		return false;
	ok = view_find(x, &id, number, ret, e);
	reader_end(x->db);
	return ok;
}

bool handover_wait(const struct exchange *x, int64_t *ret, struct err *e)
{
	char text[24];

	*ret = 0;
	if (exchange_query(x, "wait", text, sizeof(text)) == NULL)
		return true;
	return text_parse_int(text, 0, HANDOVER_WAIT_MAX, ret) ||
	       err_field(e, ERR_BAD_VALUE, "wait", "wait is from 0 to %d seconds",
			 HANDOVER_WAIT_MAX);
}

/* Hosts. */

static bool host_is(const struct host_row *h, const char *state)
{
	return strcmp(h->state, state) == 0;
}

static bool host_is_barred(const struct host_row *h)
{
	return host_is(h, "fenced") || host_is(h, "revoked");
}

static bool host_is_out(const struct host_row *h, const char *field, struct err *e)
{
	if (host_is(h, "fenced"))
		return err_field(e, ERR_HOST_FENCED, field, "the host %s is fenced",
				 h->name);
	if (host_is(h, "revoked"))
		return err_field(e, ERR_HOST_REVOKED, field, "the host %s is revoked",
				 h->name);
	return err_field(e, ERR_HOST_PENDING, field, "the host %s is not approved",
			 h->name);
}

bool handover_source_is_fit(const struct host_row *source, struct err *e)
{
	return host_is(source, "approved") || host_is(source, "draining") ||
	       host_is_out(source, "source", e);
}

bool handover_destination_is_fit(const struct host_row *destination, struct err *e)
{
	if (host_is(destination, "approved"))
		return true;
	if (host_is(destination, "draining"))
		return err_field(e, ERR_HOST_DRAINING, "destination",
				 "the host %s is being drained", destination->name);
	return host_is_out(destination, "destination", e);
}

/* Weighing. */

static bool said(const char *word, enum handover_word is)
{
	return strcmp(word, handover_word_name(is)) == 0;
}

bool handover_weighs(const struct handover_view *v, enum handover_word word,
		     bool host_is_off, enum handover_state *ret_next, struct err *e)
{
	const struct handover_row *h = &v->row;
	const struct handover_facts f = {
		.mode = v->mode,
		.state = v->state,
		.source_has_it = said(h->source_said, HANDOVER_SAYS_KEEP) ||
				 said(h->source_said, HANDOVER_SAYS_NEVER_LEFT) ||
				 strcmp(h->source_said, HANDOVER_ABSENT) == 0,
		.destination_unsure = said(h->destination_said, HANDOVER_SAYS_CANNOT_SAY),
		.source_is_off = host_is_off && host_is_barred(&v->source),
		.destination_is_off = host_is_off && host_is_barred(&v->destination),
		.ran_at_destination = h->ran_there != 0,
		.placed_at_source = v->is_back,
	};

	switch (handover_weigh(&f, word, ret_next)) {
	case HANDOVER_MOVES_ON:
		return true;
	case HANDOVER_NOT_FENCED:
		return err_set(e, ERR_HOST_NOT_OFF,
			       "the other host must be fenced, and said to be off");
	case HANDOVER_NOT_TOLD:
		return err_set(e, ERR_NOT_TOLD,
			       "the host that is to keep the guest has not said that it "
			       "may have it");
	case HANDOVER_NOT_PROVEN:
		return err_set(e, ERR_NOT_PROVEN,
			       "it is not proven that the guest ran on %s, or it is back",
			       v->destination.name);
	case HANDOVER_NOT_NOW:
		break;
	}
	return err_set(e, ERR_HANDOVER_STATE, "hand-over %lld is %s, mode %s",
		       (long long)h->number, h->state, h->mode);
}

/* Leading on. */

/* The secret as the source sealed it serves one claim, and is not kept beyond. */
static void row_end(struct handover_row *h, int64_t now_us)
{
	h->ended_us = now_us;
	explicit_bzero(h->jwe, sizeof(h->jwe));
	h->jwe_len = 0;
}

static void tell_both(struct change *c, const struct handover_row *h)
{
	change_event(c, h->source, "handover", &h->instance, h->number);
	change_event(c, h->destination, "handover", &h->instance, h->number);
}

/* The destination keeps its sealed copy from now on, and may have a lease for it. */
static bool commit_copy(struct api *api, struct exchange *x,
			const struct handover_view *v, struct err *e)
{
	struct copy_row c;

	if (v->row.lease == 0 || api->lease_us == 0 ||
	    strcmp(v->instance.security, "host") != 0)
		return true;
	if (!read_copy(x->db, &v->row.instance, v->row.destination, &c, e))
		return false;
	c.instance = v->row.instance;
	memcpy(c.host, v->row.destination, sizeof(c.host));
	c.epoch = v->placement.epoch;
	c.version = v->row.version;
	c.lease_ends_us = lease_end(api, &c, v->now_us);
	c.erased_us = 0;
	change_put(x->change, TABLE_COPY, &c);
	return true;
}

/* Where a person decides, the source was said to be off: so it is until its copy's lease has ended. */
static bool commit_off_until(struct exchange *x, struct handover_view *v, struct err *e)
{
	struct copy_row c;
	int64_t until_us;

	if (x->who.kind == PRINCIPAL_HOST)
		return true;
	if (!read_copy(x->db, &v->row.instance, v->row.source, &c, e))
		return false;
	until_us = c.lease_ends_us + GATE_SKEW_US;
	if (c.head.generation != 0 && c.erased_us == 0 && until_us > v->now_us &&
	    until_us > v->placement.off_until_us)
		v->placement.off_until_us = until_us;
	return true;
}

static bool settle(void *ctx, const struct handover_row *row, struct err *e)
{
	struct exchange *x = ctx;
	struct handover_row h = *row;

	text_cut(h.state, sizeof(h.state), handover_state_name(HANDOVER_CLOSED));
	change_put(x->change, TABLE_HANDOVER, &h);
	api_weigh(change_audit(x->change), "closes", h.number);
	change_event(x->change, h.source, "handover", &h.instance, h.number);
	return change_ok(x->change, e);
}

bool handover_comes_back(struct exchange *x, const struct uuid *instance,
			 const char *host, struct err *e)
{
	return list_owed(x->db, instance, host, settle, x, e);
}

/* A guest that moves while it is off does not run there yet. */
static bool commit(struct api *api, struct exchange *x, struct handover_view *v,
		   struct err *e)
{
	struct placement_row *p = &v->placement;

	memcpy(p->host, v->row.destination, sizeof(p->host));
	p->epoch = v->row.epoch + 1;
	p->placed_us = v->now_us;
	p->attempt = v->row.attempt;
	p->stopped = v->mode == HANDOVER_COLD;
	v->is_back = false;
	if (!commit_copy(api, x, v, e) || !commit_off_until(x, v, e) ||
	    !handover_comes_back(x, &p->instance, p->host, e))
		return false;
	if (strcmp(v->instance.state, "possible") != 0) {
		change_guard(x->change, TABLE_INSTANCE, &v->instance);
		return true;
	}
	text_cut(v->instance.state, sizeof(v->instance.state), "expected");
	change_put(x->change, TABLE_INSTANCE, &v->instance);
	return true;
}

/* An open one holds the placement as it was prepared; anything else is not ours to go on from. */
static bool holds_placement(const struct handover_view *v)
{
	const struct placement_row *p = &v->placement;

	return p->moving != 0 && p->number == v->row.number && p->epoch == v->row.epoch &&
	       strcmp(p->host, v->row.source) == 0;
}

static bool leave_open(struct api *api, struct exchange *x, struct handover_view *v,
		       enum handover_state next, struct err *e)
{
	if (!holds_placement(v))
		return err_set(e, ERR_INTERNAL,
			       "hand-over %lld of %s does not go with its placement",
			       (long long)v->row.number, v->row.instance.text);
	if (next == HANDOVER_COMMITTED && !commit(api, x, v, e))
		return false;
	row_end(&v->row, v->now_us);
	v->placement.moving = 0;
	change_put(x->change, TABLE_PLACEMENT, &v->placement);
	return true;
}

bool handover_enter(struct api *api, struct exchange *x, struct handover_view *v,
		    enum handover_state next, struct err *e)
{
	bool ends = handover_is_open(v->state) && !handover_is_open(next);

	if (ends && !leave_open(api, x, v, next, e))
		return false;
	if (!ends)
		change_guard(x->change, TABLE_PLACEMENT, &v->placement);
	if (x->who.kind == PRINCIPAL_HOST)
		change_guard(x->change, TABLE_HOST, &x->who.host);
	v->state = next;
	text_cut(v->row.state, sizeof(v->row.state), handover_state_name(next));
	change_set_class(x->change, CHANGE_RELEASE); /* what was begun is to end */
	change_put(x->change, TABLE_HANDOVER, &v->row);
	tell_both(x->change, &v->row);
	return change_ok(x->change, e);
}

void handover_end_by_start(struct change *c, struct handover_row *h, int64_t now_us)
{
	text_cut(h->state, sizeof(h->state), handover_state_name(HANDOVER_ABORTED));
	row_end(h, now_us);
	change_put(c, TABLE_HANDOVER, h);
	tell_both(c, h);
}

/* Showing. */

struct audit_record *handover_audit(struct api *api, struct exchange *x,
				    const struct handover_view *v)
{
	struct audit_record *a = audit_about(api, x, &v->instance);

	a->epoch = v->row.epoch;
	a->version = v->row.version;
	a->attempt = v->row.attempt;
	text_cut(a->host, sizeof(a->host), v->destination.name);
	text_cut(a->purpose, sizeof(a->purpose),
		 purpose_name(v->mode == HANDOVER_COLD ? PURPOSE_COLD_MIGRATE
						       : PURPOSE_MIGRATE_IN));
	api_weigh(a, "handover", v->row.head.generation);
	api_weigh(a, "placement", v->placement.head.generation);
	return a;
}

static const char *or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

static void write_host(struct json_writer *w, const char *name, const struct host_row *h,
		       bool with_address)
{
	json_open(w, name);
	json_put_text(w, "name", h->name);
	json_put_text(w, "fingerprint", h->key_hash);
	if (with_address)
		json_put_text(w, "address", or_null(h->address));
	json_close(w);
}

static bool may_wipe(const struct handover_view *v)
{
	return v->state == HANDOVER_COMMITTED && v->row.ran_there != 0 && !v->is_back;
}

static void write_ends(struct json_writer *w, const struct handover_view *v)
{
	const struct handover_row *h = &v->row;

	json_put_text(w, "attempt", uuid_is_set(&h->attempt) ? h->attempt.text : NULL);
	json_put_text(w, "source_said", or_null(h->source_said));
	json_put_text(w, "destination_said", or_null(h->destination_said));
	json_put_boolean(w, "ran_there", h->ran_there != 0);
	json_put_boolean(w, "may_wipe", may_wipe(v));
	json_put_text(w, "by", h->made_by);
	api_put_time(w, "created", h->created_us);
	api_put_time(w, "claimed", h->claimed_us);
	api_put_time(w, "ended", h->ended_us);
}

void handover_write(struct json_writer *w, const struct handover_view *v,
		    const struct handover_note *note)
{
	const struct handover_row *h = &v->row;

	json_put_text(w, "instance", h->instance.text);
	json_put_integer(w, "number", h->number);
	json_put_text(w, "mode", h->mode);
	json_put_text(w, "state", h->state);
	write_host(w, "source", &v->source, false);
	write_host(w, "destination", &v->destination, true);
	json_put_integer(w, "epoch", h->epoch);
	json_put_integer(w, "version", h->version);
	json_put_text(w, "security", v->instance.security);
	json_put_text(w, "secret", v->instance.secret.text);
	write_ends(w, v);
	if (note != NULL && note->alarm)
		json_put_boolean(w, "alarm", true);
	if (note != NULL && note->drops != NULL)
		json_put_text(w, "drops", note->drops);
}

void handover_reply(struct exchange *x, int status, const struct handover_view *v)
{
	struct json_writer w;

	exchange_json(x, status, &w);
	json_open(&w, NULL);
	handover_write(&w, v, NULL);
	json_close(&w);
}

bool ask_write(struct reader *r, struct json_writer *w, const struct ask_row *a,
	       int64_t seq, struct err *e)
{
	struct handover_row h = { 0 };
	struct instance_row i;
	struct placement_row p;
	struct host_row asker;
	char statement[STATEMENT_MAX + 1];

	if (!read_instance(r, &a->instance, &i, e) ||
	    !read_placement(r, &a->instance, &p, e) ||
	    !read_host(r, a->host, &asker, e) ||
	    (a->number != 0 && !read_handover(r, &a->instance, a->number, &h, e)))
		return false;
	memcpy(statement, a->statement, (size_t)a->statement_len);
	statement[a->statement_len] = '\0';
	if (seq != 0)
		json_put_integer(w, "seq", seq);
	json_put_text(w, "kind", "ask");
	json_put_text(w, "instance", i.id.text);
	json_put_text(w, "name", i.name);
	json_put_text(w, "secret", i.secret.text);
	json_put_integer(w, "number", a->number);
	json_put_text(w, "mode", or_null(h.mode));
	json_put_text(w, "by", or_null(h.made_by));
	json_put_text(w, "attempt", a->attempt.text);
	json_put_text(w, "nonce", a->nonce);
	json_put_text(w, "statement", statement);
	write_host(w, "destination", &asker, true);
	json_put_text(w, "security", i.security);
	json_put_integer(w, "version", i.version);
	json_put_integer(w, "epoch", p.epoch);
	json_put_text(w, "answer", a->answer);
	return true;
}
