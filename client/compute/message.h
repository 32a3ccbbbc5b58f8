/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message - what the programs of a host ask their agent, and what it answers.
 *
 * Request: {"op", "instance", "secret", "name", "purpose", "attempt", "has_state", "host",
 *          "mode", "number", "state"}.
 * Answer:  {"ok":true, ...} or {"ok":false, "code", "detail"}; the codes are the product's.
 * Refuses: unknown names, wrong types, as the broker does with its bodies.
 * Threads: no state.
 */
#ifndef CLIENT_COMPUTE_MESSAGE_H
#define CLIENT_COMPUTE_MESSAGE_H

#include "client/compute/socket.h"
#include "client/compute/tpm_state.h"
#include "common/json.h"

struct request {
	char op[16];
	struct uuid instance;
	struct uuid secret; /* libvirt's, as the domain names it; or unset */
	char name[256];     /* of the domain, or "" */
	char purpose[16];   /* "" leaves it to the agent */
	struct uuid attempt;
	bool has_state;                /* `run` found a TPM state */
	char state[TPM_STATE_ID_TEXT]; /* and which, as tpm_state_id_text writes it */
	char host[64];  /* where a guest is to move, as the broker names it */
	char mode[16];  /* of a hand-over */
	int64_t number; /* of a hand-over, or 0 */
};

void request_write(const struct request *r, struct buf *ret);
MUST_CHECK bool request_read(const struct buf *line, struct request *ret, struct err *e);

void answer_refusal(const struct err *why, struct buf *ret);
/* Sends the request; true with *ret parsed when the agent says ok. wait_ms: in all. */
MUST_CHECK bool request_ask(const char *socket, const struct request *r, int64_t wait_ms,
			    struct json **ret, struct descriptors *ret_fds,
			    struct err *e);

/* What to do next, in which `instance` (may be NULL) stands for "ID"; or nothing. */
void refusal_next(const struct err *e, const char *instance, struct buf *ret);
/* One line for a person: "vtpm-client: <what>; <next>". */
void refusal_text(const struct err *e, const char *instance, struct buf *ret);

#endif
