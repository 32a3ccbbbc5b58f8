/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover - one planned move of a guest from one host to another, as a table of states.
 *
 * States:  prepared, offered, claimed, then committed and closed, or aborted; a hand-over that
 *          was claimed is aborted by way of aborting, because a guest may run on either side.
 * Words:   what a host, an operator or the broker itself says of it. A host says only what it
 *          has seen; who may say which word is in handover_speaker.
 * Modes:   plain: libvirt resumes the guest on the destination by itself. strict: the guest
 *          arrives paused, and only the committed hand-over lets it run. cold: the guest is
 *          off, and its TPM's state is carried.
 * Gives:   handover_weigh: facts and a word -> what comes of it.
 * Refuses: a word that the table does not have in that state and mode.
 * Model:   tests/model is generated from HANDOVER_MOVES, so that both say the same.
 * Threads: pure.
 */
#ifndef POLICY_HANDOVER_H
#define POLICY_HANDOVER_H

#include "policy/handover_moves.h"

#define HANDOVER_STATES(X)                                                          \
	X(PREPARED, "prepared")   /* named and checked; nothing has moved */        \
	X(OFFERED, "offered")     /* the source has consented to one ask */         \
	X(CLAIMED, "claimed")     /* the destination has the key, or may have it */ \
	X(ABORTING, "aborting")   /* called off; who runs the guest is not known */ \
	X(COMMITTED, "committed") /* the guest is the destination's */              \
	X(ABORTED, "aborted")     /* the guest is the source's */                   \
	X(CLOSED, "closed")       /* committed, and the source has nothing left to wipe */

#define HANDOVER_MODES(X) X(PLAIN, "plain") X(STRICT, "strict") X(COLD, "cold")

#define HANDOVER_WORDS(X)                                                                \
	X(OFFER, "offer", SOURCE)      /* consents to the destination's ask */           \
	X(CLAIM, "claim", DESTINATION) /* takes the key */                               \
	X(GONE, "gone", SOURCE)        /* STOPPED/migrated was seen, nothing runs */     \
	X(NEVER_LEFT, "never_left", SOURCE) /* runs, was not suspended, job over */      \
	X(KEEP, "keep", SOURCE)             /* here and suspended, job over */           \
	X(RUNNING, "running", DESTINATION)  /* RESUMED/migrated was seen, and it runs */ \
	X(STORED, "stored", DESTINATION)    /* cold: the TPM's state is on disk */       \
	X(ERASED, "erased", DESTINATION)    /* never ran, destroyed, n is dead here */   \
	X(CANNOT_SAY, "cannot_say", DESTINATION) /* it may have run; state is kept */    \
	X(WIPED, "wiped", SOURCE)                /* copy and stale state are gone */     \
	X(ABORT, "abort", ANYBODY)                                                       \
	X(START, "start", SOURCE) /* a start of the guest where it is placed */          \
	X(RUNS_ON_SOURCE, "runs_on_source", OPERATOR)                                    \
	X(RUNS_ON_DESTINATION, "runs_on_destination", OPERATOR)

#define HANDOVER_ENUM(name, text, ...) HANDOVER_##name,
enum handover_state { HANDOVER_STATES(HANDOVER_ENUM) HANDOVER_STATE_COUNT };
enum handover_mode { HANDOVER_MODES(HANDOVER_ENUM) HANDOVER_MODE_COUNT };
#undef HANDOVER_ENUM
#define HANDOVER_ENUM(name, text, who) HANDOVER_SAYS_##name,
enum handover_word { HANDOVER_WORDS(HANDOVER_ENUM) HANDOVER_WORD_COUNT };
#undef HANDOVER_ENUM

enum handover_speaker {
	HANDOVER_SOURCE,
	HANDOVER_DESTINATION,
	HANDOVER_OPERATOR, /* a person who may decide what no host can tell */
	HANDOVER_ANYBODY   /* source, destination, operator or orchestrator */
};

const char *handover_state_name(enum handover_state s);
const char *handover_mode_name(enum handover_mode m);
const char *handover_word_name(enum handover_word w);
enum handover_speaker handover_speaker_of(enum handover_word w);
bool handover_state_parse(const char *text, enum handover_state *ret);
bool handover_mode_parse(const char *text, enum handover_mode *ret);
bool handover_word_parse(const char *text, enum handover_word *ret);

/* Nobody may start, resume or place the guest meanwhile. */
bool handover_holds(enum handover_state s);   /* claimed, aborting */
bool handover_is_open(enum handover_state s); /* holds, prepared, offered */

/* The facts that a word is weighed against. */
struct handover_facts {
	enum handover_mode mode;
	enum handover_state state;
	bool source_has_it; /* the source said keep or never_left, or that nothing runs there */
	bool destination_unsure; /* the destination said cannot_say */
	bool source_is_off;      /* fenced, and the operator says that it is off */
	bool destination_is_off; /* likewise */
	bool ran_at_destination; /* it claimed, or started the guest since */
	bool placed_at_source;   /* placed back there since */
};

enum handover_outcome {
	HANDOVER_MOVES_ON,   /* *ret_next is the new state, or the same again */
	HANDOVER_NOT_NOW,    /* the word does not fit the state or the mode */
	HANDOVER_NOT_FENCED, /* the other host must be fenced and off first */
	HANDOVER_NOT_TOLD,   /* a host must first have said what it has */
	HANDOVER_NOT_PROVEN  /* it is not proven that the destination ran the guest */
};

enum handover_outcome handover_weigh(const struct handover_facts *f,
				     enum handover_word word,
				     enum handover_state *ret_next);

/* Both say that the guest is theirs: nobody's word is lost, somebody must look. */
bool handover_is_alarm(enum handover_state s, enum handover_word w);

#endif
