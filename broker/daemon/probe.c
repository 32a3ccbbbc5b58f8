/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/daemon/probe.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/statvfs.h>

struct probe {
	pthread_mutex_t lock;
	struct reader *db; /* owned */
	const char *state; /* borrowed */
};

bool probe_new(const struct broker *b, struct probe **ret, struct err *e)
{
	OWNED(probe) p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(e, ERR_NO_MEMORY, "no memory for the health probe");
	pthread_mutex_init(&p->lock, NULL);
	p->state = b->config->state;
	if (!reader_open(b->store, &p->db, e))
		return false;
	*ret = probe_move(&p);
	return true;
}

void probe_free(struct probe *p)
{
	if (!p)
		return;
	reader_free(p->db);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static bool database_answers(struct probe *p)
{
	struct setting_row row;
	struct err ignored = { 0 };
	bool answers;

	pthread_mutex_lock(&p->lock);
	answers = read_setting(p->db, "deployment", "-", &row, &ignored);
	pthread_mutex_unlock(&p->lock);
	return answers;
}

enum disk { DISK_OK, DISK_LOW, DISK_FULL };

static enum disk disk_now(const struct probe *p)
{
	struct statvfs fs;
	int64_t room;

	if (statvfs(p->state, &fs) != 0)
		return DISK_FULL;
	room = (int64_t)(fs.f_bavail * fs.f_frsize);
	return room >= LOCAL_MARGIN_BYTES       ? DISK_OK
	       : room >= LOCAL_MARGIN_BYTES / 4 ? DISK_LOW
						: DISK_FULL;
}

int probe_report(void *probe, struct buf *ret)
{
	static const char *const names[] = { "ok", "low", "full" };
	bool database = database_answers(probe);
	enum disk disk = disk_now(probe);
	bool ok = database && disk != DISK_FULL;
	struct json_writer w = { .to = ret };

	json_open(&w, NULL);
	json_put_text(&w, "status", ok ? "ok" : "failing");
	json_put_text(&w, "database", database ? "ok" : "failing");
	json_put_text(&w, "disk", names[disk]);
	json_put_text(&w, "version", VTPM_VERSION);
	json_close(&w);
	return ok ? 200 : 503;
}
