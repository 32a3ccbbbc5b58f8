/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a hand-over on this host's disk, while the broker does not answer. */
#include "client/compute/mover.h"

#include "client/compute/handovers.h"
#include "client/compute/moves.h"
#include "tests/unit/agent_bed.h"
#include "tests/unit/check.h"
#include "tests/unit/state_dir.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static const struct uuid id = { "11111111-1111-4111-8111-111111111111" };
static const struct uuid arrival = { "22222222-2222-4222-8222-222222222222" };
static const struct uuid start = { "33333333-3333-4333-8333-333333333333" };

/* An arrival that came to nothing, and what is on record of the guest. */
static bool keep(struct agent *a, struct move *m, const struct uuid *attempt)
{
	struct guest g = { .instance = id, .attempt = *attempt };
	struct err e = { 0 };

	*m = (struct move){ .instance = id,
			    .number = 7,
			    .ended = 7,
			    .epoch = 5,
			    .attempt = arrival,
			    .side = MOVE_DESTINATION,
			    .phase = MOVE_ERASED,
			    .mode = "plain",
			    .state = "absent" };
	return move_save(agent_state_dir(a), m, &e) &&
	       guest_save(agent_state_dir(a), &g, &e);
}

static bool closes(struct agent *a, const struct move *m)
{
	const struct handover aborted = { .state = "aborted" };
	struct err e = { 0 };

	return mover_close(a, m, &aborted, &e);
}

static bool is_on_record(const struct agent *a)
{
	struct err e = { 0 };
	struct move m;

	return !move_load(agent_state_dir(a), &id, &m, &e) || m.side[0] != '\0';
}

static bool has_guest(const struct agent *a)
{
	struct err e = { 0 };
	bool found = false;
	struct guest g;

	return guest_load(agent_state_dir(a), &id, &g, &found, &e) && found;
}

static void test_guest(struct agent *a)
{
	struct move m;

	check("an arrival that was called off takes its record of the guest along",
	      keep(a, &m, &arrival) && closes(a, &m) && !is_on_record(a) &&
		      !has_guest(a));
	check("but not that of a start which came after it",
	      keep(a, &m, &start) && closes(a, &m) && !is_on_record(a) && has_guest(a));
}

/* The broker said that it is aborted, and is not heard when it is asked where the guest is. */
static void test_state(struct agent_bed *b)
{
	struct tpm_state_id which;
	struct move m;

	check("a state stays while nobody says whether the guest is placed here",
	      keep(&b->agent, &m, &arrival) &&
		      agent_bed_put(b, &id, "a state that somebody brought", &which) &&
		      !closes(&b->agent, &m) && agent_bed_has(b, &id));
	check("and is looked at again", is_on_record(&b->agent));
}

/* ---- what is watched ---- */

static bool is_watched(const struct agent *a)
{
	struct watch_seen s;

	watch_event(a->watch, &id, LIBVIRT_SUSPENDED);
	watch_get(a->watch, &id, &s);
	return s.suspended;
}

static void pause_a_moment(void)
{
	nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
}

/* The mover's bell is heard once all was looked at. */
static bool goes_round(struct agent *a)
{
	uint64_t rung = 0;
	pthread_t mover;

	a->moved = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pthread_create(&mover, NULL, mover_run, a) != 0)
		return false;
	for (int i = 0; i < 5000 && read(a->moved, &rung, sizeof(rung)) > 0; i++) {
		agent_move(a);
		pause_a_moment();
	}
	a->stopping = true;
	agent_move(a);
	pthread_join(mover, NULL);
	close(a->moved);
	a->moved = -1;
	a->stopping = false;
	return true;
}

static void test_watch(struct agent *a)
{
	struct move m = { .instance = id,
			  .number = 7,
			  .side = MOVE_SOURCE,
			  .phase = MOVE_OWES,
			  .mode = "plain",
			  .state = "absent" };
	struct err e = { 0 };

	check("a debt is looked at",
	      move_save(agent_state_dir(a), &m, &e) && goes_round(a));
	check("and nothing is watched for it", !is_watched(a));
	check("an arrival is watched as of then",
	      keep(a, &m, &arrival) && goes_round(a) && is_watched(a));
}

int main(void)
{
	CLEANUP(state_dir_done) struct state_dir dir = state_dir_make();
	CLEANUP(agent_bed_done) struct agent_bed b = { 0 };
	struct err e = { 0 };

	check("there is an agent", agent_bed_make(dir.path, &b, &e));
	test_guest(&b.agent);
	test_watch(&b.agent);
	test_state(&b);
	return done();
}
