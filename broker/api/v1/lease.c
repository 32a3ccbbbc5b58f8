/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/v1/lease.h"

#include <string.h>

#include "broker/api/v1/handlers.h"
#include "broker/api/v1/show.h"
#include "crypto/statement.h"

struct lease_body {
	int64_t version, epoch;
};

static const struct json_field lease_fields[] = {
	{ .name = "version",
	  .type = FIELD_INTEGER,
	  API_AT(struct lease_body, version),
	  .min = 1,
	  .max = INT64_MAX,
	  .required = true },
	{ .name = "epoch",
	  .type = FIELD_INTEGER,
	  API_AT(struct lease_body, epoch),
	  .min = 1,
	  .max = INT64_MAX,
	  .required = true },
};

int64_t lease_end(const struct api *api, const struct copy_row *copy, int64_t now_us)
{
	int64_t ends_us = now_us + api->lease_us;
	bool held = copy->head.generation != 0 && copy->erased_us == 0;

	return held && copy->lease_ends_us > ends_us ? copy->lease_ends_us : ends_us;
}

bool lease_write(const struct api *api, const struct copy_row *copy, int64_t now_us,
		 struct buf *ret, struct err *e)
{
	struct lease l = {
		.instance = copy->instance,
		.version = copy->version,
		.epoch = copy->epoch,
		.issued_us = now_us,
		.ends_us = copy->lease_ends_us,
	};

	memcpy(l.host, copy->host, sizeof(l.host));
	return lease_sign(api->statement, &l, ret, e);
}

/* The copy must be what this host would be told to use now. */
static bool copy_is_good(const struct api *api, const struct verdict *v,
			 const struct lease_body *b, struct err *e)
{
	bool in_force = v->ask.released_before && v->ask.holds_copy &&
			b->epoch == v->placement.epoch;

	if (v->ask.party != PARTY_PLACED_HOST || !v->ask.visible)
		return err_set(e, reason_err(v->reason), "%s", reason_text(v->reason));
	if (api->lease_us == 0 || v->ask.security != SECURITY_HOST)
		return err_set(e, ERR_FORBIDDEN, "hosts keep no copy of this secret");
	if (!in_force)
		return err_set(e, ERR_NOT_FOUND, "that copy is not the one in force");
	return gate_allows(v, e);
}

static bool lease_reply(const struct api *api, struct exchange *x,
			const struct copy_row *copy, int64_t now_us, struct err *e)
{
	CLEANUP(buf_done) struct buf jws = { 0 };
	struct json_writer w;

	if (!lease_write(api, copy, now_us, &jws, e))
		return false;
	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_text(&w, "lease", jws.at);
	api_put_time(&w, "lease_ends", copy->lease_ends_us);
	json_close(&w);
	return true;
}

bool api_lease(struct api *api, struct exchange *x, struct err *e)
{
	struct question q = { .purpose = PURPOSE_START };
	struct lease_body b = { 0 };
	struct verdict v;
	struct copy_row copy;

	if (!path_uuid(x, 0, "id", &q.instance, e) || !API_BODY(x, lease_fields, &b, e))
		return false;
	q.holds_copy = b.version;
	if (!gate_decides(api->gate, x->db, &x->who, &q, &v, e))
		return false;
	/* A copy outlasts a hand-over that is called off; its host knows not to use it meanwhile. */
	v.ask.held = false;
	v.reason = policy_decide(&v.ask);
	audit_verdict(api, x, &v)->purpose[0] = '\0';
	if (!copy_is_good(api, &v, &b, e))
		return false;
	copy = v.copy;
	copy.lease_ends_us = lease_end(api, &copy, v.now_us);
	change_put(x->change, TABLE_COPY, &copy);
	gate_guard(&v, x->change, BIT(TABLE_COPY) | BIT(TABLE_PERMIT));
	return lease_reply(api, x, &copy, v.now_us, e);
}
