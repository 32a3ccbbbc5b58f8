/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

size_t policy_explain(const struct ask *ask, struct fact ret[FACTS_MAX],
		      enum reason *ret_reason)
{
	size_t n;

	*ret_reason = policy_weigh(ask, ret, &n);
	assert(n > 0 && n <= FACTS_MAX);
	return n;
}
