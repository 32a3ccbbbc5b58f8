/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/boot.h"

#include "client/compute/ids.h"

#include <string.h>
#include <time.h>

enum { AGAIN_S = 5, GIVE_UP_S = 600 };

static bool boot_paths(struct agent *a, struct path *ret, struct err *e)
{
	const char *socket = a->config->at.socket.text;
	const char *slash = strrchr(socket, '/');

	assert(slash != NULL);
	/* Beside the socket: on most hosts a tmpfs, so gone after a boot in any case. */
	return path_set(ret, e, "%.*s/boot-id", (int)(slash - socket), socket);
}

static void note_running(void *ctx, const struct guest *g)
{
	struct agent *a = ctx;

	if (strcmp(g->phase, GUEST_STARTED) == 0 && g->run_pid == 0)
		marks_put(a->vetoed, &g->instance, "reboot",
			  clock_monotonic_us(a->clock));
}

bool boot_look(struct agent *a, bool *ret_new_boot, struct err *e)
{
	CLEANUP(buf_done) struct buf now = { 0 };
	CLEANUP(buf_done) struct buf then = { 0 };
	struct err damaged = { 0 };
	struct path path = { "" };
	bool found = false;

	if (!boot_paths(a, &path, e) ||
	    !file_read("/proc/sys/kernel/random/boot_id", 64, &now, &found, e) ||
	    !file_read(path.text, 64, &then, &found, e))
		return false;
	*ret_new_boot =
		!found || now.len != then.len || memcmp(now.at, then.at, now.len) != 0;
	if (!*ret_new_boot)
		return true;
	if (!guest_each(agent_state_dir(a), note_running, a, &damaged))
		log_err(a->log, LOG_LEVEL_ERROR, "a record is damaged", &damaged);
	return file_write(path.text, (struct view){ (const uint8_t *)now.at, now.len },
			  0600, e);
}

struct starts {
	struct agent *agent; /* borrowed */
	bool new_boot;
	const atomic_bool *called_off; /* borrowed */
	struct ids guests;             /* owned */
};

static bool goes_on(const struct starts *s)
{
	return !s->agent->stopping && !*s->called_off;
}

static void consider(void *ctx, const struct uuid *instance)
{
	struct starts *s = ctx;
	bool vetoed = marks_get(s->agent->vetoed, instance, NULL, NULL);

	if (!vetoed &&
	    !(s->new_boot && guest_is_known(agent_state_dir(s->agent), instance)))
		return;
	if (!ids_add(&s->guests, instance))
		log_event(s->agent->log, LOG_LEVEL_ERROR,
			  "no memory to start a guest for now", "instance",
			  instance->text, NULL);
}

static bool start_one(struct agent *a, const struct uuid *instance)
{
	char word[16] = "";
	struct err e = { 0 };

	if (!marks_get(a->vetoed, instance, word, NULL) || word[0] == '\0')
		memcpy(word, "autostart", sizeof("autostart"));
	marks_put(a->purposes, instance, word, clock_monotonic_us(a->clock));
	if (libvirt_start(a->libvirt, instance, &e)) {
		marks_clear(a->vetoed, instance);
		log_event(a->log, LOG_LEVEL_INFO, "started", "instance", instance->text,
			  "purpose", word, NULL);
		return true;
	}
	marks_clear(a->purposes, instance);
	log_err(a->log, LOG_LEVEL_WARN, "guest not started", &e);
	return false;
}

/* True when a second round may help: something failed and the broker said nothing meanwhile. */
static bool start_all(struct starts *s)
{
	struct agent *a = s->agent;
	int64_t began = clock_monotonic_us(a->clock);
	struct err e = { 0 };
	bool failed = false;

	ids_done(&s->guests);
	if (!libvirt_each_autostart(a->libvirt, consider, s, &e))
		return true;
	failed = s->guests.failed;
	for (size_t i = 0; i < s->guests.n && goes_on(s); i++)
		failed |= !start_one(a, &s->guests.at[i]);
	return failed && broker_last_answer_us(a->broker) < began;
}

bool boot_start_guests(struct agent *a, bool new_boot, const atomic_bool *called_off)
{
	int64_t until = clock_monotonic_us(a->clock) + GIVE_UP_S * US_PER_S;
	struct starts s = { a, new_boot, called_off, { 0 } };

	while (start_all(&s) && goes_on(&s) && clock_monotonic_us(a->clock) < until)
		for (int i = 0; i < AGAIN_S * 10 && goes_on(&s); i++)
			nanosleep(&(struct timespec){ 0, 100000000 }, NULL);
	ids_done(&s.guests);
	return goes_on(&s);
}
