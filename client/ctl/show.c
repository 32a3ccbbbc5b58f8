/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/show.h"

void show_text(struct table *t, const char *says, const struct json *j, const char *name)
{
	table_fact(t, says, j ? json_get_text(j, name) : NULL);
}

void show_integer(struct table *t, const char *says, const struct json *j,
		  const char *name)
{
	int64_t value;

	table_add(t, says);
	if (j && json_get_integer(j, name, &value))
		table_add_integer(t, value);
	else
		table_add(t, NULL);
}

void show_list_cell(struct table *t, const struct json *j, const char *name,
		    const char *none)
{
	CLEANUP(buf_done) struct buf all = { 0 };
	size_t n = json_count(j, name);

	for (size_t i = 0; i < n; i++) {
		const char *one = json_item_text(j, name, i);

		buf_addf(&all, "%s%s", i ? "," : "", one ? one : "?");
	}
	t->text.failed |= all.failed;
	table_add(t, n ? all.at : none);
}

void show_list(struct table *t, const char *says, const struct json *j, const char *name,
	       const char *none)
{
	table_add(t, says);
	show_list_cell(t, j, name, none);
}

bool show_answer(struct ctl *ctl, const struct call *c,
		 void (*facts)(struct table *t, const struct json *j), struct err *e)
{
	CLEANUP(table_done) struct table t = { .columns = 2 };

	if (ctl->json)
		return call_print_json(ctl, c, e);
	if (!c->reply)
		return err_set(e, ERR_BAD_SERVER, "%s does not answer as a broker does",
			       ctl->profile.url);
	facts(&t, c->reply);
	return table_print(&t, ctl->out, e);
}

struct listing {
	const struct show_columns *as; /* borrowed */
	struct table table;            /* owned */
};

static void listing_done(struct listing *l)
{
	table_done(&l->table);
}

static void list_item(void *ctx, const struct json *item)
{
	struct listing *l = ctx;

	l->as->item(&l->table, item);
}

bool show_pages(struct ctl *ctl, const struct show_columns *as, struct pages p,
		struct err *e)
{
	CLEANUP(listing_done)
	struct listing l = { as, { .heads = as->heads, .columns = as->count } };

	p.each = list_item;
	p.ctx = &l;
	return call_pages(ctl, &p, e) &&
	       (ctl->json || table_print(&l.table, ctl->out, e));
}

static void show_placement(struct table *t, const struct json *placement)
{
	char says[160];
	bool running = false;
	int64_t epoch = 0;
	const char *host = placement ? json_get_text(placement, "host") : NULL;

	if (!host) {
		table_fact(t, "placed on", "no host yet");
		return;
	}
	if (!json_get_boolean(placement, "running", &running) ||
	    !json_get_integer(placement, "epoch", &epoch) ||
	    !text_format(says, sizeof says, "%s (placement %lld, %s)", host,
			 (long long)epoch, running ? "running" : "not running"))
		table_fact(t, "placed on", host);
	else
		table_fact(t, "placed on", says);
}

static void show_secret(struct table *t, const struct json *secret)
{
	char says[160];
	int64_t version = 0;
	bool weak = false;
	const char *origin = secret ? json_get_text(secret, "origin") : NULL;

	show_text(t, "secret", secret, "id");
	if (!origin || !json_get_integer(secret, "version", &version) || version == 0 ||
	    !text_format(says, sizeof says, "version %lld, %s%s", (long long)version,
			 origin,
			 json_get_boolean(secret, "weak", &weak) && weak ? ", weak" : ""))
		table_fact(t, "value", "none stored yet");
	else
		table_fact(t, "value", says);
}

/* Only while one is open. */
static void show_handover(struct table *t, const struct json *handover)
{
	const char *to = handover ? json_get_text(handover, "destination") : NULL;
	const char *mode = handover ? json_get_text(handover, "mode") : NULL;
	const char *state = handover ? json_get_text(handover, "state") : NULL;
	char says[160];
	int64_t number = 0;

	if (to && mode && state && json_get_integer(handover, "number", &number) &&
	    text_format(says, sizeof says, "to %s (%lld, %s, %s)", to, (long long)number,
			mode, state))
		table_fact(t, "hand-over", says);
}

void show_instance(struct table *t, const struct json *j)
{
	show_text(t, "instance", j, "id");
	show_text(t, "name", j, "name");
	show_text(t, "owner", j, "owner");
	show_text(t, "project", j, "project");
	show_text(t, "security", j, "security");
	show_text(t, "chosen by", j, "provenance");
	show_text(t, "image", j, "image");
	show_text(t, "flavor", j, "flavor");
	show_list(t, "hosts", j, "hosts", "any");
	show_placement(t, json_get_object(j, "placement"));
	show_handover(t, json_get_object(j, "handover"));
	show_secret(t, json_get_object(j, "secret"));
	show_text(t, "TPM state", j, "state");
	show_text(t, "created", j, "created");
}
