/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err - one failure: what the peer is told, and the story for the operator's log.
 *
 * Owns:    nothing; a struct err is plain memory, zero means "no error".
 * Gives:   the one list of errors (common/errors.h): code, HTTP status, exit code, what next.
 * Refuses: nothing; every setter returns false, so that a caller can write
 *          `return err_set(e, ERR_X, "...")`.
 * Knows:   never hold a secret: detail goes to the peer, trail to the log.
 * Threads: a struct err belongs to one thread.
 */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

#include "common/base.h"
#include "common/errors.h"

#define ERR_ENUM(name, code, status, exit_code, title, next) ERR_##name,
enum err_kind { ERR_NONE, ERRORS(ERR_ENUM) ERR_KINDS };
#undef ERR_ENUM

struct err {
	enum err_kind kind;
	char field[48];   /* the request's field that is wrong, or "" */
	char detail[200]; /* one sentence for the peer */
	char trail[240];  /* context in front, cause last; for the operator */
};

struct err_info {
	const char *code;  /* stable, snake_case */
	int status;        /* HTTP */
	int exit_code;     /* of our commands */
	const char *title; /* a short sentence */
	const char *next;  /* what to do about it, or "" */
};

const struct err_info *err_info(enum err_kind kind);
enum err_kind err_kind_of(const char *code); /* ERR_NONE when unknown */
bool err_set(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF(3, 4);
bool err_field(struct err *e, enum err_kind kind, const char *field, const char *fmt, ...)
	PRINTF(4, 5);
/* A system call failed: adds strerror(errno) to the trail, not to the detail. */
bool err_errno(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF(3, 4);
/* Puts context in front of the trail; a full trail loses its middle, never its cause. */
bool err_wrap(struct err *e, const char *fmt, ...) PRINTF(2, 3);
void err_clear(struct err *e);

#ifdef __clang_analyzer__ /* it cannot see that every setter returns false */
#define err_set(...) ((void)err_set(__VA_ARGS__), false)
#define err_field(...) ((void)err_field(__VA_ARGS__), false)
#define err_errno(...) ((void)err_errno(__VA_ARGS__), false)
#define err_wrap(...) ((void)err_wrap(__VA_ARGS__), false)
#endif

#endif
