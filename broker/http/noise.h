/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noise - what libmicrohttpd has to say, mostly about peers that broke off: at most a few
 *         lines each second, then only how many were left out.
 *
 * Gives:   noise_take, in the form of libmicrohttpd's MHD_LogCallback.
 * Threads: any; one lock.
 */
#ifndef BROKER_HTTP_NOISE_H
#define BROKER_HTTP_NOISE_H

#include <stdarg.h>

#include "common/log.h"

struct noise;

MUST_CHECK bool noise_new(struct log *log, struct noise **ret, struct err *e);
void noise_free(struct noise *n);
void noise_take(void *noise, const char *fmt, va_list args);

#endif
