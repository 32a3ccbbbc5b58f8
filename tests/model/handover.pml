/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover - hand-overs of one guest between two hosts, with every loss, crash and lie within the
 * bounds of world.pml. One process takes one step at a time, of anybody: no order is left out.
 */
#include "table.pml"
#include "rules.pml"
byte was, k;
#include "world.pml"
#include "broker.pml"
#include "libvirt.pml"
#include "agent.pml"

/* ---- what must never be ---- */

#define BOTH_RUN (q[0] == RUN && q[1] == RUN)
/* The one window: libvirt has resumed the guest on the source, whose agent has not yet acted. */
#define WINDOW(h) (MODE == PLAIN && again[h] && !said_enough(mark[h]))
#define TWO_RUN (BOTH_RUN && !WINDOW(0) && !WINDOW(1))
/* A copy starts a guest only where that is placed, and not while it is on its way. */
#define ENTITLED_TWICE(h) \
	(OFFLINE_OK(h) && !power_off[h] && (place != h || nn > 0 && HELD(nn)))
/* It runs where it is placed; else the window, or plain between Finish and commit. */
#define STRAY(h) \
	(q[h] == RUN && place != h && !WINDOW(h) && \
	 !(MODE == PLAIN && nn > 0 && HELD(nn) && src[nn] != h))
#define NEWEST_GONE (ver[0] != NEWEST && ver[1] != NEWEST && !(MODE == COLD && parts == NEWEST))
#define PLACED_WITHOUT_NEWEST \
	(ENDED && !resolved && ver[place] != NEWEST && !(WINDOW(place)) && places == PLACES)
#define KEY_GONE (copy[0] == 0 && copy[1] == 0 && !forgotten)
#define PLACED_WITHOUT_KEY (ENDED && !resolved && copy[place] == 0 && !forgotten)

#define NEVER(name, cond) :: d_step { cond -> printf(name); assert(false) }

/* ---- how a run may end ---- */
#define AT_REST(h) (q[h] == OFF || q[h] == RUN && place == h)
#define MARKS_FIT (copy[place] == 0 || !BLOCKED(place) || forgotten)
/* What only an operator can end: who has the newest state has said what it can. */
#define RESOLVABLE \
	(FAULTS + POWER + STOPS > 0 && HELD(nn) && \
	 (ver[src[nn]] == NEWEST && has_it[nn] || ver[DST(nn)] == NEWEST && unsure[nn]))
#define ENDS_WELL \
	(RESOLVABLE || ENDED && AT_REST(0) && AT_REST(1) && \
	 (resolved || POWER > 0 || STOPS > 0 || (MARKS_FIT && DEBT_PAID)))
#define DEBT_PAID (nn == 0 || st[nn] != COMMITTED || !ran[nn] || place == src[nn])

#define EACH_HOST(action) :: d_step { action(0) } :: d_step { action(1) }
#if NUMBERS > 2
#define EACH_N(action) :: d_step { action(1) } :: d_step { action(2) } :: d_step { action(3) }
#define EACH_N2(action, x) \
	:: d_step { action(1, x) } :: d_step { action(2, x) } :: d_step { action(3, x) }
#elif NUMBERS > 1
#define EACH_N(action) :: d_step { action(1) } :: d_step { action(2) }
#define EACH_N2(action, x) :: d_step { action(1, x) } :: d_step { action(2, x) }
#else
#define EACH_N(action) :: d_step { action(1) }
#define EACH_N2(action, x) :: d_step { action(1, x) }
#endif
#define HOST_N(action) \
	:: d_step { action(0, 1) } :: d_step { action(1, 1) } HOST_N_2(action)
#if NUMBERS > 2
#define HOST_N_2(action) \
	:: d_step { action(0, 2) } :: d_step { action(1, 2) } \
	:: d_step { action(0, 3) } :: d_step { action(1, 3) }
#elif NUMBERS > 1
#define HOST_N_2(action) :: d_step { action(0, 2) } :: d_step { action(1, 2) }
#else
#define HOST_N_2(action)
#endif
#if JOBS > 2
#define EACH_JOB(action) :: d_step { action(1) } :: d_step { action(2) } :: d_step { action(3) }
#define N_JOB(action) EACH_N2(action, 1) EACH_N2(action, 2) EACH_N2(action, 3)
#elif JOBS > 1
#define EACH_JOB(action) :: d_step { action(1) } :: d_step { action(2) }
#define N_JOB(action) EACH_N2(action, 1) EACH_N2(action, 2)
#else
#define EACH_JOB(action) :: d_step { action(1) }
#define N_JOB(action) EACH_N2(action, 1)
#endif
#define HOST_JOB(action) \
	:: d_step { action(0, 1) } :: d_step { action(1, 1) } HOST_JOB_2(action) HOST_JOB_3(action)
#if JOBS > 1
#define HOST_JOB_2(action) :: d_step { action(0, 2) } :: d_step { action(1, 2) }
#else
#define HOST_JOB_2(action)
#endif
#if JOBS > 2
#define HOST_JOB_3(action) :: d_step { action(0, 3) } :: d_step { action(1, 3) }
#else
#define HOST_JOB_3(action)
#endif

/* Cold: a client on the destination asks; the guest is off. */
inline client_asks()
{
	MODE == COLD && job < JOBS && up[1 - place] && q[place] == OFF ->
	job++;
	printf("a client on host %d asks for the guest that is off: %d\n", 1 - place, job);
	hook_at[job] = 1 - place;
	hook[job] = ASKING;
	asked = asked | BIT(job)
}

c_code {
	static void report(void)
	{
		for (int i = 0; i < (int)sizeof(hit); i++)
			if (hit[i])
				printf("hit %d\n", i);
	}
}

inline begin()
{
	load_table();
	c_code {
		/* WITHOUT=3 takes one rule out, WITHOUT=3,14 two. */
		const char *rules = getenv("WITHOUT");
		if (rules) {
			without = (unsigned char)atoi(rules);
			without_too = strchr(rules, ',') ? (unsigned char)atoi(strchr(rules, ',') + 1) : 0;
		}
		if (!readtrail)
			atexit(report);
	};
	i = 1;
	do
	:: i <= NUMBERS -> st[i] = NOWHERE; i++
	:: else -> break
	od;
	i = 0;
	faults = FAULTS; power = POWER; fences = POWER; starts = STARTS; stops = STOPS; places = PLACES;
	up[0] = 1; up[1] = 1;
	q[0] = (MODE == COLD -> OFF : RUN);
	ver[0] = NEWEST;
	copy[0] = RELEASED_AT(0); leased[0] = 1;
#ifdef ROUND_TRIP
	event[0] = 1; /* it went and came back, and libvirt's event of that is still unread */
#endif
}

byte i;
init {
	d_step { begin() }
	do
	/* the broker and the people */
	:: d_step { prepare(0) } :: d_step { prepare(1) }
	N_JOB(deliver_offer)
	N_JOB(deliver_claim)
	N_JOB(forgets_claim)
	EACH_N(aborts)
	EACH_N2(deliver, GONE)
	EACH_N2(deliver, NEVER_LEFT)
	EACH_N2(deliver, KEEP)
	EACH_N2(deliver, RUNNING)
	EACH_N2(deliver, STORED)
	EACH_N2(deliver, ERASED)
	EACH_N2(deliver, CANNOT_SAY)
	EACH_N2(deliver, WIPED)
	EACH_N(second_claim)
	:: d_step { times_out() }
	:: d_step { fence_ends() }
#if POWER > 0
	EACH_N2(resolve, RUNS_ON_SOURCE)
	EACH_N2(resolve, RUNS_ON_DESTINATION)
	EACH_HOST(loses_power)
	EACH_HOST(is_fenced)
	EACH_HOST(power_returns)
	EACH_HOST(fence_lifted)
#endif
#if STARTS > 0
	EACH_HOST(release)
	EACH_HOST(release_arrives)
	EACH_HOST(starts_from_copy)
#endif
#if STOPS > 0
	EACH_HOST(guest_stops)
#endif
#if PLACES > 0
	EACH_HOST(puts)
	EACH_HOST(puts_with_state)
	EACH_HOST(puts_on_old_state)
	EACH_HOST(adopts)
	EACH_HOST(forgets)
#endif
	/* libvirt */
#if MODE == COLD
	:: d_step { client_asks() }
	EACH_JOB(hook_ends)
#else
	EACH_HOST(job_begins)
	:: d_step { hook_asks() }
	EACH_JOB(hook_ends)
	EACH_JOB(comes_in)
	EACH_JOB(key_unused)
	:: d_step { transfers() }
	EACH_HOST(finishes)
	:: d_step { source_stops() }
	:: d_step { job_fails() }
	EACH_HOST(incoming_ends)
#endif
#if FAULTS > 0
	EACH_HOST(libvirtd_crashes)
	EACH_HOST(agent_crashes)
	EACH_HOST(qemu_crashes)
#endif
#if FAULTS > 0 || POWER > 0
	EACH_HOST(agent_returns)
#endif
	/* the source's agent */
	HOST_JOB(looks)
	EACH_HOST(marks)
	EACH_HOST(offers)
	EACH_HOST(suspends)
	HOST_N(records_dead)
	HOST_N(says_it_is_here)
	HOST_N(keeps_what_is_off)
	HOST_N(says_gone)
	HOST_N(asks_for_abort)
	HOST_N(source_sees_aborted)
	HOST_N(source_sees_committed)
	HOST_N(source_drops_copy)
	HOST_N(asks_what_to_wipe)
	EACH_HOST(wipes)
	EACH_HOST(resumes_by_itself)
	/* the destination's agent */
	N_JOB(claims)
	N_JOB(gets_key)
	HOST_N(says_running)
	HOST_N(says_stored)
	HOST_N(destination_records_dead)
	HOST_N(finds_incoming)
	HOST_N(gives_up)
	HOST_N(destroys_and_gives_up)
	HOST_N(gives_up_blindly)
	HOST_N(destination_sees_aborted)
	HOST_N(destination_sees_committed)
	EACH_HOST(resumes_at_once)
#ifdef REPEATS
	EACH_N2(repeat, GONE)
	EACH_N2(repeat, NEVER_LEFT)
	EACH_N2(repeat, KEEP)
	EACH_N2(repeat, RUNNING)
	EACH_N2(repeat, STORED)
	EACH_N2(repeat, ERASED)
	EACH_N2(repeat, CANNOT_SAY)
	EACH_N2(repeat, WIPED)
	EACH_N2(repeat_by_person, ABORT)
	EACH_N2(repeat_by_person, RUNS_ON_SOURCE)
	EACH_N2(repeat_by_person, RUNS_ON_DESTINATION)
	N_JOB(repeat_offer)
	N_JOB(repeat_claim)
#endif
	/* what must never be */
	NEVER("violated: two hosts run the guest\n", TWO_RUN)
	NEVER("violated: two hosts are entitled\n", ENTITLED_TWICE(0) || ENTITLED_TWICE(1))
	NEVER("violated: the guest runs where it is not placed\n", STRAY(0) || STRAY(1))
	NEVER("violated: an old state is started\n", old_state)
	NEVER("violated: the guest is destroyed where it belongs\n", killed)
	NEVER("violated: the newest state is gone\n", NEWEST_GONE)
	NEVER("violated: the placed host has not the newest state\n", PLACED_WITHOUT_NEWEST)
	NEVER("violated: the key is gone\n", KEY_GONE)
	NEVER("violated: the placed host has no key\n", PLACED_WITHOUT_KEY)
	:: timeout ->
		if
		:: ENDS_WELL -> break
		:: else -> printf("violated: the run ends badly\n"); assert(false)
		fi
	od
}
