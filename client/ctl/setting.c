/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/commands.h"
#include "client/ctl/show.h"

#include <string.h>

static void show_setting(struct table *t, const struct json *j)
{
	const char *preferred = json_get_text(j, "default");

	show_text(t, "name", j, "name");
	show_list(t, "allowed", j, "allowed", "any");
	table_fact(t, "default", preferred ? preferred : "none");
	show_integer(t, "generation", j, "generation");
}

static void put_allowed(struct json_writer *w, const char *given, const struct json *now)
{
	if (given && strcmp(given, "any") == 0)
		return;
	if (given) {
		call_put_commas(w, "allowed", given);
		return;
	}
	if (json_count(now, "allowed") == 0)
		return;
	json_open_list(w, "allowed");
	for (size_t i = 0; i < json_count(now, "allowed"); i++)
		json_put_text(w, NULL, json_item_text(now, "allowed", i));
	json_close_list(w);
}

static void put_default(struct json_writer *w, const char *given, const struct json *now)
{
	const char *preferred = given ? given : json_get_text(now, "default");

	if (preferred && strcmp(preferred, "none") != 0)
		json_put_text(w, "default", preferred);
}

/* What is there now; an image without a setting is generation 0. */
static bool read_now(struct ctl *ctl, const char *path, struct call *now, struct err *e)
{
	buf_add(&now->path, path);
	if (call_run(ctl, now, e))
		return now->reply ||
		       err_set(e, ERR_BAD_SERVER, "the broker sent no setting");
	if (e->kind != ERR_NOT_FOUND)
		return false;
	err_clear(e);
	return json_parse((struct view){ (const uint8_t *)"{}", 2 }, &now->reply, e);
}

static bool set(struct ctl *ctl, const char *path, struct err *e)
{
	CLEANUP(call_done) struct call now = { 0 };
	CLEANUP(call_done) struct call c = { .method = "PUT" };
	const char *allowed = ctl_option(ctl, "allowed"),
		   *preferred = ctl_option(ctl, "default");
	struct json_writer w = { .to = &c.body };
	char generation[24];
	int64_t n = 0;

	if (!allowed && !preferred)
		return err_set(e, ERR_USAGE, "give --allowed, --default or both");
	if (!read_now(ctl, path, &now, e))
		return false;
	if (!json_get_integer(now.reply, "generation", &n))
		n = 0;
	if (!text_format(generation, sizeof generation, "%lld", (long long)n))
		return err_set(e, ERR_INTERNAL, "generation");
	c.if_match =
		ctl_option(ctl, "if-match") ? ctl_option(ctl, "if-match") : generation;
	buf_add(&c.path, path);
	json_open(&w, NULL);
	put_allowed(&w, allowed, now.reply);
	put_default(&w, preferred, now.reply);
	json_close(&w);
	return call_run(ctl, &c, e) && show_answer(ctl, &c, show_setting, e);
}

static void image_path(const struct ctl *ctl, struct buf *to)
{
	buf_add(to, "/v1/images/");
	http_escape(to, ctl->args[0]);
}

bool setting_image_set(struct ctl *ctl, struct err *e)
{
	CLEANUP(buf_done) struct buf path = { 0 };

	image_path(ctl, &path);
	return path.failed ? err_set(e, ERR_NO_MEMORY, "out of memory")
			   : set(ctl, path.at, e);
}

bool setting_image_show(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { 0 };

	image_path(ctl, &c.path);
	return call_run(ctl, &c, e) && show_answer(ctl, &c, show_setting, e);
}

static void list_item(struct table *t, const struct json *j)
{
	const char *preferred = json_get_text(j, "default");

	table_add(t, json_get_text(j, "name"));
	show_list_cell(t, j, "allowed", "any");
	table_add(t, preferred ? preferred : "none");
}

bool setting_image_list(struct ctl *ctl, struct err *e)
{
	static const char *const heads[] = { "IMAGE", "ALLOWED", "DEFAULT" };
	static const struct show_columns columns = { heads, ARRAY_LEN(heads), list_item };
	CLEANUP(call_done) struct call c = { 0 };

	buf_add(&c.path, "/v1/images");
	return show_pages(ctl, &columns, (struct pages){ .call = &c }, e);
}

bool setting_deployment_set(struct ctl *ctl, struct err *e)
{
	return set(ctl, "/v1/deployment", e);
}

bool setting_deployment_show(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { 0 };

	buf_add(&c.path, "/v1/deployment");
	return call_run(ctl, &c, e) && show_answer(ctl, &c, show_setting, e);
}
