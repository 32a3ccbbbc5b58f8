/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/course.h"

#include "common/text.h"

#include <string.h>

static void enter(struct move *m, const char *phase)
{
	bool fits = text_copy(m->phase, sizeof(m->phase), phase);

	assert(fits);
}

/* From here on no offer and no key of this number counts here. */
static enum course say_dead(struct move *m, const char *phase)
{
	enter(m, phase);
	if (m->ended < m->number)
		m->ended = m->number;
	return COURSE_SAY;
}

static bool is_running(const struct libvirt_look *l)
{
	return l->doing == LIBVIRT_RUNS || l->doing == LIBVIRT_ARRIVED ||
	       l->doing == LIBVIRT_RUNS_AGAIN;
}

static bool is_mode(const struct move *m, const char *mode)
{
	return strcmp(m->mode, mode) == 0;
}

/* ---- the source ---- */

/* The reason why it runs tells as much as having watched: a resume changes it. */
static bool was_never_suspended(const struct sight *s)
{
	if (s->seen.suspended)
		return false;
	return s->seen.unbroken || s->look.doing != LIBVIRT_RUNS_AGAIN;
}

static enum course suspend(struct move *m)
{
	m->held = true;
	return COURSE_SUSPEND;
}

static enum course source_consented(struct move *m, const struct sight *s)
{
	if (s->look.job != LIBVIRT_NO_JOB)
		return s->aborting && s->look.job == LIBVIRT_OUTGOING ? COURSE_ABORT_JOB
								      : COURSE_WAIT;
	switch (s->look.doing) {
	case LIBVIRT_NOT_HERE:
		if (!s->seen.unbroken || !s->seen.stopped_migrated)
			return COURSE_ASK_ABORT;
		enter(m, MOVE_GONE);
		return COURSE_SAY;
	case LIBVIRT_RUNS:
	case LIBVIRT_ARRIVED:
	case LIBVIRT_RUNS_AGAIN:
		return was_never_suspended(s) ? say_dead(m, MOVE_NEVER_LEFT) : suspend(m);
	case LIBVIRT_HALTED:
	case LIBVIRT_PAUSED:
		return say_dead(m, MOVE_KEEP);
	case LIBVIRT_SETS_OUT:
		break;
	}
	return COURSE_WAIT;
}

enum course course_source(struct move *m, const struct sight *s)
{
	if (move_is(m, MOVE_SOURCE, MOVE_CONSENTED))
		return source_consented(m, s);
	/* Whoever resumes it by hand would run it twice. */
	if (move_is(m, MOVE_SOURCE, MOVE_KEEP) && is_running(&s->look))
		return suspend(m);
	return COURSE_SAY;
}

/* ---- the destination ---- */

bool course_is_incoming(const struct libvirt_look *look)
{
	return look->job == LIBVIRT_INCOMING &&
	       (look->doing == LIBVIRT_SETS_OUT || look->doing == LIBVIRT_HALTED);
}

static bool has_run(const struct move *m, const struct sight *s)
{
	return is_mode(m, "plain") && s->seen.resumed_migrated;
}

/* Arrived whole, and paused: in a strict move until the hand-over is committed, in any other as it
 * was paused when it left. It may be all that there is. */
static bool waits_paused(const struct sight *s)
{
	return s->look.doing == LIBVIRT_PAUSED && s->look.job == LIBVIRT_NO_JOB;
}

/* Nobody saw RESUMED, but no other run of a guest than the one that came is like this. */
static bool runs_unseen(const struct sight *s)
{
	return (s->look.doing == LIBVIRT_ARRIVED ||
		s->look.doing == LIBVIRT_RUNS_AGAIN) &&
	       s->look.job == LIBVIRT_NO_JOB;
}

static enum course say_running(struct move *m)
{
	enter(m, MOVE_RUNNING);
	return COURSE_SAY;
}

static enum course say_erased_or_unsure(struct move *m, const struct sight *s)
{
	/* An arrival that stays paused is told as a suspension: then it was here as a whole, and
	 * the source may be about to say that it is gone. */
	bool arrived = s->seen.resumed_migrated || s->seen.suspended;
	bool erased = !arrived && s->seen.unbroken;

	return say_dead(m, erased ? MOVE_ERASED : MOVE_CANNOT_SAY);
}

/* It is here, and called off. Looked at before each try to destroy it: much may have come between,
 * the end of the migration as well. */
static enum course call_off(struct move *m, const struct sight *s)
{
	if (is_mode(m, "strict") && is_running(&s->look))
		return suspend(m);
	if (has_run(m, s) || runs_unseen(s))
		return say_running(m);
	if (waits_paused(s))
		return say_dead(m, MOVE_CANNOT_SAY);
	/* libvirt is just finishing, and would not tell what it let run if that died now. */
	if (s->look.job == LIBVIRT_INCOMING && !course_is_incoming(&s->look))
		return COURSE_WAIT;
	(void)say_dead(m, MOVE_DEAD);
	return COURSE_DESTROY;
}

static enum course destination_keyed(struct move *m, const struct sight *s)
{
	bool here = s->look.doing != LIBVIRT_NOT_HERE;

	if (is_mode(m, "strict") && is_running(&s->look))
		return suspend(m);
	if (has_run(m, s) && is_running(&s->look) && s->look.job == LIBVIRT_NO_JOB)
		return say_running(m);
	if (!here && (s->seen.stopped || s->calls_over))
		return has_run(m, s) ? say_running(m) : say_erased_or_unsure(m, s);
	return s->aborting && here ? call_off(m, s) : COURSE_WAIT;
}

enum course course_destination(struct move *m, const struct sight *s)
{
	const bool here = s->look.doing != LIBVIRT_NOT_HERE;

	if (move_is(m, MOVE_DESTINATION, MOVE_KEYED))
		return destination_keyed(m, s);
	/* Erased: an emulator that libvirt had still to start. */
	if (here && (move_is(m, MOVE_DESTINATION, MOVE_DEAD) ||
		     move_is(m, MOVE_DESTINATION, MOVE_ERASED)))
		return call_off(m, s);
	/* Whoever resumes it by hand might run it twice. */
	if (is_mode(m, "strict") && is_running(&s->look))
		return suspend(m);
	if (!move_is(m, MOVE_DESTINATION, MOVE_DEAD))
		return COURSE_SAY;
	return has_run(m, s) ? say_running(m) : say_erased_or_unsure(m, s);
}

/* ---- a cold move ---- */

/* The source's guest is off: that it keeps it decides nothing once it is claimed, but a person may
 * then decide for it. What a destination has not stored by the time that it takes, or before it was
 * called off, it gives up. */
enum course course_cold(struct move *m, const struct sight *s)
{
	if (move_is(m, MOVE_SOURCE, MOVE_CONSENTED))
		return s->aborting && s->has_state ? say_dead(m, MOVE_KEEP) : COURSE_WAIT;
	if (!move_is(m, MOVE_DESTINATION, MOVE_KEYED))
		return COURSE_SAY;
	return s->aborting || s->calls_over ? say_dead(m, MOVE_ERASED) : COURSE_WAIT;
}

/* ---- the end ---- */

static enum course source_end(const struct move *m, const struct libvirt_look *look,
			      bool committed)
{
	if (look->doing == LIBVIRT_NOT_HERE)
		return COURSE_DONE;
	if (committed)
		return COURSE_DESTROY;
	if (look->doing == LIBVIRT_HALTED || (m->held && look->doing == LIBVIRT_PAUSED))
		return m->was_paused ? COURSE_DONE : COURSE_RESUME;
	return COURSE_DONE;
}

static enum course destination_end(const struct move *m, const struct libvirt_look *look,
				   bool committed)
{
	if (look->doing == LIBVIRT_NOT_HERE)
		return COURSE_DONE;
	if (!committed)
		return COURSE_DESTROY;
	if (!is_mode(m, "strict") || is_running(look))
		return COURSE_DONE;
	return look->doing == LIBVIRT_SETS_OUT ? COURSE_WAIT : COURSE_RESUME;
}

enum course course_end(const struct move *m, const struct libvirt_look *look,
		       bool committed)
{
	return move_is(m, MOVE_SOURCE, NULL) ? source_end(m, look, committed)
					     : destination_end(m, look, committed);
}
