/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void http_memory_free(void *p)
{
	if (!p)
		return;
	explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

/* A plain realloc may leave the old bytes behind. */
void *http_memory_realloc(void *p, size_t size)
{
	const size_t had = p ? malloc_usable_size(p) : 0;
	void *to = malloc(size ? size : 1);

	if (to && p) {
		memcpy(to, p, had < size ? had : size);
		http_memory_free(p);
	}
	return to;
}
