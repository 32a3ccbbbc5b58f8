/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/v1/handlers.h"
#include "broker/api/v1/show.h"
#include "broker/vault/vault.h"

enum { UPLOAD_MIN = 32, UPLOAD_MAX = 4096 };

static bool wants_weak(const struct exchange *x, bool *ret, struct err *e)
{
	char text[8];

	*ret = false;
	if (exchange_query(x, "weak", text, sizeof(text)) == NULL)
		return true;
	*ret = strcmp(text, "true") == 0;
	if (!*ret && strcmp(text, "false") != 0)
		return err_field(e, ERR_BAD_VALUE, "weak", "weak is true or false");
	return true;
}

/* The body, as it is: any bytes, for a passphrase may be binary. */
static bool upload_value(const struct exchange *x, bool weak, struct secret **ret,
			 struct err *e)
{
	size_t least = weak ? 1 : UPLOAD_MIN;

	if (x->body.len < least || x->body.len > UPLOAD_MAX)
		return err_field(e, ERR_BAD_SECRET_LENGTH, "secret",
				 "it has %zu bytes, not %zu to %d", x->body.len, least,
				 UPLOAD_MAX);
	return secret_from(x->body, ret, e);
}

/* A new value under a state that is in use would lock the guest out of its TPM. */
static bool state_is_none(const struct instance_row *i, struct err *e)
{
	if (strcmp(i->state, "none") == 0)
		return true;
	return err_set(e, ERR_STATE_EXISTS,
		       "the secret was released, so a TPM may rest on it");
}

/* Nor may a host start, unasked, from its own copy of the present value. */
static bool no_copy_is_out(struct api *api, struct exchange *x,
			   const struct instance_row *i, struct err *e)
{
	struct placement_row p;
	struct copy_row copy;
	char ends[32];

	if (!read_placement(x->db, &i->id, &p, e))
		return false;
	if (p.head.generation == 0)
		return true;
	if (!read_copy(x->db, &i->id, p.host, &copy, e))
		return false;
	change_guard(x->change, TABLE_PLACEMENT, &p);
	if (copy.head.generation == 0)
		return true;
	change_guard(x->change, TABLE_COPY, &copy);
	if (copy.erased_us != 0 ||
	    clock_wall_us(api->clock) >= copy.lease_ends_us + GATE_SKEW_US)
		return true;
	clock_rfc3339(copy.lease_ends_us + GATE_SKEW_US, ends);
	return err_set(
		e, ERR_STATE_EXISTS,
		"the placed host may start from its copy until %s; let it forget that",
		ends);
}

static bool retire(struct exchange *x, const struct instance_row *i, struct err *e)
{
	struct version_row old;

	if (i->version == 0)
		return true;
	if (!read_version(x->db, &i->secret, i->version, &old, e))
		return false;
	if (old.head.generation == 0)
		return err_set(e, ERR_INTERNAL, "version %lld is gone",
			       (long long)i->version);
	if (!text_copy(old.state, sizeof(old.state), "retired"))
		return err_set(e, ERR_INTERNAL, "state");
	change_put(x->change, TABLE_VERSION, &old);
	return true;
}

static void upload_reply(struct exchange *x, const struct instance_row *i,
			 const struct version_row *v)
{
	struct json_writer w;

	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_text(&w, "id", i->secret.text);
	json_put_integer(&w, "version", v->version);
	json_put_text(&w, "origin", v->origin);
	json_put_boolean(&w, "weak", v->weak != 0);
	json_close(&w);
}

static bool upload(struct api *api, struct exchange *x, struct instance_row *i,
		   const struct secret *value, struct err *e)
{
	struct version_row v = { .version = i->version + 1,
				 .weak = secret_len(value) < UPLOAD_MIN,
				 .created_us = clock_wall_us(api->clock) };

	if (!retire(x, i, e) || !text_copy(v.state, sizeof(v.state), "active") ||
	    !text_copy(v.origin, sizeof(v.origin), "uploaded") ||
	    !vault_store(api->vault, x->db, &(struct deposit){ i, &v, value }, x->change,
			 e))
		return false;
	i->version = v.version;
	change_set_class(x->change, CHANGE_CREATE);
	change_put(x->change, TABLE_INSTANCE, i);
	change_audit(x->change)->version = v.version;
	upload_reply(x, i, &v);
	return true;
}

bool api_secret_put(struct api *api, struct exchange *x, struct err *e)
{
	OWNED(secret) value = NULL;
	struct instance_row i;
	struct uuid id;
	bool weak;

	if (!path_uuid(x, 0, "id", &id, e) ||
	    !gate_own_instance(x->db, &x->who, &id, &i, e) || !wants_weak(x, &weak, e) ||
	    !upload_value(x, weak, &value, e))
		return false;
	(void)audit_about(api, x, &i);
	return state_is_none(&i, e) && no_copy_is_out(api, x, &i, e) &&
	       api_root_key_is_kept(api, e) && upload(api, x, &i, value, e);
}

bool api_secret_get(struct api *api, struct exchange *x, struct err *e)
{
	struct question q = { .purpose = PURPOSE_READ_BACK };
	struct verdict v;
	OWNED(secret) value = NULL;

	if (!path_uuid(x, 0, "id", &q.instance, e) ||
	    !gate_decides(api->gate, x->db, &x->who, &q, &v, e))
		return false;
	(void)audit_verdict(api, x, &v);
	if (!gate_allows(&v, e) || !gate_open(api->gate, &v, &value, e))
		return false;
	change_set_class(x->change, CHANGE_RELEASE);
	gate_guard(&v, x->change, 0);
	x->reply.status = 200;
	x->reply.content_type = "application/octet-stream";
	x->reply.secret = secret_move(&value);
	return true;
}

/* The newest start must be over: its emulator would go on writing a state that nobody counts
 * on any more. So must a hand-over, which may carry that state to another host. */
static bool guest_is_stopped(const struct placement_row *p, struct err *e)
{
	if (p->moving != 0)
		return err_set(e, ERR_HANDOVER_OPEN, "a hand-over of it is under way");
	if (p->head.generation == 0 || !uuid_is_set(&p->attempt) || p->stopped != 0)
		return true;
	return err_set(e, ERR_STATE_BUSY,
		       "the host has not reported that the guest stopped");
}

bool api_instance_new_tpm(struct api *api, struct exchange *x, struct err *e)
{
	struct placement_row p;
	struct instance_row i;
	struct uuid id;

	if (!api_body(x, NULL, 0, NULL, e) || !path_uuid(x, 0, "id", &id, e) ||
	    !gate_own_instance(x->db, &x->who, &id, &i, e) ||
	    !read_placement(x->db, &id, &p, e))
		return false;
	(void)audit_about(api, x, &i);
	if (!guest_is_stopped(&p, e))
		return false;
	if (!text_copy(i.state, sizeof(i.state), "none"))
		return err_set(e, ERR_INTERNAL, "state");
	change_put(x->change, TABLE_INSTANCE, &i);
	if (p.head.generation != 0)
		change_guard(x->change, TABLE_PLACEMENT, &p);
	i.head.generation++;
	return instance_reply(x, 200, &i, e);
}
