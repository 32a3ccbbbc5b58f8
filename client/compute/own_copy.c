/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/own_copy.h"

#include "crypto/seal.h"

#include <string.h>

static struct view view_of(const struct buf *b)
{
	return (struct view){ (const uint8_t *)b->at, b->len };
}

static bool is_in_force(const struct copy *c, const struct seal_header *h,
			const struct guest *g, int64_t version)
{
	return uuid_equal(&h->instance, &g->instance) &&
	       uuid_equal(&h->secret, &g->secret) && h->version == c->version &&
	       h->epoch == c->epoch && c->version == version && c->epoch >= g->epoch;
}

bool own_copy_open(struct agent *a, const struct guest *g, int64_t version,
		   struct secret **ret, struct err *e)
{
	CLEANUP(copy_done) struct copy c = { 0 };
	OWNED(secret) value = NULL;
	struct seal_header h;
	bool found = false;

	if (!copy_load(agent_state_dir(a), &g->instance, &c, &found, e))
		return false;
	if (!found)
		return err_set(e, ERR_CONSENT_REFUSED,
			       "the source keeps no copy of the secret to hand over "
			       "(lease_days = 0, or it was erased)");
	if (!open_jwe(a->id->sealing, view_of(&c.jwe), &h, &value, e))
		return false;
	if (!is_in_force(&c, &h, g, version))
		return err_set(e, ERR_CONSENT_REFUSED,
			       "the source's copy is not of the version in force");
	*ret = secret_move(&value);
	return true;
}

bool own_copy_seal(struct agent *a, const struct own_copy_seal *s, struct err *e)
{
	CLEANUP(buf_done) struct buf jwe = { 0 };
	OWNED(sealer) sealer = NULL;
	struct seal_header h = { .instance = s->move->instance,
				 .secret = s->move->secret,
				 .version = s->move->version,
				 .epoch = s->move->epoch,
				 .attempt = s->move->attempt,
				 .handover = s->move->number };

	if (!text_copy(h.nonce, sizeof(h.nonce), s->nonce) ||
	    !text_copy(h.purpose, sizeof(h.purpose), s->purpose))
		return err_set(e, ERR_INTERNAL, "a field of the copy does not fit");
	return sealer_new(a->id->sealing, &sealer, e) &&
	       seal_jwe(sealer, &h, s->value, &jwe, e) &&
	       move_keep_jwe(agent_state_dir(a), &s->move->instance, &jwe, e);
}

bool own_copy_is_free(struct agent *a, const struct uuid *instance, struct err *e)
{
	struct move m;

	if (!move_load(agent_state_dir(a), instance, &m, e))
		return false;
	return m.marked == 0 ||
	       err_set(e, ERR_HANDOVER_OPEN,
		       "the secret was handed over to another host (hand-over %lld)",
		       (long long)m.marked);
}

static bool has_arrived(const struct move *m)
{
	return move_is(m, MOVE_DESTINATION, MOVE_RUNNING) ||
	       move_is(m, MOVE_DESTINATION, MOVE_STORED) ||
	       move_is(m, MOVE_DESTINATION, MOVE_COMMITTED);
}

/* Nobody gets a release while one is claimed. The epoch alone does not tell whether it was the
 * arrival that brought the placement: Place after an abort gives the very same. */
static bool is_over(const struct move *m, const struct own_copy_release *r)
{
	return move_is(m, MOVE_SOURCE, NULL) ||
	       (move_is(m, MOVE_DESTINATION, NULL) &&
		(r->epoch > m->epoch || !has_arrived(m)));
}

static bool end_move(struct agent *a, struct move *m, struct err *e)
{
	if (!move_save(agent_state_dir(a), m, e))
		return false;
	watch_end(a->watch, &m->instance);
	return move_drop_jwe(agent_state_dir(a), &m->instance, e);
}

bool own_copy_unblock(struct agent *a, const struct own_copy_release *r, struct err *e)
{
	const char *dir = agent_state_dir(a);
	struct move m;
	bool over;

	if (!move_load(dir, &r->instance, &m, e))
		return false;
	over = is_over(&m, r);
	if (!over && m.ended >= r->number && m.marked == 0)
		return true;
	if (over)
		move_end(&m);
	m.marked = 0;
	if (m.ended < r->number)
		m.ended = r->number;
	return over ? end_move(a, &m, e) : move_save(dir, &m, e);
}
