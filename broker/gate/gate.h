/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate - collects the facts of one question as rows of one moment, and asks the policy.
 *
 * Owns:    nothing beyond a call; a struct verdict is the caller's plain memory.
 * Gives:   who may see or own an instance, what a token's scope reaches, gate_decides (rows
 *          and reason), gate_guard (the change dies when one of the rows moves), gate_open.
 * Refuses: as the policy says; gate_open opens nothing for a verdict that does not allow.
 *          Whoever may not know of an instance gets the same ERR_NOT_FOUND as for none.
 * Knows:   no HTTP, no SQL, no rule of its own about secrets: those are policy's.
 * Threads: a struct gate is shared and does not change; a reader is its worker's.
 */
#ifndef BROKER_GATE_GATE_H
#define BROKER_GATE_GATE_H

#include "broker/exchange.h"
#include "broker/store/moves.h"
#include "policy/handover.h"
#include "policy/policy.h"

struct vault;
struct gate;

enum { GATE_PROTOCOL = 1 }; /* a host's client must speak at least this */
#define GATE_REDELIVERY_US \
	(600 * US_PER_S) /* a lost reply may be asked for again so long */
#define GATE_STANDING_US \
	(60 * US_PER_S)               /* how often a standing grant's use is recorded */
#define GATE_SKEW_US (120 * US_PER_S) /* of clocks, where a statement is carried */

MUST_CHECK bool gate_new(const struct clock *clock, struct vault *vault,
			 struct gate **ret, struct err *e); /* both borrowed */
void gate_free(struct gate *g);
DEFINE_DROP(gate)

/* Sight and ownership. */
bool gate_reaches_project(const struct token_row *t, const char *issuer,
			  const char *project);
bool gate_reaches_host(const struct token_row *t, const char *host_name);
bool gate_is_owner(const struct principal *who, const struct instance_row *i);
bool gate_sees(const struct principal *who, const struct instance_row *i,
	       const struct placement_row *p); /* p matters to hosts alone */
/* Permits and grants: for the owner, and those who watch over the whole. ERR_FORBIDDEN. */
MUST_CHECK bool gate_sees_words(const struct principal *who, const struct instance_row *i,
				struct err *e);
/* Reads an instance that the asker may see; any other is ERR_NOT_FOUND. */
MUST_CHECK bool gate_instance(struct reader *r, const struct principal *who,
			      const struct uuid *id, struct instance_row *ret,
			      struct err *e);
/* The same, and it must be the asker's own: ERR_FORBIDDEN. */
MUST_CHECK bool gate_own_instance(struct reader *r, const struct principal *who,
				  const struct uuid *id, struct instance_row *ret,
				  struct err *e);
bool gate_lines_hold(const char *lines, const char *name); /* one line is name, or "*" */

/* One question: may `who` have this instance's secret, for this purpose? */
struct question {
	struct uuid instance;
	enum purpose purpose;
	struct uuid attempt; /* of a release; unset: explain and read-back */
	struct uuid secret;  /* that the domain names; unset: none */
	int64_t holds_copy; /* the version of the copy that the host says it has; 0: none */
	int64_t handover; /* the number of the one that is claimed; 0: this is no claim */
	bool moves;       /* suppose that one is offered to this host */
};

/* The answer and the rows it rests on; a row that was not looked at has generation 0. */
struct verdict {
	struct question question;
	struct ask ask;
	enum reason reason;
	int64_t now_us;
	bool redelivered; /* this attempt was released before, and that still counts */
	struct instance_row instance;
	struct placement_row placement;
	struct version_row version;
	struct project_key_row project; /* opens that version */
	struct host_row host;
	struct permit_row permit; /* the permit or grant that counts, or tells why not */
	struct release_row release;   /* of this very attempt */
	struct copy_row copy;         /* of this host */
	struct handover_row handover; /* the instance's, while one is open */
};

/* False only when the facts cannot be had; a refusal is in ret->reason (see gate_allows). */
MUST_CHECK bool gate_decides(const struct gate *g, struct reader *r,
			     const struct principal *who, const struct question *q,
			     struct verdict *ret, struct err *e);
/* As if this host asked, and held the copy that it should hold. */
MUST_CHECK bool gate_supposes(const struct gate *g, struct reader *r,
			      const struct host_row *host, const struct question *q,
			      struct verdict *ret, struct err *e);
/* False and the error that the peer is told, unless the verdict allows. */
MUST_CHECK bool gate_allows(const struct verdict *v, struct err *e);
/* A hand-over is claimed or aborting: nobody may start, resume or place the guest. */
bool gate_is_held(const struct verdict *v);
/* True where the release rests on a permit or grant, v->permit, and no earlier one did. */
bool gate_uses_word(const struct verdict *v);
/* True where that row changes with it: *ret is the row as it is after `attempt`, to be put in the
 * same change. A standing grant is not used up, it records at times who rested on it. */
bool gate_burns(const struct verdict *v, const struct uuid *attempt,
		struct permit_row *ret);
/* Guards every row of the verdict, but for the tables (BIT(TABLE_x)) that the caller puts. */
void gate_guard(const struct verdict *v, struct change *c, unsigned puts);
/* The value, for a verdict that allows. */
MUST_CHECK bool gate_open(const struct gate *g, const struct verdict *v,
			  struct secret **ret, struct err *e);

#endif
