/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/belongs.h"
#include "client/ctl/commands.h"
#include "client/ctl/resolve.h"
#include "client/ctl/show.h"

static void show_permit(struct table *t, const struct json *j)
{
	show_text(t, "permit", j, "id");
	show_text(t, "instance", j, "instance");
	show_text(t, "purpose", j, "purpose");
	show_text(t, "host", j, "host");
	show_integer(t, "placement", j, "epoch");
	show_text(t, "until", j, "until");
	show_integer(t, "uses left", j, "uses_left");
}

bool permit_give(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { .method = "PUT" };
	struct json_writer w = { .to = &c.body };
	const char *purpose = ctl_option(ctl, "purpose");
	struct uuid id, permit;
	int64_t minutes;

	if (!ctl_integer(ctl, "minutes", (struct range){ 1, 1440, 10 }, &minutes, e) ||
	    !resolve_instance(ctl, ctl->args[0], &id, e) || !uuid_random(&permit, e))
		return false;
	buf_addf(&c.path, "/v1/instances/%s/permits/%s", id.text, permit.text);
	json_open(&w, NULL);
	json_put_text(&w, "purpose", purpose ? purpose : "start");
	json_put_integer(&w, "minutes", minutes);
	json_close(&w);
	return call_run(ctl, &c, e) && show_answer(ctl, &c, show_permit, e);
}

static void list_item(struct table *t, const struct json *j)
{
	table_add(t, json_get_text(j, "id"));
	table_add(t, json_get_text(j, "purpose"));
	table_add(t, json_get_text(j, "host"));
	table_add(t, json_get_text(j, "state"));
	table_add(t, json_get_text(j, "until"));
	table_add(t, json_get_text(j, "created"));
}

bool permit_list(struct ctl *ctl, struct err *e)
{
	static const char *const heads[] = { "ID",    "PURPOSE", "HOST",
					     "STATE", "UNTIL",   "CREATED" };
	static const struct show_columns columns = { heads, ARRAY_LEN(heads), list_item };

	return belongs_list(ctl, "permits", &columns, e);
}

bool permit_delete(struct ctl *ctl, struct err *e)
{
	return belongs_delete(ctl, "permit", e);
}
