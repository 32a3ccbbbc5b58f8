/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/gate/gate.h"

#include <stdlib.h>
#include <string.h>

#include "broker/gate/word.h"
#include "broker/vault/vault.h"

struct gate {
	const struct clock *clock; /* borrowed from the daemon */
	struct vault *vault;       /* borrowed from the daemon */
};

bool gate_new(const struct clock *clock, struct vault *vault, struct gate **ret,
	      struct err *e)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return err_set(e, ERR_NO_MEMORY, "no memory for the gate");
	*g = (struct gate){ .clock = clock, .vault = vault };
	*ret = g;
	return true;
}

void gate_free(struct gate *g)
{
	free(g);
}

/* The open hand-over brings the guest to this host, for this purpose: it is offered, or was claimed
 * by this very attempt. */
static bool handover_serves(const struct verdict *v)
{
	const struct handover_row *h = &v->handover;
	bool cold = strcmp(h->mode, "cold") == 0;

	if (h->head.generation == 0 || h->number != v->question.handover ||
	    h->epoch != v->placement.epoch ||
	    strcmp(h->destination, v->host.key_hash) != 0 ||
	    v->question.purpose != (cold ? PURPOSE_COLD_MIGRATE : PURPOSE_MIGRATE_IN))
		return false;
	return strcmp(h->state, "offered") == 0 ||
	       (strcmp(h->state, "claimed") == 0 &&
		uuid_equal(&h->attempt, &v->question.attempt));
}

/* The same attempt, for the very same thing, a short while ago. */
static bool is_again(const struct verdict *v)
{
	const struct release_row *l = &v->release;

	return l->head.generation != 0 &&
	       uuid_equal(&l->instance, &v->question.instance) &&
	       strcmp(l->host, v->host.key_hash) == 0 &&
	       strcmp(l->purpose, purpose_name(v->question.purpose)) == 0 &&
	       l->version == v->instance.version &&
	       v->now_us - l->at_us <= GATE_REDELIVERY_US &&
	       l->at_us - v->now_us <= GATE_SKEW_US; /* the clock was set back */
}

/* A claim's release is of the epoch that will come with its commit; any other is answered again
 * while it is the newest and has not ended. */
static bool is_redelivery(const struct verdict *v)
{
	const struct release_row *l = &v->release;

	if (!is_again(v))
		return false;
	if (v->question.handover != 0)
		return handover_serves(v) && l->epoch == v->handover.epoch + 1 &&
		       strcmp(v->handover.state, "claimed") == 0;
	return l->epoch == v->placement.epoch &&
	       uuid_equal(&v->placement.attempt, &l->attempt) &&
	       v->placement.stopped == 0;
}

/* Only what this purpose and policy can need is read: a release is the busiest request. */
static bool read_words(struct reader *r, struct verdict *v, struct err *e)
{
	const struct question *q = &v->question;

	if (uuid_is_set(&q->attempt) && !read_release(r, &q->attempt, &v->release, e))
		return false;
	v->redelivered = is_redelivery(v);
	if (v->ask.security == SECURITY_HOST &&
	    !read_copy(r, &q->instance, v->host.key_hash, &v->copy, e))
		return false;
	return v->ask.security == SECURITY_DEPLOYMENT || word_find(r, v, e);
}

/* The placement vouches for it: one that is gone was removed by somebody. */
static bool read_open_handover(struct reader *r, struct verdict *v, struct err *e)
{
	const struct placement_row *p = &v->placement;

	if (p->moving == 0)
		return true;
	if (!read_handover(r, &p->instance, p->number, &v->handover, e))
		return false;
	return v->handover.head.generation != 0 ||
	       err_set(e, ERR_ROW_TAMPERED, "the open hand-over of %s is gone",
		       p->instance.text);
}

static bool read_rows(struct reader *r, struct verdict *v, struct err *e)
{
	if (!read_instance(r, &v->question.instance, &v->instance, e))
		return false;
	if (v->instance.head.generation == 0)
		return true;
	if (!security_parse(v->instance.security, &v->ask.security))
		return err_set(e, ERR_INTERNAL, "instance %s has no known policy",
			       v->instance.id.text);
	if (!read_placement(r, &v->question.instance, &v->placement, e) ||
	    !read_open_handover(r, v, e))
		return false;
	if (v->instance.version != 0 &&
	    (!read_version(r, &v->instance.secret, v->instance.version, &v->version, e) ||
	     !read_project_key(r, v->instance.issuer, v->instance.project, &v->project,
			       e)))
		return false;
	return !purpose_is_release(v->question.purpose) || read_words(r, v, e);
}

/* All of it in one snapshot, so that the verdict sees one moment. */
static bool collect(const struct gate *g, struct reader *r, const struct question *q,
		    struct verdict *v, struct err *e)
{
	bool ok;

	v->question = *q;
	v->ask.purpose = q->purpose;
	v->now_us = clock_wall_us(g->clock);
	if (!reader_begin(r, e))
		return false;
	ok = read_rows(r, v, e);
	reader_end(r);
	return ok;
}

static bool placed_on(const struct verdict *v)
{
	return v->placement.head.generation != 0 && v->host.key_hash[0] != '\0' &&
	       strcmp(v->placement.host, v->host.key_hash) == 0;
}

static bool is_barred(const struct host_row *h)
{
	return strcmp(h->state, "fenced") == 0 || strcmp(h->state, "revoked") == 0;
}

static enum party party_of_host(const struct verdict *v)
{
	if (is_barred(&v->host))
		return PARTY_FENCED_HOST;
	return placed_on(v) ? PARTY_PLACED_HOST : PARTY_OTHER_HOST;
}

static enum party party_of_person(const struct principal *who,
				  const struct instance_row *i)
{
	if (gate_is_owner(who, i))
		return PARTY_OWNER;
	switch (who->role) {
	case ROLE_OPERATOR:
		return PARTY_OPERATOR;
	case ROLE_ORCHESTRATOR:
		return PARTY_ORCHESTRATOR;
	case ROLE_HOST_ADMIN:
		return PARTY_HOST_ADMIN;
	case ROLE_AUDITOR:
		return PARTY_AUDITOR;
	case ROLE_MEMBER:
	case ROLES:
		break;
	}
	return PARTY_MEMBER;
}

/* The sealed copy of the value that is in force now, given at this placement. */
static bool copy_is_current(const struct verdict *v)
{
	return v->copy.head.generation != 0 && v->copy.erased_us == 0 &&
	       v->copy.epoch == v->placement.epoch &&
	       v->copy.version == v->instance.version;
}

/* The facts about a host, whether it asks or somebody asks about it. */
static void ask_of_host(struct verdict *v)
{
	const struct question *q = &v->question;
	struct ask *a = &v->ask;

	a->party = party_of_host(v);
	a->host_supports = (v->host.policies & (int64_t)BIT(a->security)) != 0;
	a->host_new_enough = v->host.protocol >= GATE_PROTOCOL;
	a->host_in_set = v->instance.hosts[0] == '\0' ||
			 gate_lines_hold(v->instance.hosts, v->host.name);
	a->secret_matches =
		!uuid_is_set(&q->secret) || uuid_equal(&q->secret, &v->instance.secret);
	a->released_before = copy_is_current(v);
	a->holds_copy = q->holds_copy != 0 && q->holds_copy == v->copy.version;
	a->ran_before = uuid_is_set(&v->placement.attempt);
	a->held = gate_is_held(v);
	a->handover = q->moves || (q->handover != 0 && handover_serves(v));
}

bool gate_decides(const struct gate *g, struct reader *r, const struct principal *who,
		  const struct question *q, struct verdict *ret, struct err *e)
{
	memset(ret, 0, sizeof(*ret));
	if (who->kind == PRINCIPAL_HOST)
		ret->host = who->host;
	if (!collect(g, r, q, ret, e))
		return false;
	ret->ask.visible = gate_sees(who, &ret->instance, &ret->placement);
	if (who->kind == PRINCIPAL_HOST && ret->instance.head.generation != 0) {
		/* A host that names the instance's secret has the domain, so it knows. */
		if (uuid_equal(&q->secret, &ret->instance.secret))
			ret->ask.visible = true;
		ask_of_host(ret);
	} else {
		ret->ask.party = party_of_person(who, &ret->instance);
	}
	ret->reason = policy_decide(&ret->ask);
	return true;
}

bool gate_supposes(const struct gate *g, struct reader *r, const struct host_row *host,
		   const struct question *q, struct verdict *ret, struct err *e)
{
	memset(ret, 0, sizeof(*ret));
	ret->host = *host;
	if (!collect(g, r, q, ret, e))
		return false;
	ret->question.holds_copy = ret->copy.version;
	ret->ask.visible = true;
	ask_of_host(ret);
	ret->reason = policy_decide(&ret->ask);
	return true;
}

bool gate_allows(const struct verdict *v, struct err *e)
{
	if (reason_allows(v->reason))
		return true;
	return err_set(e, reason_err(v->reason), "%s", reason_text(v->reason));
}

bool gate_is_held(const struct verdict *v)
{
	enum handover_state s;

	if (v->handover.head.generation == 0)
		return false;
	return !handover_state_parse(v->handover.state, &s) || handover_holds(s);
}

bool gate_uses_word(const struct verdict *v)
{
	return v->reason == REASON_ALLOWED && v->ask.permit == PERMIT_GOOD;
}

/* Once a minute is enough to know that it is in use. Were its row written at every release, a
 * host that asks without end could keep the owner from taking the grant back. */
static bool is_recorded(const struct verdict *v)
{
	const struct permit_row *p = &v->permit;

	return p->uses == 0 && v->now_us >= p->used_us &&
	       v->now_us - p->used_us < GATE_STANDING_US;
}

bool gate_burns(const struct verdict *v, const struct uuid *attempt,
		struct permit_row *ret)
{
	if (!gate_uses_word(v) || is_recorded(v))
		return false;
	*ret = v->permit;
	ret->uses_left -= ret->uses != 0;
	ret->used_by = *attempt;
	ret->used_us = v->now_us;
	return true;
}

/* Answering the same attempt again burns nothing, but its grant must still stand. */
static bool rests_on_word(const struct verdict *v)
{
	return gate_uses_word(v) ||
	       (v->reason == REASON_ALLOWED && v->ask.permit == PERMIT_OF_THIS_ATTEMPT &&
		v->permit.epoch == 0);
}

void gate_guard(const struct verdict *v, struct change *c, unsigned puts)
{
	const struct {
		enum table table;
		const struct row_head *head;
		const void *row;
	} rows[] = {
		{ TABLE_INSTANCE, &v->instance.head, &v->instance },
		{ TABLE_PLACEMENT, &v->placement.head, &v->placement },
		{ TABLE_VERSION, &v->version.head, &v->version },
		{ TABLE_HOST, &v->host.head, &v->host },
		{ TABLE_PERMIT, &v->permit.head, &v->permit },
		{ TABLE_RELEASE, &v->release.head, &v->release },
		{ TABLE_COPY, &v->copy.head, &v->copy },
		{ TABLE_HANDOVER, &v->handover.head, &v->handover },
	};

	/* A word that did not count may change as it likes. */
	if (!rests_on_word(v))
		puts |= BIT(TABLE_PERMIT);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].head->generation != 0 && (puts & BIT(rows[i].table)) == 0)
			change_guard(c, rows[i].table, rows[i].row);
}

bool gate_open(const struct gate *g, const struct verdict *v, struct secret **ret,
	       struct err *e)
{
	assert(v->reason == REASON_ALLOWED);
	if (v->instance.version == 0)
		return err_set(e, ERR_NO_VALUE, "the owner has not uploaded a value yet");
	if (v->version.head.generation == 0)
		return err_set(e, ERR_ENVELOPE_TAMPERED, "the stored value is gone");
	return vault_open(g->vault, &v->project, &v->instance, &v->version, ret, e);
}
