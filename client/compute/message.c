/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/message.h"

#include "common/clock.h"

#include <string.h>

#define AT(member) \
	offsetof(struct request, member), sizeof(((struct request *)0)->member), 0

static const struct json_field fields[] = {
	{ "op", FIELD_NAME, AT(op), 1, 15, true },
	{ "instance", FIELD_UUID, AT(instance), 0, 0, false },
	{ "secret", FIELD_UUID, AT(secret), 0, 0, false },
	{ "name", FIELD_TEXT, AT(name), 0, 255, false },
	{ "purpose", FIELD_NAME, AT(purpose), 1, 15, false },
	{ "attempt", FIELD_UUID, AT(attempt), 0, 0, false },
	{ "has_state", FIELD_BOOLEAN, AT(has_state), 0, 0, false },
	{ "state", FIELD_TEXT, AT(state), 1, TPM_STATE_ID_TEXT - 1, false },
	{ "host", FIELD_NAME, AT(host), 1, 63, false },
	{ "mode", FIELD_NAME, AT(mode), 1, 15, false },
	{ "number", FIELD_INTEGER, AT(number), 1, INT64_MAX, false },
};

static struct view view_of(const struct buf *b)
{
	return (struct view){ (const uint8_t *)b->at, b->len };
}

static void put_uuid(struct json_writer *w, const char *name, const struct uuid *u)
{
	if (uuid_is_set(u))
		json_put_text(w, name, u->text);
}

void request_write(const struct request *r, struct buf *ret)
{
	struct json_writer w = { .to = ret };

	json_open(&w, NULL);
	json_put_text(&w, "op", r->op);
	put_uuid(&w, "instance", &r->instance);
	put_uuid(&w, "secret", &r->secret);
	put_uuid(&w, "attempt", &r->attempt);
	if (r->name[0] != '\0')
		json_put_text(&w, "name", r->name);
	if (r->purpose[0] != '\0')
		json_put_text(&w, "purpose", r->purpose);
	if (r->has_state)
		json_put_boolean(&w, "has_state", true);
	if (r->state[0] != '\0')
		json_put_text(&w, "state", r->state);
	if (r->host[0] != '\0')
		json_put_text(&w, "host", r->host);
	if (r->mode[0] != '\0')
		json_put_text(&w, "mode", r->mode);
	if (r->number > 0)
		json_put_integer(&w, "number", r->number);
	json_close(&w);
	buf_add(ret, "\n");
}

bool request_read(const struct buf *line, struct request *ret, struct err *e)
{
	OWNED(json) tree = NULL;
	struct request r = { 0 };

	if (!json_parse(view_of(line), &tree, e) ||
	    !json_read_fields(tree, fields, ARRAY_LEN(fields), &r, e))
		return false;
	*ret = r;
	return true;
}

void answer_refusal(const struct err *why, struct buf *ret)
{
	struct json_writer w = { .to = ret };

	json_open(&w, NULL);
	json_put_boolean(&w, "ok", false);
	json_put_text(&w, "code", err_info(why->kind)->code);
	json_put_text(&w, "detail", why->detail);
	json_close(&w);
	buf_add(ret, "\n");
}

static bool take_refusal(const struct json *tree, struct err *e)
{
	const char *code = json_get_text(tree, "code");
	const char *detail = json_get_text(tree, "detail");
	enum err_kind kind = code != NULL ? err_kind_of(code) : ERR_NONE;

	return err_set(e, kind == ERR_NONE ? ERR_INTERNAL : kind, "%s",
		       detail != NULL ? detail : "");
}

bool request_ask(const char *socket, const struct request *r, int64_t wait_ms,
		 struct json **ret, struct descriptors *ret_fds, struct err *e)
{
	int64_t until = clock_monotonic_us(clock_system()) + wait_ms * 1000;
	CLEANUP(buf_done) struct buf ask = { 0 };
	CLEANUP(buf_done) struct buf answer = { 0 };
	OWNED(json) tree = NULL;
	bool ok = false;

	request_write(r, &ask);
	if (!socket_ask(socket, &ask, until, &answer, ret_fds, e) ||
	    !json_parse(view_of(&answer), &tree, e))
		return false;
	if (!json_get_boolean(tree, "ok", &ok) || !ok)
		return take_refusal(tree, e);
	*ret = json_move(&tree);
	return true;
}

void refusal_next(const struct err *e, const char *instance, struct buf *ret)
{
	const char *next = err_info(e->kind)->next;
	const char *id;

	while (instance != NULL && (id = strstr(next, " ID")) != NULL &&
	       (id[3] == '\0' || id[3] == ' ')) {
		buf_add_bytes(ret, (struct view){ (const uint8_t *)next,
						  (size_t)(id - next) });
		buf_add(ret, " ");
		buf_add_printable(ret, instance);
		next = id + 3;
	}
	buf_add(ret, next);
}

void refusal_text(const struct err *e, const char *instance, struct buf *ret)
{
	const struct err_info *info = err_info(e->kind);

	buf_add(ret, "vtpm-client: ");
	buf_add_printable(ret, e->detail[0] != '\0' ? e->detail : info->title);
	if (info->next[0] != '\0') {
		buf_add(ret, "; ");
		refusal_next(e, instance, ret);
	}
	buf_add(ret, "\n");
}
