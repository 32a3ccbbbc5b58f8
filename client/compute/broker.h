/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker - what this host asks vtpm-brokerd, on its own mutually authenticated connections.
 *
 * Owns:    a small pool of kept-open connections, so that one slow answer holds up no other.
 * Gives:   each call of the API that a host makes, with its answer parsed.
 * Answer:  *ret_answered false means that the broker did not decide (no answer, or one that says
 *          "later": 429, 503, 507); true with a failure is a refusal, and final.
 * Threads: any.
 */
#ifndef CLIENT_COMPUTE_BROKER_H
#define CLIENT_COMPUTE_BROKER_H

#include "client/compute/identity.h"
#include "common/uuid.h"

struct broker;

MUST_CHECK bool broker_open(const struct config *c, const struct identity *id,
			    struct broker **ret, struct err *e);
void broker_free(struct broker *b);
/* Connections made from now on use the certificate that is in the file now. */
void broker_renewed(struct broker *b);
/* When the broker last answered, in monotonic microseconds; 0: never. */
int64_t broker_last_answer_us(struct broker *b);

struct broker_ask {
	struct uuid instance;
	struct uuid attempt;
	struct uuid secret; /* as the domain names it, or unset */
	const char *nonce;
	const char *purpose;
	int64_t holds_copy; /* a version, or 0 */
	int total_ms;       /* for its answer */
};

struct broker_release {
	bool use_copy; /* else jwe holds the sealed secret */
	struct uuid secret;
	int64_t version, epoch;
	int64_t number; /* of the newest hand-over: what is not newer has ended here */
	char security[16];
	char state_before[16];
	bool redelivered;
	struct buf jwe;   /* owned */
	struct buf lease; /* owned; empty: no copy may be kept */
};
void broker_release_done(struct broker_release *r);

MUST_CHECK bool broker_release(struct broker *b, const struct broker_ask *ask,
			       struct broker_release *ret, bool *ret_answered,
			       struct err *e);
struct broker_held {
	struct uuid instance;
	int64_t version, epoch; /* of the copy */
};
MUST_CHECK bool broker_lease(struct broker *b, const struct broker_held *copy,
			     struct buf *ret_jws, bool *ret_answered, struct err *e);
/* *ret: none, possible or expected. ERR_NOT_FOUND, answered: it is not placed here. */
MUST_CHECK bool broker_state_of(struct broker *b, const struct uuid *instance,
				int total_ms, char ret[16], bool *ret_answered,
				struct err *e);
MUST_CHECK bool broker_report(struct broker *b, const struct buf *body, int total_ms,
			      int64_t *ret_seq, bool *ret_answered, struct err *e);
MUST_CHECK bool broker_renew(struct broker *b, const char *csr, struct buf *ret_pem,
			     struct err *e);
/* Each instance that is placed here, 100,000 at most. True only when that was all of them: false
 * also when `each` wants no more. */
MUST_CHECK bool broker_each_placed(struct broker *b,
				   bool (*each)(void *ctx, const struct uuid *instance),
				   void *ctx, struct err *e);
/* *ret: pending, approved, draining, fenced or revoked. */
MUST_CHECK bool broker_host_state(struct broker *b, char ret[16], struct err *e);
DEFINE_DROP(broker)

#endif
