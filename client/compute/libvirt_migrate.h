/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libvirt_migrate - one guest that leaves this host by libvirt's own means.
 *
 * Owns:    two connections: libvirt's call returns when the guest has moved or stayed, and
 *          meanwhile another connection shows how far it is and calls it off.
 * Gives:   what libvirt knows of the guest; the migration begun, looked at, called off and
 *          waited for; the definition alone moved, for a guest that is off.
 * Refuses: ERR_NOT_FOUND for no such guest, ERR_NO_LIBVIRT, and ERR_MIGRATION_FAILED with
 *          libvirt's words; where they pass on those of a hook of ours, with these alone.
 * Knows:   nothing of brokers and hand-overs: what libvirt's result means for the guest is not
 *          for this file to say.
 * Threads: one, besides the one that it begins for libvirt's call.
 */
#ifndef CLIENT_COMPUTE_LIBVIRT_MIGRATE_H
#define CLIENT_COMPUTE_LIBVIRT_MIGRATE_H

#include "common/err.h"
#include "common/uuid.h"

struct migration;

struct migration_guest {
	char name[256];
	struct uuid id;
	bool active;
	bool encrypted;  /* its TPM has a secret */
	bool has_save;   /* a managed save, which a cold move would lose */
	bool has_points; /* snapshots or checkpoints, whose definitions do not move */
};

/* All borrowed until migration_end. */
struct migration_how {
	const char *uri;
	const char *migrate_uri; /* or NULL */
	int64_t bandwidth;       /* MiB/s, or 0 */
	bool paused; /* arrives paused, and stays so until somebody resumes it */
	bool direct, tunnelled;
	bool transient, keep_source;
	bool auto_converge, compressed, tls, unsafe, copy_all, copy_inc;
};

struct migration_progress {
	uint64_t total, remaining; /* bytes */
	uint64_t rate;             /* bytes in a second */
};

/* guest: a domain's name or UUID. */
MUST_CHECK bool migration_open(const char *libvirt_uri, const char *guest,
			       struct migration **ret, struct err *e);
void migration_free(struct migration *m); /* waits for a call that is still under way */
const struct migration_guest *migration_guest(const struct migration *m);

MUST_CHECK bool migration_begin(struct migration *m, const struct migration_how *how,
				struct err *e);
bool migration_is_over(struct migration *m);
/* False while there is nothing to tell. */
MUST_CHECK bool migration_look(struct migration *m, struct migration_progress *ret);
void migration_call_off(struct migration *m);
/* Waits for libvirt's call, and says what came of it. */
MUST_CHECK bool migration_end(struct migration *m, struct err *e);

/* Of a guest that is off: defined at uri, and no longer here unless it is to be kept. The TPM's
 * state stays where it is. */
MUST_CHECK bool migration_define(struct migration *m, const char *uri, bool keep_source,
				 struct err *e);

/* Each guest that runs here and whose TPM has a secret. */
MUST_CHECK bool migration_each(const char *libvirt_uri,
			       void (*each)(void *ctx, const struct migration_guest *g),
			       void *ctx, struct err *e);
DEFINE_DROP(migration)

#endif
