/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/belongs.h"
#include "client/ctl/commands.h"
#include "client/ctl/resolve.h"
#include "client/ctl/show.h"

#include <string.h>

/* A name that another host bears by now is not the one that was meant. */
static void add_hosts(struct table *t, const struct json *j)
{
	CLEANUP(buf_done) struct buf all = { 0 };

	for (size_t i = 0; i < json_count(j, "hosts"); i++) {
		const struct json *host = json_item(j, "hosts", i);
		const char *name = json_get_text(host, "name");
		const char *state = json_get_text(host, "state");

		buf_addf(&all, "%s%s", i ? "," : "", name ? name : "?");
		if (state && strcmp(state, "approved") != 0)
			buf_addf(&all, "(%s)", state);
	}
	t->text.failed |= all.failed;
	table_add(t, all.at);
}

static void add_uses(struct table *t, const struct json *j)
{
	int64_t uses = 0, left = 0;
	char text[48];

	if (json_get_integer(j, "uses", &uses) && uses == 0)
		table_add(t, "standing");
	else if (json_get_integer(j, "uses_left", &left) &&
		 text_format(text, sizeof text, "%lld of %lld left", (long long)left,
			     (long long)uses))
		table_add(t, text);
	else
		table_add(t, NULL);
}

static void show_grant(struct table *t, const struct json *j)
{
	show_text(t, "grant", j, "id");
	show_text(t, "instance", j, "instance");
	show_text(t, "purpose", j, "purpose");
	table_add(t, "hosts");
	add_hosts(t, j);
	table_add(t, "uses");
	add_uses(t, j);
	show_text(t, "state", j, "state");
	show_text(t, "until", j, "until");
	show_text(t, "last used", j, "used");
}

/* --standing, or --uses N, or one use. */
static bool read_uses(const struct ctl *ctl, int64_t *ret, struct err *e)
{
	const char *standing = ctl_option(ctl, "standing");

	if (standing && ctl_option(ctl, "uses"))
		return err_field(e, ERR_USAGE, "standing",
				 "--standing and --uses exclude one another");
	if (!ctl_integer(ctl, "uses", (struct range){ 1, 1000000, 1 }, ret, e))
		return false;
	if (standing)
		*ret = 0;
	return true;
}

static bool put_grant(struct ctl *ctl, struct json_writer *w, struct err *e)
{
	const char *purpose = ctl_option(ctl, "purpose");
	const char *hosts = ctl_option(ctl, "hosts");
	int64_t uses, days;

	if (!purpose || !hosts)
		return err_field(e, ERR_USAGE, purpose ? "hosts" : "purpose",
				 "grant create needs --purpose and --hosts");
	if (!read_uses(ctl, &uses, e) ||
	    !ctl_integer(ctl, "days", (struct range){ 1, 366, 30 }, &days, e))
		return false;
	json_open(w, NULL);
	json_put_text(w, "purpose", purpose);
	call_put_commas(w, "hosts", hosts);
	json_put_integer(w, "uses", uses);
	json_put_integer(w, "days", days);
	json_close(w);
	return true;
}

static void warn_standing(const struct ctl *ctl)
{
	const char *purpose = ctl_option(ctl, "purpose");

	if (ctl_option(ctl, "standing") && strcmp(purpose, "autostart") == 0)
		fputs("vtpmctl: note: while this stands those hosts can start the guest "
		      "at any time\n",
		      stderr);
}

bool grant_create(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { .method = "PUT" };
	struct json_writer w = { .to = &c.body };
	struct uuid id, grant;

	if (!put_grant(ctl, &w, e) || !resolve_instance(ctl, ctl->args[0], &id, e) ||
	    !uuid_random(&grant, e))
		return false;
	buf_addf(&c.path, "/v1/instances/%s/grants/%s", id.text, grant.text);
	if (!call_run(ctl, &c, e))
		return false;
	warn_standing(ctl);
	return show_answer(ctl, &c, show_grant, e);
}

static void list_item(struct table *t, const struct json *j)
{
	table_add(t, json_get_text(j, "id"));
	table_add(t, json_get_text(j, "purpose"));
	table_add(t, json_get_text(j, "state"));
	add_uses(t, j);
	table_add(t, json_get_text(j, "until"));
	add_hosts(t, j);
}

bool grant_list(struct ctl *ctl, struct err *e)
{
	static const char *const heads[] = { "ID",   "PURPOSE", "STATE",
					     "USES", "UNTIL",   "HOSTS" };
	static const struct show_columns columns = { heads, ARRAY_LEN(heads), list_item };

	return belongs_list(ctl, "grants", &columns, e);
}

bool grant_delete(struct ctl *ctl, struct err *e)
{
	return belongs_delete(ctl, "grant", e);
}
