/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/departure.h"

#include "client/compute/libvirt_migrate.h"
#include "client/compute/message.h"
#include "common/clock.h"
#include "policy/handover.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ASK_MS = 15000, LOOK_MS = 400, SETTLE_S = 60, COLD_S = 180 };

struct departure {
	const struct migrate_options *o; /* borrowed */
	struct stop *stop;               /* borrowed */
	struct migration *m;             /* owned */
	struct uuid id;
	int64_t number; /* of the hand-over; 0: not prepared yet */
	enum handover_state state;
	char source_said[16], destination_said[16];
	int64_t begun_us;
};

static int64_t now_us(void)
{
	return clock_monotonic_us(clock_system());
}

static const char *name_of(const struct departure *w)
{
	return migration_guest(w->m)->name;
}

static void copy_word(const struct json *j, const char *name, char ret[16])
{
	const char *text = json_get_text(j, name);

	ret[0] = '\0';
	if (text)
		text_cut(ret, 16, text);
}

static bool ask_agent(struct departure *w, const char *op, struct err *e)
{
	struct request q = { .instance = w->id, .number = w->number };
	OWNED(json) answer = NULL;
	const char *state;

	if (!text_copy(q.op, sizeof(q.op), op) ||
	    (w->number == 0 &&
	     (!text_copy(q.host, sizeof(q.host), w->o->host) ||
	      !text_copy(q.mode, sizeof(q.mode), migrate_options_mode(w->o)))))
		return err_set(e, ERR_INTERNAL, "a request does not fit");
	if (!request_ask(w->o->at.socket.text, &q, ASK_MS, &answer, NULL, e))
		return false;
	state = json_get_text(answer, "state");
	if (!json_get_integer(answer, "number", &w->number) || !state ||
	    !handover_state_parse(state, &w->state))
		return err_set(e, ERR_INTERNAL, "the agent's answer is not understood");
	copy_word(answer, "source_said", w->source_said);
	copy_word(answer, "destination_said", w->destination_said);
	return true;
}

static bool is_committed(const struct departure *w)
{
	return w->state == HANDOVER_COMMITTED || w->state == HANDOVER_CLOSED;
}

static bool is_settled(const struct departure *w)
{
	return w->number != 0 && !handover_is_open(w->state);
}

/* Its own end is enough: what the broker says is asked anew, an error here included. */
static void call_off(struct departure *w)
{
	struct err ignored = { 0 };

	if (w->number != 0 && !is_settled(w))
		(void)ask_agent(w, "move-abort", &ignored);
}

/* ---- waiting for the end ---- */

static const char *word_or(const char *word)
{
	return word[0] ? word : "nothing yet";
}

static bool unsettled(const struct departure *w, const struct err *last, struct err *e)
{
	if (last->kind != ERR_NONE) {
		*e = *last;
		return err_wrap(e,
				"hand-over %" PRId64 " of %.60s has not ended, as far "
				"as is known here",
				w->number, name_of(w));
	}
	return err_set(e, ERR_HANDOVER_OPEN,
		       "hand-over %" PRId64
		       " of %.60s is still %s; the source said %s, the "
		       "destination %s",
		       w->number, name_of(w), handover_state_name(w->state),
		       word_or(w->source_said), word_or(w->destination_said));
}

/* Committed or aborted: true. A broker or agent that does not answer may do so again. */
static bool wait_settled(struct departure *w, int64_t seconds, struct err *e)
{
	int64_t until = now_us() + seconds * US_PER_S;
	struct err last = { 0 };

	for (;;) {
		last.kind = ERR_NONE;
		if (ask_agent(w, "move-show", &last) && is_settled(w))
			return true;
		if (now_us() > until)
			return unsettled(w, &last, e);
		if (stop_wait(w->stop, LOOK_MS))
			call_off(w);
	}
}

/* ---- progress: one line on a terminal ---- */

static void show(const struct departure *w, const struct migration_progress *p)
{
	uint64_t done = p->total > p->remaining ? p->total - p->remaining : 0;

	fprintf(stderr,
		"\r%.40s: %3" PRIu64 " %%, %" PRIu64 " MiB left, %" PRIu64
		" MiB/s, %" PRId64 " s\033[K",
		name_of(w), done * 100 / p->total, p->remaining >> 20, p->rate >> 20,
		(now_us() - w->begun_us) / US_PER_S);
	fflush(stderr);
}

static bool shows(const struct departure *w)
{
	return !w->o->json && isatty(STDERR_FILENO);
}

static void watch(struct departure *w)
{
	bool shown = false;

	while (!migration_is_over(w->m)) {
		struct migration_progress p;

		if (stop_wait(w->stop, LOOK_MS)) {
			migration_call_off(w->m);
			call_off(w);
		}
		if (shows(w) && migration_look(w->m, &p)) {
			show(w, &p);
			shown = true;
		}
	}
	if (shown)
		fputs("\r\033[K", stderr);
}

/* ---- live ---- */

static struct migration_how how_of(const struct migrate_options *o)
{
	return (struct migration_how){
		.uri = o->uri,
		.migrate_uri = o->migrate_uri,
		.bandwidth = o->bandwidth,
		.paused = !o->plain,
		.direct = o->direct,
		.tunnelled = o->tunnelled,
		.transient = o->transient,
		.keep_source = o->keep_source,
		.auto_converge = o->auto_converge,
		.compressed = o->compressed,
		.tls = o->tls,
		.unsafe = o->unsafe,
		.copy_all = o->copy_all,
		.copy_inc = o->copy_inc,
	};
}

/* What libvirt said stands for the reason only where the guest stayed. */
static bool judge(const struct departure *w, bool moved, const struct err *why,
		  struct err *e)
{
	if (is_committed(w)) {
		if (!moved)
			fprintf(stderr,
				"vtpm-client: libvirt reports a failure (%s), but %s "
				"runs on %s\n",
				why->detail, name_of(w), w->o->host);
		return true;
	}
	if (moved)
		return err_set(e, ERR_MIGRATION_FAILED,
			       "libvirt reports success, but hand-over %" PRId64
			       " was aborted: the source said %s, the destination %s",
			       w->number, word_or(w->source_said),
			       word_or(w->destination_said));
	*e = *why;
	return false;
}

static bool move_live(struct departure *w, struct err *e)
{
	const struct migration_how how = how_of(w->o);
	struct err why = { 0 };
	bool moved;

	if (!migration_guest(w->m)->active)
		return err_set(e, ERR_MIGRATION_OFFLINE,
			       "%.80s does not run; --cold moves a guest that is off",
			       name_of(w));
	if (!ask_agent(w, "move-prepare", e))
		return false;
	if (!migration_begin(w->m, &how, e)) {
		call_off(w);
		return false;
	}
	watch(w);
	moved = migration_end(w->m, &why);
	if (!moved)
		call_off(w);
	return wait_settled(w, SETTLE_S, e) && judge(w, moved, &why, e);
}

/* ---- cold ---- */

static bool may_move_cold(const struct departure *w, struct err *e)
{
	const struct migration_guest *g = migration_guest(w->m);

	if (g->active)
		return err_set(
			e, ERR_STATE_BUSY,
			"%.80s runs: shut it down first, or move it without --cold",
			g->name);
	if (g->has_save)
		return err_set(
			e, ERR_STATE_BUSY,
			"%.80s has a managed save, which does not go along: start it "
			"and shut it down first",
			g->name);
	if (g->has_points && w->o->uri && !w->o->keep_source)
		return err_set(
			e, ERR_USAGE,
			"%.80s has snapshots or checkpoints, which do not go along: "
			"delete them first, or use --keep-source",
			g->name);
	return true;
}

static bool move_cold(struct departure *w, struct err *e)
{
	if (!may_move_cold(w, e) || !ask_agent(w, "move-prepare", e) ||
	    !wait_settled(w, COLD_S, e))
		return false;
	if (!is_committed(w))
		return err_set(e, ERR_HANDOVER_STATE,
			       "hand-over %" PRId64
			       " was aborted: the source said %s, the destination %s",
			       w->number, word_or(w->source_said),
			       word_or(w->destination_said));
	if (!w->o->uri)
		return true;
	return migration_define(w->m, w->o->uri, w->o->keep_source, e) ||
	       err_wrap(e, "the TPM of %.60s is at %.60s now, its definition is not",
			name_of(w), w->o->host);
}

/* ---- what came of it ---- */

void departure_write(const struct departure *w, const struct err *e,
		     struct json_writer *to)
{
	json_open(to, NULL);
	json_put_text(to, "name", name_of(w));
	json_put_text(to, "instance", w->id.text);
	json_put_text(to, "destination", w->o->host);
	json_put_text(to, "mode", migrate_options_mode(w->o));
	json_put_integer(to, "number", w->number);
	json_put_text(to, "state", w->number ? handover_state_name(w->state) : NULL);
	json_put_integer(to, "seconds", (now_us() - w->begun_us) / US_PER_S);
	if (e->kind != ERR_NONE) {
		json_put_text(to, "code", err_info(e->kind)->code);
		json_put_text(to, "detail", e->detail);
	}
	json_close(to);
}

void departure_tell(const struct departure *w)
{
	if (!w->o->cold)
		printf("%s runs on %s", name_of(w), w->o->host);
	else if (w->o->uri)
		printf("%s and its TPM are on %s", name_of(w), w->o->host);
	else
		printf("the TPM of %s is on %s", name_of(w), w->o->host);

	printf(": hand-over %" PRId64 " is committed (%" PRId64 " s)\n", w->number,
	       (now_us() - w->begun_us) / US_PER_S);
}

bool departure_open(const struct departure_plan *p, const char *guest,
		    struct departure **ret, struct err *e)
{
	OWNED(departure) w = calloc(1, sizeof(*w));

	if (!w)
		return err_set(e, ERR_NO_MEMORY, "no memory for a migration");
	w->o = p->options;
	w->stop = p->stop;
	w->begun_us = now_us();
	if (!migration_open(p->libvirt_uri, guest, &w->m, e))
		return false;
	w->id = migration_guest(w->m)->id;
	if (!migration_guest(w->m)->encrypted)
		return err_set(e, ERR_USAGE,
			       "%.80s has no encrypted TPM: virsh migrate moves it",
			       name_of(w));
	*ret = departure_move(&w);
	return true;
}

void departure_free(struct departure *w)
{
	if (w)
		migration_free(w->m);
	free(w);
}

const struct uuid *departure_id(const struct departure *w)
{
	return &w->id;
}

const char *departure_name(const struct departure *w)
{
	return name_of(w);
}

bool departure_go(struct departure *w, struct err *e)
{
	return w->o->cold ? move_cold(w, e) : move_live(w, e);
}
