/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moves - what this host remembers of a guest's hand-overs, one durable file per instance.
 *
 * Holds:   the hand-over that this host has a part in, and how far that has come; the highest
 *          number that has ended here; the mark `handed over`, made before a key is sealed
 *          to another host: with it the host's own copy is not used.
 * Rule:    whatever is said to the broker is on record before; so a crash repeats a word, and
 *          never takes one back.
 * Refuses: a record of another instance than its name says, or one that does not parse: ERR_IO.
 * Threads: one writer per instance at a time (see turns).
 */
#ifndef CLIENT_COMPUTE_MOVES_H
#define CLIENT_COMPUTE_MOVES_H

#include "client/compute/tpm_state.h"
#include "common/uuid.h"
#include "crypto/pki.h"

#define MOVE_SOURCE "source"
#define MOVE_DESTINATION "destination"
/* How far the source has come: consented, then one of the words that it says until the broker
 * shows that the hand-over is over, then what it owes. */
#define MOVE_CONSENTED "consented"
#define MOVE_NEVER_LEFT "never_left"
#define MOVE_KEEP "keep"
#define MOVE_GONE "gone"
#define MOVE_OWES "owes"
/* And the destination. */
#define MOVE_KEYED "keyed"
#define MOVE_RUNNING "running"
#define MOVE_STORED "stored"
#define MOVE_DEAD "dead"
#define MOVE_ERASED "erased"
#define MOVE_CANNOT_SAY "cannot_say"
#define MOVE_COMMITTED "committed"

struct move {
	struct uuid instance;
	int64_t ended;  /* the highest number that has ended here */
	int64_t marked; /* handed over by this number; 0: not */
	/* The state that stayed when the guest went, or that came and was called off; by which
	 * hand-over; or "". */
	char left[TPM_STATE_ID_TEXT];
	int64_t left_by;
	/* The hand-over on record; side "" where there is none. */
	int64_t number;
	char side[16], mode[16], phase[16];
	struct uuid secret, attempt;
	int64_t version;
	int64_t epoch; /* of the placement that commits with it */
	char security[16];
	char peer[64];                /* the other host's name */
	char peer_hash[PKI_HASH_HEX]; /* and its fingerprint */
	bool was_paused;              /* source: before the migration */
	bool held;                    /* this agent has suspended the guest */
	/* The TPM state's file: at the destination before it came, at the source once it left. */
	char state[TPM_STATE_ID_TEXT];
};

bool move_is(const struct move *m, const char *side, const char *phase);
bool move_has_ended(const struct move *m, int64_t number);
/* The same hand-over, as far as it had come. */
bool move_same(const struct move *a, const struct move *b);
/* A new one takes the place of what is on record, which is over thereby. */
void move_begin(struct move *m, int64_t number);
/* The hand-over on record is over; what is remembered for good stays. */
void move_end(struct move *m);

MUST_CHECK bool move_load(const char *state_dir, const struct uuid *instance,
			  struct move *ret, struct err *e); /* none: all zero */
MUST_CHECK bool move_save(const char *state_dir, const struct move *m, struct err *e);
/* Calls back with each instance that has a hand-over on record. */
MUST_CHECK bool move_each(const char *state_dir,
			  void (*each)(void *ctx, const struct uuid *instance), void *ctx,
			  struct err *e);

/* The sealed secret as it came with the hand-over, until the copy with its lease is kept. */
MUST_CHECK bool move_keep_jwe(const char *state_dir, const struct uuid *instance,
			      const struct buf *jwe, struct err *e);
MUST_CHECK bool move_take_jwe(const char *state_dir, const struct uuid *instance,
			      struct buf *ret, bool *ret_found, struct err *e);
MUST_CHECK bool move_drop_jwe(const char *state_dir, const struct uuid *instance,
			      struct err *e);

#endif
