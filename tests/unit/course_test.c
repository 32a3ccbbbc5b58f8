/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/course.h"
#include "tests/unit/check.h"

#include <string.h>

#define N 7 /* the hand-over's number */

/* What the source sees. */
#define SEES(d, j) .look = { .doing = LIBVIRT_##d, .job = LIBVIRT_##j }
#define WATCHED .unbroken = true

/* clang-format off */
static const struct {
	const char *says;
	const char *side, *mode, *phase;
	struct sight sight;
	enum course want;
	const char *then; /* the phase */
	bool dead;        /* the number has ended here */
} rows[] = {
	{ "a migration under way is waited for",
	  MOVE_SOURCE, "plain", MOVE_CONSENTED, { SEES(RUNS, OUTGOING), .seen = { WATCHED } },
	  COURSE_WAIT, MOVE_CONSENTED, false },
	{ "one that was called off is ended",
	  MOVE_SOURCE, "plain", MOVE_CONSENTED,
	  { SEES(RUNS, OUTGOING), .seen = { WATCHED }, .aborting = true },
	  COURSE_ABORT_JOB, MOVE_CONSENTED, false },
	{ "a guest that ran on through a failed migration never left",
	  MOVE_SOURCE, "plain", MOVE_CONSENTED, { SEES(RUNS, NO_JOB), .seen = { WATCHED } },
	  COURSE_SAY, MOVE_NEVER_LEFT, true },
	{ "so did one that had once arrived here itself, seen after a restart",
	  MOVE_SOURCE, "plain", MOVE_CONSENTED, { SEES(ARRIVED, NO_JOB) },
	  COURSE_SAY, MOVE_NEVER_LEFT, true },
	{ "one that its user resumed long ago, and was watched since",
	  MOVE_SOURCE, "plain", MOVE_CONSENTED, { SEES(RUNS_AGAIN, NO_JOB), .seen = { WATCHED } },
	  COURSE_SAY, MOVE_NEVER_LEFT, true },
	{ "one that libvirt resumed is suspended first",
	  MOVE_SOURCE, "plain", MOVE_CONSENTED,
	  { SEES(RUNS_AGAIN, NO_JOB), .seen = { WATCHED, .suspended = true, .resumed_migrated = true } },
	  COURSE_SUSPEND, MOVE_CONSENTED, false },
	{ "one that may have been suspended unseen as well",
	  MOVE_SOURCE, "plain", MOVE_CONSENTED, { SEES(RUNS_AGAIN, NO_JOB) },
	  COURSE_SUSPEND, MOVE_CONSENTED, false },
	{ "a suspended one is kept, and the number is dead before that is said",
	  MOVE_SOURCE, "plain", MOVE_CONSENTED,
	  { SEES(PAUSED, NO_JOB), .seen = { WATCHED, .suspended = true } },
	  COURSE_SAY, MOVE_KEEP, true },
	{ "an orphan of libvirtd's death is kept",
	  MOVE_SOURCE, "strict", MOVE_CONSENTED, { SEES(HALTED, NO_JOB) },
	  COURSE_SAY, MOVE_KEEP, true },
	{ "STOPPED/migrated, and nothing runs: gone",
	  MOVE_SOURCE, "plain", MOVE_CONSENTED,
	  { SEES(NOT_HERE, NO_JOB), .seen = { WATCHED, .suspended = true, .stopped_migrated = true } },
	  COURSE_SAY, MOVE_GONE, false },
	{ "absence alone is not gone",
	  MOVE_SOURCE, "plain", MOVE_CONSENTED, { SEES(NOT_HERE, NO_JOB), .seen = { WATCHED } },
	  COURSE_ASK_ABORT, MOVE_CONSENTED, false },
	{ "nor is it with a gap in what was watched",
	  MOVE_SOURCE, "plain", MOVE_CONSENTED,
	  { SEES(NOT_HERE, NO_JOB), .seen = { .stopped_migrated = true } },
	  COURSE_ASK_ABORT, MOVE_CONSENTED, false },
	{ "a crash of the emulator is not gone",
	  MOVE_SOURCE, "plain", MOVE_CONSENTED,
	  { SEES(NOT_HERE, NO_JOB), .seen = { WATCHED, .stopped = true } },
	  COURSE_ASK_ABORT, MOVE_CONSENTED, false },
	{ "whoever resumes a kept guest by hand has it suspended again",
	  MOVE_SOURCE, "plain", MOVE_KEEP, { SEES(RUNS_AGAIN, NO_JOB), .seen = { WATCHED } },
	  COURSE_SUSPEND, MOVE_KEEP, false },
	{ "a kept guest is told of until the broker has decided",
	  MOVE_SOURCE, "plain", MOVE_KEEP, { SEES(PAUSED, NO_JOB), .seen = { WATCHED } },
	  COURSE_SAY, MOVE_KEEP, false },

	{ "one that arrived paused and is resumed by hand is suspended again",
	  MOVE_DESTINATION, "strict", MOVE_CANNOT_SAY, { SEES(RUNS_AGAIN, NO_JOB) },
	  COURSE_SUSPEND, MOVE_CANNOT_SAY, false },
	{ "an emulator that comes late, after the number was given up, is destroyed first",
	  MOVE_DESTINATION, "plain", MOVE_ERASED, { SEES(SETS_OUT, INCOMING), .seen = { WATCHED } },
	  COURSE_DESTROY, MOVE_DEAD, true },
	{ "an arrival is waited for",
	  MOVE_DESTINATION, "plain", MOVE_KEYED, { SEES(SETS_OUT, INCOMING), .seen = { WATCHED } },
	  COURSE_WAIT, MOVE_KEYED, false },
	{ "STARTED is no claim: an arrival that is only halted waits",
	  MOVE_DESTINATION, "plain", MOVE_KEYED, { SEES(HALTED, INCOMING), .seen = { WATCHED } },
	  COURSE_WAIT, MOVE_KEYED, false },
	{ "RESUMED/migrated, and it runs: running",
	  MOVE_DESTINATION, "plain", MOVE_KEYED,
	  { SEES(ARRIVED, NO_JOB), .seen = { WATCHED, .resumed_migrated = true } },
	  COURSE_SAY, MOVE_RUNNING, false },
	{ "running alone is no claim: RESUMED must have been seen",
	  MOVE_DESTINATION, "plain", MOVE_KEYED, { SEES(ARRIVED, NO_JOB) },
	  COURSE_WAIT, MOVE_KEYED, false },
	{ "a strict arrival that runs is suspended",
	  MOVE_DESTINATION, "strict", MOVE_KEYED,
	  { SEES(ARRIVED, NO_JOB), .seen = { WATCHED, .resumed_migrated = true } },
	  COURSE_SUSPEND, MOVE_KEYED, false },
	{ "a strict arrival waits paused",
	  MOVE_DESTINATION, "strict", MOVE_KEYED,
	  { SEES(PAUSED, NO_JOB), .seen = { WATCHED, .suspended = true } },
	  COURSE_WAIT, MOVE_KEYED, false },
	{ "absent while the hook's call may still lead to something: wait",
	  MOVE_DESTINATION, "plain", MOVE_KEYED, { SEES(NOT_HERE, NO_JOB), .seen = { WATCHED } },
	  COURSE_WAIT, MOVE_KEYED, false },
	{ "an arrival that failed, watched from the key on, is erased",
	  MOVE_DESTINATION, "plain", MOVE_KEYED,
	  { SEES(NOT_HERE, NO_JOB), .seen = { WATCHED, .stopped = true } },
	  COURSE_SAY, MOVE_ERASED, true },
	{ "one that nobody watched is not",
	  MOVE_DESTINATION, "plain", MOVE_KEYED, { SEES(NOT_HERE, NO_JOB), .calls_over = true },
	  COURSE_SAY, MOVE_CANNOT_SAY, true },
	{ "one that ran and ended is claimed",
	  MOVE_DESTINATION, "plain", MOVE_KEYED,
	  { SEES(NOT_HERE, NO_JOB), .seen = { WATCHED, .resumed_migrated = true, .stopped = true } },
	  COURSE_SAY, MOVE_RUNNING, false },
	{ "called off: dead on record before it is destroyed",
	  MOVE_DESTINATION, "plain", MOVE_KEYED,
	  { SEES(SETS_OUT, INCOMING), .seen = { WATCHED }, .aborting = true },
	  COURSE_DESTROY, MOVE_DEAD, true },
	{ "called off after it ran: claimed",
	  MOVE_DESTINATION, "plain", MOVE_KEYED,
	  { SEES(ARRIVED, NO_JOB), .seen = { WATCHED, .resumed_migrated = true }, .aborting = true },
	  COURSE_SAY, MOVE_RUNNING, false },
	{ "called off while it waits whole and paused: it may be all that there is",
	  MOVE_DESTINATION, "strict", MOVE_KEYED,
	  { SEES(PAUSED, NO_JOB), .seen = { WATCHED }, .aborting = true },
	  COURSE_SAY, MOVE_CANNOT_SAY, true },
	{ "destroyed, and it never ran: erased",
	  MOVE_DESTINATION, "plain", MOVE_DEAD, { SEES(NOT_HERE, NO_JOB), .seen = { WATCHED } },
	  COURSE_SAY, MOVE_ERASED, true },
	{ "destroyed, but RESUMED came before: claimed",
	  MOVE_DESTINATION, "plain", MOVE_DEAD,
	  { SEES(NOT_HERE, NO_JOB), .seen = { WATCHED, .resumed_migrated = true } },
	  COURSE_SAY, MOVE_RUNNING, false },
	{ "destroyed, and nobody watched: cannot say",
	  MOVE_DESTINATION, "plain", MOVE_DEAD, { SEES(NOT_HERE, NO_JOB) },
	  COURSE_SAY, MOVE_CANNOT_SAY, true },
	{ "destroyed as it had arrived, paused: the source may be about to say that it is gone",
	  MOVE_DESTINATION, "strict", MOVE_DEAD,
	  { SEES(NOT_HERE, NO_JOB), .seen = { WATCHED, .suspended = true } },
	  COURSE_SAY, MOVE_CANNOT_SAY, true },
	{ "one that left paused and has arrived so is kept as well",
	  MOVE_DESTINATION, "plain", MOVE_KEYED,
	  { SEES(PAUSED, NO_JOB), .seen = { WATCHED, .suspended = true }, .aborting = true },
	  COURSE_SAY, MOVE_CANNOT_SAY, true },
	{ "called off as it was let run, unseen: it runs, and is claimed",
	  MOVE_DESTINATION, "plain", MOVE_KEYED, { SEES(ARRIVED, NO_JOB), .aborting = true },
	  COURSE_SAY, MOVE_RUNNING, false },
	{ "called off while libvirt lets it run: that is waited for",
	  MOVE_DESTINATION, "plain", MOVE_KEYED,
	  { SEES(ARRIVED, INCOMING), .seen = { WATCHED }, .aborting = true },
	  COURSE_WAIT, MOVE_KEYED, false },
	{ "not destroyed yet, and seen to run: claimed, not killed",
	  MOVE_DESTINATION, "plain", MOVE_DEAD,
	  { SEES(ARRIVED, NO_JOB), .seen = { WATCHED, .resumed_migrated = true } },
	  COURSE_SAY, MOVE_RUNNING, false },
	{ "so is what runs though nobody saw it begin",
	  MOVE_DESTINATION, "plain", MOVE_DEAD, { SEES(ARRIVED, NO_JOB) },
	  COURSE_SAY, MOVE_RUNNING, false },
	{ "also where somebody paused it meanwhile, and let it go on",
	  MOVE_DESTINATION, "plain", MOVE_DEAD, { SEES(RUNS_AGAIN, NO_JOB) },
	  COURSE_SAY, MOVE_RUNNING, false },
	{ "not destroyed yet, and libvirt is finishing: that is waited for",
	  MOVE_DESTINATION, "strict", MOVE_DEAD, { SEES(PAUSED, INCOMING), .seen = { WATCHED } },
	  COURSE_WAIT, MOVE_DEAD, false },
	{ "not destroyed yet, and whole by now: it may be all that there is",
	  MOVE_DESTINATION, "strict", MOVE_DEAD, { SEES(PAUSED, NO_JOB) },
	  COURSE_SAY, MOVE_CANNOT_SAY, true },
	{ "and if it runs, though strict, it is suspended first",
	  MOVE_DESTINATION, "strict", MOVE_DEAD, { SEES(ARRIVED, NO_JOB) },
	  COURSE_SUSPEND, MOVE_DEAD, false },
	{ "also one whose emulator came late",
	  MOVE_DESTINATION, "plain", MOVE_ERASED, { SEES(ARRIVED, NO_JOB) },
	  COURSE_SAY, MOVE_RUNNING, false },
	{ "not yet destroyed: again",
	  MOVE_DESTINATION, "plain", MOVE_DEAD, { SEES(SETS_OUT, INCOMING) },
	  COURSE_DESTROY, MOVE_DEAD, true },
};

static const struct {
	const char *says;
	struct move m;
	enum libvirt_doing doing;
	bool committed;
	enum course want;
} ends[] = {
	{ "an aborted hand-over lets the source's guest go on",
	  { .side = MOVE_SOURCE, .phase = MOVE_KEEP, .held = true }, LIBVIRT_PAUSED, false, COURSE_RESUME },
	{ "also an orphan",
	  { .side = MOVE_SOURCE, .phase = MOVE_KEEP }, LIBVIRT_HALTED, false, COURSE_RESUME },
	{ "but not one that was paused before",
	  { .side = MOVE_SOURCE, .phase = MOVE_KEEP, .was_paused = true }, LIBVIRT_HALTED, false, COURSE_DONE },
	{ "nor one that its user paused",
	  { .side = MOVE_SOURCE, .phase = MOVE_NEVER_LEFT }, LIBVIRT_PAUSED, false, COURSE_DONE },
	{ "a committed one ends what the source still has",
	  { .side = MOVE_SOURCE, .phase = MOVE_KEEP }, LIBVIRT_PAUSED, true, COURSE_DESTROY },
	{ "even if it runs",
	  { .side = MOVE_SOURCE, .phase = MOVE_NEVER_LEFT }, LIBVIRT_RUNS, true, COURSE_DESTROY },
	{ "an aborted one ends what the destination has",
	  { .side = MOVE_DESTINATION, .mode = "plain" }, LIBVIRT_ARRIVED, false, COURSE_DESTROY },
	{ "a committed one lets a strict arrival run",
	  { .side = MOVE_DESTINATION, .mode = "strict" }, LIBVIRT_PAUSED, true, COURSE_RESUME },
	{ "a plain arrival that is paused stays so",
	  { .side = MOVE_DESTINATION, .mode = "plain" }, LIBVIRT_PAUSED, true, COURSE_DONE },
	{ "a strict arrival that is not seen whole yet is waited for",
	  { .side = MOVE_DESTINATION, .mode = "strict" }, LIBVIRT_SETS_OUT, true, COURSE_WAIT },
	{ "one that runs is done",
	  { .side = MOVE_DESTINATION, .mode = "strict" }, LIBVIRT_RUNS_AGAIN, true, COURSE_DONE },
};
/* clang-format on */

static void test_row(size_t i)
{
	struct move m = { .number = N };
	enum course is;

	memcpy(m.side, rows[i].side, strlen(rows[i].side));
	memcpy(m.mode, rows[i].mode, strlen(rows[i].mode));
	memcpy(m.phase, rows[i].phase, strlen(rows[i].phase));
	is = strcmp(m.side, MOVE_SOURCE) == 0 ? course_source(&m, &rows[i].sight)
					      : course_destination(&m, &rows[i].sight);
	check(rows[i].says, is == rows[i].want && strcmp(m.phase, rows[i].then) == 0 &&
				    move_has_ended(&m, N) == rows[i].dead);
}

/* Found still incoming it has not run; but who does not watch on does not know what came then. */
static void test_incoming(void)
{
	struct move m = { .number = N,
			  .side = MOVE_DESTINATION,
			  .mode = "plain",
			  .phase = MOVE_KEYED };
	struct sight before = { SEES(SETS_OUT, INCOMING), .aborting = true };
	struct sight after = { SEES(NOT_HERE, NO_JOB) };

	check("what was found still incoming is destroyed, and not called erased for "
	      "that "
	      "alone",
	      course_is_incoming(&before.look) &&
		      course_destination(&m, &before) == COURSE_DESTROY &&
		      course_destination(&m, &after) == COURSE_SAY &&
		      strcmp(m.phase, MOVE_CANNOT_SAY) == 0);
}

/* Dead on record as it was incoming; then this agent, or libvirtd, was restarted, and the
 * migration went through. */
static void test_incoming_no_more(void)
{
	struct move m = { .number = N,
			  .side = MOVE_DESTINATION,
			  .mode = "plain",
			  .phase = MOVE_KEYED };
	struct sight before = { SEES(SETS_OUT, INCOMING), .seen = { WATCHED },
				.aborting = true };
	struct sight runs = { SEES(ARRIVED, NO_JOB), .aborting = true };
	struct sight after = { SEES(NOT_HERE, NO_JOB), .aborting = true };

	check("what was to be destroyed as it was incoming, and runs by then, is claimed",
	      course_destination(&m, &before) == COURSE_DESTROY &&
		      course_destination(&m, &runs) == COURSE_SAY &&
		      course_destination(&m, &after) == COURSE_SAY &&
		      strcmp(m.phase, MOVE_RUNNING) == 0);
}

static const struct {
	const char *says;
	const char *side, *phase;
	struct sight sight;
	enum course want;
	const char *then;
} colds[] = {
	{ "cold: a source that has offered waits, whatever it sees",
	  MOVE_SOURCE,
	  MOVE_CONSENTED,
	  { .aborting = true, .calls_over = true },
	  COURSE_WAIT,
	  MOVE_CONSENTED },
	{ "cold: called off, it says that it keeps the guest, for whoever must decide",
	  MOVE_SOURCE,
	  MOVE_CONSENTED,
	  { .aborting = true, .has_state = true },
	  COURSE_SAY,
	  MOVE_KEEP },
	{ "cold: one that could not offer says so until it has ended",
	  MOVE_SOURCE,
	  MOVE_KEEP,
	  { .calls_over = true },
	  COURSE_SAY,
	  MOVE_KEEP },
	{ "cold: a destination takes its time",
	  MOVE_DESTINATION,
	  MOVE_KEYED,
	  { .aborting = false },
	  COURSE_WAIT,
	  MOVE_KEYED },
	{ "cold: what was not stored before the abort is given up",
	  MOVE_DESTINATION,
	  MOVE_KEYED,
	  { .aborting = true },
	  COURSE_SAY,
	  MOVE_ERASED },
	{ "cold: what was stored is told, also after an abort",
	  MOVE_DESTINATION,
	  MOVE_STORED,
	  { .aborting = true, .calls_over = true },
	  COURSE_SAY,
	  MOVE_STORED },
};

static void test_cold(void)
{
	for (size_t i = 0; i < ARRAY_LEN(colds); i++) {
		struct move m = { .mode = "cold", .number = N };

		if (!text_copy(m.side, sizeof(m.side), colds[i].side) ||
		    !text_copy(m.phase, sizeof(m.phase), colds[i].phase))
			check("it fits", false);
		check(colds[i].says, course_cold(&m, &colds[i].sight) == colds[i].want &&
					     strcmp(m.phase, colds[i].then) == 0);
	}
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		test_row(i);
	test_incoming();
	test_incoming_no_more();
	test_cold();
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct libvirt_look look = { .doing = ends[i].doing };

		check(ends[i].says,
		      course_end(&ends[i].m, &look, ends[i].committed) == ends[i].want);
	}
	return done();
}
