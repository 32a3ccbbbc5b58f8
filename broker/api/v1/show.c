/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/v1/show.h"

#include <string.h>

bool path_uuid(const struct exchange *x, size_t arg, const char *field, struct uuid *ret,
	       struct err *e)
{
	return uuid_parse(x->args[arg], field, ret, e);
}

bool host_name_of(struct reader *r, const char *key_hash, char ret[NAME_SIZE],
		  struct err *e)
{
	struct host_row host;

	ret[0] = '\0';
	if (key_hash[0] == '\0')
		return true;
	if (!read_host(r, key_hash, &host, e))
		return false;
	return text_copy(ret, NAME_SIZE, host.name) ||
	       err_set(e, ERR_INTERNAL, "host name");
}

bool instance_view_read(struct reader *r, struct instance_view *v, struct err *e)
{
	if (v->row.version != 0 &&
	    !read_version(r, &v->row.secret, v->row.version, &v->version, e))
		return false;
	if (!read_placement(r, &v->row.id, &v->placement, e) ||
	    !host_name_of(r, v->placement.host, v->host, e))
		return false;
	return v->placement.moving == 0 ||
	       (read_handover(r, &v->row.id, v->placement.number, &v->handover, e) &&
		host_name_of(r, v->handover.destination, v->destination, e));
}

static const char *or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

static void write_secret(struct json_writer *w, const struct instance_view *v)
{
	json_open(w, "secret");
	json_put_text(w, "id", v->row.secret.text);
	json_put_integer(w, "version", v->row.version);
	json_put_text(w, "origin", or_null(v->version.origin));
	json_put_boolean(w, "weak", v->version.weak != 0);
	json_close(w);
}

static void write_placement(struct json_writer *w, const struct instance_view *v)
{
	const struct placement_row *p = &v->placement;

	if (p->head.generation == 0) {
		json_put_null(w, "placement");
		return;
	}
	json_open(w, "placement");
	json_put_text(w, "host", v->host);
	json_put_integer(w, "epoch", p->epoch);
	json_put_boolean(w, "running", uuid_is_set(&p->attempt) && p->stopped == 0);
	json_close(w);
}

static void write_handover(struct json_writer *w, const struct instance_view *v)
{
	const struct handover_row *h = &v->handover;

	if (h->head.generation == 0) {
		json_put_null(w, "handover");
		return;
	}
	json_open(w, "handover");
	json_put_integer(w, "number", h->number);
	json_put_text(w, "mode", h->mode);
	json_put_text(w, "state", h->state);
	json_put_text(w, "destination", v->destination);
	json_close(w);
}

void instance_view_write(struct json_writer *w, const char *name,
			 const struct instance_view *v)
{
	const struct instance_row *i = &v->row;

	json_open(w, name);
	json_put_text(w, "id", i->id.text);
	json_put_text(w, "name", i->name);
	json_put_text(w, "issuer", i->issuer);
	json_put_text(w, "project", i->project);
	json_put_text(w, "owner", i->owner);
	json_put_text(w, "image", i->image);
	json_put_text(w, "flavor", i->flavor);
	json_put_text(w, "security", i->security);
	json_put_text(w, "requested", or_null(i->requested));
	json_put_text(w, "provenance", i->provenance);
	json_put_lines(w, "hosts", i->hosts);
	json_put_text(w, "state", i->state);
	write_secret(w, v);
	write_placement(w, v);
	write_handover(w, v);
	api_put_time(w, "created", i->created_us);
	json_put_integer(w, "generation", i->head.generation);
	json_close(w);
}

bool instance_reply(struct exchange *x, int status, const struct instance_row *row,
		    struct err *e)
{
	struct instance_view v = { .row = *row };
	struct json_writer w;

	if (!instance_view_read(x->db, &v, e))
		return false;
	exchange_json(x, status, &w);
	instance_view_write(&w, NULL, &v);
	exchange_etag(x, row->head.generation);
	return true;
}

static const char *permit_state(const struct permit_row *p, int64_t now_us)
{
	if (p->uses_left < 1)
		return "used";
	if (p->withdrawn != 0)
		return "withdrawn";
	return now_us >= p->until_us ? "late" : "unused";
}

void permit_write(struct json_writer *w, const char *name, const struct permit_row *p,
		  const char *host, int64_t now_us)
{
	json_open(w, name);
	json_put_text(w, "id", p->id.text);
	json_put_text(w, "instance", p->instance.text);
	json_put_text(w, "purpose", p->purpose);
	json_put_text(w, "host", host);
	json_put_integer(w, "epoch", p->epoch);
	api_put_time(w, "until", p->until_us);
	json_put_integer(w, "uses_left", p->uses_left);
	json_put_text(w, "state", permit_state(p, now_us));
	api_put_time(w, "created", p->created_us);
	json_close(w);
}

/* "used" is final, so it comes before what else may be said of it. */
static const char *grant_state(const struct permit_row *p, int64_t now_us)
{
	if (p->uses != 0 && p->uses_left < 1)
		return "used";
	if (p->withdrawn != 0)
		return "withdrawn";
	return now_us >= p->until_us ? "late" : "in_force";
}

/* By key: a host that was revoked is shown as such, also where its name has a new bearer. */
static bool write_grant_hosts(struct reader *r, struct json_writer *w, const char *hashes,
			      struct err *e)
{
	char hash[PKI_HASH_HEX];
	struct host_row host;

	json_open_list(w, "hosts");
	while (*hashes != '\0') {
		size_t len = strcspn(hashes, "\n");

		if (len >= sizeof(hash))
			return err_set(e, ERR_INTERNAL, "a host of a grant");
		memcpy(hash, hashes, len);
		hash[len] = '\0';
		hashes += len + (hashes[len] == '\n');
		if (!read_host(r, hash, &host, e))
			return false;
		json_open(w, NULL);
		json_put_text(w, "name", or_null(host.name));
		json_put_text(w, "fingerprint", hash);
		json_put_text(w, "state", or_null(host.state));
		json_close(w);
	}
	json_close_list(w);
	return true;
}

bool grant_write(struct reader *r, struct json_writer *w, const struct permit_row *p,
		 int64_t now_us, struct err *e)
{
	json_open(w, NULL);
	json_put_text(w, "id", p->id.text);
	json_put_text(w, "instance", p->instance.text);
	json_put_text(w, "purpose", p->purpose);
	if (!write_grant_hosts(r, w, p->hosts, e))
		return false;
	json_put_integer(w, "uses", p->uses);
	if (p->uses == 0)
		json_put_null(w, "uses_left");
	else
		json_put_integer(w, "uses_left", p->uses_left);
	json_put_text(w, "state", grant_state(p, now_us));
	api_put_time(w, "created", p->created_us);
	api_put_time(w, "until", p->until_us);
	api_put_time(w, "used", p->used_us);
	json_put_text(w, "used_by", or_null(p->used_by.text));
	json_close(w);
	return true;
}

struct audit_record *audit_about(struct api *api, struct exchange *x,
				 const struct instance_row *about)
{
	struct audit_record *a = api_allowed(api, x);

	a->instance = about->id;
	a->version = about->version;
	api_weigh(a, "instance", about->head.generation);
	return a;
}

static void weigh(struct audit_record *a, const char *what, const struct row_head *head)
{
	if (head->generation != 0)
		api_weigh(a, what, head->generation);
}

struct audit_record *audit_verdict(struct api *api, struct exchange *x,
				   const struct verdict *v)
{
	struct audit_record *a = audit_about(api, x, &v->instance);

	a->instance = v->question.instance;
	a->epoch = v->placement.epoch;
	a->attempt = v->question.attempt;
	text_cut(a->purpose, sizeof(a->purpose), purpose_name(v->question.purpose));
	text_cut(a->host, sizeof(a->host), v->host.name);
	text_cut(a->reason, sizeof(a->reason), reason_name(v->reason));
	weigh(a, "placement", &v->placement.head);
	weigh(a, "version", &v->version.head);
	weigh(a, "host", &v->host.head);
	weigh(a, "permit", &v->permit.head);
	weigh(a, "copy", &v->copy.head);
	return a;
}
