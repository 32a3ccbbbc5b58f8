/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/commands.h"
#include "client/ctl/resolve.h"
#include "client/ctl/show.h"

#include <string.h>

enum { NEWEST = 50 };

static void add_who(struct table *t, const struct json *j)
{
	const char *kind = json_get_text(j, "kind"),
		   *subject = json_get_text(j, "subject");
	char who[400];

	if (kind && subject && subject[0] && strcmp(kind, "person") != 0 &&
	    text_format(who, sizeof who, "%s %s", kind, subject))
		table_add(t, who);
	else
		table_add(t, subject && subject[0] ? subject : kind);
}

static void add_verdict(struct table *t, const struct json *j)
{
	const char *verdict = json_get_text(j, "verdict"),
		   *reason = json_get_text(j, "reason");
	CLEANUP(buf_done) struct buf says = { 0 };
	int64_t count = 1;

	buf_add(&says, verdict ? verdict : "");
	if (reason && verdict && reason[0] && strcmp(reason, verdict) != 0)
		buf_addf(&says, ", %s", reason);
	if (json_get_integer(j, "count", &count) && count > 1)
		buf_addf(&says, ", %lld times", (long long)count);
	t->text.failed |= says.failed;
	table_add(t, says.at);
}

static void list_item(struct table *t, const struct json *j)
{
	const char *target = json_get_text(j, "target");
	const char *instance = json_get_text(j, "instance");
	int64_t seq = 0;

	if (json_get_integer(j, "seq", &seq))
		table_add_integer(t, seq);
	else
		table_add(t, NULL);
	table_add(t, json_get_text(j, "time"));
	add_who(t, j);
	table_add(t, json_get_text(j, "verb"));
	table_add(t, json_get_text(j, "purpose"));
	table_add(t, instance && instance[0] ? instance : target);
	table_add(t, json_get_text(j, "host"));
	add_verdict(t, j);
}

static bool ask_instance(struct ctl *ctl, struct call *c, struct err *e)
{
	const char *text = ctl_option(ctl, "instance");
	struct uuid id;

	if (!text)
		return true;
	if (!resolve_instance(ctl, text, &id, e))
		return false;
	call_query(c, "instance", id.text);
	return true;
}

bool audit_list(struct ctl *ctl, struct err *e)
{
	static const char *const heads[] = { "SEQ",     "TIME", "WHO",  "VERB",
					     "PURPOSE", "ON",   "HOST", "VERDICT" };
	static const struct show_columns columns = { heads, ARRAY_LEN(heads), list_item };
	CLEANUP(call_done) struct call c = { 0 };
	struct pages p = { .call = &c };
	int64_t after;

	buf_add(&c.path, "/v1/audit");
	if (!ctl_integer(ctl, "limit", (struct range){ 0, INT64_MAX, NEWEST }, &p.limit,
			 e) ||
	    !ctl_integer(ctl, "after", (struct range){ 0, INT64_MAX, 0 }, &after, e) ||
	    !ask_instance(ctl, &c, e))
		return false;
	p.after = ctl_option(ctl, "after");
	call_query(&c, "newest", p.after ? NULL : "true");
	return show_pages(ctl, &columns, p, e);
}

static void show_verified(struct table *t, const struct json *j)
{
	const struct json *bad = json_get_object(j, "bad");

	show_integer(t, "chains", j, "chains");
	show_integer(t, "records", j, "records");
	if (!bad) {
		table_fact(t, "verdict", "every record verifies");
		return;
	}
	table_fact(t, "verdict", "a record does not verify");
	show_text(t, "chain", bad, "writer");
	show_integer(t, "record", bad, "number");
}

bool audit_verify(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { 0 };
	bool ok = false;

	buf_add(&c.path, "/v1/audit/verify");
	if (!call_run(ctl, &c, e) || !show_answer(ctl, &c, show_verified, e))
		return false;
	if (c.reply && json_get_boolean(c.reply, "ok", &ok) && ok)
		return true;
	return err_set(e, ERR_ROW_TAMPERED, "the audit trail does not verify");
}
