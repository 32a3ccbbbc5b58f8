/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/report.h"

#include "client/compute/hold.h"

#include <string.h>

enum { SILENT_S = 120, BATCH_MS = 2500 };

static bool send_batch(struct agent *a, int64_t until_us, bool *ret_answered,
		       struct err *e)
{
	int left_ms = hold_left_ms(until_us);
	CLEANUP(buf_done) struct buf body = { 0 };
	struct spool_count count;
	int64_t seq = 0;

	if (!spool_batch(a->spool, &body, &count, e))
		return false;
	if (count.lost > 0)
		log_event(a->log, LOG_LEVEL_ERROR,
			  "reports are lost: their files are gone or damaged", NULL);
	return count.reports == 0 ||
	       (broker_report(a->broker, &body, left_ms < BATCH_MS ? left_ms : BATCH_MS,
			      &seq, ret_answered, e) &&
		spool_taken(a->spool, seq, e));
}

static bool send_all(struct agent *a, int64_t until_us, bool *ret_answered, struct err *e)
{
	while (spool_waiting(a->spool) > 0) {
		if (!send_batch(a, until_us, ret_answered, e))
			return false;
		*ret_answered = clock_monotonic_us(a->clock) < until_us;
		if (!*ret_answered)
			return err_set(e, ERR_DEADLINE, "more reports wait to be sent");
	}
	return true;
}

bool report_flush(struct agent *a, int64_t until_us, bool *ret_answered, struct err *e)
{
	bool ok;

	*ret_answered = spool_waiting(a->spool) == 0;
	if (*ret_answered)
		return true;
	if (!spool_hold(a->spool, until_us, e))
		return false;
	*ret_answered = true;
	ok = send_all(a, until_us, ret_answered, e);
	spool_let_go(a->spool);
	return ok;
}

static void put_time(struct json_writer *w, const char *name, int64_t at_us)
{
	char text[32];

	clock_rfc3339(at_us, text);
	json_put_text(w, name, at_us != 0 ? text : NULL);
}

static const char *broker_word(struct agent *a)
{
	int64_t last = broker_last_answer_us(a->broker);

	if (last == 0)
		return "never";
	return clock_monotonic_us(a->clock) - last > SILENT_S * US_PER_S ? "silent"
									 : "answers";
}

static const char *libvirt_word(struct agent *a)
{
	if (a->libvirt == NULL)
		return "off";
	return libvirt_is_up(a->libvirt) ? "up" : "starting";
}

struct listing {
	struct agent *agent;
	struct json_writer *w;
};

static int64_t lease_ends(struct agent *a, const struct uuid *instance, bool *ret_copy)
{
	CLEANUP(copy_done) struct copy c = { 0 };
	struct lease_holder me = agent_holder(a);
	struct lease lease;
	struct err e = { 0 };

	if (!copy_load(agent_state_dir(a), instance, &c, ret_copy, &e) || !*ret_copy ||
	    !copy_check(&c, &me, &lease, &e))
		return 0;
	return lease.ends_us;
}

static void put_guest(void *ctx, const struct guest *g)
{
	struct listing *l = ctx;
	bool copy = false;
	int64_t ends = lease_ends(l->agent, &g->instance, &copy);

	if (g->version == 0)
		return;
	json_open(l->w, NULL);
	json_put_text(l->w, "instance", g->instance.text);
	json_put_text(l->w, "security", g->security);
	json_put_integer(l->w, "version", g->version);
	json_put_integer(l->w, "epoch", g->epoch);
	json_put_text(l->w, "state", g->state);
	json_put_boolean(l->w, "running", strcmp(g->phase, GUEST_STARTED) == 0);
	json_put_boolean(l->w, "copy", copy);
	put_time(l->w, "lease_ends", ends);
	json_close(l->w);
}

bool report_status(struct agent *a, struct json_writer *w, struct err *e)
{
	struct listing l = { a, w };
	struct err damaged = { 0 };
	int64_t ends = 0;

	if (!identity_certificate_ends(a->id, &ends, e))
		return false;
	json_put_text(w, "name", a->config->name);
	json_put_text(w, "url", a->config->url);
	json_put_text(w, "broker", broker_word(a));
	json_put_text(w, "libvirt", libvirt_word(a));
	put_time(w, "certificate_ends", ends);
	json_put_integer(w, "waiting", spool_waiting(a->spool));
	json_open_list(w, "guests");
	if (!guest_each(agent_state_dir(a), put_guest, &l, &damaged))
		log_err(a->log, LOG_LEVEL_ERROR, "a record is damaged", &damaged);
	json_close_list(w);
	return true;
}
