/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/spool.h"

#include "client/compute/hold.h"
#include "common/clock.h"
#include "common/json.h"

#include <stdlib.h>
#include <string.h>

struct spool {
	struct path dir;
	struct uuid id;
	pthread_mutex_t lock; /* guards the numbers below and the files */
	int64_t taken;        /* the broker has everything up to here */
	int64_t last;         /* number of the youngest report ever made */
};

static struct view view_of(const char *text)
{
	return (struct view){ (const uint8_t *)text, strlen(text) };
}

static bool report_path(const struct spool *s, int64_t seq, struct path *ret,
			struct err *e)
{
	return path_set(ret, e, "%s/%020lld.json", s->dir.text, (long long)seq);
}

static bool read_id(struct spool *s, struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	struct path path;
	bool found = false;

	if (!path_set(&path, e, "%s/id", s->dir.text) ||
	    !file_read(path.text, 36, &text, &found, e))
		return false;
	if (found)
		return uuid_parse(text.len > 0 ? text.at : "", "spool", &s->id, e);
	return uuid_random(&s->id, e) &&
	       file_write(path.text, view_of(s->id.text), 0600, e);
}

static bool read_taken(struct spool *s, struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	struct path path;
	bool found = false;

	if (!path_set(&path, e, "%s/taken", s->dir.text) ||
	    !file_read(path.text, 32, &text, &found, e))
		return false;
	if (found &&
	    !text_parse_int(text.len > 0 ? text.at : "", 0, INT64_MAX, &s->taken))
		return err_set(e, ERR_IO, "%s is damaged", path.text);
	return true;
}

/* Left over when a crash came between "taken" and the removal. */
static bool drop_report(const struct spool *s, int64_t seq)
{
	struct path path;
	struct err e = { 0 };

	return report_path(s, seq, &path, &e) && file_remove(path.text, &e);
}

static bool see_report(void *ctx, const char *name)
{
	struct spool *s = ctx;
	char number[21] = "";
	const char *digits = number;
	int64_t seq = 0;

	if (strlen(name) != 25 || strcmp(name + 20, ".json") != 0)
		return true;
	memcpy(number, name, 20);
	while (*digits == '0' && digits[1] != '\0')
		digits++;
	if (text_parse_int(digits, 1, INT64_MAX, &seq) && seq > s->last)
		s->last = seq;
	return seq > s->taken || drop_report(s, seq);
}

bool spool_open(const char *state_dir, struct spool **ret, struct err *e)
{
	OWNED(spool) s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_set(e, ERR_NO_MEMORY, "no memory for the spool");
	pthread_mutex_init(&s->lock, NULL);
	if (!path_set(&s->dir, e, "%s/spool", state_dir) ||
	    !file_make_dir(s->dir.text, 0700, e) || !read_id(s, e) || !read_taken(s, e) ||
	    !file_each(s->dir.text, see_report, s, e))
		return err_wrap(e, "the spool of reports");
	if (s->last < s->taken)
		s->last = s->taken;
	*ret = spool_move(&s);
	return true;
}

void spool_free(struct spool *s)
{
	if (s == NULL)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

bool spool_add(struct spool *s, const char *kind, const struct uuid *instance,
	       const struct uuid *attempt, int64_t at_us, struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	struct json_writer w = { .to = &text };
	char at[32];
	struct path path;
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&s->lock);

	clock_rfc3339(at_us, at);
	json_open(&w, NULL);
	json_put_text(&w, "kind", kind);
	json_put_text(&w, "instance", instance->text);
	json_put_text(&w, "attempt", attempt->text);
	json_put_text(&w, "at", at);
	json_close(&w);
	if (text.failed)
		return err_set(e, ERR_NO_MEMORY, "no memory for a report");
	if (!report_path(s, s->last + 1, &path, e) ||
	    !file_write(path.text, view_of(text.at), 0600, e))
		return err_wrap(e, "the report %s of %s", kind, instance->text);
	s->last++;
	return true;
}

int64_t spool_waiting(struct spool *s)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&s->lock);

	return s->last - s->taken;
}

bool spool_batch(struct spool *s, struct buf *ret, size_t *ret_count, struct err *e)
{
	int64_t first = 0;
	size_t count = 0;
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&s->lock);

	buf_addf(ret, "{\"spool\":\"%s\",\"reports\":[", s->id.text);
	for (int64_t seq = s->taken + 1; seq <= s->last && count < SPOOL_BATCH; seq++) {
		struct path path;
		bool found = false;

		if (!report_path(s, seq, &path, e))
			return false;
		if (count > 0)
			buf_add(ret, ",");
		if (!file_read(path.text, 4096, ret, &found, e))
			return err_wrap(e, "report %lld", (long long)seq);
		if (!found)
			return err_set(e, ERR_IO, "%s is gone", path.text);
		first = count == 0 ? seq : first;
		count++;
	}
	buf_addf(ret, "],\"seq\":%lld}", (long long)first);
	if (ret->failed)
		return err_set(e, ERR_NO_MEMORY, "no memory for the reports");
	*ret_count = count;
	return true;
}

bool spool_taken(struct spool *s, int64_t seq, struct err *e)
{
	char text[32];
	struct path path;
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&s->lock);

	if (seq <= s->taken)
		return true;
	if (seq > s->last)
		return err_set(e, ERR_INTERNAL,
			       "the broker took reports that were never made");
	if (!path_set(&path, e, "%s/taken", s->dir.text) ||
	    !text_format(text, sizeof(text), "%lld", (long long)seq) ||
	    !file_write(path.text, view_of(text), 0600, e))
		return false;
	for (int64_t old = s->taken + 1; old <= seq; old++)
		if (!report_path(s, old, &path, e) || !file_remove(path.text, e))
			return false;
	s->taken = seq;
	return true;
}
