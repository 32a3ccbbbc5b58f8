/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - one line per event to stderr: time, level, event, then key=value pairs.
 *
 * Gives:   LOG_TEXT (for people) and LOG_JSON (for programs).
 * Refuses: control characters: they are escaped, so a peer cannot forge a line.
 * Knows:   never pass a secret. Libraries do not log; dispatch, agent and the mains do.
 * Threads: any; a line is one write(2).
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "common/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log;

MUST_CHECK bool log_open(int fd, enum log_format format, enum log_level least,
			 struct log **ret, struct err *e);
void log_free(struct log *log);
/* log_event(log, LOG_LEVEL_INFO, "released", "instance", id, "host", name, NULL): pairs of
 * const char *, ended by NULL. A NULL log is quiet. */
void log_event(struct log *log, enum log_level level, const char *event, ...)
	__attribute__((sentinel));
void log_err(struct log *log, enum log_level level, const char *event,
	     const struct err *e);
DEFINE_DROP(log)

#endif
