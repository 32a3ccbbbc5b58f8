/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/parts.h"

#include "client/compute/broker_call.h"

static bool set_part(struct broker_call *c, const struct part *p, struct err *e)
{
	return text_format(c->path, sizeof(c->path),
			   "/v1/instances/%s/handovers/%lld/parts/%lld", p->instance.text,
			   (long long)p->number, (long long)p->part) ||
	       err_set(e, ERR_INTERNAL, "the path does not fit");
}

/* The octets are sealed already; they travel as secrets do, because octets do here. */
bool broker_put_part(struct broker *b, const struct part *p, struct view bytes,
		     bool *ret_answered, struct err *e)
{
	struct broker_call c = { .method = "PUT" };
	OWNED(secret) octets = NULL;

	*ret_answered = false;
	if (!set_part(&c, p, e) || !secret_from(bytes, &octets, e))
		return false;
	c.octets = octets;
	return broker_call_only(b, &c, ret_answered, e);
}

bool broker_get_part(struct broker *b, const struct part *p, struct buf *ret,
		     bool *ret_answered, struct err *e)
{
	struct broker_call c = { .method = "GET" };
	OWNED(secret) octets = NULL;

	*ret_answered = false;
	if (!set_part(&c, p, e) || !broker_call_octets(b, &c, &octets, ret_answered, e))
		return false;
	buf_add_bytes(ret, secret_view(octets));
	return !ret->failed || err_set(e, ERR_NO_MEMORY, "no memory for a TPM's state");
}
