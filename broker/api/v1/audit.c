/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/api.h"
#include "broker/api/v1/handlers.h"
#include "broker/gate/gate.h"

struct audit_page {
	struct api_list list;
	bool whole; /* an auditor's: with addresses and credentials */
};

static const char *or_null(const char *text)
{
	return text[0] ? text : NULL;
}

static void put_who(struct json_writer *w, const struct audit_record *a, bool whole)
{
	json_put_text(w, "kind", a->kind);
	json_put_text(w, "issuer", a->issuer);
	json_put_text(w, "subject", a->subject);
	json_put_text(w, "project", a->project);
	json_put_text(w, "credential", whole ? or_null(a->credential) : NULL);
	json_put_text(w, "address", whole ? or_null(a->address) : NULL);
}

static void put_what(struct json_writer *w, const struct audit_record *a)
{
	json_put_text(w, "verb", a->verb);
	json_put_text(w, "purpose", or_null(a->purpose));
	json_put_text(w, "target", or_null(a->target));
	json_put_text(w, "instance", or_null(a->instance.text));
	json_put_integer(w, "version", a->version);
	json_put_integer(w, "epoch", a->epoch);
	json_put_text(w, "host", or_null(a->host));
	json_put_text(w, "attempt", or_null(a->attempt.text));
	json_put_text(w, "verdict", a->verdict);
	json_put_text(w, "reason", a->reason);
	json_put_text(w, "weighed", a->weighed);
	json_put_integer(w, "count", a->count);
}

static bool list_record(void *ctx, int64_t seq, const char *writer, int64_t number,
			const struct audit_record *a, struct err *e)
{
	struct audit_page *p = ctx;
	struct json_writer *w = &p->list.w;
	char key[24];

	(void)e;
	if (!text_format(key, sizeof(key), "%lld", (long long)seq) ||
	    !api_list_takes(&p->list, key))
		return true;
	json_open(w, NULL);
	json_put_integer(w, "seq", seq);
	json_put_text(w, "writer", writer);
	json_put_integer(w, "number", number);
	api_put_time(w, "time", a->time_us);
	json_put_text(w, "request_id", a->request_id);
	put_who(w, a, p->whole);
	put_what(w, a);
	json_close(w);
	return true;
}

/* An owner reads what happened to an instance of his own; an auditor reads all. */
static bool may_read(struct exchange *x, const struct uuid *instance, struct err *e)
{
	struct instance_row i;

	if (x->who.role == ROLE_AUDITOR)
		return true;
	if (!uuid_is_set(instance))
		return err_field(e, ERR_MISSING_FIELD, "instance",
				 "an owner names the instance; auditors read all");
	return gate_own_instance(x->db, &x->who, instance, &i, e);
}

static bool audit_query(const struct exchange *x, struct audit_filter *f,
			struct uuid *instance, struct err *e)
{
	char text[256];

	if (exchange_query(x, "instance", text, sizeof(text)) &&
	    !uuid_parse(text, "instance", instance, e))
		return false;
	f->instance = uuid_is_set(instance) ? instance : NULL;
	if (exchange_query(x, "after", text, sizeof(text)) && text[0] &&
	    !text_parse_int(text, 0, INT64_MAX, &f->after))
		return err_field(e, ERR_BAD_VALUE, "after",
				 "after is the seq of a record");
	f->newest_first = exchange_query(x, "newest", text, sizeof(text)) &&
			  strcmp(text, "true") == 0;
	return true;
}

/* GET /v1/audit */
bool api_audit_list(struct api *api, struct exchange *x, struct err *e)
{
	struct audit_page p = { .whole = x->who.role == ROLE_AUDITOR };
	struct audit_filter f = { 0 };
	struct uuid instance = { 0 };

	(void)api;
	if (!audit_query(x, &f, &instance, e) || !may_read(x, &instance, e) ||
	    !api_list_open(x, &p.list, e))
		return false;
	f.limit = api_list_page(&p.list).limit;
	if (!list_audit(x->db, &f, list_record, &p, e))
		return false;
	api_list_close(&p.list);
	return true;
}

static void put_verified(struct exchange *x, const struct audit_counts *c)
{
	struct json_writer w;

	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_boolean(&w, "ok", c->bad_writer[0] == '\0');
	json_put_integer(&w, "chains", c->chains);
	json_put_integer(&w, "records", c->records);
	if (c->bad_writer[0]) {
		json_open(&w, "bad");
		json_put_text(&w, "writer", c->bad_writer);
		json_put_integer(&w, "number", c->bad_number);
		json_close(&w);
	} else {
		json_put_null(&w, "bad");
	}
	json_close(&w);
}

/* GET /v1/audit/verify - that it was asked, and what came out, is a record too. */
bool api_audit_verify(struct api *api, struct exchange *x, struct err *e)
{
	struct audit_counts counts = { 0 };
	struct audit_record *a;

	if (!reader_verify_audit(x->db, &counts, e))
		return false;
	a = api_allowed(api, x);
	if (counts.bad_writer[0] &&
	    !text_format(a->weighed, sizeof(a->weighed), "bad %s/%lld", counts.bad_writer,
			 (long long)counts.bad_number))
		text_cut(a->weighed, sizeof(a->weighed), counts.bad_writer);
	change_set_class(x->change, CHANGE_AUDIT_ONLY);
	put_verified(x, &counts);
	return change_ok(x->change, e);
}
