/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/v1/handlers.h"
#include "broker/api/v1/handover.h"
#include "broker/api/v1/show.h"

/* The TPM's state of a guest that moves while it is off: one sealed text, cut by the source into
 * pieces that only the destination can open. They go with the hand-over's end. */

static bool part_of_path(struct api *api, struct exchange *x, struct handover_view *ret_v,
			 struct part_row *ret, struct err *e)
{
	int64_t k;

	if (!text_parse_int(x->args[2], 0, HANDOVER_PARTS_MAX - 1, &k))
		return err_field(e, ERR_BAD_VALUE, "part", "parts are from 0 to %d",
				 HANDOVER_PARTS_MAX - 1);
	if (!handover_of_path(api, x, ret_v, e))
		return false;
	if (ret_v->mode != HANDOVER_COLD)
		return err_set(e, ERR_HANDOVER_STATE, "only a cold move carries parts");
	if (!read_part(x->db, &ret_v->row, k, ret, e))
		return false;
	ret->instance = ret_v->row.instance;
	ret->number = ret_v->row.number;
	ret->part = k;
	return true;
}

static bool state_is(const struct handover_view *v, enum handover_state want,
		     struct err *e)
{
	return v->state == want ||
	       err_set(e, ERR_HANDOVER_STATE, "hand-over %lld is %s, not %s",
		       (long long)v->row.number, v->row.state, handover_state_name(want));
}

static bool has_bytes(const struct part_row *p, struct view bytes)
{
	return p->head.generation != 0 && (size_t)p->bytes_len == bytes.len &&
	       memcmp(p->bytes, bytes.at, bytes.len) == 0;
}

static void part_stage(struct exchange *x, const struct handover_view *v,
		       struct part_row *p)
{
	memcpy(p->bytes, x->body.at, x->body.len);
	p->bytes_len = (int64_t)x->body.len;
	change_put(x->change, TABLE_PART, p);
	change_guard(x->change, TABLE_HANDOVER, &v->row);
	change_guard(x->change, TABLE_HOST, &x->who.host);
}

/* PUT /v1/instances/{id}/handovers/{n}/parts/{k} - until the offer says how many there are. */
bool api_part_put(struct api *api, struct exchange *x, struct err *e)
{
	struct handover_view v;
	struct part_row p;

	if (!part_of_path(api, x, &v, &p, e))
		return false;
	if (!handover_asker_is(x, v.row.source))
		return err_set(e, ERR_FORBIDDEN, "the source puts the parts");
	if (x->body.len < 1 || x->body.len > sizeof(p.bytes))
		return err_field(e, ERR_BAD_VALUE, "part", "a part has 1 to %zu bytes",
				 sizeof(p.bytes));
	if (!state_is(&v, HANDOVER_PREPARED, e))
		return false;
	x->reply.status = 204;
	if (has_bytes(&p, x->body))
		return true;
	text_cut(handover_audit(api, x, &v)->target, 2 * NAME_SIZE, x->args[2]);
	part_stage(x, &v, &p);
	return change_ok(x->change, e);
}

/* GET of the same, by the destination, once it has claimed. */
bool api_part_get(struct api *api, struct exchange *x, struct err *e)
{
	struct handover_view v;
	struct part_row p;

	if (!part_of_path(api, x, &v, &p, e))
		return false;
	if (!handover_asker_is(x, v.row.destination))
		return err_set(e, ERR_FORBIDDEN, "the destination gets the parts");
	if (!state_is(&v, HANDOVER_CLAIMED, e))
		return false;
	if (p.head.generation == 0 || p.part >= v.row.parts)
		return err_set(e, ERR_NOT_FOUND, "there is no part %s", x->args[2]);
	x->reply.status = 200;
	x->reply.content_type = "application/octet-stream";
	buf_add_bytes(&x->reply.body, (struct view){ p.bytes, (size_t)p.bytes_len });
	return !x->reply.body.failed || err_set(e, ERR_NO_MEMORY, "a part");
}
