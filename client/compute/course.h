/* SPDX-License-Identifier: Apache-2.0 */
/*
 * course - what a host makes of what it sees of a guest on the move: the next act, and what is
 *          on record from then on.
 *
 * Source:  never_left only of a guest that runs and was not suspended since the key was sealed;
 *          gone only after STOPPED/migrated, seen without a break, with nothing running. One that
 *          was suspended, or libvirt resumed, is suspended (again) before it is kept. Absence
 *          alone says nothing: it asks for the abort, no more.
 * Destination: running only after RESUMED/migrated and a second look; erased only where nothing
 *          of it can have run: watched without a break from the key on, or since it was found
 *          still incoming (see watch_mend). Else cannot_say, and its state stays. Called off, it
 *          is looked at before each destroy: what runs is claimed, also where nobody saw it
 *          begin; what has arrived whole and paused is kept.
 * Rule:    whoever gives a word up as dead has it on record first: m->ended.
 * Threads: pure.
 */
#ifndef CLIENT_COMPUTE_COURSE_H
#define CLIENT_COMPUTE_COURSE_H

#include "client/compute/moves.h"
#include "client/compute/watch.h"

struct sight {
	struct libvirt_look look;
	struct watch_seen
		seen; /* taken after the look, so that it lacks no event before it */
	bool calls_over; /* of libvirt's hook: whatever was to come of the key is there by now */
	bool aborting;  /* the broker wants it called off */
	bool has_state; /* of a cold move: the TPM's state is here, and the guest is off */
};

enum course {
	COURSE_WAIT,
	COURSE_DONE, /* of course_end: nothing is left to be done with the guest */
	COURSE_SAY,  /* m->phase is the word */
	COURSE_ASK_ABORT,
	COURSE_SUSPEND,
	COURSE_RESUME,
	COURSE_DESTROY,
	COURSE_ABORT_JOB
};

/* Nothing of it runs yet. */
bool course_is_incoming(const struct libvirt_look *look);
enum course course_source(struct move *m, const struct sight *s);
enum course course_destination(struct move *m, const struct sight *s);
/* Either side of a cold move, in which there is no guest to look at. */
enum course course_cold(struct move *m, const struct sight *s);
/* What is left to be done with the guest itself once the broker has ended the hand-over;
 * COURSE_WAIT: it is not seen yet what. */
enum course course_end(const struct move *m, const struct libvirt_look *look,
		       bool committed);

#endif
