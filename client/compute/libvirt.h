/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libvirt - the local libvirtd, as far as secrets and the state of guests go.
 *
 * Owns:    one connection, kept by a thread of its own: while libvirtd starts its autostart
 *          guests an open connection attempt hangs, and nobody else may hang with it.
 * Gives:   libvirt_is_up at once; ephemeral private secrets defined and undefined.
 * Refuses: ERR_STARTING_UP while there is no connection; ERR_NO_LIBVIRT when a call fails.
 * Never:   a call about a domain from a request of the hook: libvirtd holds that domain.
 * Threads: any; the callback `up` comes from the keeping thread, just before a new connection
 *          is put to use; `event` from the thread of events, and must not call libvirt.
 */
#ifndef CLIENT_COMPUTE_LIBVIRT_H
#define CLIENT_COMPUTE_LIBVIRT_H

#include "common/secret.h"
#include "common/uuid.h"

struct libvirt;

/* What libvirt tells of a guest, as far as a migration goes. STARTED is none of them: on the
 * destination it comes before anything has moved. */
enum libvirt_event {
	LIBVIRT_SUSPENDED,
	LIBVIRT_RESUMED,          /* for another reason than a migration */
	LIBVIRT_RESUMED_MIGRATED, /* arrived, or returned after a migration that failed */
	LIBVIRT_STOPPED,          /* for another reason than a migration */
	LIBVIRT_STOPPED_MIGRATED, /* it has gone to another host */
	LIBVIRT_JOB_OVER
};
struct libvirt_callbacks {
	void (*up)(void *ctx);
	void (*event)(void *ctx, const struct uuid *instance, enum libvirt_event what);
	void *ctx; /* borrowed */
};
MUST_CHECK bool libvirt_open(const char *uri, const struct libvirt_callbacks *call,
			     struct libvirt **ret, struct err *e);
void libvirt_free(struct libvirt *l);  /* leaves secrets as they are */
bool libvirt_is_up(struct libvirt *l); /* NULL: false */

/* Whoever has defined it. */
MUST_CHECK bool libvirt_has_secret(struct libvirt *l, const struct uuid *secret,
				   bool *ret, struct err *e);
/* Ephemeral and private: never on disk, never read back. Replaces a secret of the same UUID
 * and guest, so that nothing of an earlier, looser definition stays. */
MUST_CHECK bool libvirt_define(struct libvirt *l, const struct uuid *secret,
			       const struct uuid *instance, const struct secret *value,
			       struct err *e);
/* Only if it is this instance's; *ret_was says whether it was there. */
MUST_CHECK bool libvirt_undefine(struct libvirt *l, const struct uuid *secret,
				 const struct uuid *instance, bool *ret_was,
				 struct err *e);

enum libvirt_guest { LIBVIRT_ABSENT, LIBVIRT_OFF, LIBVIRT_STARTING, LIBVIRT_ACTIVE };
MUST_CHECK bool libvirt_find(struct libvirt *l, const struct uuid *instance,
			     enum libvirt_guest *ret, struct err *e);
/* Returns once every event that libvirtd sent before this call was told. */
MUST_CHECK bool libvirt_settle(struct libvirt *l, struct err *e);

/* One look at a guest, for whoever must know whether it may run elsewhere. */
enum libvirt_doing {
	LIBVIRT_NOT_HERE, /* absent or off */
	LIBVIRT_SETS_OUT, /* just starting, or an arrival of which nothing runs yet */
	LIBVIRT_RUNS,     /* and was not paused since it was started or restored here */
	LIBVIRT_ARRIVED,  /* runs since a migration brought it, not paused since */
	LIBVIRT_RUNS_AGAIN, /* was paused at some time, perhaps by a migration that failed */
	LIBVIRT_HALTED,     /* paused in the middle of a migration */
	LIBVIRT_PAUSED      /* for any other reason */
};
enum libvirt_job {
	LIBVIRT_NO_JOB,
	LIBVIRT_OUTGOING,
	LIBVIRT_INCOMING,
	LIBVIRT_OTHER_JOB
};
struct libvirt_look {
	enum libvirt_doing doing;
	enum libvirt_job job;
	int64_t job_us; /* when an outgoing job began, wall clock; it tells jobs apart */
	int64_t run;    /* libvirt's number of this run of the guest; none: below 0 */
	char name[256]; /* of the domain */
};
MUST_CHECK bool libvirt_look(struct libvirt *l, const struct uuid *instance,
			     struct libvirt_look *ret, struct err *e);
/* Only that run of the guest which was seen: one that was started since is ERR_CONFLICT. */
enum libvirt_act { LIBVIRT_SUSPEND, LIBVIRT_RESUME, LIBVIRT_DESTROY, LIBVIRT_ABORT_JOB };
MUST_CHECK bool libvirt_act(struct libvirt *l, const struct uuid *instance, int64_t run,
			    enum libvirt_act act, struct err *e);
/* Each guest that has libvirt's autostart flag and is off. */
MUST_CHECK bool libvirt_each_autostart(struct libvirt *l,
				       void (*each)(void *ctx,
						    const struct uuid *instance),
				       void *ctx, struct err *e);
MUST_CHECK bool libvirt_start(struct libvirt *l, const struct uuid *instance,
			      struct err *e);
DEFINE_DROP(libvirt)

#endif
