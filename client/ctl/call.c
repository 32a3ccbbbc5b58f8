/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/ctl.h"

#include "client/ctl/file.h"

#include <assert.h>
#include <string.h>

/* Fits into the memory that a user may lock by default on small systems (64 KiB). */
enum { SLAB_BYTES = 60 * 1024, PAGE = 500 };

void ctl_done(struct ctl *ctl)
{
	http_client_free(ctl->http);
	ctl->http = NULL;
}

const char *ctl_option(const struct ctl *ctl, const char *name)
{
	const struct option_spec *o = ctl->command->options;

	for (size_t i = 0; o && o[i].name; i++)
		if (strcmp(o[i].name, name) == 0)
			return ctl->values[i];
	assert(false && "an option that the command's table does not have");
	return NULL;
}

bool ctl_integer(const struct ctl *ctl, const char *name, struct range in, int64_t *ret,
		 struct err *e)
{
	const char *text = ctl_option(ctl, name);

	*ret = in.otherwise;
	if (!text || text_parse_int(text, in.min, in.max, ret))
		return true;
	return err_field(e, ERR_USAGE, name, "--%s takes a number from %lld to %lld",
			 name, (long long)in.min, (long long)in.max);
}

bool ctl_connect(struct ctl *ctl, struct err *e)
{
	OWNED(secret) token = NULL;
	struct http_client_options o = { 0 };

	if (ctl->http)
		return true;
	if (!secret_slab_open(SLAB_BYTES, e) ||
	    !config_read(ctl->config_path, ctl->profile_name, &ctl->profile, e))
		return false;
	if (ctl->profile.token_file[0] &&
	    !file_read_token(ctl->profile.token_file, &token, e))
		return false;
	o.url = ctl->profile.url;
	o.ca_file = ctl->profile.ca;
	o.token = token;
	return http_client_new(&o, &ctl->http, e);
}

static bool is_json(const struct call *c)
{
	return c->answer.body.at && c->answer.body.len > 0;
}

bool call_run(struct ctl *ctl, struct call *c, struct err *e)
{
	struct http_ask ask = { .method = c->method ? c->method : "GET",
				.path = c->path.at,
				.octets = c->octets,
				.if_match = c->if_match };

	if (c->path.failed || c->body.failed)
		return err_set(e, ERR_NO_MEMORY, "out of memory");
	if (c->body.at)
		ask.body = (struct view){ (const uint8_t *)c->body.at, c->body.len };
	if (!ctl_connect(ctl, e) || !http_client_ask(ctl->http, &ask, &c->answer, e))
		return false;
	if (!is_json(c))
		return true;
	if (json_parse((struct view){ (const uint8_t *)c->answer.body.at,
				      c->answer.body.len },
		       &c->reply, e))
		return true;
	return err_set(e, ERR_BAD_SERVER, "%s does not answer as a broker does",
		       ctl->profile.url);
}

void call_done(struct call *c)
{
	json_free(c->reply);
	http_answer_done(&c->answer);
	buf_done(&c->path);
	buf_done(&c->body);
	*c = (struct call){ 0 };
}

void call_query(struct call *c, const char *name, const char *value)
{
	if (!value)
		return;
	buf_addf(&c->path, "%s%s=", c->path.at && strchr(c->path.at, '?') ? "&" : "?",
		 name);
	http_escape(&c->path, value);
}

bool call_print_json(struct ctl *ctl, const struct call *c, struct err *e)
{
	if (!is_json(c))
		return true;
	if (fprintf(ctl->out, "%s\n", c->answer.body.at) < 0)
		return err_errno(e, ERR_IO, "the output cannot be written");
	return true;
}

void call_put_commas(struct json_writer *w, const char *name, const char *commas)
{
	CLEANUP(buf_done) struct buf lines = { 0 };

	buf_add(&lines, commas);
	for (char *at = lines.at; at && *at; at++)
		if (*at == ',')
			*at = '\n';
	w->to->failed |= lines.failed;
	json_put_lines(w, name, lines.at ? lines.at : "");
}

/* The next page's call: the first one's path, and where to go on. */
static bool ask_page(struct ctl *ctl, const struct pages *p, const char *after,
		     int64_t left, struct call *ret, struct err *e)
{
	char limit[24];

	if (!text_format(limit, sizeof limit, "%lld",
			 (long long)(left > 0 && left < PAGE ? left : PAGE)))
		return err_set(e, ERR_INTERNAL, "limit");
	buf_add(&ret->path, p->call->path.at);
	call_query(ret, "limit", limit);
	call_query(ret, "after", after);
	return call_run(ctl, ret, e);
}

bool call_pages(struct ctl *ctl, const struct pages *p, struct err *e)
{
	CLEANUP(buf_done) struct buf after = { 0 };
	int64_t left = p->limit;

	if (p->after)
		buf_add(&after, p->after);
	for (;;) {
		CLEANUP(call_done) struct call page = { 0 };
		const char *next;
		size_t n;

		if (!ask_page(ctl, p, after.at, left, &page, e))
			return false;
		n = json_count(page.reply, "items");
		if (ctl->json && !call_print_json(ctl, &page, e))
			return false;
		for (size_t i = 0; i < n && !ctl->json; i++)
			p->each(p->ctx, json_item(page.reply, "items", i));
		left -= (int64_t)n;
		next = json_get_text(page.reply, "next");
		if (!next || n == 0 || (p->limit > 0 && left <= 0))
			return true;
		buf_done(&after);
		after = (struct buf){ 0 };
		buf_add(&after, next);
		if (after.failed)
			return err_set(e, ERR_NO_MEMORY, "out of memory");
	}
}
