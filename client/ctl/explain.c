/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/commands.h"
#include "client/ctl/hint.h"
#include "client/ctl/resolve.h"
#include "client/ctl/show.h"

#include <string.h>

/* What the facts were, in the order in which they were weighed; the last one decided. */
static void add_fact(struct table *t, const struct json *fact)
{
	bool holds = false, decides = false;
	const bool known = json_get_boolean(fact, "holds", &holds) &&
			   json_get_boolean(fact, "decides", &decides);

	table_add(t, decides ? "->" : " ");
	table_add(t, !known ? "?" : holds ? "ok" : "no");
	table_add(t, json_get_text(fact, "says"));
}

static bool print_facts(struct ctl *ctl, const struct json *j, struct err *e)
{
	CLEANUP(table_done) struct table t = { .columns = 3 };

	for (size_t i = 0; i < json_count(j, "facts"); i++)
		add_fact(&t, json_item(j, "facts", i));
	return table_print(&t, ctl->out, e);
}

static void add_change(const struct ctl *ctl, struct table *t, const char *host,
		       const struct json *fact)
{
	const struct hint about = { host, ctl_option(ctl, "purpose") };
	CLEANUP(buf_done) struct buf next = { 0 };
	const char *change = json_get_text(fact, "change");
	bool decides = false;

	if (!change || !change[0] || !json_get_boolean(fact, "decides", &decides) ||
	    !decides)
		return;
	hint_next(ctl, change, about, &next);
	table_fact(t, "next:", next.at);
}

static bool print_verdict(struct ctl *ctl, const struct json *j, struct err *e)
{
	CLEANUP(table_done) struct table t = { .columns = 2 };
	const char *verdict = json_get_text(j, "verdict");
	const char *says = json_get_text(j, "says");

	show_text(&t, "purpose:", j, "purpose");
	show_text(&t, "host:", j, "host");
	show_text(&t, "verdict:", j, "verdict");
	if (verdict && says && strcmp(verdict, says) != 0)
		table_fact(&t, "because:", says);
	show_text(&t, "reason:", j, "reason");
	for (size_t i = 0; i < json_count(j, "facts"); i++)
		add_change(ctl, &t, json_get_text(j, "host"), json_item(j, "facts", i));
	return table_print(&t, ctl->out, e);
}

bool explain_instance(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { 0 };
	const char *purpose = ctl_option(ctl, "purpose");
	struct uuid id;

	if (!resolve_instance(ctl, ctl->args[0], &id, e))
		return false;
	buf_addf(&c.path, "/v1/instances/%s/explain", id.text);
	call_query(&c, "purpose", purpose ? purpose : "start");
	call_query(&c, "host", ctl_option(ctl, "host"));
	if (!call_run(ctl, &c, e))
		return false;
	if (ctl->json)
		return call_print_json(ctl, &c, e);
	if (!c.reply)
		return err_set(e, ERR_BAD_SERVER, "the broker did not explain");
	return print_facts(ctl, c.reply, e) && fputc('\n', ctl->out) != EOF &&
	       print_verdict(ctl, c.reply, e);
}
