/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/ops_call.h"

#include <poll.h>
#include <string.h>
#include <time.h>

enum { UP_MS = 3000, LOOK_MS = 50 };

static int64_t ticks(const struct agent *a)
{
	return clock_monotonic_us(a->clock);
}

static bool was_known(const struct call *c)
{
	return c->found && c->known;
}

static bool pass(const struct call *c, struct err *e)
{
	log_event(c->agent->log, LOG_LEVEL_INFO, "left to libvirt", "instance",
		  c->ask.instance.text, "code", err_info(e->kind)->code, "detail",
		  e->detail, NULL);
	err_clear(e);
	return true;
}

/* Without it libvirt could start no guest that names it, and would say less than we can. */
static bool has_secret(const struct call *c)
{
	struct err unseen = { 0 };
	bool has = false;

	return libvirt_has_secret(c->agent->libvirt, &c->ask.secret, &has, &unseen) &&
	       has;
}

bool call_passes(const struct call *c, bool unanswered, struct err *e)
{
	if (was_known(c))
		return false;
	return (e->kind == ERR_NOT_FOUND || (unanswered && has_secret(c))) && pass(c, e);
}

bool call_passes_unserved(const struct call *c, struct err *e)
{
	return !was_known(c) && pass(c, e);
}

/*
 * A libvirtd that was restarted serves in a moment. One that was never seen since the boot may be
 * starting its autostart guests, and serves nobody before it has an answer about this one.
 */
static bool comes_up(const struct call *c)
{
	const struct timespec moment = { 0, LOOK_MS * 1000000L };
	struct agent *a = c->agent;
	int64_t until = ticks(a) + UP_MS * INT64_C(1000);

	while (!libvirt_is_up(a->libvirt)) {
		if (a->up_us == 0 || a->stopping || ticks(a) > until ||
		    ticks(a) > c->until_us)
			return false;
		nanosleep(&moment, NULL);
	}
	return true;
}

bool call_is_serving(const struct call *c, struct err *e)
{
	struct agent *a = c->agent;

	if (a->libvirt == NULL)
		return err_set(e, ERR_NO_LIBVIRT,
			       "this agent was started without libvirt");
	if (comes_up(c))
		return true;
	/* Since the boot it may stand there already as one that ran before. */
	if (!marks_get(a->vetoed, &c->ask.instance, NULL, NULL))
		marks_put(a->vetoed, &c->ask.instance, "", ticks(a));
	return err_set(
		e, ERR_STARTING_UP,
		"libvirtd or the agent is starting up; a guest with autostart is started "
		"by the agent in a moment");
}

bool call_hook_waits(const struct call *c, struct err *e)
{
	struct pollfd p = { .fd = c->fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) == 0 || err_set(e, ERR_DEADLINE, "whoever asked has gone");
}

bool call_is_over(const struct call *c)
{
	return strcmp(c->guest.phase, GUEST_OVER) == 0;
}
