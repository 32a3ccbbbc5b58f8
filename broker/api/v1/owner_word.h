/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owner_word - what permits and grants have in common: both are rows of the owner's word for an
 *              instance; a permit has the epoch of its placement, a grant has none.
 *
 * Gives:   the list of one kind, a row found by its path, the fields that it has from the
 *          instance, and the row withdrawn.
 * Refuses: a row of the other kind or of another instance as one that is not there.
 * Threads: no state; x is the worker's.
 */
#ifndef BROKER_API_V1_OWNER_WORD_H
#define BROKER_API_V1_OWNER_WORD_H

#include "broker/api/api.h"
#include "broker/store/queries.h"

struct owner_word_kind {
	const char *noun;
	bool is_grant;
	bool (*list)(struct reader *r, const struct uuid *instance, struct page p,
		     each_permit *each, void *ctx, struct err *e);
	bool (*write)(struct reader *r, struct json_writer *w, const struct permit_row *p,
		      int64_t now_us, struct err *e);
};

/* The whole of GET /v1/instances/{uuid}/NOUNs. */
MUST_CHECK bool owner_word_list(struct api *api, struct exchange *x,
				const struct owner_word_kind *kind, struct err *e);
MUST_CHECK bool owner_word_read(struct exchange *x, const struct owner_word_kind *kind,
				const struct uuid *instance, const struct uuid *id,
				struct permit_row *ret, struct err *e);
/* Fills in whose and what for; hosts are key hashes. */
MUST_CHECK bool owner_word_fill(struct permit_row *p, const struct owner_word_kind *kind,
				const struct instance_row *of, const char *purpose,
				const char *hosts, struct err *e);
/* Writes the row, on which a release would rest. */
void owner_word_withdraw(struct exchange *x, const struct instance_row *of,
			 struct permit_row *p);

#endif
