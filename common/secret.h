/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret - bytes that must never be seen, copied or swapped by accident.
 *
 * Owns:    the only copy, in locked, non-dumpable pages taken from a slab.
 * Gives:   secret_new, secret_fill, secret_view (borrowed, read-only), secret_equal.
 * Wipes:   on secret_free, on every path, because owners use OWNED(secret).
 * Refuses: length 0 or above SECRET_MAX; reads as zeroes in a forked child.
 * Knows:   nothing of SQL, JSON or HTTP.
 * Threads: a secret belongs to one thread at a time; the slab has its own lock.
 */
#ifndef COMMON_SECRET_H
#define COMMON_SECRET_H

#include "common/err.h"

enum { SECRET_MAX = 20000 };

struct secret; /* opaque: no copy, no sizeof, no %s */

/* Locks the slab's pages (mlock, MADV_DONTDUMP, MADV_WIPEONFORK) and turns core dumps of this
 * process off (prctl(2) PR_SET_DUMPABLE) - once, before the first secret. ERR_NO_MEMORY_LOCK
 * names RLIMIT_MEMLOCK. Idempotent. */
MUST_CHECK bool secret_slab_open(size_t bytes, struct err *e);

MUST_CHECK bool secret_new(size_t len, struct secret **ret, struct err *e); /* zeroed */
MUST_CHECK bool secret_from(struct view bytes, struct secret **ret,
			    struct err *e); /* copies */
void secret_free(struct secret *s);         /* NULL is fine */
/* Borrowed, read-only. tests/lint holds the short list of files that may call these two. */
struct view secret_view(const struct secret *s);
uint8_t *secret_fill(
	struct secret *s); /* to write the bytes in, right after secret_new */
size_t secret_len(const struct secret *s);
MUST_CHECK bool secret_truncate(struct secret *s, size_t len); /* wipes the tail */
MUST_CHECK bool secret_equal(const struct secret *a,
			     const struct secret *b); /* constant time */
DEFINE_DROP(secret)

#endif
