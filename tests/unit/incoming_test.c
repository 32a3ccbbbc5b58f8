/* SPDX-License-Identifier: Apache-2.0 */
/* What a destination does with a consent while its broker does not answer. */
#include "client/compute/incoming.h"

#include "client/compute/moves.h"
#include "tests/unit/agent_bed.h"
#include "tests/unit/check.h"
#include "tests/unit/state_dir.h"

#include <string.h>

static const struct uuid id = { "11111111-1111-4111-8111-111111111111" };
static const struct uuid secret = { "22222222-2222-4222-8222-222222222222" };
static const struct uuid another = { "33333333-3333-4333-8333-333333333333" };

static bool make(const char *dir, struct agent_bed *b, struct err *e)
{
	return agent_bed_make(dir, b, e) && spool_open(dir, &b->agent.spool, e) &&
	       awaited_new(&b->agent.awaited, e);
}

static void end(struct agent_bed *b)
{
	awaited_free(b->agent.awaited);
	spool_free(b->agent.spool);
	agent_bed_done(b);
}

/* Is what is recorded for a claim the hand-over that was consented to before? */
static bool goes_by(struct agent_bed *b, const char *mode, const struct uuid *of,
		    const char *purpose)
{
	struct awaited_guest before = { .handover = { .instance = id, .secret = *of },
					.at_us = clock_monotonic_us(b->agent.clock) };
	struct incoming in = {
		.instance = id, .secret = secret, .purpose = purpose, .wait_ms = 150
	};
	const char *dir = agent_state_dir(&b->agent);
	OWNED(secret) value = NULL;
	struct guest guest = { .instance = id };
	static int64_t number;
	struct err e = { 0 };
	struct move m;

	before.handover.number = ++number;
	if (!text_copy(before.handover.mode, sizeof(before.handover.mode), mode))
		return false;
	awaited_put(b->agent.awaited, &before);
	if (incoming_get(&b->agent, &in, &guest, &value, &e) ||
	    !move_load(dir, &id, &m, &e))
		return false;
	return m.number == number && strcmp(m.mode, mode) == 0;
}

int main(void)
{
	CLEANUP(state_dir_done) struct state_dir dir = state_dir_make();
	struct agent_bed b = { 0 };
	struct err e = { 0 };

	check("there is an agent", make(dir.path, &b, &e));
	check("a cold arrival does not go by the consent to a live one",
	      !goes_by(&b, "plain", &secret, "cold-migrate"));
	check("nor a live one by the consent to a cold one",
	      !goes_by(&b, "cold", &secret, "migrate-in"));
	check("nor by one of another secret",
	      !goes_by(&b, "plain", &another, "migrate-in"));
	check("but by its own", goes_by(&b, "cold", &secret, "cold-migrate"));
	end(&b);
	return done();
}
