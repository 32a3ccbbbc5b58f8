/* SPDX-License-Identifier: Apache-2.0 */
#include "common/secret.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { GRANULE = 64, CHUNK_BYTES = 256 * 1024 };

/* Locked pages between two guard pages, handed out in runs of granules. */
struct chunk {
	uint8_t *at;   /* owned: the mapping without its guards */
	uint8_t *used; /* owned: one byte per granule */
	size_t granules;
	size_t next_try;
	struct chunk *older; /* owned */
};

struct secret {
	uint8_t *at; /* borrowed from the chunk until freed */
	size_t len;
	size_t granules;
	struct chunk *in; /* borrowed; chunks live as long as the process */
};

/* The one thing of the process that cannot be an argument: pages are locked per process. */
static struct {
	pthread_mutex_t lock;
	struct chunk *chunks;
} slab = { .lock = PTHREAD_MUTEX_INITIALIZER };

static size_t round_up(size_t n, size_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* mlock2 rather than mlock, which does nothing under a sanitizer. */
static bool lock_pages(uint8_t *at, size_t len, struct err *e)
{
	if (mlock2(at, len, 0) != 0)
		return err_errno(
			e, ERR_NO_MEMORY_LOCK,
			"cannot lock %zu KiB for secrets: RLIMIT_MEMLOCK is too low",
			len / 1024);
	if (madvise(at, len, MADV_DONTDUMP) != 0 ||
	    madvise(at, len, MADV_WIPEONFORK) != 0)
		return err_errno(e, ERR_NO_MEMORY_LOCK,
				 "cannot hide the memory of secrets");
	return true;
}

static bool map_chunk(size_t len, uint8_t **ret, struct err *e)
{
	size_t guard = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *all = mmap(NULL, len + 2 * guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (all == MAP_FAILED)
		return err_errno(e, ERR_NO_MEMORY, "mmap of %zu bytes", len);
	if (mprotect(all + guard, len, PROT_READ | PROT_WRITE) != 0)
		err_errno(e, ERR_NO_MEMORY, "mprotect");
	else if (lock_pages(all + guard, len, e)) {
		*ret = all + guard;
		return true;
	}
	munmap(all, len + 2 * guard);
	return false;
}

/* Under the lock. */
static bool add_chunk(size_t bytes, struct err *e)
{
	size_t len = round_up(bytes, (size_t)sysconf(_SC_PAGESIZE));
	struct chunk *c = calloc(1, sizeof(*c));
	uint8_t *used = calloc(len / GRANULE, 1);

	if (c && used && map_chunk(len, &c->at, e)) {
		c->used = used;
		c->granules = len / GRANULE;
		c->older = slab.chunks;
		slab.chunks = c;
		return true;
	}
	if (!c || !used)
		err_set(e, ERR_NO_MEMORY, "no memory for the list of secrets");
	free(used);
	free(c);
	return false;
}

/* Under the lock; the first chunk also turns this process's core dumps off. */
static bool open_slab(size_t bytes, struct err *e)
{
	if (slab.chunks)
		return true;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_errno(e, ERR_INTERNAL, "cannot turn core dumps off");
	return add_chunk(bytes < CHUNK_BYTES ? CHUNK_BYTES : bytes, e);
}

bool secret_slab_open(size_t bytes, struct err *e)
{
	bool ok;

	pthread_mutex_lock(&slab.lock);
	ok = open_slab(bytes, e);
	pthread_mutex_unlock(&slab.lock);
	return ok;
}

static bool find_run(const struct chunk *c, size_t from, size_t want, size_t *ret)
{
	size_t run = 0;

	for (size_t i = from; i < c->granules; i++) {
		run = c->used[i] ? 0 : run + 1;
		if (run == want) {
			*ret = i + 1 - want;
			return true;
		}
	}
	return false;
}

/* Under the lock. */
static bool take_run(size_t want, struct chunk **ret, size_t *ret_first)
{
	for (struct chunk *c = slab.chunks; c; c = c->older) {
		if (!find_run(c, c->next_try, want, ret_first) &&
		    !find_run(c, 0, want, ret_first))
			continue;
		memset(c->used + *ret_first, 1, want);
		c->next_try = *ret_first + want;
		*ret = c;
		return true;
	}
	return false;
}

static bool take_granules(struct secret *s, struct err *e)
{
	size_t first = 0;
	bool ok;

	pthread_mutex_lock(&slab.lock);
	ok = open_slab(CHUNK_BYTES, e);
	if (ok && !take_run(s->granules, &s->in, &first))
		ok = add_chunk(CHUNK_BYTES, e) && take_run(s->granules, &s->in, &first);
	pthread_mutex_unlock(&slab.lock);
	if (ok)
		s->at = s->in->at + first * GRANULE;
	return ok;
}

bool secret_new(size_t len, struct secret **ret, struct err *e)
{
	struct secret *s;

	if (len == 0 || len > SECRET_MAX)
		return err_set(e, ERR_BAD_SECRET_LENGTH, "a secret has 1 to %d bytes",
			       SECRET_MAX);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ERR_NO_MEMORY, "no memory for a secret");
	s->len = len;
	s->granules = round_up(len, GRANULE) / GRANULE;
	if (!take_granules(s, e)) {
		free(s);
		return false;
	}
	*ret = s;
	return true;
}

bool secret_from(struct view bytes, struct secret **ret, struct err *e)
{
	if (!secret_new(bytes.len, ret, e))
		return false;
	memcpy((*ret)->at, bytes.at, bytes.len);
	return true;
}

void secret_free(struct secret *s)
{
	if (!s)
		return;
	explicit_bzero(s->at, s->granules * GRANULE);
	pthread_mutex_lock(&slab.lock);
	memset(s->in->used + (size_t)(s->at - s->in->at) / GRANULE, 0, s->granules);
	pthread_mutex_unlock(&slab.lock);
	free(s);
}

struct view secret_view(const struct secret *s)
{
	return (struct view){ s->at, s->len };
}

uint8_t *secret_fill(struct secret *s)
{
	return s->at;
}

size_t secret_len(const struct secret *s)
{
	return s->len;
}

bool secret_truncate(struct secret *s, size_t len)
{
	if (len == 0 || len > s->len)
		return false;
	explicit_bzero(s->at + len, s->len - len);
	s->len = len;
	return true;
}
