/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/belongs.h"
#include "client/ctl/commands.h"
#include "client/ctl/resolve.h"
#include "client/ctl/show.h"

#include <string.h>
#include <time.h>

enum { POLL_S = 25, WAIT_MAX_S = 86400 };

/* What each state means for whoever waits for the guest, and what may be done about it. */
static const struct {
	const char *state, *means;
	bool ended;
} states[] = {
	{ "prepared", "named and checked; the migration may begin", false },
	{ "offered", "the source consents; nothing has left it yet", false },
	{ "claimed", "the destination has the key; nobody else may start the guest",
	  false },
	{ "aborting", "called off; the hosts are asked which of them runs the guest",
	  false },
	{ "committed", "the guest is the destination's", true },
	{ "aborted", "the guest is the source's", true },
	{ "closed", "the guest is the destination's; the source has nothing left to wipe",
	  true },
};

static const char *means(const char *state)
{
	for (size_t i = 0; state && i < ARRAY_LEN(states); i++)
		if (strcmp(states[i].state, state) == 0)
			return states[i].means;
	return NULL;
}

static bool has_ended(const char *state)
{
	for (size_t i = 0; state && i < ARRAY_LEN(states); i++)
		if (strcmp(states[i].state, state) == 0)
			return states[i].ended;
	return false;
}

static const char *host_of(const struct json *j, const char *end)
{
	const struct json *host = json_get_object(j, end);

	return host ? json_get_text(host, "name") : NULL;
}

static void show_handover(struct table *t, const struct json *j)
{
	bool ran = false;

	show_text(t, "instance", j, "instance");
	show_integer(t, "number", j, "number");
	show_text(t, "mode", j, "mode");
	show_text(t, "state", j, "state");
	table_fact(t, "that is", means(json_get_text(j, "state")));
	table_fact(t, "from", host_of(j, "source"));
	table_fact(t, "to", host_of(j, "destination"));
	show_text(t, "source said", j, "source_said");
	show_text(t, "destination said", j, "destination_said");
	table_fact(t, "ran there",
		   json_get_boolean(j, "ran_there", &ran) && ran ? "yes" : "not proven");
	show_text(t, "prepared by", j, "by");
	show_text(t, "prepared", j, "created");
	show_text(t, "claimed", j, "claimed");
	show_text(t, "ended", j, "ended");
	if (json_get_text(j, "drops"))
		show_text(t, "given up", j, "drops");
}

/* Only a person can end it where a host is gone; the command says what must be true first. */
static void print_next(struct ctl *ctl, const struct json *j)
{
	const char *state = json_get_text(j, "state");
	const char *id = ctl->args[0];

	if (ctl->json || !state)
		return;
	if (strcmp(state, "prepared") == 0 || strcmp(state, "offered") == 0)
		fprintf(ctl->out, "\nnext: vtpmctl handover abort %s ends it at once\n",
			id);
	if (strcmp(state, "claimed") == 0)
		fprintf(ctl->out,
			"\nnext: it ends with the migration; where that is over, see "
			"that "
			"libvirtd and\n"
			"      vtpm-client agent run on both hosts; vtpmctl handover "
			"abort "
			"%s calls it off\n",
			id);
	if (strcmp(state, "aborting") == 0)
		fprintf(ctl->out,
			"\nnext: if a host will not answer any more, fence it and see "
			"that "
			"it is off, then\n"
			"      vtpmctl handover resolve %s --runs-on HOST --host-is-off "
			"names the other\n",
			id);
}

static bool show(struct ctl *ctl, const struct call *c, struct err *e)
{
	if (!show_answer(ctl, c, show_handover, e))
		return false;
	print_next(ctl, c->reply);
	return true;
}

static void newest_item(void *ctx, const struct json *j)
{
	int64_t *newest = ctx, number = 0;

	if (json_get_integer(j, "number", &number) && number > *newest)
		*newest = number;
}

/* The number that was typed, else the newest. */
static bool choose_number(struct ctl *ctl, const struct uuid *id, const char *typed,
			  int64_t *ret, struct err *e)
{
	CLEANUP(call_done) struct call c = { 0 };
	const bool json = ctl->json;
	bool ok;

	*ret = 0;
	if (typed)
		return text_parse_int(typed, 1, INT64_MAX, ret) ||
		       err_set(e, ERR_USAGE, "%s is no number of a hand-over", typed);
	buf_addf(&c.path, "/v1/instances/%s/handovers", id->text);
	ctl->json = false; /* the question is ours, not the user's */
	ok = call_pages(
		ctl, &(struct pages){ .call = &c, .each = newest_item, .ctx = ret }, e);
	ctl->json = json;
	if (ok && *ret == 0)
		return err_set(e, ERR_NOT_FOUND, "there was no hand-over of %s",
			       ctl->args[0]);
	return ok;
}

struct which {
	struct uuid instance;
	int64_t number;
};

static bool choose(struct ctl *ctl, const char *typed, struct which *ret, struct err *e)
{
	return resolve_instance(ctl, ctl->args[0], &ret->instance, e) &&
	       choose_number(ctl, &ret->instance, typed, &ret->number, e);
}

static void put_path(struct call *c, const struct which *w, const char *verb)
{
	buf_addf(&c->path, "/v1/instances/%s/handovers/%lld%s%s", w->instance.text,
		 (long long)w->number, verb ? "/" : "", verb ? verb : "");
}

bool handover_prepare(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { .method = "POST" };
	const char *mode = ctl_option(ctl, "mode");
	struct json_writer w = { .to = &c.body };
	struct uuid id;

	if (!resolve_instance(ctl, ctl->args[0], &id, e))
		return false;
	buf_addf(&c.path, "/v1/instances/%s/handovers", id.text);
	json_open(&w, NULL);
	json_put_text(&w, "destination", ctl->args[1]);
	if (mode)
		json_put_text(&w, "mode", mode);
	json_close(&w);
	return call_run(ctl, &c, e) && show(ctl, &c, e);
}

static void list_item(struct table *t, const struct json *j)
{
	int64_t number = 0;

	if (json_get_integer(j, "number", &number))
		table_add_integer(t, number);
	else
		table_add(t, NULL);
	table_add(t, json_get_text(j, "mode"));
	table_add(t, json_get_text(j, "state"));
	table_add(t, host_of(j, "source"));
	table_add(t, host_of(j, "destination"));
	table_add(t, json_get_text(j, "created"));
	table_add(t, json_get_text(j, "ended"));
}

bool handover_list(struct ctl *ctl, struct err *e)
{
	static const char *const heads[] = { "NUMBER", "MODE",     "STATE", "FROM",
					     "TO",     "PREPARED", "ENDED" };
	static const struct show_columns columns = { heads, ARRAY_LEN(heads), list_item };

	return belongs_list(ctl, "handovers", &columns, e);
}

/* The state after `was` was left, or after so many seconds; the broker holds the answer back. */
static bool poll(struct ctl *ctl, const struct which *w, const char *was, int64_t wait_s,
		 struct call *ret, struct err *e)
{
	char seconds[24];

	put_path(ret, w, NULL);
	if (was[0] && text_format(seconds, sizeof seconds, "%lld",
				  (long long)(wait_s < POLL_S ? wait_s : POLL_S))) {
		call_query(ret, "wait", seconds);
		call_query(ret, "state", was);
	}
	if (!call_run(ctl, ret, e))
		return false;
	return (ret->reply && json_get_text(ret->reply, "state")) ||
	       err_set(e, ERR_BAD_SERVER, "the broker told no state");
}

static int64_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

bool handover_show(struct ctl *ctl, struct err *e)
{
	const int64_t began_s = now_s();
	char state[32] = "";
	struct which w;
	int64_t wait_s;

	if (!ctl_integer(ctl, "wait", (struct range){ 1, WAIT_MAX_S, 0 }, &wait_s, e) ||
	    !choose(ctl, ctl->args[1], &w, e))
		return false;
	for (;;) {
		CLEANUP(call_done) struct call c = { 0 };
		int64_t left_s = wait_s - (now_s() - began_s);
		const char *is;

		if (!poll(ctl, &w, state, left_s, &c, e))
			return false;
		is = json_get_text(c.reply, "state");
		left_s = wait_s - (now_s() - began_s);
		if (wait_s == 0 || has_ended(is))
			return show(ctl, &c, e);
		if (left_s <= 0)
			return show(ctl, &c, e) &&
			       err_set(e, ERR_DEADLINE, "it is still %s", is);
		if (!text_copy(state, sizeof state, is))
			return err_set(e, ERR_BAD_SERVER, "the broker told no state");
	}
}

bool handover_abort(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { .method = "POST" };
	struct which w;

	if (!choose(ctl, ctl->args[1], &w, e))
		return false;
	put_path(&c, &w, "abort");
	buf_add(&c.body, "{}");
	return call_run(ctl, &c, e) && show(ctl, &c, e);
}

bool handover_resolve(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { .method = "POST" };
	const char *runs_on = ctl_option(ctl, "runs-on");
	struct json_writer b = { .to = &c.body };
	struct which w;

	if (!runs_on || !ctl_option(ctl, "host-is-off"))
		return err_field(
			e, ERR_USAGE, runs_on ? "host-is-off" : "runs-on",
			"name the host that keeps the guest (--runs-on), and say "
			"that the other is fenced and off (--host-is-off)");
	if (!choose(ctl, ctl->args[1], &w, e))
		return false;
	put_path(&c, &w, "resolve");
	json_open(&b, NULL);
	json_put_text(&b, "runs_on", runs_on);
	json_put_boolean(&b, "host_is_off", true);
	json_close(&b);
	return call_run(ctl, &c, e) && show(ctl, &c, e);
}
