/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover_moves - the one table of a hand-over's states and what leads from one to the next.
 *
 * Form:    X(modes, state, word, next); the modes are masks of handover.c. What is not here is
 *          refused. A row that leads to its own state is a repeat, or a word only recorded.
 * Rule:    change it only with a model that still holds (tests/model).
 */
#ifndef POLICY_HANDOVER_MOVES_H
#define POLICY_HANDOVER_MOVES_H

#include "common/err.h"

/* clang-format off */
#define HANDOVER_MOVES(X) \
	X(ANY,    PREPARED,  OFFER,       OFFERED) \
	X(ANY,    PREPARED,  ABORT,       ABORTED) \
	X(ANY,    PREPARED,  NEVER_LEFT,  ABORTED) \
	X(ANY,    PREPARED,  KEEP,        ABORTED) \
	X(ANY,    PREPARED,  START,       ABORTED) \
	X(ANY,    OFFERED,   OFFER,       OFFERED) \
	X(ANY,    OFFERED,   CLAIM,       CLAIMED) \
	X(ANY,    OFFERED,   ABORT,       ABORTED) \
	X(ANY,    OFFERED,   NEVER_LEFT,  ABORTED) \
	X(ANY,    OFFERED,   KEEP,        ABORTED) \
	X(ANY,    OFFERED,   START,       ABORTED) \
	X(ANY,    CLAIMED,   CLAIM,       CLAIMED) \
	X(LIVE,   CLAIMED,   GONE,        COMMITTED) \
	X(ONLY_PLAIN,  CLAIMED, RUNNING,  COMMITTED) \
	X(ONLY_COLD,   CLAIMED, STORED,   COMMITTED) \
	X(ANY,    CLAIMED,   NEVER_LEFT,  ABORTED) \
	X(ONLY_PLAIN,  CLAIMED, KEEP,     ABORTING) \
	X(ONLY_STRICT, CLAIMED, KEEP,     ABORTED) \
	X(ANY,    CLAIMED,   ABORT,       ABORTING) \
	X(ANY,    CLAIMED,   ERASED,      ABORTED) \
	X(ANY,    CLAIMED,   CANNOT_SAY,  ABORTING) \
	X(LIVE,   ABORTING,  GONE,        COMMITTED) \
	X(ONLY_PLAIN,  ABORTING, RUNNING, COMMITTED) \
	X(ONLY_COLD,   ABORTING, STORED,  COMMITTED) \
	X(ANY,    ABORTING,  NEVER_LEFT,  ABORTED) \
	X(ONLY_PLAIN,  ABORTING, KEEP,    ABORTING) \
	X(ONLY_STRICT, ABORTING, KEEP,    ABORTED) \
	X(ONLY_COLD,   ABORTING, KEEP,    ABORTING) \
	X(ANY,    ABORTING,  ABORT,       ABORTING) \
	X(ANY,    ABORTING,  ERASED,      ABORTED) \
	X(ANY,    ABORTING,  CANNOT_SAY,  ABORTING) \
	X(ANY,    ABORTING,  RUNS_ON_SOURCE,      ABORTED) \
	X(ANY,    ABORTING,  RUNS_ON_DESTINATION, COMMITTED) \
	X(LIVE,   COMMITTED, GONE,        COMMITTED) \
	X(LIVE,   COMMITTED, RUNNING,     COMMITTED) \
	X(ONLY_COLD,   COMMITTED, STORED, COMMITTED) \
	X(ANY,    COMMITTED, WIPED,       CLOSED) \
	X(ANY,    COMMITTED, RUNS_ON_DESTINATION, COMMITTED) \
	X(ANY,    CLOSED,    WIPED,       CLOSED) \
	X(LIVE,   CLOSED,    GONE,        CLOSED) \
	X(LIVE,   CLOSED,    RUNNING,     CLOSED) \
	X(ANY,    ABORTED,   ABORT,       ABORTED) \
	X(ANY,    ABORTED,   ERASED,      ABORTED) \
	X(ANY,    ABORTED,   CANNOT_SAY,  ABORTED) \
	X(ANY,    ABORTED,   KEEP,        ABORTED) \
	X(ANY,    ABORTED,   NEVER_LEFT,  ABORTED) \
	X(ANY,    ABORTED,   RUNS_ON_SOURCE, ABORTED)
/* clang-format on */

#endif
