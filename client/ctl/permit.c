/* SPDX-License-Identifier: Apache-2.0 */
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

static void list_item(void *ctx, const struct json *j)
{
	struct table *t = ctx;

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
	CLEANUP(call_done) struct call c = { 0 };
	CLEANUP(table_done)
	struct table t = { .heads = heads, .columns = ARRAY_LEN(heads) };
	struct uuid id;

	if (!resolve_instance(ctl, ctl->args[0], &id, e))
		return false;
	buf_addf(&c.path, "/v1/instances/%s/permits", id.text);
	return call_pages(ctl,
			  &(struct pages){ .call = &c, .each = list_item, .ctx = &t },
			  e) &&
	       (ctl->json || table_print(&t, ctl->out, e));
}

bool permit_delete(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { .method = "DELETE" };
	struct uuid id, permit;

	if (!resolve_instance(ctl, ctl->args[0], &id, e) ||
	    !resolve_permit(ctl, &id, ctl->args[1], &permit, e))
		return false;
	buf_addf(&c.path, "/v1/instances/%s/permits/%s", id.text, permit.text);
	if (!call_run(ctl, &c, e))
		return false;
	if (!ctl->json)
		fprintf(ctl->out, "permit %s is withdrawn\n", permit.text);
	return true;
}
