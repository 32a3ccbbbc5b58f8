/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - what libvirt's events told of guests on the move, since this agent began to look.
 *
 * Gives:   watch_begin forgets what was seen of a guest before; from then on every event is
 *          kept until watch_end. What was seen holds only while the watching had no break.
 * Mends:   a guest that is found still incoming has not run: watched from then on is as good as
 *          watched from the start. It is so in memory alone, and breaks as before.
 * Breaks:  a new connection to libvirt (events in between are lost), a restart of the agent
 *          (nothing of this is on disk), a table that is full.
 * Threads: any.
 */
#ifndef CLIENT_COMPUTE_WATCH_H
#define CLIENT_COMPUTE_WATCH_H

#include "client/compute/libvirt.h"

enum { WATCH_MAX = 256 };

struct watch;

struct watch_seen {
	bool unbroken; /* watched from watch_begin, or since it was mended, until now; else the
			* rest may lack something */
	bool suspended, resumed, resumed_migrated;
	bool stopped, stopped_migrated;
	bool job_over;
};

MUST_CHECK bool watch_new(struct watch **ret, struct err *e);
void watch_free(struct watch *w);
void watch_begin(struct watch *w, const struct uuid *instance);
/* As of now, where it is not watched: what came before is lacking. Returns how many breaks there
 * were. */
uint64_t watch_resume(struct watch *w, const struct uuid *instance);
/* Found still incoming by a look after that watch_resume: no break since, and it is mended. */
void watch_mend(struct watch *w, const struct uuid *instance, uint64_t breaks);
void watch_event(struct watch *w, const struct uuid *instance, enum libvirt_event what);
void watch_break(struct watch *w);
void watch_get(struct watch *w, const struct uuid *instance, struct watch_seen *ret);
void watch_end(struct watch *w, const struct uuid *instance);
DEFINE_DROP(watch)

#endif
