/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/v1/owner_word.h"

#include "broker/api/v1/show.h"

struct list {
	struct exchange *x;
	const struct owner_word_kind *kind;
	struct api_list l;
	int64_t now_us;
};

static bool list_one(void *ctx, const struct permit_row *p, struct err *e)
{
	struct list *c = ctx;

	return !api_list_takes(&c->l, p->id.text) ||
	       c->kind->write(c->x->db, &c->l.w, p, c->now_us, e);
}

bool owner_word_list(struct api *api, struct exchange *x,
		     const struct owner_word_kind *kind, struct err *e)
{
	struct list c = { .x = x, .kind = kind, .now_us = clock_wall_us(api->clock) };
	struct instance_row i;
	struct uuid id;

	if (!path_uuid(x, 0, "id", &id, e) ||
	    !gate_instance(x->db, &x->who, &id, &i, e) ||
	    !gate_sees_words(&x->who, &i, e) || !api_list_open(x, &c.l, e) ||
	    !kind->list(x->db, &id, api_list_page(&c.l), list_one, &c, e))
		return false;
	api_list_close(&c.l);
	return true;
}

bool owner_word_read(struct exchange *x, const struct owner_word_kind *kind,
		     const struct uuid *instance, const struct uuid *id,
		     struct permit_row *ret, struct err *e)
{
	if (!read_permit(x->db, id, ret, e))
		return false;
	return (ret->head.generation != 0 && (ret->epoch == 0) == kind->is_grant &&
		uuid_equal(&ret->instance, instance)) ||
	       err_set(e, ERR_NOT_FOUND, "there is no %s %s", kind->noun, id->text);
}

bool owner_word_fill(struct permit_row *p, const struct owner_word_kind *kind,
		     const struct instance_row *of, const char *purpose,
		     const char *hosts, struct err *e)
{
	p->instance = of->id;
	return (text_copy(p->purpose, sizeof(p->purpose), purpose) &&
		text_copy(p->hosts, sizeof(p->hosts), hosts) &&
		text_copy(p->issuer, sizeof(p->issuer), of->issuer) &&
		text_copy(p->owner, sizeof(p->owner), of->owner)) ||
	       err_set(e, ERR_INTERNAL, "a field of %s %s", kind->noun, p->id.text);
}

void owner_word_withdraw(struct exchange *x, const struct instance_row *of,
			 struct permit_row *p)
{
	p->withdrawn = 1;
	change_put(x->change, TABLE_PERMIT, p);
	change_guard(x->change, TABLE_INSTANCE, of);
}
