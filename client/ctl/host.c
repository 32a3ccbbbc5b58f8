/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/commands.h"
#include "client/ctl/file.h"
#include "client/ctl/show.h"

#include <string.h>
#include <unistd.h>

static void show_host(struct table *t, const struct json *j)
{
	show_text(t, "host", j, "name");
	show_text(t, "state", j, "state");
	show_text(t, "fingerprint", j, "fingerprint");
	show_text(t, "address", j, "address");
	show_list(t, "policies", j, "policies", "none");
	show_integer(t, "protocol", j, "protocol");
	show_list(t, "features", j, "features", "none");
	show_text(t, "enrolled", j, "created");
	show_text(t, "approved", j, "approved");
}

static void host_path(const struct ctl *ctl, struct call *c, const char *verb)
{
	buf_add(&c->path, "/v1/hosts/");
	http_escape(&c->path, ctl->args[0]);
	if (verb)
		buf_addf(&c->path, "/%s", verb);
}

static void list_item(struct table *t, const struct json *j)
{
	table_add(t, json_get_text(j, "name"));
	table_add(t, json_get_text(j, "state"));
	show_list_cell(t, j, "policies", "none");
	table_add(t, json_get_text(j, "address"));
	table_add(t, json_get_text(j, "created"));
	table_add(t, json_get_text(j, "fingerprint"));
}

bool host_list(struct ctl *ctl, struct err *e)
{
	static const char *const heads[] = { "HOST",    "STATE",    "POLICIES",
					     "ADDRESS", "ENROLLED", "FINGERPRINT" };
	static const struct show_columns columns = { heads, ARRAY_LEN(heads), list_item };
	CLEANUP(call_done) struct call c = { 0 };

	buf_add(&c.path, "/v1/hosts");
	return show_pages(ctl, &columns, (struct pages){ .call = &c }, e);
}

bool host_show(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { 0 };

	host_path(ctl, &c, NULL);
	return call_run(ctl, &c, e) && show_answer(ctl, &c, show_host, e);
}

static bool post(struct ctl *ctl, const char *verb, struct err *e)
{
	CLEANUP(call_done) struct call c = { .method = "POST" };

	host_path(ctl, &c, verb);
	buf_add(&c.body, "{}");
	return call_run(ctl, &c, e) && show_answer(ctl, &c, show_host, e);
}

static void guest_item(void *ctx, const struct json *j)
{
	struct table *t = ctx;
	bool running = false;

	table_add(t, json_get_text(j, "id"));
	table_add(t, json_get_text(j, "name"));
	table_add(t, json_get_text(j, "security"));
	table_add(t, json_get_boolean(j, "running", &running) && running ? "yes" : "no");
}

static const char *const guest_heads[] = { "ID", "NAME", "SECURITY", "RUNNING" };

static bool read_guests(struct ctl *ctl, struct table *t, struct err *e)
{
	CLEANUP(call_done) struct call c = { 0 };

	host_path(ctl, &c, "instances");
	return call_pages(ctl,
			  &(struct pages){ .call = &c, .each = guest_item, .ctx = t }, e);
}

/* What is left there, and how it leaves. */
static bool print_guests(struct ctl *ctl, struct err *e)
{
	CLEANUP(table_done)
	struct table t = { .heads = guest_heads, .columns = ARRAY_LEN(guest_heads) };

	if (!read_guests(ctl, &t, e))
		return false;
	if (t.cells == 0) {
		fprintf(ctl->out, "\nno guest is placed on %s\n", ctl->args[0]);
		return true;
	}
	fputc('\n', ctl->out);
	if (!table_print(&t, ctl->out, e))
		return false;
	fprintf(ctl->out,
		"\nnext: on %s, vtpm-client migrate --all HOST URI moves all that run,\n"
		"      vtpm-client migrate --cold GUEST HOST [URI] one that is off;\n"
		"      vtpmctl host drain %s shows what is left\n",
		ctl->args[0], ctl->args[0]);
	return true;
}

bool host_drain(struct ctl *ctl, struct err *e)
{
	return post(ctl, "drain", e) && (ctl->json || print_guests(ctl, e));
}

bool host_undrain(struct ctl *ctl, struct err *e)
{
	return post(ctl, "undrain", e);
}

bool host_guests(struct ctl *ctl, struct err *e)
{
	CLEANUP(table_done)
	struct table t = { .heads = guest_heads, .columns = ARRAY_LEN(guest_heads) };

	return read_guests(ctl, &t, e) && (ctl->json || table_print(&t, ctl->out, e));
}

bool host_fence(struct ctl *ctl, struct err *e)
{
	return post(ctl, "fence", e);
}

bool host_unfence(struct ctl *ctl, struct err *e)
{
	return post(ctl, "unfence", e);
}

bool host_revoke(struct ctl *ctl, struct err *e)
{
	return post(ctl, "revoke", e);
}

static bool says_yes(void)
{
	char line[16];

	return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

/* Shows the host as the broker knows it, and asks the person at the terminal. */
static bool ask_person(struct ctl *ctl, struct call *host, struct err *e)
{
	CLEANUP(table_done) struct table t = { .columns = 2 };

	if (!isatty(STDIN_FILENO))
		return err_field(e, ERR_USAGE, "fingerprint",
				 "there is no terminal to ask at; give --fingerprint");
	host_path(ctl, host, NULL);
	if (!call_run(ctl, host, e))
		return false;
	show_host(&t, host->reply);
	if (!table_print(&t, stderr, e))
		return false;
	fputs("Is this the fingerprint that the host shows? [y/N] ", stderr);
	return says_yes() || err_set(e, ERR_USAGE, "not approved");
}

bool host_approve(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call host = { 0 };
	CLEANUP(call_done) struct call c = { .method = "POST" };
	const char *fingerprint = ctl_option(ctl, "fingerprint");
	struct json_writer w = { .to = &c.body };

	if (!fingerprint) {
		if (!ask_person(ctl, &host, e))
			return false;
		fingerprint = json_get_text(host.reply, "fingerprint");
	}
	host_path(ctl, &c, "approve");
	json_open(&w, NULL);
	json_put_text(&w, "fingerprint", fingerprint);
	json_close(&w);
	return call_run(ctl, &c, e) && show_answer(ctl, &c, show_host, e);
}

/* One line that the host's enrolment reads: address, name, token, and whom to trust. */
static bool print_line(struct ctl *ctl, const struct json *j, struct new_file *out,
		       struct err *e)
{
	CLEANUP(buf_done) struct buf line = { 0 };
	const char *url = ctl_option(ctl, "url");
	const char *id = json_get_text(j, "id"), *ca = json_get_text(j, "ca");
	const char *name = json_get_text(j, "name"), *token = json_get_text(j, "token");
	bool ok;

	if (!id || !ca || !name || !token)
		return err_set(e, ERR_BAD_SERVER, "the broker sent no whole token");
	buf_addf(&line, "vtpm-enroll:1:%s#%s#%s#%s#%s\n", url ? url : ctl->profile.url,
		 name, id, ca, token);
	if (line.failed)
		return err_set(e, ERR_NO_MEMORY, "out of memory");
	ok = file_write(out, (struct view){ (const uint8_t *)line.at, line.len }, e);
	explicit_bzero(line.at, line.len);
	return ok;
}

bool host_token(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { .method = "POST" };
	CLEANUP(file_done) struct new_file out = { .fd = -1 };
	const char *url = ctl_option(ctl, "url");
	struct json_writer w = { .to = &c.body };

	if (url && (strncmp(url, "https://", 8) != 0 || strchr(url, '#')))
		return err_field(e, ERR_USAGE, "url", "--url takes https://host:port");
	if (!file_create(ctl_option(ctl, "out"), false, &out, e))
		return false;
	buf_add(&c.path, "/v1/host-tokens");
	json_open(&w, NULL);
	json_put_text(&w, "name", ctl->args[0]);
	json_close(&w);
	if (!call_run(ctl, &c, e))
		return false;
	if (ctl->json && !ctl_option(ctl, "out"))
		return call_print_json(ctl, &c, e);
	return print_line(ctl, c.reply, &out, e);
}
