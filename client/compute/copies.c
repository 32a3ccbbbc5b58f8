/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/copies.h"

#include "common/clock.h"
#include "common/json.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { COPY_FILE_MAX = 65536 };
#define SKEW_US (120 * US_PER_S)

struct copy_head {
	struct uuid instance;
	struct uuid secret;
	int64_t version;
	int64_t epoch;
};

#define AT(member) \
	offsetof(struct copy_head, member), sizeof(((struct copy_head *)0)->member), 0

static const struct json_field fields[] = {
	{ "instance", FIELD_UUID, AT(instance), 0, 0, true },
	{ "secret", FIELD_UUID, AT(secret), 0, 0, true },
	{ "version", FIELD_INTEGER, AT(version), 1, INT64_MAX, true },
	{ "epoch", FIELD_INTEGER, AT(epoch), 1, INT64_MAX, true },
};

static struct view view_of(const struct buf *b)
{
	return (struct view){ (const uint8_t *)b->at, b->len };
}

void copy_done(struct copy *c)
{
	buf_done(&c->jwe);
	buf_done(&c->lease);
}

static bool copy_path(const char *state_dir, const struct uuid *instance,
		      struct path *ret, struct err *e)
{
	return path_set(ret, e, "%s/copies/%s.json", state_dir, instance->text);
}

static bool take(const struct json *tree, struct copy *ret)
{
	const char *jwe = json_get_text(tree, "jwe");
	const char *lease = json_get_text(tree, "lease");
	struct copy_head head = { 0 };
	struct err e = { 0 };

	if (jwe == NULL || lease == NULL ||
	    !json_read_known(tree, fields, ARRAY_LEN(fields), &head, &e))
		return false;
	*ret = (struct copy){ head.instance, head.secret, head.version,
			      head.epoch,    { 0 },       { 0 } };
	buf_add(&ret->jwe, jwe);
	buf_add(&ret->lease, lease);
	return !ret->jwe.failed && !ret->lease.failed;
}

bool copy_load(const char *state_dir, const struct uuid *instance, struct copy *ret,
	       bool *ret_found, struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	OWNED(json) tree = NULL;
	struct path path;

	*ret = (struct copy){ 0 };
	if (!copy_path(state_dir, instance, &path, e) ||
	    !file_read(path.text, COPY_FILE_MAX, &text, ret_found, e))
		return false;
	if (!*ret_found)
		return true;
	if (!json_parse(view_of(&text), &tree, e) || !take(tree, ret) ||
	    !uuid_equal(&ret->instance, instance)) {
		copy_done(ret);
		return err_set(e, ERR_IO, "the copy %s is damaged", path.text);
	}
	return true;
}

bool copy_save(const char *state_dir, const struct copy *c, struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	struct json_writer w = { .to = &text };
	struct path path;

	if (!copy_path(state_dir, &c->instance, &path, e))
		return false;
	json_open(&w, NULL);
	json_put_text(&w, "instance", c->instance.text);
	json_put_text(&w, "secret", c->secret.text);
	json_put_integer(&w, "version", c->version);
	json_put_integer(&w, "epoch", c->epoch);
	json_put_text(&w, "jwe", c->jwe.at);
	json_put_text(&w, "lease", c->lease.at);
	json_close(&w);
	if (text.failed)
		return err_set(e, ERR_NO_MEMORY, "no memory for a copy");
	return file_write(path.text, view_of(&text), 0600, e);
}

bool copy_erase(const char *state_dir, const struct uuid *instance, bool *ret_was,
		struct err *e)
{
	struct path path;

	if (!copy_path(state_dir, instance, &path, e))
		return false;
	*ret_was = file_has_bytes(path.text);
	return file_remove(path.text, e);
}

bool copy_check(const struct copy *c, const struct lease_holder *me, struct lease *ret,
		struct err *e)
{
	struct lease lease;

	if (!lease_check(me->statement, view_of(&c->lease), &lease, e))
		return err_wrap(e, "the lease of %s", c->instance.text);
	if (strcmp(lease.host, me->host) != 0 ||
	    !uuid_equal(&lease.instance, &c->instance) || lease.version != c->version ||
	    lease.epoch != c->epoch)
		return err_set(e, ERR_BAD_SEALED,
			       "the lease is not for this host's copy");
	*ret = lease;
	return true;
}

static bool time_path(const char *state_dir, struct path *ret, struct err *e)
{
	return path_set(ret, e, "%s/latest-time", state_dir);
}

/* 0 when none was stored yet. */
static bool latest_time(const char *state_dir, int64_t *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	struct path path;
	bool found = false;

	*ret = 0;
	if (!time_path(state_dir, &path, e) ||
	    !file_read(path.text, 32, &text, &found, e))
		return false;
	if (found && !text_parse_int(text.len > 0 ? text.at : "", 0, INT64_MAX, ret))
		return err_set(e, ERR_IO, "%s is damaged", path.text);
	return true;
}

bool copy_is_usable(const char *state_dir, const struct copy *c,
		    const struct lease_holder *me, int64_t now_us, struct err *e)
{
	struct lease lease;
	int64_t latest;
	char ended[32];

	if (!copy_check(c, me, &lease, e) || !latest_time(state_dir, &latest, e))
		return false;
	if (now_us < latest - SKEW_US || now_us < lease.issued_us - SKEW_US)
		return err_set(e, ERR_CLOCK,
			       "the clock is behind what this host saw before");
	if (now_us < lease.ends_us)
		return true;
	clock_rfc3339(lease.ends_us, ended);
	return err_set(e, ERR_LEASE_ENDED,
		       "the broker does not answer, and the lease of this "
		       "host's copy ended at %s",
		       ended);
}

static bool store_time(const char *state_dir, int64_t now_us, struct err *e)
{
	char text[32];
	struct path path;

	return time_path(state_dir, &path, e) &&
	       text_format(text, sizeof(text), "%lld", (long long)now_us) &&
	       file_write(path.text, (struct view){ (const uint8_t *)text, strlen(text) },
			  0600, e);
}

static void fd_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* The one record of all instances: their turns do not keep its writers apart. */
static bool hold_time(const char *state_dir, int *ret, struct err *e)
{
	*ret = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return (*ret >= 0 && flock(*ret, LOCK_EX) == 0) ||
	       err_errno(e, ERR_IO, "cannot lock %s", state_dir);
}

bool copy_note_time(const char *state_dir, int64_t now_us, struct err *e)
{
	CLEANUP(fd_close) int held = -1;
	int64_t latest;

	return hold_time(state_dir, &held, e) && latest_time(state_dir, &latest, e) &&
	       (now_us <= latest || store_time(state_dir, now_us, e));
}

bool copy_note_lease(const char *state_dir, const struct lease *fresh, int64_t now_us,
		     struct err *e)
{
	CLEANUP(fd_close) int held = -1;

	if (now_us < fresh->issued_us - SKEW_US || now_us > fresh->issued_us + SKEW_US)
		return err_set(e, ERR_CLOCK,
			       "the broker's clock and this host's do not agree");
	return hold_time(state_dir, &held, e) && store_time(state_dir, now_us, e);
}
