/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/v1/handlers.h"
#include "broker/api/v1/owner_word.h"
#include "broker/api/v1/show.h"

enum { MINUTES_DEFAULT = 10, MINUTES_MAX = 1440 };
#define US_PER_MINUTE (60 * US_PER_S)

static bool write_with_host(struct reader *r, struct json_writer *w,
			    const struct permit_row *p, int64_t now_us, struct err *e)
{
	char host[NAME_SIZE];

	if (!host_name_of(r, p->hosts, host, e))
		return false;
	permit_write(w, NULL, p, host, now_us);
	return true;
}

static const struct owner_word_kind permits = { "permit", false, list_permits,
						write_with_host };

struct permit_body {
	char purpose[WORD_SIZE];
	int64_t minutes;
};

static const struct json_field permit_fields[] = {
	{ .name = "purpose",
	  .type = FIELD_NAME,
	  API_AT(struct permit_body, purpose),
	  .min = 1,
	  .max = WORD_SIZE - 1 },
	{ .name = "minutes",
	  .type = FIELD_INTEGER,
	  API_AT(struct permit_body, minutes),
	  .min = 1,
	  .max = MINUTES_MAX },
};

/* What a permit is made from. */
struct permit_ask {
	struct uuid id;
	enum purpose purpose;
	int64_t minutes;
	struct instance_row instance;
	struct placement_row placement;
	struct host_row host; /* the placed one */
};

static bool permit_parse(const struct exchange *x, struct permit_ask *ret, struct err *e)
{
	struct permit_body b = { .purpose = "start", .minutes = MINUTES_DEFAULT };

	if (!path_uuid(x, 1, "permit", &ret->id, e) || !API_BODY(x, permit_fields, &b, e))
		return false;
	if (!purpose_parse(b.purpose, &ret->purpose) || !purpose_is_release(ret->purpose))
		return err_field(e, ERR_BAD_VALUE, "purpose",
				 "no release has this purpose");
	ret->minutes = b.minutes;
	return true;
}

static bool permit_read(struct exchange *x, struct permit_ask *ret, struct err *e)
{
	struct uuid id;
	bool ok;

	if (!path_uuid(x, 0, "id", &id, e) || !reader_begin(x->db, e))
		return false;
	ok = gate_own_instance(x->db, &x->who, &id, &ret->instance, e) &&
	     read_placement(x->db, &id, &ret->placement, e) &&
	     (ret->placement.head.generation == 0 ||
	      read_host(x->db, ret->placement.host, &ret->host, e));
	reader_end(x->db);
	return ok;
}

static void permit_reply(struct api *api, struct exchange *x, int status,
			 const struct permit_row *p, const char *host)
{
	struct json_writer w;

	exchange_json(x, status, &w);
	permit_write(&w, NULL, p, host, clock_wall_us(api->clock));
}

/* PUT of a permit that is there: the same answers what has become of it. */
static bool permit_again(struct api *api, struct exchange *x,
			 const struct permit_row *was, const struct permit_ask *ask,
			 struct err *e)
{
	char host[NAME_SIZE];

	if (!uuid_equal(&was->instance, &ask->instance.id) || was->epoch == 0 ||
	    strcmp(was->purpose, purpose_name(ask->purpose)) != 0 ||
	    was->until_us - was->from_us != ask->minutes * US_PER_MINUTE)
		return err_set(e, ERR_EXISTS_DIFFERENT, "permit %s is another one",
			       was->id.text);
	if (!host_name_of(x->db, was->hosts, host, e))
		return false;
	permit_reply(api, x, 200, was, host);
	return true;
}

/* A grant stays beside it. */
static bool withdraw_permit(void *ctx, const struct permit_row *row, struct err *e)
{
	struct exchange *x = ctx;
	struct permit_row p = *row;

	p.withdrawn = 1;
	if (p.epoch != 0)
		change_put(x->change, TABLE_PERMIT, &p);
	return change_ok(x->change, e);
}

/* A new permit replaces the one before it of the same purpose; a used one as well, for what
 * has been said of it must not be told of the new one. */
static bool withdraw_older(struct exchange *x, const struct permit_ask *ask,
			   struct err *e)
{
	return list_words(x->db, &ask->instance.id, purpose_name(ask->purpose),
			  withdraw_permit, x, e);
}

static bool permit_row(const struct permit_ask *ask, int64_t now_us, struct permit_row *p,
		       struct err *e)
{
	*p = (struct permit_row){ .id = ask->id,
				  .epoch = ask->placement.epoch,
				  .created_us = now_us,
				  .from_us = now_us,
				  .until_us = now_us + ask->minutes * US_PER_MINUTE,
				  .uses = 1,
				  .uses_left = 1 };
	return owner_word_fill(p, &permits, &ask->instance, purpose_name(ask->purpose),
			       ask->host.key_hash, e);
}

static void permit_audit(struct api *api, struct exchange *x,
			 const struct permit_ask *ask)
{
	struct audit_record *a = audit_about(api, x, &ask->instance);

	a->epoch = ask->placement.epoch;
	text_cut(a->purpose, sizeof(a->purpose), purpose_name(ask->purpose));
	text_cut(a->host, sizeof(a->host), ask->host.name);
	text_cut(a->target, sizeof(a->target), ask->id.text);
	api_weigh(a, "placement", ask->placement.head.generation);
}

static bool permit_new(struct api *api, struct exchange *x, const struct permit_ask *ask,
		       struct err *e)
{
	struct permit_row p;

	permit_audit(api, x, ask);
	if (ask->placement.head.generation == 0)
		return err_set(e, ERR_NOT_PLACED,
			       "a permit is for the host it is placed on");
	if (!withdraw_older(x, ask, e) ||
	    !permit_row(ask, clock_wall_us(api->clock), &p, e))
		return false;
	change_put(x->change, TABLE_PERMIT, &p);
	change_guard(x->change, TABLE_INSTANCE, &ask->instance);
	/* Put, not guarded: of two permits made at once the second must see the first. */
	change_put(x->change, TABLE_PLACEMENT, &ask->placement);
	permit_reply(api, x, 201, &p, ask->host.name);
	return true;
}

bool api_permit_put(struct api *api, struct exchange *x, struct err *e)
{
	struct permit_ask ask = { 0 };
	struct permit_row was;

	if (!permit_parse(x, &ask, e) || !permit_read(x, &ask, e) ||
	    !read_permit(x->db, &ask.id, &was, e))
		return false;
	if (was.head.generation != 0)
		return permit_again(api, x, &was, &ask, e);
	return permit_new(api, x, &ask, e);
}

bool api_permit_list(struct api *api, struct exchange *x, struct err *e)
{
	return owner_word_list(api, x, &permits, e);
}

bool api_permit_delete(struct api *api, struct exchange *x, struct err *e)
{
	struct permit_ask ask = { 0 };
	struct permit_row p;

	if (!path_uuid(x, 1, "permit", &ask.id, e) || !permit_read(x, &ask, e) ||
	    !owner_word_read(x, &permits, &ask.instance.id, &ask.id, &p, e))
		return false;
	x->reply.status = 204;
	if (p.withdrawn != 0 || p.uses_left < 1)
		return true;
	owner_word_withdraw(x, &ask.instance, &p);
	permit_audit(api, x, &ask);
	text_cut(change_audit(x->change)->purpose, WORD_SIZE, p.purpose);
	return true;
}
