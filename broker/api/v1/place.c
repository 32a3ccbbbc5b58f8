/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/v1/handlers.h"
#include "broker/api/v1/handover.h"
#include "broker/api/v1/show.h"

struct place_body {
	char host[NAME_SIZE];
	char image[2 * NAME_SIZE];
	bool host_is_off;
};

static const struct json_field place_fields[] = {
	{ .name = "host",
	  .type = FIELD_NAME,
	  API_AT(struct place_body, host),
	  .min = 1,
	  .max = NAME_SIZE - 1,
	  .required = true },
	{ .name = "image",
	  .type = FIELD_TEXT,
	  API_AT(struct place_body, image),
	  .min = 1,
	  .max = 2 * NAME_SIZE - 1 },
	{ .name = "host_is_off",
	  .type = FIELD_BOOLEAN,
	  API_AT(struct place_body, host_is_off) },
};

/* One placement: what is asked, and the rows that decide it. */
struct move {
	struct place_body ask;
	struct instance_row instance;
	enum security security;
	struct placement_row now;
	struct host_row from; /* of the present placement */
	struct copy_row copy; /* that `from` keeps */
	struct host_row to;
	int64_t now_us;
	int64_t off_until_us;
};

static bool read_from(struct reader *r, struct move *m, struct err *e)
{
	const struct uuid *id = &m->instance.id;

	if (!read_placement(r, id, &m->now, e))
		return false;
	if (m->now.head.generation == 0)
		return true;
	return read_host(r, m->now.host, &m->from, e) &&
	       (m->security != SECURITY_HOST ||
		read_copy(r, id, m->now.host, &m->copy, e));
}

static bool read_to(struct exchange *x, struct move *m, struct err *e)
{
	if (!gate_reaches_host(&x->who.token, m->ask.host))
		return err_field(e, ERR_FORBIDDEN, "host",
				 "the token does not reach the host %s", m->ask.host);
	if (!read_host_by_name(x->db, m->ask.host, &m->to, e))
		return false;
	if (m->to.head.generation == 0)
		return err_field(e, ERR_NOT_FOUND, "host", "there is no host %s",
				 m->ask.host);
	return true;
}

static bool read_move(struct exchange *x, struct move *m, struct err *e)
{
	struct uuid id;
	bool ok;

	if (!path_uuid(x, 0, "id", &id, e) || !reader_begin(x->db, e))
		return false;
	ok = gate_instance(x->db, &x->who, &id, &m->instance, e) &&
	     (security_parse(m->instance.security, &m->security) ||
	      err_set(e, ERR_INTERNAL, "unknown policy in %s", id.text)) &&
	     read_to(x, m, e) && read_from(x->db, m, e);
	reader_end(x->db);
	return ok;
}

static bool is_there_already(const struct move *m)
{
	return m->now.head.generation != 0 && strcmp(m->now.host, m->to.key_hash) == 0;
}

/* A host that drains keeps its guests and gets no other. */
static bool host_is_approved(const struct move *m, struct err *e)
{
	const struct host_row *h = &m->to;
	bool drains = strcmp(h->state, "draining") == 0;

	if (strcmp(h->state, "approved") == 0 || (drains && is_there_already(m)))
		return true;
	if (drains)
		return err_field(e, ERR_HOST_DRAINING, "host", "the host %s is draining",
				 h->name);
	if (strcmp(h->state, "fenced") == 0)
		return err_field(e, ERR_HOST_FENCED, "host", "the host %s is fenced",
				 h->name);
	if (strcmp(h->state, "pending") == 0)
		return err_field(e, ERR_HOST_PENDING, "host",
				 "the host %s is not approved", h->name);
	return err_field(e, ERR_FORBIDDEN, "host", "the host %s takes no new guests",
			 h->name);
}

/* What the new host must be for this instance. */
static bool host_is_fit(const struct move *m, struct err *e)
{
	const struct host_row *h = &m->to;
	const struct instance_row *i = &m->instance;

	if (!host_is_approved(m, e))
		return false;
	if ((h->policies & (int64_t)BIT(m->security)) == 0)
		return err_field(e, ERR_HOST_UNSUPPORTED, "host",
				 "the host %s does not support %s", h->name, i->security);
	if (h->protocol < GATE_PROTOCOL)
		return err_field(e, ERR_HOST_TOO_OLD, "host", "the host %s is too old",
				 h->name);
	if (i->hosts[0] != '\0' && !gate_lines_hold(i->hosts, h->name))
		return err_field(e, ERR_HOST_NOT_IN_SET, "host",
				 "the owner does not let it run on %s", h->name);
	if (m->ask.image[0] != '\0' && strcmp(m->ask.image, i->image) != 0)
		return err_field(e, ERR_IMAGE_MISMATCH, "image",
				 "it was created for image \"%s\"", i->image);
	return true;
}

static bool is_barred(const struct host_row *h)
{
	return strcmp(h->state, "fenced") == 0 || strcmp(h->state, "revoked") == 0;
}

static bool has_live_copy(const struct move *m)
{
	return m->copy.head.generation != 0 && m->copy.erased_us == 0;
}

/* A fenced host may still start the guest from its copy until the lease has ended, unless it
 * is off - and stays off until then, which is the operator's word. */
static bool fenced_lets_go(struct move *m, struct err *e)
{
	char ends[32];

	if (!has_live_copy(m) || m->now_us >= m->copy.lease_ends_us + GATE_SKEW_US)
		return true;
	if (m->ask.host_is_off) {
		m->off_until_us = m->copy.lease_ends_us + GATE_SKEW_US;
		return true;
	}
	clock_rfc3339(m->copy.lease_ends_us + GATE_SKEW_US, ends);
	return err_field(
		e, ERR_PLACED_ELSEWHERE, "host",
		"%s is fenced but may start from its copy until %s; wait, or say that "
		"it is off until then (host_is_off, --host-is-off)",
		m->from.name, ends);
}

/* May the present host be relieved? The error says what it still holds. */
static bool present_lets_go(struct move *m, struct err *e)
{
	if (m->now.moving != 0)
		return err_field(e, ERR_HANDOVER_OPEN, "host",
				 "hand-over %lld of it is under way",
				 (long long)m->now.number);
	if (m->now.head.generation == 0 || !uuid_is_set(&m->now.attempt))
		return true;
	if (is_barred(&m->from))
		return fenced_lets_go(m, e);
	if (m->now.stopped == 0)
		return err_field(e, ERR_PLACED_ELSEWHERE, "host",
				 "%s has not reported that the guest stopped",
				 m->from.name);
	if (has_live_copy(m))
		return err_field(
			e, ERR_PLACED_ELSEWHERE, "host",
			"the guest stopped on %s, which still has its sealed copy",
			m->from.name);
	return true;
}

static bool stage_move(struct exchange *x, const struct move *m, struct placement_row *p,
		       struct err *e)
{
	struct change *c = x->change;

	*p = m->now;
	p->instance = m->instance.id;
	memcpy(p->host, m->to.key_hash, sizeof(p->host));
	p->epoch++;
	p->placed_us = m->now_us;
	p->attempt = (struct uuid){ 0 };
	p->stopped = 0;
	if (m->off_until_us > p->off_until_us)
		p->off_until_us = m->off_until_us;
	change_put(c, TABLE_PLACEMENT, p);
	change_guard(c, TABLE_INSTANCE, &m->instance);
	change_guard(c, TABLE_HOST, &m->to);
	if (m->from.head.generation != 0)
		change_guard(c, TABLE_HOST, &m->from);
	if (m->copy.head.generation != 0)
		change_guard(c, TABLE_COPY, &m->copy);
	return handover_comes_back(x, &p->instance, p->host, e);
}

static struct audit_record *place_audit(struct api *api, struct exchange *x,
					const struct move *m)
{
	struct audit_record *a = audit_about(api, x, &m->instance);

	a->epoch = m->now.epoch;
	text_cut(a->host, sizeof(a->host), m->ask.host);
	text_cut(a->target, sizeof(a->target), m->from.name);
	if (m->now.head.generation != 0)
		api_weigh(a, "placement", m->now.head.generation);
	if (m->to.head.generation != 0)
		api_weigh(a, "host", m->to.head.generation);
	if (m->from.head.generation != 0)
		api_weigh(a, "from", m->from.head.generation);
	if (m->copy.head.generation != 0)
		api_weigh(a, "copy", m->copy.head.generation);
	return a;
}

static void place_reply(struct exchange *x, const struct move *m,
			const struct placement_row *p, bool moved)
{
	struct json_writer w;
	bool off = p->off_until_us > m->now_us;

	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_text(&w, "host", m->to.name);
	json_put_integer(&w, "epoch", p->epoch);
	json_put_boolean(&w, "moved", moved);
	api_put_time(&w, "off_until", off ? p->off_until_us : 0);
	json_close(&w);
}

bool api_instance_place(struct api *api, struct exchange *x, struct err *e)
{
	struct move m = { .now_us = clock_wall_us(api->clock) };
	struct audit_record *a;
	struct placement_row p;
	bool moved, may;

	if (!API_BODY(x, place_fields, &m.ask, e) || !read_move(x, &m, e))
		return false;
	moved = !is_there_already(&m);
	may = host_is_fit(&m, e) && (!moved || present_lets_go(&m, e));
	a = place_audit(api, x, &m);
	if (!may)
		return false;
	if (!moved)
		p = m.now;
	else if (!stage_move(x, &m, &p, e))
		return false;
	a->epoch = p.epoch;
	place_reply(x, &m, &p, moved);
	return true;
}
