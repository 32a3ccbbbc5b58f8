/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"
#include "tests/unit/check.h"

#include <string.h>

static const struct fact *find(const struct fact *facts, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(facts[i].name, name) == 0)
			return &facts[i];
	return NULL;
}

static struct ask placed_start(enum security security)
{
	return (struct ask){ .purpose = PURPOSE_START,
			     .security = security,
			     .party = PARTY_PLACED_HOST,
			     .visible = true,
			     .host_supports = true,
			     .host_in_set = true,
			     .host_new_enough = true,
			     .secret_matches = true };
}

static void check_missing_permit(void)
{
	struct ask ask = placed_start(SECURITY_USER);
	struct fact facts[FACTS_MAX];
	enum reason reason;
	size_t n = policy_explain(&ask, facts, &reason);
	const struct fact *permit = find(facts, n, "permit");
	const struct fact *placed = find(facts, n, "placed_here");

	check("a start without a permit is explained as that",
	      reason == REASON_NO_PERMIT);
	check("the missing permit decides, and says so",
	      permit && !permit->holds && permit->decides &&
		      strcmp(permit->says, reason_text(REASON_NO_PERMIT)) == 0);
	check("it says what the owner would have to do",
	      permit && strstr(permit->change, "vtpmctl permit") != NULL);
	check("what holds is listed too",
	      placed && placed->holds && !placed->decides && placed->change[0] == '\0');
	check("user weighs no copy", !find(facts, n, "copy"));
}

static void check_first_refusal_decides(void)
{
	struct ask ask = placed_start(SECURITY_HOST);
	struct fact facts[FACTS_MAX];
	enum reason reason;
	size_t n;

	ask.party = PARTY_OTHER_HOST;
	ask.host_in_set = false;
	n = policy_explain(&ask, facts, &reason);
	check("the first fact that fails gives the reason",
	      reason == REASON_NOT_PLACED_HERE && find(facts, n, "placed_here")->decides);
	check("what else is missing is shown as well",
	      !find(facts, n, "host_in_set")->holds && !find(facts, n, "permit")->holds);
	check("and does not decide", !find(facts, n, "host_in_set")->decides);
}

static void check_copy(void)
{
	struct ask ask = placed_start(SECURITY_HOST);
	struct fact facts[FACTS_MAX];
	enum reason reason;
	size_t n;

	ask.released_before = ask.holds_copy = true;
	n = policy_explain(&ask, facts, &reason);
	check("a copy that serves decides, and the permit is not weighed",
	      reason == REASON_USE_COPY && find(facts, n, "copy")->decides &&
		      !find(facts, n, "permit"));
	ask.holds_copy = false;
	n = policy_explain(&ask, facts, &reason);
	check("a missing copy is shown, and the permit decides",
	      reason == REASON_NO_PERMIT && !find(facts, n, "copy")->holds &&
		      !find(facts, n, "copy")->decides &&
		      find(facts, n, "permit")->decides);
}

static void check_hidden(void)
{
	struct ask ask = placed_start(SECURITY_USER);
	struct fact facts[FACTS_MAX];
	enum reason reason;

	ask.visible = false;
	check("an instance that may not be seen is explained by one fact alone",
	      policy_explain(&ask, facts, &reason) == 1 &&
		      reason == REASON_UNKNOWN_INSTANCE && facts[0].change[0] == '\0');
}

struct walk {
	size_t drift, deciders, silent, wrong, without_next;
};

static void look(void *ctx, const struct cell *cell)
{
	struct walk *w = ctx;
	struct fact facts[FACTS_MAX];
	enum reason reason;
	size_t n = policy_explain(&cell->ask, facts, &reason), deciders = 0;

	w->drift += reason != cell->reason;
	for (size_t i = 0; i < n; i++) {
		deciders += facts[i].decides;
		w->silent += !facts[i].says || !facts[i].says[0] || !facts[i].change;
		w->wrong += facts[i].decides && facts[i].holds != reason_allows(reason);
		w->without_next += facts[i].decides && !facts[i].holds &&
				   !facts[i].change[0] &&
				   reason != REASON_UNKNOWN_INSTANCE;
	}
	w->deciders += deciders != 1;
}

int main(void)
{
	struct walk w = { 0 };

	check_missing_permit();
	check_first_refusal_decides();
	check_copy();
	check_hidden();
	policy_matrix(look, &w);
	check("over the whole matrix explaining and deciding agree", w.drift == 0);
	check("exactly one fact decides each cell", w.deciders == 0);
	check("the fact that decides holds where it allows, and only there",
	      w.wrong == 0);
	check("every fact has its sentence", w.silent == 0);
	check("every refusal says what would have to change", w.without_next == 0);
	return done();
}
