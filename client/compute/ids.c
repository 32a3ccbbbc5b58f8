/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/ids.h"

#include <stdlib.h>

enum { FIRST = 64 };

void ids_done(struct ids *l)
{
	free(l->at);
	*l = (struct ids){ 0 };
}

bool ids_add(struct ids *l, const struct uuid *id)
{
	size_t cap = l->cap == 0 ? FIRST : 2 * l->cap;
	struct uuid *grown;

	if (l->n == l->cap) {
		grown = reallocarray(l->at, cap, sizeof(*grown));
		if (grown == NULL) {
			l->failed = true;
			return false;
		}
		l->at = grown;
		l->cap = cap;
	}
	l->at[l->n++] = *id;
	return true;
}

bool ids_has(const struct ids *l, const struct uuid *id)
{
	for (size_t i = 0; i < l->n; i++)
		if (uuid_equal(&l->at[i], id))
			return true;
	return false;
}
