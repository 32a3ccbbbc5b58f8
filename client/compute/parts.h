/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts - the sealed TPM state of a cold move, on its way through the broker.
 *
 * Form:    one sealed text, cut into parts of HANDOVER_PART bytes, the last one fewer.
 * Answer:  as in broker.h: *ret_answered false means that nothing was decided.
 * Threads: any; each call may be repeated.
 */
#ifndef CLIENT_COMPUTE_PARTS_H
#define CLIENT_COMPUTE_PARTS_H

#include "client/compute/broker.h"

enum { HANDOVER_PART = 16 * 1024, HANDOVER_PARTS = 32 };
struct part {
	struct uuid instance;
	int64_t number, part; /* from 0 */
};
MUST_CHECK bool broker_put_part(struct broker *b, const struct part *p, struct view bytes,
				bool *ret_answered, struct err *e);
/* Appends it to ret; as the destination. */
MUST_CHECK bool broker_get_part(struct broker *b, const struct part *p, struct buf *ret,
				bool *ret_answered, struct err *e);

#endif
