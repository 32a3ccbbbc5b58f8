/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/ops_call.h"

#include "client/compute/incoming.h"
#include "client/compute/message.h"
#include "client/compute/mover.h"
#include "client/compute/process.h"
#include "client/compute/release.h"
#include "client/compute/report.h"
#include "client/compute/step.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* The hook waits for 8 s. */
enum { CALL_MS = 7500, TURN_MS = 7000, READ_MS = 2000, MARK_S = 30 };

static int64_t ticks(const struct agent *a)
{
	return clock_monotonic_us(a->clock);
}

/* ---- giving a secret ---- */

static bool has_state(const struct call *c)
{
	struct path path;
	struct err e = { 0 };

	return path_set(&path, &e, "%s/%s/tpm2/tpm2-00.permall",
			c->agent->config->tpm_states.text, c->ask.instance.text) &&
	       file_has_bytes(path.text);
}

/* What the next start of this guest is for, once. */
static void take_purpose(struct call *c, char ret[16])
{
	struct agent *a = c->agent;
	int64_t at = 0;

	if (marks_get(a->purposes, &c->ask.instance, ret, &at) &&
	    ticks(a) - at < MARK_S * US_PER_S) {
		marks_clear(a->purposes, &c->ask.instance);
		return;
	}
	memcpy(ret, "start", sizeof("start"));
}

static bool define(struct call *c, const struct secret *value, struct err *e)
{
	struct agent *a = c->agent;
	struct guest *g = &c->guest;
	struct err second = { 0 };

	if (libvirt_define(a->libvirt, &g->secret, &g->instance, value, e))
		return true;
	if (!release_report_stopped(a, g, &second))
		log_err(a->log, LOG_LEVEL_ERROR, "not reported", &second);
	return false;
}

static bool is_awaited(struct call *c, struct err *e)
{
	struct err second = { 0 };

	if (call_hook_waits(c, e))
		return true;
	if (!release_report_stopped(c->agent, &c->guest, &second))
		log_err(c->agent->log, LOG_LEVEL_ERROR, "not reported", &second);
	return false;
}

/* What keeps it from being settled now keeps the start from nothing. */
static bool settle_arrival(struct call *c, struct err *e)
{
	struct err unsettled = { 0 };
	struct agent *a = c->agent;

	if (!mover_settle_cold(a, &c->ask.instance, &unsettled))
		log_err(a->log, LOG_LEVEL_WARN, "arrival not settled", &unsettled);
	return guest_load(agent_state_dir(a), &c->ask.instance, &c->guest, &c->found, e);
}

static bool give(struct call *c, const char *purpose, bool pass_unknown, struct err *e)
{
	struct release r = { .purpose = purpose,
			     .secret = c->ask.secret,
			     .has_state = has_state(c) };
	OWNED(secret) value = NULL;

	if (!settle_arrival(c, e) || !call_hook_waits(c, e))
		return false;
	if (release_get(c->agent, &r, &c->guest, &value, e))
		return is_awaited(c, e) && define(c, value, e);
	return pass_unknown && call_passes(c, r.unanswered, e);
}

/* ---- who may start ---- */

/* A second start would end the attempt of the first, and the guest might then be placed elsewhere. */
static bool run_is_over(const struct call *c, struct err *e)
{
	const struct guest *g = &c->guest;

	return !process_lives(g->run_pid, g->run_since) ||
	       err_set(e, ERR_STATE_BUSY, "the guest's TPM runs already, as process %lld",
		       (long long)g->run_pid);
}

/* Not for a request of the hook: libvirtd holds the guest meanwhile. */
static bool is_off(const struct call *c, struct err *e)
{
	struct libvirt *l = c->agent->libvirt;
	enum libvirt_guest now = LIBVIRT_ABSENT;

	if (l == NULL ||
	    (!libvirt_is_up(l) && (call_is_over(c) || c->guest.run_pid != 0)))
		return true;
	if (!libvirt_find(l, &c->guest.instance, &now, e))
		return false;
	return now == LIBVIRT_ABSENT || now == LIBVIRT_OFF ||
	       err_set(e, ERR_STATE_BUSY, "the guest runs under libvirt");
}

static bool is_idle(const struct call *c, struct err *e)
{
	return run_is_over(c, e) && is_off(c, e);
}

static bool op_prepare(struct call *c, struct err *e)
{
	char purpose[16];

	if (!call_is_serving(c, e))
		return call_passes_unserved(c, e);
	if (!run_is_over(c, e))
		return false;
	take_purpose(c, purpose);
	if (strcmp(purpose, "migrate-in") == 0)
		return op_receive(c, e);
	return give(c, purpose, true, e);
}

static bool op_deliver(struct call *c, struct err *e)
{
	if (!call_is_serving(c, e) || !is_idle(c, e) || !give(c, "start", false, e))
		return false;
	/* The start may come when it likes: this attempt is not taken for a lost one. */
	marks_put(c->agent->asked, &c->ask.instance, "", INT64_MAX);
	return true;
}

/* libvirt says only that some saved image is being restored. */
static bool op_restore(struct call *c, struct err *e)
{
	struct path path;
	bool managed;

	if (!path_set(&path, e, "%s/%s.save", c->agent->config->saves.text, c->ask.name))
		return false;
	managed = c->ask.name[0] != '\0' && strchr(c->ask.name, '/') == NULL &&
		  file_has_bytes(path.text);
	marks_put(c->agent->purposes, &c->ask.instance, managed ? "resume" : "restore",
		  ticks(c->agent));
	return true;
}

/* ---- what became of it ---- */

static bool undefine(struct call *c, struct err *e)
{
	bool was = false;

	if (c->agent->libvirt == NULL || !uuid_is_set(&c->guest.secret))
		return true;
	return libvirt_undefine(c->agent->libvirt, &c->guest.secret, &c->guest.instance,
				&was, e);
}

/* The attempt on record is one of libvirt's: what its hook says of the guest is not about `run`. */
static bool is_of_libvirt(const struct call *c)
{
	return c->found && !call_is_over(c) && c->guest.run_pid == 0;
}

/* The emulator has the secret now: libvirt need not keep it. */
static bool op_started(struct call *c, struct err *e)
{
	bool undefined;

	if (!is_of_libvirt(c))
		return true;
	undefined = undefine(c, e);
	/* Of an arrival this says no more than that memory is about to move. */
	if (incoming_is_open(c->agent, &c->ask.instance))
		return undefined;
	return release_report_started(c->agent, &c->guest, e) && undefined;
}

static bool op_stopped(struct call *c, struct err *e)
{
	bool undefined;

	if (!is_of_libvirt(c))
		return true;
	undefined = undefine(c, e);
	if (incoming_is_open(c->agent, &c->ask.instance)) {
		watch_event(c->agent->watch, &c->ask.instance, LIBVIRT_STOPPED);
		agent_move(c->agent);
		return undefined;
	}
	return release_report_stopped(c->agent, &c->guest, e) && undefined;
}

/* What was delivered by hand and led to no guest has led nowhere. */
static bool end_delivery(struct call *c, struct err *e)
{
	struct err unseen = { 0 };

	return strcmp(c->guest.phase, GUEST_ASKED) != 0 || !is_idle(c, &unseen) ||
	       release_report_stopped(c->agent, &c->guest, e);
}

static bool op_forget(struct call *c, struct err *e)
{
	struct err ignored = { 0 };

	/* Without libvirt there is no ephemeral secret left either. */
	if (!undefine(c, &ignored) && ignored.kind != ERR_STARTING_UP) {
		*e = ignored;
		return false;
	}
	if (!end_delivery(c, e) || !release_erase_copy(c->agent, &c->guest, e))
		return false;
	c->guest.version = 0;
	return !c->found || guest_save(agent_state_dir(c->agent), &c->guest, e);
}

/* ---- run ---- */

/* A pipe that holds the value already, in one write: swtpm takes a short read for the end. */
static bool fill_pipe(const struct secret *value, int *ret, struct err *e)
{
	struct view bytes = secret_view(value);
	int ends[2];
	ssize_t n;

	if (bytes.len > PIPE_BUF)
		return err_set(e, ERR_BAD_SECRET_LENGTH,
			       "the secret does not fit a pipe");
	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_errno(e, ERR_IO, "no pipe");
	n = write(ends[1], bytes.at, bytes.len);
	close(ends[1]);
	*ret = ends[0];
	if (n == (ssize_t)bytes.len)
		return true;
	close(ends[0]);
	return err_errno(e, ERR_IO, "cannot write to a pipe");
}

static bool fill_pipes(struct call *c, const struct secret *value, struct err *e)
{
	while (c->fds.n < SOCKET_FDS) {
		if (!fill_pipe(value, &c->fds.at[c->fds.n], e))
			return false;
		c->fds.n++;
	}
	return true;
}

static bool op_run(struct call *c, struct err *e)
{
	struct release r = { .purpose =
				     c->ask.purpose[0] != '\0' ? c->ask.purpose : "start",
			     .has_state = c->ask.has_state,
			     .state = c->ask.state,
			     .run_pid = c->pid,
			     .run_since = process_since(c->pid) };
	OWNED(secret) value = NULL;
	struct err second = { 0 };

	if (!is_idle(c, e) || !settle_arrival(c, e) ||
	    !release_get(c->agent, &r, &c->guest, &value, e) || !is_awaited(c, e))
		return false;
	if (!fill_pipes(c, value, e)) {
		(void)!release_report_stopped(c->agent, &c->guest, &second);
		return false;
	}
	json_put_text(c->w, "attempt", c->guest.attempt.text);
	json_put_text(c->w, "security", c->guest.security);
	json_put_text(c->w, "state", c->guest.state);
	json_put_integer(c->w, "version", c->guest.version);
	json_put_integer(c->w, "epoch", c->guest.epoch);
	return true;
}

static bool is_of_run(const struct call *c)
{
	return c->found && uuid_equal(&c->guest.attempt, &c->ask.attempt);
}

static bool op_run_started(struct call *c, struct err *e)
{
	return !is_of_run(c) || release_report_started(c->agent, &c->guest, e);
}

static bool op_run_stopped(struct call *c, struct err *e)
{
	return !is_of_run(c) || release_report_stopped(c->agent, &c->guest, e);
}

static bool op_status(struct call *c, struct err *e)
{
	return report_status(c->agent, c->w, e);
}

/* ---- the table ---- */

static const struct op {
	const char *name;
	bool (*run)(struct call *c, struct err *e);
	bool of_instance;
} ops[] = {
	{ "prepare", op_prepare, true },
	{ "restore", op_restore, true },
	{ "migrate", op_migrate, true },
	{ "started", op_started, true },
	{ "stopped", op_stopped, true },
	{ "run", op_run, true },
	{ "run-started", op_run_started, true },
	{ "run-stopped", op_run_stopped, true },
	{ "deliver", op_deliver, true },
	{ "forget", op_forget, true },
	{ "move-prepare", op_move_prepare, true },
	{ "move-show", op_move_show, true },
	{ "move-abort", op_move_abort, true },
	{ "status", op_status, false },
};

static bool run_op(struct call *c, const struct op *op, struct err *e)
{
	struct agent *a = c->agent;
	const struct uuid *instance = &c->ask.instance;
	bool ok;

	if (!op->of_instance)
		return op->run(c, e);
	if (!uuid_is_set(instance))
		return err_field(e, ERR_MISSING_FIELD, "instance", "instance is missing");
	if (!turns_take(a->turns, instance, TURN_MS, e))
		return false;
	ok = guest_load(agent_state_dir(a), instance, &c->guest, &c->found, e);
	c->known = ok && c->guest.version > 0;
	ok = ok && op->run(c, e);
	turns_give(a->turns, instance);
	return ok;
}

static bool find_and_run(struct call *c, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (strcmp(ops[i].name, c->ask.op) == 0)
			return run_op(c, &ops[i], e);
	return err_field(e, ERR_BAD_VALUE, "op", "the agent knows no such request");
}

static bool read_call(struct call *c, int fd, struct err *e)
{
	CLEANUP(buf_done) struct buf line = { 0 };
	int64_t until = ticks(c->agent) + READ_MS * 1000;

	return socket_peer(fd, &c->pid, e) && socket_read(fd, until, &line, NULL, e) &&
	       request_read(&line, &c->ask, e);
}

static void log_call(const struct call *c, const struct err *e)
{
	struct log *log = c->agent->log;

	if (strcmp(c->ask.op, "status") == 0 || strcmp(c->ask.op, "move-show") == 0)
		return;
	if (e->kind == ERR_NONE)
		log_event(log, LOG_LEVEL_INFO, c->ask.op, "instance",
			  c->ask.instance.text, "attempt", c->guest.attempt.text, NULL);
	else
		log_event(log, LOG_LEVEL_WARN, "refused", "op", c->ask.op, "instance",
			  c->ask.instance.text, "attempt", c->guest.attempt.text, "code",
			  err_info(e->kind)->code, "detail", e->detail, "cause", e->trail,
			  NULL);
}

void ops_answer(struct agent *a, int fd)
{
	CLEANUP(buf_done) struct buf answer = { 0 };
	struct json_writer w = { .to = &answer };
	struct call c = { .agent = a,
			  .w = &w,
			  .fd = fd,
			  .until_us = ticks(a) + CALL_MS * INT64_C(1000) };
	struct err e = { 0 };
	struct err sending = { 0 };

	json_open(&w, NULL);
	json_put_boolean(&w, "ok", true);
	if (read_call(&c, fd, &e) && find_and_run(&c, &e)) {
		json_close(&w);
		buf_add(&answer, "\n");
	} else {
		buf_done(&answer);
		answer = (struct buf){ 0 };
		descriptors_close(&c.fds);
		answer_refusal(&e, &answer);
	}
	log_call(&c, &e);
	if (!socket_write(fd, ticks(a) + READ_MS * 1000, &answer, &c.fds, &sending))
		log_err(a->log, LOG_LEVEL_WARN, "answer not delivered", &sending);
	descriptors_close(&c.fds);
}
