/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/v1/handlers.h"
#include "broker/api/v1/show.h"

/* What is explained: a release to one host, or reading back by the asker. */
struct explain {
	struct question q;
	struct instance_row instance;
	struct host_row host; /* absent: the instance is placed nowhere */
	struct verdict v;
	enum reason reason;
	size_t n_facts;
	struct fact facts[FACTS_MAX + 1];
};

static bool may_explain(const struct principal *who, const struct instance_row *i,
			struct err *e)
{
	if (who->kind == PRINCIPAL_HOST || who->role != ROLE_MEMBER ||
	    gate_is_owner(who, i))
		return true;
	return err_set(e, ERR_FORBIDDEN,
		       "only the owner may ask this within the project");
}

static bool explain_parse(struct exchange *x, struct explain *ret, struct err *e)
{
	char purpose[WORD_SIZE] = "start";

	if (!path_uuid(x, 0, "id", &ret->q.instance, e))
		return false;
	(void)exchange_query(x, "purpose", purpose, sizeof(purpose));
	if (!purpose_parse(purpose, &ret->q.purpose))
		return err_field(e, ERR_BAD_VALUE, "purpose", "there is no such purpose");
	return gate_instance(x->db, &x->who, &ret->q.instance, &ret->instance, e) &&
	       may_explain(&x->who, &ret->instance, e);
}

static bool placed_host(struct reader *r, struct explain *ret, struct err *e)
{
	struct placement_row p;

	return read_placement(r, &ret->q.instance, &p, e) &&
	       (p.head.generation == 0 || read_host(r, p.host, &ret->host, e));
}

/* The host that is meant: the one named, else the placed one. A host asks about itself. */
static bool explain_host(struct exchange *x, struct explain *ret, struct err *e)
{
	char name[256];

	if (exchange_query(x, "host", name, sizeof(name)) == NULL)
		return placed_host(x->db, ret, e);
	if (x->who.kind == PRINCIPAL_HOST && strcmp(name, x->who.host.name) != 0)
		return err_field(e, ERR_FORBIDDEN, "host",
				 "a host may ask about itself alone");
	if (!read_host_by_name(x->db, name, &ret->host, e))
		return false;
	if (ret->host.head.generation == 0)
		return err_field(e, ERR_NOT_FOUND, "host", "there is no host %s", name);
	return true;
}

static bool explain_weigh(struct api *api, struct exchange *x, struct explain *s,
			  struct err *e)
{
	struct placement_row p;
	bool ok;

	if (!read_placement(x->db, &s->q.instance, &p, e))
		return false;
	s->q.handover = p.moving != 0 ? p.number : 0; /* as if it were claimed now */
	if (purpose_is_release(s->q.purpose))
		ok = gate_supposes(api->gate, x->db, &s->host, &s->q, &s->v, e);
	else
		ok = gate_decides(api->gate, x->db, &x->who, &s->q, &s->v, e);
	if (ok)
		s->n_facts = policy_explain(&s->v.ask, s->facts, &s->reason);
	return ok;
}

/* Where no host is meant, nothing can be said of one. */
static void drop_facts_of_no_host(struct explain *s)
{
	if (s->host.head.generation != 0 || !purpose_is_release(s->q.purpose))
		return;
	for (size_t i = 0; i < s->n_facts; i++)
		if (s->facts[i].decides)
			s->n_facts = i + 1;
}

static void write_fact(struct json_writer *w, const struct fact *f)
{
	json_open(w, NULL);
	json_put_text(w, "name", f->name);
	json_put_text(w, "says", f->says);
	json_put_boolean(w, "holds", f->holds);
	json_put_boolean(w, "decides", f->decides);
	json_put_text(w, "change", f->change);
	json_close(w);
}

/* A host that waits for approval, or drains and would take a guest in, is turned away before any
 * rule is weighed. */
static const struct turned {
	const char *state;
	unsigned purposes; /* BIT(purpose), 0: all */
	enum err_kind err;
	const char *name, *says, *change;
} turned[] = {
	{ "pending", 0, ERR_HOST_PENDING, "host_approved", "the host waits for approval",
	  "the host-admin: vtpmctl host approve NAME" },
	{ "draining", BIT(PURPOSE_MIGRATE_IN) | BIT(PURPOSE_COLD_MIGRATE),
	  ERR_HOST_DRAINING, "host_takes_guests",
	  "the host is being drained and takes no guests",
	  "the host-admin: vtpmctl host undrain NAME" },
};

static const struct turned *is_turned_away(const struct explain *s)
{
	for (size_t i = 0; i < ARRAY_LEN(turned); i++) {
		const struct turned *t = &turned[i];

		if (purpose_is_release(s->q.purpose) &&
		    strcmp(s->host.state, t->state) == 0 &&
		    (t->purposes == 0 || (t->purposes & BIT(s->q.purpose)) != 0))
			return t;
	}
	return NULL;
}

static void write_turned(struct json_writer *w, const struct turned *t)
{
	struct fact f = { 0 };

	if (t == NULL)
		return;
	f.name = t->name;
	f.says = t->says;
	f.decides = true;
	f.change = t->change;
	write_fact(w, &f);
}

/* The operator's word at the last placement, for as long as it must hold. */
static void write_off_until(struct json_writer *w, const struct explain *s)
{
	char says[120], until[32];
	struct fact f = {
		.name = "earlier_host_is_off", .says = says, .holds = true, .change = ""
	};

	if (s->v.placement.off_until_us <= s->v.now_us)
		return;
	clock_rfc3339(s->v.placement.off_until_us, until);
	if (text_format(says, sizeof(says),
			"the operator said that an earlier host stays off until %s",
			until))
		write_fact(w, &f);
}

/* Which hand-over is open; one that holds the guest decides by a rule of its own. */
static bool write_open_handover(struct exchange *x, struct json_writer *w,
				const struct explain *s, struct err *e)
{
	const struct handover_row *h = &s->v.handover;
	char says[160], to[NAME_SIZE];
	struct fact f = {
		.name = "handover_open", .says = says, .holds = true, .change = ""
	};

	if (h->head.generation == 0)
		return true;
	if (!host_name_of(x->db, h->destination, to, e))
		return false;
	if (text_format(says, sizeof(says), "hand-over %lld to %s is open: %s, mode %s",
			(long long)h->number, to, h->state, h->mode))
		write_fact(w, &f);
	return true;
}

static bool explain_write(struct exchange *x, struct explain *s, struct err *e)
{
	const struct turned *t = is_turned_away(s);
	bool allows = reason_allows(s->reason) && t == NULL;
	struct json_writer w;

	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_text(&w, "verdict", allows ? "allowed" : "refused");
	json_put_text(&w, "reason", t ? err_info(t->err)->code : reason_name(s->reason));
	json_put_text(&w, "says", t ? t->says : reason_text(s->reason));
	json_put_text(&w, "purpose", purpose_name(s->q.purpose));
	json_put_text(&w, "host", s->host.head.generation == 0 ? NULL : s->host.name);
	json_open_list(&w, "facts");
	write_turned(&w, t);
	for (size_t i = 0; i < s->n_facts; i++) {
		s->facts[i].decides = s->facts[i].decides && t == NULL;
		write_fact(&w, &s->facts[i]);
	}
	write_off_until(&w, s);
	if (!write_open_handover(x, &w, s, e))
		return false;
	json_close_list(&w);
	json_close(&w);
	return true;
}

bool api_explain(struct api *api, struct exchange *x, struct err *e)
{
	struct explain s = { 0 };

	if (!explain_parse(x, &s, e) || !explain_host(x, &s, e) ||
	    !explain_weigh(api, x, &s, e))
		return false;
	drop_facts_of_no_host(&s);
	return explain_write(x, &s, e);
}
