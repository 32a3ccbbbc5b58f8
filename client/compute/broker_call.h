/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker_call - one request to the broker and its JSON answer, for the files that make them.
 *
 * Answer:  as broker.h says of *ret_answered.
 * Threads: any.
 */
#ifndef CLIENT_COMPUTE_BROKER_CALL_H
#define CLIENT_COMPUTE_BROKER_CALL_H

#include "client/compute/broker.h"
#include "common/json.h"

#include <stdatomic.h>

struct broker_call {
	const char *method;
	char path[160];
	struct buf body;               /* owned; empty for none */
	const struct secret *octets;   /* borrowed: instead of a body */
	int total_ms;                  /* 0: as usual */
	const atomic_bool *called_off; /* borrowed, or NULL */
};
void broker_call_done(struct broker_call *c); /* for CLEANUP(broker_call_done) */

MUST_CHECK bool broker_call_json(struct broker *b, const struct broker_call *c,
				 struct json **ret, bool *ret_answered, struct err *e);

/* The same where the answer is octets. */
MUST_CHECK bool broker_call_only(struct broker *b, const struct broker_call *c,
				 bool *ret_answered, struct err *e);
MUST_CHECK bool broker_call_octets(struct broker *b, const struct broker_call *c,
				   struct secret **ret, bool *ret_answered,
				   struct err *e);
/* The answer to a release or a claim. */
MUST_CHECK bool broker_release_read(const struct json *tree, struct broker_release *ret,
				    struct err *e);

#endif
