/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copies - this host's own sealed copies of secrets (policy `host`), and their leases.
 *
 * Holds:   the JWE as it was received, which only this host's sealing key opens, and the
 *          broker's signed lease, one durable file of mode 0600 per instance.
 * Refuses: a copy whose lease is not for this host, instance, version and epoch, has ended, or
 *          while the clock is behind the latest time stored (two minutes allowed):
 *          ERR_LEASE_ENDED, ERR_CLOCK, ERR_BAD_SEALED.
 * Knows:   no broker; whoever calls has asked it first.
 * Threads: one writer per instance at a time; the latest time has a lock of its own.
 */
#ifndef CLIENT_COMPUTE_COPIES_H
#define CLIENT_COMPUTE_COPIES_H

#include "client/compute/files.h"
#include "crypto/seal.h"
#include "crypto/statement.h"

struct copy {
	struct uuid instance;
	struct uuid secret;
	int64_t version;
	int64_t epoch;
	struct buf jwe;   /* owned */
	struct buf lease; /* owned: the JWS */
};

void copy_done(struct copy *c); /* for CLEANUP(copy_done) */
MUST_CHECK bool copy_load(const char *state_dir, const struct uuid *instance,
			  struct copy *ret, bool *ret_found, struct err *e);
MUST_CHECK bool copy_save(const char *state_dir, const struct copy *c, struct err *e);
/* *ret_was says whether there was one. */
MUST_CHECK bool copy_erase(const char *state_dir, const struct uuid *instance,
			   bool *ret_was, struct err *e);

struct lease_holder {
	const struct pkey *statement; /* borrowed: the broker's */
	const char *host;             /* borrowed: hash of this host's identity key */
};

/* Signature and contents; not the time. */
MUST_CHECK bool copy_check(const struct copy *c, const struct lease_holder *me,
			   struct lease *ret, struct err *e);
/* The time as well: may the copy be used now? */
MUST_CHECK bool copy_is_usable(const char *state_dir, const struct copy *c,
			       const struct lease_holder *me, int64_t now_us,
			       struct err *e);

/* The latest time that this host has seen; it only grows by this. */
MUST_CHECK bool copy_note_time(const char *state_dir, int64_t now_us, struct err *e);
/* A lease that came from the broker just now: where the two clocks agree, that is the latest time,
 * also when the clock was ahead before. ERR_CLOCK when they do not agree. */
MUST_CHECK bool copy_note_lease(const char *state_dir, const struct lease *fresh,
				int64_t now_us, struct err *e);

#endif
