/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusals - repeats of one refusal become one row with a count.
 *
 * Alike:   same credential, address, verb, target, instance and reason within 60 s. The first is
 *          a row of its own at once; what follows is counted, and is one row when the window
 *          ends, when the table needs the place, or at the stop.
 * Bound:   beyond REFUSALS_OF_ONE of one identity in that time, its others are alike whatever they
 *          are about: they become one row without instance and address, its target "*".
 * Owns:    a fixed table; what is only counted is lost if the process dies before.
 * Threads: any; one lock.
 */
#ifndef BROKER_DISPATCH_REFUSALS_H
#define BROKER_DISPATCH_REFUSALS_H

#include "broker/store/change.h"

enum { REFUSALS_OF_ONE = 128 };

struct refusals;

MUST_CHECK bool refusals_new(struct refusals **ret, struct err *e);
void refusals_free(struct refusals *r);
/* True: counted, nothing to write. False: write *a, which may have lost what it was about, and
 * *ret_ended too when its count is > 0. */
MUST_CHECK bool refusals_counts(struct refusals *r, struct audit_record *a,
				int64_t monotonic_us, struct audit_record *ret_ended);
/* One row whose window has ended (or any with a count, if `all`); false: no more. */
MUST_CHECK bool refusals_ended(struct refusals *r, int64_t monotonic_us, bool all,
			       struct audit_record *ret);
DEFINE_DROP(refusals)

#endif
