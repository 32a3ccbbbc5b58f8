/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover - one hand-over with the rows around it: read, weighed, led on, shown.
 *
 * Gives:   one form of it for every route; handover_weighs for what is said of it, and
 *          handover_enter, the one place where its state changes and what comes with that is
 *          staged: the placement, the destination's copy, the agents' events.
 * Rule:    the states and words are policy/handover.h; whether it is open stands in the
 *          placement as well, and both change together.
 * Refuses: whoever may not know of it gets the same ERR_NOT_FOUND as for none.
 * Threads: no state.
 */
#ifndef BROKER_API_V1_HANDOVER_H
#define BROKER_API_V1_HANDOVER_H

#include "broker/api/api.h"
#include "broker/gate/gate.h"

#define HANDOVER_ASK_US (60 * US_PER_S) /* a hook waits not nearly so long */
#define HANDOVER_ABSENT "absent"        /* what a source says beside its call to abort */
enum { HANDOVER_WAIT_MAX = 30, HANDOVER_PARTS_MAX = 32 };

struct handover_view {
	struct handover_row row;
	struct instance_row instance;
	struct placement_row placement;
	struct host_row source, destination;
	enum handover_mode mode;
	enum handover_state state;
	bool is_back; /* committed, but the guest is at the source again or on its way */
	int64_t now_us;
};

/* Reads what belongs to v->row, within the caller's snapshot. */
MUST_CHECK bool handover_view_read(struct reader *r, struct handover_view *v,
				   struct err *e);
/* The one that the path names, if the asker may see it. */
MUST_CHECK bool handover_of_path(struct api *api, struct exchange *x,
				 struct handover_view *ret, struct err *e);
bool handover_asker_is(const struct exchange *x, const char *key_hash);
/* ?wait of a long poll, in seconds; 0 without one. */
MUST_CHECK bool handover_wait(const struct exchange *x, int64_t *ret, struct err *e);
/* The source hands on, the destination takes in: what hosts must be for that. */
MUST_CHECK bool handover_source_is_fit(const struct host_row *source, struct err *e);
MUST_CHECK bool handover_destination_is_fit(const struct host_row *destination,
					    struct err *e);

/* What comes of the word now; the error says why nothing does. host_is_off: the operator says so
 * of the host that is fenced. */
MUST_CHECK bool handover_weighs(const struct handover_view *v, enum handover_word word,
				bool host_is_off, enum handover_state *ret_next,
				struct err *e);
/* Stages v->row, led on to `next`, and all that comes with it; v is then as it will be. */
MUST_CHECK bool handover_enter(struct api *api, struct exchange *x,
			       struct handover_view *v, enum handover_state next,
			       struct err *e);
/* The guest comes to that host: what this still owed of an earlier hand-over is owed no more. */
MUST_CHECK bool handover_comes_back(struct exchange *x, const struct uuid *instance,
				    const char *host, struct err *e);
/* Stages the end of one that nobody claimed, for the guest starts where it is placed. The
 * placement, without `moving`, is the caller's to put. */
void handover_end_by_start(struct change *c, struct handover_row *h, int64_t now_us);

/* Begins this request's audit record. */
struct audit_record *handover_audit(struct api *api, struct exchange *x,
				    const struct handover_view *v);

struct handover_note { /* beside the hand-over, in an answer to what was said of it */
	bool alarm;
	const char *drops; /* what a decision gives up, in words; or NULL */
};
void handover_write(struct json_writer *w, const struct handover_view *v,
		    const struct handover_note *note);
void handover_reply(struct exchange *x, int status, const struct handover_view *v);

/* Asks, as the source's agent sees them (events and what waits for it). */
MUST_CHECK bool ask_write(struct reader *r, struct json_writer *w,
			  const struct ask_row *a, int64_t seq, struct err *e);

#endif
