/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/value.h"

#include "client/ctl/commands.h"
#include "client/ctl/file.h"
#include "client/ctl/resolve.h"
#include "client/ctl/show.h"

enum { VALUE_MIN = 32, VALUE_MAX = 4096 };

bool value_read_file(const char *path, bool weak, struct secret **ret, struct err *e)
{
	OWNED(secret) value = NULL;
	size_t len;

	if (!file_read_value(path, &value, e))
		return false;
	len = secret_len(value);
	if (len > VALUE_MAX || (len < VALUE_MIN && !weak))
		return err_set(e, ERR_BAD_SECRET_LENGTH,
			       "%s has %zu bytes, not %d to %d%s", path, len, VALUE_MIN,
			       VALUE_MAX, len < VALUE_MIN ? " (--weak takes it)" : "");
	if (file_ends_a_line(value))
		fputs("vtpmctl: note: the value ends with a line feed, which is part of "
		      "it\n",
		      stderr);
	*ret = secret_move(&value);
	return true;
}

bool value_put(struct ctl *ctl, struct call *c, const struct uuid *instance,
	       const struct secret *value, struct err *e)
{
	c->method = "PUT";
	c->octets = value;
	buf_addf(&c->path, "/v1/instances/%s/secret", instance->text);
	call_query(c, "weak", ctl_option(ctl, "weak") ? "true" : NULL);
	return call_run(ctl, c, e);
}

static void show_stored(struct table *t, const struct json *j)
{
	bool weak = false;

	show_text(t, "secret", j, "id");
	show_integer(t, "version", j, "version");
	show_text(t, "origin", j, "origin");
	table_fact(t, "weak", json_get_boolean(j, "weak", &weak) && weak ? "yes" : "no");
}

bool value_upload(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { 0 };
	OWNED(secret) value = NULL;
	struct uuid id;

	return resolve_instance(ctl, ctl->args[0], &id, e) && ctl_connect(ctl, e) &&
	       value_read_file(ctl->args[1], ctl_option(ctl, "weak") != NULL, &value,
			       e) &&
	       value_put(ctl, &c, &id, value, e) && show_answer(ctl, &c, show_stored, e);
}

bool value_read(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { 0 };
	CLEANUP(file_done) struct new_file out = { .fd = -1 };
	struct uuid id;

	if (!resolve_instance(ctl, ctl->args[0], &id, e) ||
	    !file_create(ctl_option(ctl, "out"), true, &out, e))
		return false;
	buf_addf(&c.path, "/v1/instances/%s/secret", id.text);
	if (!call_run(ctl, &c, e))
		return false;
	if (!c.answer.secret)
		return err_set(e, ERR_BAD_SERVER, "the broker sent no value");
	return file_write_secret(&out, c.answer.secret, e);
}
