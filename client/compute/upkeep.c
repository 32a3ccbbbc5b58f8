/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/upkeep.h"

#include "client/compute/boot.h"
#include "client/compute/report.h"
#include "client/compute/step.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

enum {
	TICK_MS = 1000,
	SEND_S = 10,
	LOOK_S = 300,
	SETTLED_S = 60,
	SLOWEST_S = 30,
	RENEW_S = 3600,
	SOON_S = 60
};

/* Starts guests from a thread of its own. */
struct starter {
	struct agent *agent; /* borrowed */
	bool due;            /* at the connection that libvirt has now */
	bool new_boot;
	bool runs; /* there is a thread to be joined */
	bool all_done;
	atomic_bool called_off, ended;
	pthread_t thread;
};

/* What is due when; all in monotonic microseconds. */
struct plan {
	struct agent *agent;                  /* borrowed */
	int64_t send_at, pause_us, failed_at; /* of the reports */
	int64_t renew_at, match_at;
	int64_t look_at;       /* at guests whose end nobody told */
	int64_t mended_for;    /* the connection to libvirt that was mended last */
	bool mend_again;       /* not all was dealt with */
	struct processes runs; /* owned: those that lived when it was mended last */
	struct starter starter;
};

static int64_t ticks(const struct agent *a)
{
	return clock_monotonic_us(a->clock);
}

static void rest(struct agent *a)
{
	struct pollfd p = { .fd = a->wake, .events = POLLIN };
	uint64_t count;

	if (poll(&p, 1, TICK_MS) > 0 && read(a->wake, &count, sizeof(count)) < 0)
		return;
}

/* ---- reports ---- */

/* More slowly while nobody answers; at once when anybody heard the broker again. */
static void send_reports(struct plan *p)
{
	struct agent *a = p->agent;
	struct err e = { 0 };
	bool answered;

	if (ticks(a) < p->send_at && broker_last_answer_us(a->broker) <= p->failed_at)
		return;
	step_reached("reporting");
	if (report_flush(a, ticks(a) + SEND_S * US_PER_S, &answered, &e)) {
		p->pause_us = 0;
		return;
	}
	if (p->pause_us == 0)
		log_err(a->log, LOG_LEVEL_WARN, "reports wait", &e);
	p->pause_us = p->pause_us == 0 ? US_PER_S : p->pause_us * 2;
	if (p->pause_us > SLOWEST_S * US_PER_S)
		p->pause_us = SLOWEST_S * US_PER_S;
	p->failed_at = ticks(a);
	p->send_at = p->failed_at + p->pause_us;
}

/* ---- guests ---- */

static void *run_starter(void *ctx)
{
	struct starter *s = ctx;

	s->all_done = boot_start_guests(s->agent, s->new_boot, &s->called_off);
	s->ended = true;
	return NULL;
}

static void end_starter(struct starter *s)
{
	if (!s->runs)
		return;
	pthread_join(s->thread, NULL);
	s->runs = false;
	/* One that was called off leaves guests to the next. */
	if (s->all_done)
		s->new_boot = false;
}

/* Upkeep does not wait for the one before: that one is in the middle of a start, perhaps. */
static void start_guests(struct starter *s)
{
	if (!s->due)
		return;
	s->called_off = true;
	if (s->runs && !s->ended)
		return;
	end_starter(s);
	s->called_off = s->ended = s->all_done = s->due = false;
	s->runs = pthread_create(&s->thread, NULL, run_starter, s) == 0;
	s->due = !s->runs;
}

/* Attempts older than this are looked at; 0: only what `run` left. */
static int64_t look_since(struct plan *p, int64_t up)
{
	if (up != p->mended_for)
		return up;
	if (!libvirt_is_up(p->agent->libvirt) || ticks(p->agent) < p->look_at)
		return 0;
	p->look_at = ticks(p->agent) + LOOK_S * US_PER_S;
	return ticks(p->agent) - SETTLED_S * US_PER_S;
}

static bool is_mending_due(struct plan *p, int64_t since_us)
{
	return atomic_exchange(&p->agent->runs_changed, false) || p->mend_again ||
	       since_us != 0 || !processes_live(&p->runs);
}

static void mend(struct plan *p)
{
	struct agent *a = p->agent;
	int64_t up = a->up_us;
	int64_t since_us = look_since(p, up);
	struct err e = { 0 };

	if (!is_mending_due(p, since_us))
		return;
	processes_done(&p->runs);
	p->mend_again = !upkeep_mend(a, since_us, &p->runs, &e);
	if (p->mend_again) {
		if (e.kind != ERR_STARTING_UP && e.kind != ERR_DEADLINE)
			log_err(a->log, LOG_LEVEL_WARN, "a guest's record was not mended",
				&e);
		return;
	}
	if (a->libvirt == NULL || up == p->mended_for || !libvirt_is_up(a->libvirt))
		return;
	p->mended_for = up;
	p->starter.due = true;
}

/* ---- the rest ---- */

static void renew(struct plan *p)
{
	struct agent *a = p->agent;
	struct err e = { 0 };

	if (ticks(a) >= p->renew_at) {
		upkeep_renew(a);
		p->renew_at = ticks(a) + RENEW_S * US_PER_S;
	}
	if (ticks(a) < p->match_at)
		return;
	p->match_at = ticks(a) + RENEW_S * US_PER_S;
	if (upkeep_match_placements(a, &e))
		return;
	p->match_at = ticks(a) + SOON_S * US_PER_S;
	log_err(a->log, LOG_LEVEL_WARN, "placements not seen", &e);
}

void *upkeep_run(void *agent)
{
	struct plan p = { .agent = agent,
			  .mend_again = true,
			  .starter = { .agent = agent } };
	struct agent *a = agent;
	struct err e = { 0 };

	if (a->libvirt != NULL && !boot_look(a, &p.starter.new_boot, &e))
		log_err(a->log, LOG_LEVEL_WARN, "cannot see whether the host was booted",
			&e);
	while (!a->stopping) {
		mend(&p);
		start_guests(&p.starter);
		send_reports(&p);
		renew(&p);
		rest(a);
	}
	end_starter(&p.starter);
	processes_done(&p.runs);
	return NULL;
}
