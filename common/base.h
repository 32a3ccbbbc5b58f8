/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base - the handful of macros that every file may use.
 *
 * Gives:   OWNED(type) for what a scope owns, MUST_CHECK, PRINTF, ARRAY_LEN, BIT.
 * Knows:   nothing; includes nothing of ours.
 */
#ifndef COMMON_BASE_H
#define COMMON_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (1u << (unsigned)(n))

/* What a scope owns frees itself, whichever way the scope ends. */
#define CLEANUP(fn) __attribute__((cleanup(fn), unused)) /* its end is its use */
#define OWNED(type) CLEANUP(type##_drop) struct type *
#define DEFINE_DROP(type)                                              \
	UNUSED static inline void type##_drop(struct type **p)         \
	{                                                              \
		type##_free(*p);                                       \
	}                                                              \
	UNUSED static inline struct type *type##_move(struct type **p) \
	{                                                              \
		struct type *t = *p;                                   \
		*p = NULL;                                             \
		return t;                                              \
	}

/* Bytes that somebody else owns; they die with their owner. */
struct view {
	const uint8_t *at;
	size_t len;
};

#endif
