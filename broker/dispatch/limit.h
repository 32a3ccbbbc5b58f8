/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit - how often one address may fail to say who it is: token buckets in a fixed table.
 *
 * Gives:   limit_takes: true while the address has credit; LIMIT_BURST at first, then
 *          LIMIT_PER_S each second. An IPv6 address counts by its first 64 bits.
 * Refuses: to grow. Where the table is full the bucket unused for longest starts anew.
 * Knows:   only failures are counted, so a valid credential is never turned away by others.
 * Threads: any; one lock.
 */
#ifndef BROKER_DISPATCH_LIMIT_H
#define BROKER_DISPATCH_LIMIT_H

#include "common/err.h"

enum { LIMIT_BURST = 200, LIMIT_PER_S = 20 };

struct limit;

MUST_CHECK bool limit_new(struct limit **ret, struct err *e);
void limit_free(struct limit *l);
MUST_CHECK bool limit_takes(struct limit *l, const char *address, int64_t monotonic_us);
DEFINE_DROP(limit)

#endif
