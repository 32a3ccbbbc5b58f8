/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/commands.h"
#include "client/ctl/file.h"
#include "client/ctl/resolve.h"
#include "client/ctl/show.h"
#include "client/ctl/value.h"

#include <string.h>

static void put_given(const struct ctl *ctl, struct json_writer *w, const char *option)
{
	const char *value = ctl_option(ctl, option);

	if (value)
		json_put_text(w, option, value);
}

static void put_create(const struct ctl *ctl, struct json_writer *w)
{
	const char *hosts = ctl_option(ctl, "host-set");

	json_open(w, NULL);
	json_put_text(w, "name", ctl->args[0]);
	put_given(ctl, w, "image");
	put_given(ctl, w, "flavor");
	put_given(ctl, w, "security");
	if (hosts)
		call_put_commas(w, "hosts", hosts);
	json_put_text(w, "secret", ctl_option(ctl, "upload") ? "upload" : "generate");
	json_close(w);
}

static bool choose_id(const struct ctl *ctl, struct uuid *ret, struct err *e)
{
	const char *given = ctl_option(ctl, "id");

	return given ? uuid_parse(given, "id", ret, e) : uuid_random(ret, e);
}

/* The instance is there; a value that failed can be uploaded by itself. */
static bool upload_value(struct ctl *ctl, const struct uuid *id,
			 const struct secret *value, struct err *e)
{
	CLEANUP(call_done) struct call c = { 0 };

	if (value_put(ctl, &c, id, value, e))
		return true;
	fprintf(stderr,
		"vtpmctl: instance %s was created, but has no value yet; "
		"vtpmctl secret upload stores one\n",
		id->text);
	return false;
}

bool instance_create(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { .method = "PUT" };
	CLEANUP(call_done) struct call now = { 0 };
	const char *upload = ctl_option(ctl, "upload");
	struct json_writer w = { .to = &c.body };
	OWNED(secret) value = NULL;
	struct uuid id;

	if (!upload && ctl_option(ctl, "weak"))
		return err_field(e, ERR_USAGE, "weak", "--weak goes with --upload");
	if (!ctl_connect(ctl, e) || !choose_id(ctl, &id, e) ||
	    (upload &&
	     !value_read_file(upload, ctl_option(ctl, "weak") != NULL, &value, e)))
		return false;
	put_create(ctl, &w);
	buf_addf(&c.path, "/v1/instances/%s", id.text);
	if (!call_run(ctl, &c, e))
		return false;
	if (!value)
		return show_answer(ctl, &c, show_instance, e);
	buf_addf(&now.path, "/v1/instances/%s", id.text);
	return upload_value(ctl, &id, value, e) && call_run(ctl, &now, e) &&
	       show_answer(ctl, &now, show_instance, e);
}

static bool get_instance(struct ctl *ctl, struct call *c, struct err *e)
{
	struct uuid id;

	if (!resolve_instance(ctl, ctl->args[0], &id, e))
		return false;
	buf_addf(&c->path, "/v1/instances/%s", id.text);
	return call_run(ctl, c, e);
}

bool instance_show(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { 0 };

	return get_instance(ctl, &c, e) && show_answer(ctl, &c, show_instance, e);
}

static void list_item(struct table *t, const struct json *j)
{
	const struct json *placement = json_get_object(j, "placement");

	table_add(t, json_get_text(j, "id"));
	table_add(t, json_get_text(j, "name"));
	table_add(t, json_get_text(j, "security"));
	table_add(t, placement ? json_get_text(placement, "host") : NULL);
	table_add(t, json_get_text(j, "state"));
	table_add(t, json_get_text(j, "owner"));
}

bool instance_list(struct ctl *ctl, struct err *e)
{
	static const char *const heads[] = { "ID",   "NAME",      "SECURITY",
					     "HOST", "TPM STATE", "OWNER" };
	static const struct show_columns columns = { heads, ARRAY_LEN(heads), list_item };
	CLEANUP(call_done) struct call c = { 0 };
	struct pages p = { .call = &c };

	buf_add(&c.path, "/v1/instances");
	call_query(&c, "match", ctl_option(ctl, "match"));
	return ctl_integer(ctl, "limit", (struct range){ 1, INT64_MAX, 0 }, &p.limit,
			   e) &&
	       show_pages(ctl, &columns, p, e);
}

static void show_placed(struct table *t, const struct json *j)
{
	bool moved = false;

	show_text(t, "placed on", j, "host");
	show_integer(t, "placement", j, "epoch");
	table_fact(t, "moved",
		   json_get_boolean(j, "moved", &moved) && moved ? "yes" : "no");
	if (json_get_text(j, "off_until"))
		show_text(t, "the host before stays off until", j, "off_until");
}

bool instance_place(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { .method = "POST" };
	struct json_writer w = { .to = &c.body };
	struct uuid id;

	if (!resolve_instance(ctl, ctl->args[0], &id, e))
		return false;
	buf_addf(&c.path, "/v1/instances/%s/place", id.text);
	json_open(&w, NULL);
	json_put_text(&w, "host", ctl->args[1]);
	put_given(ctl, &w, "image");
	if (ctl_option(ctl, "host-is-off"))
		json_put_boolean(&w, "host_is_off", true);
	json_close(&w);
	return call_run(ctl, &c, e) && show_answer(ctl, &c, show_placed, e);
}

bool instance_xml(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { 0 };
	const char *model = ctl_option(ctl, "model");
	struct uuid id, secret;

	model = model ? model : "tpm-crb";
	if (strcmp(model, "tpm-crb") != 0 && strcmp(model, "tpm-tis") != 0)
		return err_field(e, ERR_USAGE, "model",
				 "--model takes tpm-crb or tpm-tis");
	if (!get_instance(ctl, &c, e))
		return false;
	if (!c.reply || !json_get_object(c.reply, "secret") ||
	    !uuid_parse(json_get_text(c.reply, "id"), "id", &id, e) ||
	    !uuid_parse(json_get_text(json_get_object(c.reply, "secret"), "id"), "secret",
			&secret, e))
		return err_set(e, ERR_BAD_SERVER,
			       "the broker did not name the instance's secret");
	fprintf(ctl->out,
		"<!-- into <devices> of the domain whose <uuid> is %s -->\n"
		"<tpm model='%s'>\n"
		"  <backend type='emulator' version='2.0'>\n"
		"    <encryption secret='%s'/>\n"
		"  </backend>\n"
		"</tpm>\n",
		id.text, model, secret.text);
	return true;
}

bool instance_new_tpm(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { .method = "POST" };
	struct uuid id;

	if (!resolve_instance(ctl, ctl->args[0], &id, e))
		return false;
	buf_addf(&c.path, "/v1/instances/%s/new-tpm", id.text);
	buf_add(&c.body, "{}");
	return call_run(ctl, &c, e) && show_answer(ctl, &c, show_instance, e);
}
