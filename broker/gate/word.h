/* SPDX-License-Identifier: Apache-2.0 */
/*
 * word - which of the owner's permits and grants counts for one question.
 *
 * Gives:   word_find: of those that were not withdrawn, a usable one, the narrowest first (a
 *          permit, a grant by count, a standing grant; of equals the one that ends first);
 *          where none is usable, the one whose refusal tells most.
 * Refuses: what is for another host, placement, owner or time, and what was used up. A grant
 *          deleted since it was used does not let the same attempt be answered again.
 * Knows:   the verdict's rows that were read before: instance, placement, host, release.
 * Threads: a reader is its worker's.
 */
#ifndef BROKER_GATE_WORD_H
#define BROKER_GATE_WORD_H

#include "broker/gate/gate.h"

/* Sets v->permit and v->ask.permit. */
MUST_CHECK bool word_find(struct reader *r, struct verdict *v, struct err *e);

#endif
