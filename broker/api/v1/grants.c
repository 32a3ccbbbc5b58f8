/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "broker/api/v1/handlers.h"
#include "broker/api/v1/owner_word.h"
#include "broker/api/v1/show.h"

enum { DAYS_DEFAULT = 30, DAYS_MAX = 366, USES_MAX = 1000000, IN_FORCE_MAX = 32 };
#define US_PER_DAY (24 * 3600 * US_PER_S)

/* Where the owner is not at hand, or cannot know the placement beforehand. */
#define GRANTED                                                                 \
	(BIT(PURPOSE_START) | BIT(PURPOSE_REBOOT) | BIT(PURPOSE_AUTOSTART) |    \
	 BIT(PURPOSE_RESUME) | BIT(PURPOSE_RESTORE) | BIT(PURPOSE_MIGRATE_IN) | \
	 BIT(PURPOSE_COLD_MIGRATE))

static const struct owner_word_kind grants = { "grant", true, list_grants, grant_write };

struct grant_body {
	char purpose[WORD_SIZE];
	char hosts[LINES_SIZE];
	int64_t uses, days;
};

static const struct json_field grant_fields[] = {
	{ .name = "purpose",
	  .type = FIELD_NAME,
	  API_AT(struct grant_body, purpose),
	  .min = 1,
	  .max = WORD_SIZE - 1,
	  .required = true },
	{ .name = "hosts",
	  .type = FIELD_LIST,
	  API_AT(struct grant_body, hosts),
	  .min = 1,
	  .max = NAME_SIZE - 1,
	  .required = true },
	{ .name = "uses",
	  .type = FIELD_INTEGER,
	  API_AT(struct grant_body, uses),
	  .min = 0,
	  .max = USES_MAX },
	{ .name = "days",
	  .type = FIELD_INTEGER,
	  API_AT(struct grant_body, days),
	  .min = 1,
	  .max = DAYS_MAX },
};

/* What a grant is made from. */
struct grant_ask {
	struct uuid id;
	struct grant_body body;
	struct instance_row instance;
	char hosts[LINES_SIZE]; /* key hashes, in order */
	int64_t now_us;
};

static bool grant_parse(const struct exchange *x, struct grant_ask *ret, struct err *e)
{
	enum purpose p;

	ret->body = (struct grant_body){ .uses = 1, .days = DAYS_DEFAULT };
	if (!path_uuid(x, 1, "grant", &ret->id, e) ||
	    !API_BODY(x, grant_fields, &ret->body, e))
		return false;
	if (!purpose_parse(ret->body.purpose, &p) || (BIT(p) & GRANTED) == 0)
		return err_field(e, ERR_BAD_VALUE, "purpose",
				 "no grant is given for this purpose");
	return true;
}

static int by_hash(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool key_of_name(struct reader *r, struct view name, char ret[PKI_HASH_HEX],
			struct err *e)
{
	char text[NAME_SIZE] = "";
	struct host_row host;

	assert(name.len < sizeof(text));
	memcpy(text, name.at, name.len);
	if (!read_host_by_name(r, text, &host, e))
		return false;
	if (host.head.generation == 0)
		return err_field(e, ERR_NOT_FOUND, "hosts", "there is no host %s", text);
	memcpy(ret, host.key_hash, PKI_HASH_HEX);
	return true;
}

/* Names become keys here: another host that enrolls under a name later is not meant. */
static bool grant_hosts(struct reader *r, struct grant_ask *ret, struct err *e)
{
	char keys[JSON_LIST_ITEMS][PKI_HASH_HEX];
	size_t n = 0;

	for (const char *at = ret->body.hosts; *at != '\0'; n++) {
		size_t len = strcspn(at, "\n");

		assert(n < ARRAY_LEN(keys));
		if (!key_of_name(r, (struct view){ (const uint8_t *)at, len }, keys[n],
				 e))
			return false;
		at += len + (at[len] == '\n');
	}
	qsort(keys, n, sizeof(keys[0]), by_hash);
	for (size_t i = 0; i < n; i++) {
		char *to = ret->hosts + i * PKI_HASH_HEX;

		memcpy(to, keys[i], PKI_HASH_HEX);
		to[PKI_HASH_HEX - 1] = i + 1 < n ? '\n' : '\0';
	}
	return true;
}

static bool grant_read(struct exchange *x, struct grant_ask *ret, struct err *e)
{
	struct uuid id;
	bool ok;

	if (!path_uuid(x, 0, "id", &id, e) || !reader_begin(x->db, e))
		return false;
	ok = gate_own_instance(x->db, &x->who, &id, &ret->instance, e) &&
	     grant_hosts(x->db, ret, e);
	reader_end(x->db);
	return ok;
}

static bool grant_reply(struct exchange *x, int status, const struct permit_row *p,
			int64_t now_us, struct err *e)
{
	struct json_writer w;

	exchange_json(x, status, &w);
	return grant_write(x->db, &w, p, now_us, e);
}

/* PUT of a grant that is there: the same answers what has become of it. */
static bool grant_again(struct exchange *x, const struct permit_row *was,
			const struct grant_ask *ask, struct err *e)
{
	if (!uuid_equal(&was->instance, &ask->instance.id) || was->epoch != 0 ||
	    strcmp(was->purpose, ask->body.purpose) != 0 ||
	    strcmp(was->hosts, ask->hosts) != 0 || was->uses != ask->body.uses ||
	    was->until_us - was->from_us != ask->body.days * US_PER_DAY)
		return err_set(e, ERR_EXISTS_DIFFERENT, "grant %s is another one",
			       was->id.text);
	return grant_reply(x, 200, was, ask->now_us, e);
}

static bool grant_row(const struct grant_ask *ask, struct permit_row *p, struct err *e)
{
	*p = (struct permit_row){ .id = ask->id,
				  .created_us = ask->now_us,
				  .from_us = ask->now_us,
				  .until_us = ask->now_us + ask->body.days * US_PER_DAY,
				  .uses = ask->body.uses,
				  .uses_left = ask->body.uses };
	return owner_word_fill(p, &grants, &ask->instance, ask->body.purpose, ask->hosts,
			       e);
}

/* The release weighs all that are in force, so there are not too many of them. */
struct tidy {
	struct exchange *x;
	int64_t now_us;
	size_t in_force;
	size_t over; /* found, and to be withdrawn */
};

/* A day after its end or last use nothing rests on it any more, not even a lost reply. */
static bool is_over(const struct permit_row *p, int64_t now_us)
{
	bool used_up = p->uses != 0 && p->uses_left < 1;

	return now_us >= p->until_us + US_PER_DAY ||
	       (used_up && now_us >= p->used_us + US_PER_DAY);
}

static bool tidy_one(void *ctx, const struct permit_row *row, struct err *e)
{
	struct tidy *t = ctx;
	struct permit_row p = *row;

	if (p.epoch != 0)
		return true;
	if (!is_over(&p, t->now_us)) {
		t->in_force++;
		return true;
	}
	p.withdrawn = 1;
	if (t->over++ < IN_FORCE_MAX)
		change_put(t->x->change, TABLE_PERMIT, &p);
	return change_ok(t->x->change, e);
}

static bool make_room(struct exchange *x, const struct grant_ask *ask, struct err *e)
{
	struct tidy t = { .x = x, .now_us = ask->now_us };

	if (!list_words(x->db, &ask->instance.id, ask->body.purpose, tidy_one, &t, e))
		return false;
	return t.in_force < IN_FORCE_MAX ||
	       err_set(e, ERR_CONFLICT,
		       "there are %d grants for this purpose; delete one first",
		       IN_FORCE_MAX);
}

static struct audit_record *grant_audit(struct api *api, struct exchange *x,
					const struct instance_row *i,
					const struct uuid *id, const char *purpose)
{
	struct audit_record *a = audit_about(api, x, i);

	text_cut(a->purpose, sizeof(a->purpose), purpose);
	text_cut(a->target, sizeof(a->target), id->text);
	return a;
}

static bool grant_new(struct api *api, struct exchange *x, const struct grant_ask *ask,
		      struct err *e)
{
	struct permit_row p;

	grant_audit(api, x, &ask->instance, &ask->id, ask->body.purpose);
	if (!make_room(x, ask, e) || !grant_row(ask, &p, e))
		return false;
	change_put(x->change, TABLE_PERMIT, &p);
	change_guard(x->change, TABLE_INSTANCE, &ask->instance);
	return grant_reply(x, 201, &p, ask->now_us, e);
}

/* PUT /v1/instances/{uuid}/grants/{uuid} */
bool api_grant_put(struct api *api, struct exchange *x, struct err *e)
{
	struct grant_ask ask = { .now_us = clock_wall_us(api->clock) };
	struct permit_row was;

	if (!grant_parse(x, &ask, e) || !grant_read(x, &ask, e) ||
	    !read_permit(x->db, &ask.id, &was, e))
		return false;
	if (was.head.generation != 0)
		return grant_again(x, &was, &ask, e);
	return grant_new(api, x, &ask, e);
}

/* GET /v1/instances/{uuid}/grants */
bool api_grant_list(struct api *api, struct exchange *x, struct err *e)
{
	return owner_word_list(api, x, &grants, e);
}

/* DELETE /v1/instances/{uuid}/grants/{uuid} */
bool api_grant_delete(struct api *api, struct exchange *x, struct err *e)
{
	struct instance_row i;
	struct permit_row p;
	struct uuid id, grant;

	if (!path_uuid(x, 0, "id", &id, e) || !path_uuid(x, 1, "grant", &grant, e) ||
	    !gate_own_instance(x->db, &x->who, &id, &i, e) ||
	    !owner_word_read(x, &grants, &id, &grant, &p, e))
		return false;
	x->reply.status = 204;
	if (p.withdrawn != 0)
		return true;
	owner_word_withdraw(x, &i, &p);
	grant_audit(api, x, &i, &grant, p.purpose);
	return true;
}
