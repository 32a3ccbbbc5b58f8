/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_memory - memory that wipes itself when it is freed or moved, for libcurl.
 *
 * Gives:   free and realloc for blocks that malloc, calloc or strdup made.
 * Threads: any.
 */
#ifndef COMMON_HTTP_MEMORY_H
#define COMMON_HTTP_MEMORY_H

#include "common/base.h"

void http_memory_free(void *p); /* NULL is fine */
void *http_memory_realloc(void *p, size_t size);

#endif
