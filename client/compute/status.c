/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/commands.h"
#include "client/compute/message.h"

#include <stdio.h>
#include <string.h>

enum { ASK_MS = 15000 };

static bool ask_about(const struct options *o, const char *op, struct json **ret,
		      struct err *e)
{
	struct request q = { 0 };

	if (o->word != NULL && !uuid_parse(o->word, "INSTANCE", &q.instance, e))
		return false;
	return text_copy(q.op, sizeof(q.op), op) &&
	       request_ask(o->at.socket.text, &q, ASK_MS, ret, NULL, e);
}

bool command_deliver(const struct options *o, struct err *e)
{
	OWNED(json) answer = NULL;

	if (!ask_about(o, "deliver", &answer, e))
		return false;
	printf("libvirt has the secret of %s; vtpm-client forget %s takes it back\n",
	       o->word, o->word);
	return true;
}

bool command_forget(const struct options *o, struct err *e)
{
	OWNED(json) answer = NULL;

	if (!ask_about(o, "forget", &answer, e))
		return false;
	printf("this host has no secret and no copy of %s\n", o->word);
	return true;
}

static const char *text_of(const struct json *j, const char *name)
{
	const char *text = json_get_text(j, name);

	return text != NULL ? text : "-";
}

static long long number_of(const struct json *j, const char *name)
{
	int64_t n = 0;

	(void)json_get_integer(j, name, &n);
	return n;
}

static const char *yes_no(const struct json *j, const char *name)
{
	bool yes = false;

	(void)json_get_boolean(j, name, &yes);
	return yes ? "yes" : "no";
}

static void print_people(const struct json *j)
{
	size_t n = json_count(j, "guests");

	printf("host         %s\nbroker       %s, %s\nlibvirt      %s\n",
	       text_of(j, "name"), text_of(j, "url"), text_of(j, "broker"),
	       text_of(j, "libvirt"));
	printf("certificate  until %s\nreports      %lld wait\n",
	       text_of(j, "certificate_ends"), number_of(j, "waiting"));
	if (n == 0)
		return;
	printf("\n%-36s  %-10s  %7s  %9s  %-9s  %-7s  %s\n", "INSTANCE", "POLICY",
	       "VERSION", "PLACEMENT", "TPM STATE", "RUNNING", "COPY UNTIL");
	for (size_t i = 0; i < n; i++) {
		const struct json *g = json_item(j, "guests", i);

		printf("%-36s  %-10s  %7lld  %9lld  %-9s  %-7s  %s\n",
		       text_of(g, "instance"), text_of(g, "security"),
		       number_of(g, "version"), number_of(g, "epoch"),
		       text_of(g, "state"), yes_no(g, "running"),
		       text_of(g, "lease_ends"));
	}
}

static void copy_guest(struct json_writer *w, const struct json *g)
{
	json_open(w, NULL);
	json_put_text(w, "instance", json_get_text(g, "instance"));
	json_put_text(w, "security", json_get_text(g, "security"));
	json_put_integer(w, "version", number_of(g, "version"));
	json_put_integer(w, "epoch", number_of(g, "epoch"));
	json_put_text(w, "state", json_get_text(g, "state"));
	json_put_boolean(w, "running", strcmp(yes_no(g, "running"), "yes") == 0);
	json_put_boolean(w, "copy", strcmp(yes_no(g, "copy"), "yes") == 0);
	json_put_text(w, "lease_ends", json_get_text(g, "lease_ends"));
	json_close(w);
}

static bool print_json(const struct json *j, struct err *e)
{
	static const char *const texts[] = { "name", "url", "broker", "libvirt",
					     "certificate_ends" };
	CLEANUP(buf_done) struct buf text = { 0 };
	struct json_writer w = { .to = &text };

	json_open(&w, NULL);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		json_put_text(&w, texts[i], json_get_text(j, texts[i]));
	json_put_integer(&w, "waiting", number_of(j, "waiting"));
	json_open_list(&w, "guests");
	for (size_t i = 0; i < json_count(j, "guests"); i++)
		copy_guest(&w, json_item(j, "guests", i));
	json_close_list(&w);
	json_close(&w);
	if (text.failed)
		return err_set(e, ERR_NO_MEMORY, "no memory for the status");
	puts(text.at);
	return true;
}

bool command_status(const struct options *o, struct err *e)
{
	OWNED(json) answer = NULL;

	if (!ask_about(o, "status", &answer, e))
		return false;
	if (o->json)
		return print_json(answer, e);
	print_people(answer);
	return true;
}
