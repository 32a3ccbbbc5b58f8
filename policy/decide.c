/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

static enum reason rule_refusal(const struct rule *r, const struct ask *ask)
{
	return r->refuses ? r->refuses(ask) : r->otherwise;
}

static struct fact rule_fact(const struct rule *r, const struct ask *ask, bool holds)
{
	struct fact f = { .name = r->name, .holds = holds, .change = "" };

	if (holds)
		f.says = r->says;
	else if (r->grants)
		f.says = r->lacks;
	else
		f.says = reason_text(rule_refusal(r, ask));
	if (!holds)
		f.change = r->change;
	return f;
}

/* A condition that fails refuses, unless an earlier one did; a copy that is there grants.
 */
static enum reason rule_result(const struct rule *r, const struct ask *ask, bool holds)
{
	if (r->grants)
		return holds ? r->grants : REASON_ALLOWED;
	return holds ? REASON_ALLOWED : rule_refusal(r, ask);
}

enum reason policy_weigh(const struct ask *ask, struct fact *ret, size_t *ret_count)
{
	enum reason reason = REASON_ALLOWED;
	size_t n = 0, decider = 0;

	for (const struct rule *r = policy_rules; r->name; r++) {
		if (r->applies && !r->applies(ask))
			continue;
		bool holds = r->holds(ask);
		if (ret)
			ret[n] = rule_fact(r, ask, holds);
		if (reason == REASON_ALLOWED) {
			reason = rule_result(r, ask, holds);
			decider = n;
		}
		n++;
		if ((r->grants && holds) || (r->hides_rest && !holds))
			break;
	}
	if (ret)
		ret[decider].decides = true;
	*ret_count = n;
	return reason;
}

enum reason policy_decide(const struct ask *ask)
{
	size_t n;

	return policy_weigh(ask, NULL, &n);
}

#define REASON_TEXT(name, err, text) text,
#define REASON_ERR(name, err, text) ERR_##err,
#define ERR_CODE(name, code, status, exit_code, title, next) code,

const char *reason_text(enum reason r)
{
	static const char *const texts[REASON_COUNT] = { REASONS(REASON_TEXT) };

	return (unsigned)r < REASON_COUNT ? texts[r] : "unknown";
}

enum err_kind reason_err(enum reason r)
{
	static const enum err_kind errs[REASON_COUNT] = { REASONS(REASON_ERR) };

	return (unsigned)r < REASON_COUNT ? errs[r] : ERR_FORBIDDEN;
}

const char *reason_name(enum reason r)
{
	static const char *const codes[ERR_KINDS] = { "allowed", ERRORS(ERR_CODE) };

	return r == REASON_USE_COPY ? "use_copy" : codes[reason_err(r)];
}

bool reason_allows(enum reason r)
{
	return r == REASON_ALLOWED || r == REASON_USE_COPY;
}
