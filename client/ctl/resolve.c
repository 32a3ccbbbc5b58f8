/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/resolve.h"

#include "client/ctl/table.h"

#include <string.h>

struct candidates {
	const char *text;        /* what was typed */
	const char *const *show; /* two members of an item beside its id */
	bool by_prefix;          /* the broker did not choose: compare ids here */
	size_t found;
	char id[40];
	struct table table; /* owned */
};

static void candidate(void *ctx, const struct json *item)
{
	struct candidates *c = ctx;
	const char *id = json_get_text(item, "id");

	if (!id || (c->by_prefix && strncmp(id, c->text, strlen(c->text)) != 0))
		return;
	if (c->found++ == 0 && !text_copy(c->id, sizeof c->id, id))
		c->id[0] = '\0';
	table_add(&c->table, id);
	table_add(&c->table, json_get_text(item, c->show[0]));
	table_add(&c->table, json_get_text(item, c->show[1]));
}

static bool choose(struct candidates *c, const char *noun, struct uuid *ret,
		   struct err *e)
{
	if (c->found == 1)
		return uuid_parse(c->id, "id", ret, e);
	if (c->found == 0)
		return err_set(e, ERR_NOT_FOUND, "no %s is called %s", noun, c->text);
	if (!table_print(&c->table, stderr, e))
		return false;
	return err_set(e, ERR_AMBIGUOUS, "%zu %ss answer to %s", c->found, noun, c->text);
}

static bool ask_all(struct ctl *ctl, struct call *call, struct candidates *c,
		    struct err *e)
{
	const bool json = ctl->json;
	bool ok;

	ctl->json = false; /* the question is ours, not the user's */
	ok = call_pages(ctl, &(struct pages){ .call = call, .each = candidate, .ctx = c },
			e);
	ctl->json = json;
	return ok;
}

static void candidates_done(struct candidates *c)
{
	table_done(&c->table);
}

bool resolve_instance(struct ctl *ctl, const char *text, struct uuid *ret, struct err *e)
{
	static const char *const heads[] = { "ID", "NAME", "PROJECT" };
	static const char *const show[] = { "name", "project" };
	CLEANUP(call_done) struct call call = { 0 };
	CLEANUP(candidates_done)
	struct candidates c = { .text = text,
				.show = show,
				.table = { heads, 3, 0, { 0 } } };
	struct err not_a_uuid;

	if (!text[0])
		return err_set(e, ERR_USAGE, "an instance's name is not empty");
	if (uuid_parse(text, "id", ret, &not_a_uuid))
		return true;
	buf_add(&call.path, "/v1/instances");
	call_query(&call, "match", text);
	return ask_all(ctl, &call, &c, e) && choose(&c, "instance", ret, e);
}

bool resolve_word(struct ctl *ctl, const char *noun, const struct uuid *instance,
		  const char *text, struct uuid *ret, struct err *e)
{
	static const char *const heads[] = { "ID", "PURPOSE", "STATE" };
	static const char *const show[] = { "purpose", "state" };
	CLEANUP(call_done) struct call call = { 0 };
	CLEANUP(candidates_done)
	struct candidates c = { .text = text,
				.show = show,
				.by_prefix = true,
				.table = { heads, 3, 0, { 0 } } };
	struct err not_a_uuid;

	if (uuid_parse(text, noun, ret, &not_a_uuid))
		return true;
	buf_addf(&call.path, "/v1/instances/%s/%ss", instance->text, noun);
	return ask_all(ctl, &call, &c, e) && choose(&c, noun, ret, e);
}
