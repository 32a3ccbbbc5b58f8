/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handovers - what this host asks and tells the broker about guests on the move.
 *
 * Gives:   a hand-over and an ask as the broker shows them, and the calls that move them on.
 * Answer:  as in broker.h: *ret_answered false means that nothing was decided.
 * Threads: any; each call may be repeated.
 */
#ifndef CLIENT_COMPUTE_HANDOVERS_H
#define CLIENT_COMPUTE_HANDOVERS_H

#include "client/compute/broker.h"

enum { NONCE_SIZE = 64, ASK_TEXT = 256, STATEMENT_MAX = 4096 };

struct handover {
	struct uuid instance;
	int64_t number;
	char mode[16], state[16];
	char source[PKI_HASH_HEX], destination[PKI_HASH_HEX]; /* fingerprints */
	char source_name[64], destination_name[64];
	int64_t epoch, version; /* of the placement and the secret when it was prepared */
	char security[16];
	struct uuid secret;
	char source_said[16], destination_said[16];
	bool ran_there, may_wipe, alarm;
};
bool handover_is(const struct handover *h, const char *state);

/* What a destination asks of a source. */
struct inquiry {
	struct uuid instance, secret, attempt;
	int64_t number; /* of the hand-over that names this destination; 0: none does */
	char mode[16];  /* of that one, or "" */
	char nonce[NONCE_SIZE];
	char statement[STATEMENT_MAX]; /* signed by the destination */
	char destination[PKI_HASH_HEX], destination_name[64], address[64];
	char security[16];
	int64_t version, epoch;
};

/* As the source, or whoever acts on it. attempt may be unset. */
struct prepare {
	struct uuid instance, attempt;
	const char *destination; /* its name */
	const char *mode;
};
MUST_CHECK bool broker_prepare(struct broker *b, const struct prepare *p,
			       struct handover *ret, bool *ret_answered, struct err *e);
struct offer {
	struct uuid instance, attempt;
	int64_t number, parts; /* parts: of a cold move's state */
	const char *jwe;       /* NULL: the broker seals */
};
MUST_CHECK bool broker_offer(struct broker *b, const struct offer *o, bool *ret_answered,
			     struct err *e);
struct inquiry_refusal { /* the consent is an offer */
	struct uuid instance, attempt;
	const char *destination; /* fingerprint */
	const char *text;        /* why not */
};
MUST_CHECK bool broker_refuse_ask(struct broker *b, const struct inquiry_refusal *a,
				  bool *ret_answered, struct err *e);

/* As the destination. */
struct inquiry_state {
	char answer[16]; /* waiting, consented or refused */
	char text[ASK_TEXT];
	struct handover handover; /* consented: which was offered */
};
struct asking {
	struct uuid instance, secret, attempt;
	const char *purpose, *nonce, *statement;
	int total_ms;
};
MUST_CHECK bool broker_ask_source(struct broker *b, const struct asking *a,
				  struct inquiry_state *ret, bool *ret_answered,
				  struct err *e);
MUST_CHECK bool broker_await_source(struct broker *b, const struct asking *a,
				    struct inquiry_state *ret, bool *ret_answered,
				    struct err *e);
struct claim {
	bool relayed; /* sealed by the source, not by the broker */
	int64_t parts;
	struct broker_release release; /* owned */
};
void claim_done(struct claim *c); /* for CLEANUP(claim_done) */
MUST_CHECK bool broker_claim(struct broker *b, const struct asking *a, int64_t number,
			     struct claim *ret, bool *ret_answered, struct err *e);

/* As either. */
struct say {
	struct uuid instance;
	int64_t number;
	const char *word; /* borrowed */
};
MUST_CHECK bool broker_say(struct broker *b, const struct say *s, struct handover *ret,
			   bool *ret_answered, struct err *e);
/* word NULL, or "absent": as the source, which has nothing of the guest running. */
MUST_CHECK bool broker_abort(struct broker *b, const struct say *s, struct handover *ret,
			     bool *ret_answered, struct err *e);
MUST_CHECK bool broker_handover(struct broker *b, const struct uuid *instance,
				int64_t number, struct handover *ret, bool *ret_answered,
				struct err *e);

/* As the broker writes them, for news.h. */
struct json;
MUST_CHECK bool handover_read(const struct json *tree, struct handover *ret,
			      struct err *e);
MUST_CHECK bool inquiry_read(const struct json *tree, struct inquiry *ret, struct err *e);

#endif
