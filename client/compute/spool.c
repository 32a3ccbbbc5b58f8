/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/spool.h"

#include "client/compute/hold.h"
#include "common/clock.h"
#include "common/json.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REPORT_MAX = 4096 };

struct spool {
	struct path dir;
	struct uuid id;
	pthread_mutex_t sending;
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
	pthread_mutex_init(&s->sending, NULL);
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
	pthread_mutex_destroy(&s->sending);
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

bool spool_hold(struct spool *s, int64_t until_us, struct err *e)
{
	const struct timespec until = { until_us / US_PER_S, until_us % US_PER_S * 1000 };

	return pthread_mutex_clocklock(&s->sending, CLOCK_MONOTONIC, &until) == 0 ||
	       err_set(e, ERR_DEADLINE, "reports are being sent");
}

void spool_let_go(struct spool *s)
{
	pthread_mutex_unlock(&s->sending);
}

/* *ret_whole is false for a report that is gone or damaged. */
static bool read_report(const struct spool *s, int64_t seq, struct buf *ret,
			bool *ret_whole, struct err *e)
{
	OWNED(json) tree = NULL;
	struct err damage = { 0 };
	struct path path;
	bool found = false;

	if (!report_path(s, seq, &path, e) ||
	    !file_read(path.text, REPORT_MAX, ret, &found, e))
		return false;
	*ret_whole = found && ret->len > 0 &&
		     json_parse((struct view){ (const uint8_t *)ret->at, ret->len },
				&tree, &damage);
	return true;
}

/* The run of whole reports behind those that are lost, so that their numbers have no gap. */
static bool collect(struct spool *s, struct buf *ret, struct spool_count *count,
		    struct err *e)
{
	for (int64_t seq = s->taken + 1; seq <= s->last; seq++) {
		CLEANUP(buf_done) struct buf one = { 0 };
		bool whole = false;

		if (!read_report(s, seq, &one, &whole, e))
			return false;
		if ((!whole && count->reports > 0) || count->reports == SPOOL_BATCH)
			return true;
		if (!whole) {
			s->taken = seq;
			count->lost++;
			continue;
		}
		buf_addf(ret, "%s%s", count->reports > 0 ? "," : "", one.at);
		count->reports++;
	}
	return true;
}

bool spool_batch(struct spool *s, struct buf *ret, struct spool_count *ret_count,
		 struct err *e)
{
	struct spool_count count = { 0 };
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&s->lock);

	buf_addf(ret, "{\"spool\":\"%s\",\"reports\":[", s->id.text);
	if (!collect(s, ret, &count, e))
		return false;
	buf_addf(ret, "],\"seq\":%lld}", (long long)s->taken + 1);
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
