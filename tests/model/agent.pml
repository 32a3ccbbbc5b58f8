/* SPDX-License-Identifier: Apache-2.0 */
/* The agents. What a host does of its own, it does from here; what it knows may be old. */

/* ---- the source ---- */

/* Live it has an outgoing job. Cold it is off, and its state is one that might be started here. */
#if MODE == COLD
#define MOVABLE(h) (q[h] == OFF && (STATE_FITS(h) || ver[h] != NONE && !RULE(COLD_STATE_FITS)))
#else
#define MOVABLE(h) (q[h] != OFF && (OUTGOING(h) || !RULE(CONSENT_NEEDS_JOB)))
#endif

/* It sees an ask, reads all earlier events, and looks. Which job the ask is of it cannot see. */
inline looks(h, j)
{
	up[h] && step[h] == 0 && nn > 0 && src[nn] == h && st[nn] == PREPARED &&
	(asked & BIT(j)) && hook_at[j] != h && MOVABLE(h) && nn > dead[h] &&
	(mark[h] < nn || !RULE(SECOND_ASK_REFUSED)) && !(offer[nn] & BIT(j)) ->
	printf("agent %d sees the ask of hook %d for %d\n", h, j, nn);
	step[h] = 1;
	con_n[h] = nn;
	con_j[h] = j;
	if
	:: RULE(READ_EVENTS_FIRST) -> event[h] = 0
	:: else
	fi
}

inline marks(h)
{
	up[h] && (step[h] == 1 && RULE(MARK_BEFORE_SEAL) || step[h] == 3) ->
	printf("agent %d marks %d\n", h, con_n[h]);
	mark[h] = con_n[h];
	if
	:: step[h] == 1 -> step[h] = 2
	:: else -> step[h] = 0; con_n[h] = 0; con_j[h] = 0
	fi
}

inline offers(h)
{
	up[h] && (step[h] == 2 || step[h] == 1 && !RULE(MARK_BEFORE_SEAL)) ->
	if
	:: MOVABLE(h) || !RULE(LOOK_AGAIN) ->
		printf("agent %d offers %d to hook %d\n", h, con_n[h], con_j[h]);
		offer[con_n[h]] = offer[con_n[h]] | BIT(con_j[h]);
#if MODE == COLD
		parts = ver[h]
#endif
	:: else -> printf("agent %d looks again, and does not offer %d\n", h, con_n[h])
	fi
	if
	:: step[h] == 1 -> step[h] = 3
	:: else -> step[h] = 0; con_n[h] = 0; con_j[h] = 0
	fi
}

#define JOB_OVER(h) (!OUTGOING(h) || !RULE(SAY_WHEN_JOB_OVER))
/* A number that this source has marked, and which has not ended for it. */
#define MINE(h, n) \
	(up[h] && st[n] != NOWHERE && src[n] == (h) && mark[h] == (n) && step[h] == 0 && \
	 !said_enough(n))
#define said_enough(n) (SAID(n, GONE) || SAID(n, NEVER_LEFT) || SAID(n, KEEP))

/* Resumed by libvirt: suspended first, whatever comes next. */
inline suspends(h)
{
	up[h] && q[h] == RUN && again[h] && RULE(SUSPEND_FIRST) ->
	printf("agent %d suspends the guest\n", h);
	q[h] = SUSP
}

#if MODE == COLD
/* It is off, and it gives up: nothing runs it elsewhere before the commit. */
#define HERE(h) (q[h] == OFF)
#define NEVER_SUSPENDED(h) true
#else
#define NEVER_SUSPENDED(h) \
	(q[h] == RUN && (!again[h] || !RULE(NEVER_LEFT_IS_NEVER_SUSPENDED)))
#define HERE(h) \
	(q[h] == SUSP || \
	 q[h] == RUN && (!again[h] || !RULE(SUSPEND_FIRST) || !RULE(NEVER_LEFT_IS_NEVER_SUSPENDED)))
#endif
inline records_dead(h, n)
{
	MINE(h, n) && JOB_OVER(h) && HERE(h) && dead[h] < n && RULE(DEAD_BEFORE_SAY) ->
	printf("agent %d records %d as dead\n", h, n);
	dead[h] = n
}

#define MAY_SAY(h, n) (dead[h] >= (n) || !RULE(DEAD_BEFORE_SAY))
inline says_it_is_here(h, n)
{
	MINE(h, n) && JOB_OVER(h) && HERE(h) && MAY_SAY(h, n) ->
	if
	:: NEVER_SUSPENDED(h) ->
		printf("agent %d says never_left of %d\n", h, n);
		SAY(n, NEVER_LEFT)
	:: else -> printf("agent %d says keep of %d\n", h, n); SAY(n, KEEP)
	fi
}

/* Cold, and called off: the guest is off, and its TPM's state is here. It decides nothing, but lets
 * an operator decide when the destination is off for good. */
#define KEEPS_COLD(h, n) \
	(MODE == COLD && MINE(h, n) && st[n] == ABORTING && q[h] == OFF && ver[h] != NONE)
inline keeps_what_is_off(h, n)
{
	KEEPS_COLD(h, n) ->
	if
	:: dead[h] < n -> printf("agent %d records %d as dead\n", h, n); dead[h] = n
	:: else -> printf("agent %d says keep of %d\n", h, n); SAY(n, KEEP)
	fi
}

/* STOPPED/migrated was seen for this job, and nothing runs. Absence is no proof. */
inline says_gone(h, n)
{
	MINE(h, n) && !OUTGOING(h) && (q[h] == OFF || !RULE(GONE_LOOKS)) &&
	(event[h] || !RULE(ABSENCE_IS_NOTHING)) ->
	printf("agent %d says gone of %d\n", h, n);
	SAY(n, GONE);
	event[h] = 0
}

/* All that it can do of absence: ask for the abort. */
inline asks_for_abort(h, n)
{
	MINE(h, n) && !OUTGOING(h) && q[h] == OFF && !event[h] && HELD(n) && !fenced[h] &&
	(MOVES(n, ABORT) || RULE(ABSENCE_CAN_BE_RESOLVED) && !has_it[n]) ->
	printf("agent %d has no guest, and asks to abort %d\n", h, n);
	apply(n, ABORT);
	has_it[n] = RULE(ABSENCE_CAN_BE_RESOLVED)
}

/* `aborted n`: the mark of that n is lifted, what was suspended runs on. */
inline source_sees_aborted(h, n)
{
	up[h] && st[n] == ABORTED && src[n] == h && !fenced[h] && step[h] == 0 && !OUTGOING(h) &&
	(mark[h] == n || !RULE(MARK_IS_LIFTED_BY_ITS_N) && mark[h] > n) ->
	printf("agent %d sees that %d is aborted\n", h, n);
	mark[h] = 0;
	raise(dead[h], n);
	if
	:: q[h] == SUSP -> begins(h); printf("and resumes the guest\n")
	:: else -> again[h] = 0
	fi
}

/* `committed n`: what n left behind is destroyed. */
inline source_sees_committed(h, n)
{
	up[h] && (st[n] == COMMITTED || st[n] == CLOSED) && src[n] == h && !fenced[h] &&
	RULE(LOSER_DESTROYS) && !OUTGOING(h) && (q[h] == SUSP || q[h] == RUN) &&
	(ver_n[h] < n || !RULE(ONLY_OLDER_IS_DESTROYED)) && (mark[h] == n || place != h) ->
	printf("agent %d sees that %d is committed, and destroys its guest\n", h, n);
	if
	:: place == h -> killed = 1
	:: else
	fi
	ends(h)
}

/* The copy goes with the commit already, whoever else has the key. */
inline source_drops_copy(h, n)
{
	!RULE(COPY_WAITS_FOR_PROOF) && up[h] && HAS_GONE(n) && src[n] == h && !fenced[h] &&
	copy[h] != 0 && copy[h] < BROUGHT_BY(n) && q[h] == OFF ->
	printf("agent %d sees that %d is committed, and erases its copy\n", h, n);
	copy[h] = 0;
	leased[h] = 0
}

/* Nobody asked the broker. */
inline resumes_by_itself(h)
{
	!RULE(RESUME_ONLY_ON_ABORTED) && up[h] && q[h] == SUSP && !OUTGOING(h) ->
	printf("agent %d resumes the guest by itself\n", h);
	q[h] = RUN;
	again[h] = 0
}

/* The debt: what is older than n, after proof, asked anew just before. */
#define WIPE_PROVEN(h, n) \
	((st[n] == COMMITTED && (ran[n] || !RULE(WIPE_NEEDS_PROOF)) && \
	  (place != h || !RULE(PLACE_BACK_CANCELS))))
inline asks_what_to_wipe(h, n)
{
	up[h] && src[n] == h && !fenced[h] && WIPE_PROVEN(h, n) && may_wipe[h] == 0 &&
	!SAID(n, WIPED) ->
	printf("agent %d asks, and may wipe what is older than %d\n", h, n);
	may_wipe[h] = n
}

inline wipes(h)
{
	up[h] && may_wipe[h] != 0 && q[h] == OFF &&
	(WIPE_PROVEN(h, may_wipe[h]) || !RULE(WIPE_ASKED_ANEW)) ->
	printf("agent %d wipes\n", h);
	if
	:: ver[h] != NONE && (ver_n[h] < may_wipe[h] || !RULE(WIPE_ONLY_OLDER)) -> ver[h] = NONE
	:: else
	fi
	if
	:: copy[h] != 0 && (copy[h] < BROUGHT_BY(may_wipe[h]) || !RULE(WIPE_ONLY_OLDER)) ->
		copy[h] = 0; leased[h] = 0
	:: else
	fi
	SAY(may_wipe[h], WIPED);
	may_wipe[h] = 0
}

/* ---- the destination ---- */

/* A number is given out when the one before has ended: what it brought can come no more. */
#define KEYED_AT(h, j) (hook[j] == KEYED && hook_at[j] == (h))
#if JOBS > 2
#define KEY_UNDER_WAY(h) (KEYED_AT(h, 1) || KEYED_AT(h, 2) || KEYED_AT(h, 3))
#elif JOBS > 1
#define KEY_UNDER_WAY(h) (KEYED_AT(h, 1) || KEYED_AT(h, 2))
#else
#define KEY_UNDER_WAY(h) KEYED_AT(h, 1)
#endif
inline claims(n, j)
{
	st[n] == OFFERED && att[n] == j && hook[j] == ASKING && hook_at[j] == DST(n) &&
	up[hook_at[j]] && !(claim[n] & BIT(j)) && (n > dead[hook_at[j]] || !RULE(DEAD_IS_IGNORED)) &&
	!KEY_UNDER_WAY(hook_at[j]) ->
	printf("agent %d claims %d for hook %d\n", hook_at[j], n, j);
	if
	:: RULE(NEWER_ENDS_OLDER) -> raise(dead[hook_at[j]], n - 1)
	:: else
	fi
	claim[n] = claim[n] | BIT(j);
	watch[hook_at[j]] = n;
	resumed[hook_at[j]] = 0
}

/* The key arrives, for the hook call that asked; it watches from here on. */
inline gets_key(n, j)
{
	hook[j] == ASKING && hook_at[j] == DST(n) && up[hook_at[j]] &&
	((key[n] & BIT(j)) || !RULE(KEY_FOR_ONE_CALL) && copy[hook_at[j]] == BROUGHT_BY(n)) &&
	(n > dead[hook_at[j]] || !RULE(DEAD_IS_IGNORED)) && st[n] != NOWHERE ->
	printf("agent %d gets the key of %d, hook %d goes on\n", hook_at[j], n, j);
	copy[hook_at[j]] = BROUGHT_BY(n);
	raise(given[hook_at[j]], n);
	leased[hook_at[j]] = !RULE(LEASE_WITH_COMMIT);
#if MODE == COLD
	hook[j] = OVER;
	ver[hook_at[j]] = parts;
	ver_n[hook_at[j]] = n
#else
	hook[j] = KEYED;
	hook_n[j] = n
#endif
}

#define QUIET(n) (!SAID(n, RUNNING) && !SAID(n, ERASED) && !SAID(n, CANNOT_SAY) && !SAID(n, STORED))
#define PARTY(d, n) (up[d] && st[n] != NOWHERE && src[n] != (d) && !fenced[d])
#define CAME_WITH(d, n) (ver_n[d] == (n) || !RULE(ABORT_WIPES_ONLY_N))

/* RESUMED/migrated was seen, and it runs; or it is committed, and it runs. */
inline says_running(d, n)
{
	PARTY(d, n) && MODE != COLD && !SAID(n, RUNNING) &&
	(HELD(n) && watch[d] == n && resumed[d] && q[d] == RUN && MODE == PLAIN ||
	 (st[n] == COMMITTED || st[n] == CLOSED) && q[d] == RUN && ver_n[d] == n ||
	 !RULE(STARTED_IS_NO_PROOF) && HELD(n) && watch[d] == n && q[d] == INCOMING) ->
	printf("agent %d says running of %d\n", d, n);
	SAY(n, RUNNING)
}

/* Cold: the state is on the disk. A claim: it is never taken back. */
inline says_stored(d, n)
{
	MODE == COLD && PARTY(d, n) && HELD(n) && ver[d] != NONE && ver_n[d] == n && QUIET(n) ->
	printf("agent %d says stored of %d\n", d, n);
	SAY(n, STORED)
}

/* It has read `aborting`, maybe long ago, or sees that nothing can come any more. */
#define GIVES_UP(d, n) \
	(order[n] && st[n] != ABORTED || \
	 st[n] == CLAIMED && (MODE != COLD || ver_n[d] != n) && q[d] == OFF && hook[att[n]] == OVER)

inline destination_records_dead(d, n)
{
	PARTY(d, n) && GIVES_UP(d, n) && QUIET(n) && dead[d] < n && RULE(ERASED_RECORDS_DEAD) ->
	printf("agent %d records %d as dead\n", d, n);
	dead[d] = n
}

inline wipes_what_came(d, n)
{
	if
	:: CAME_WITH(d, n) && q[d] == OFF -> ver[d] = NONE; ver_n[d] = 0
	:: else
	fi
	if
	:: copy[d] == BROUGHT_BY(n) || copy[d] != 0 && !RULE(ABORT_WIPES_ONLY_N) -> copy[d] = 0; leased[d] = 0
	:: else
	fi
}

/* The key that libvirtd holds is taken back: a QEMU that is still to come has none. */
inline takes_key_back(n)
{
	if
	:: att[n] != 0 && hook[att[n]] == KEYED && hook_n[att[n]] == n && RULE(ERASED_TAKES_KEY_BACK) ->
		hook[att[n]] = OVER
	:: else
	fi
}

#define DEAD_HERE(d, n) (dead[d] >= (n) || !RULE(ERASED_RECORDS_DEAD))
/* That a key was given is durable before it is: where that is not so, it was not given. */
#define IS_SURE(d, n) \
	(watch[d] == (n) && !resumed[d] || given[d] < (n) && RULE(GIVEN_IS_DURABLE) || \
	 !RULE(ERASED_NEEDS_WATCH))
/* A domain that is found still incoming has not run: it is watched from here on. */
#define NOT_LOOKED_AT(d, n) (watch[d] != n && q[d] == INCOMING && ver_n[d] == n)
inline finds_incoming(d, n)
{
	PARTY(d, n) && HELD(n) && NOT_LOOKED_AT(d, n) ->
	printf("agent %d finds the guest still incoming, %d\n", d, n);
	watch[d] = n;
	resumed[d] = 0
}

/* Destroys what is incoming, reads again, and says what it knows then. */
#define gives_up(d, n) gives_up_as(d, n, 0)
#define destroys_and_gives_up(d, n) gives_up_as(d, n, 1)
inline gives_up_as(d, n, destroys)
{
	PARTY(d, n) && GIVES_UP(d, n) && DEAD_HERE(d, n) && RULE(ERASED_READS_AGAIN) &&
	(QUIET(n) || !RULE(STORED_IS_A_CLAIM) && SAID(n, STORED) && !SAID(n, ERASED)) &&
	!(MODE == COLD && ver_n[d] == n && RULE(STORED_IS_A_CLAIM)) && !NOT_LOOKED_AT(d, n) ->
	if
	:: IS_SURE(d, n) || MODE == COLD ->
		if
		:: q[d] != OFF && ver_n[d] == n -> ends(d)
		:: else
		fi
		takes_key_back(n);
		wipes_what_came(d, n);
		printf("agent %d destroys, and says erased of %d\n", d, n);
		SAY(n, ERASED)
	:: else ->
		if
		:: watch[d] == n && resumed[d] && MODE == PLAIN ->
			printf("agent %d claims: it ran before it was destroyed, %d\n", d, n);
			if
			:: q[d] == RUN && destroys -> ends(d)
			:: else
			fi
			SAY(n, RUNNING)
		:: !(watch[d] == n && resumed[d]) && q[d] == RUN && ver_n[d] == n && MODE == PLAIN ->
			printf("agent %d claims: it runs, though nobody saw it begin, %d\n", d, n);
			SAY(n, RUNNING)
		:: else ->
			printf("agent %d cannot say of %d\n", d, n);
			takes_key_back(n);
			SAY(n, CANNOT_SAY)
		fi
	fi
}

/* It looks, destroys later, and does not look again. */
inline gives_up_blindly(d, n)
{
	!RULE(ERASED_READS_AGAIN) && PARTY(d, n) && GIVES_UP(d, n) && QUIET(n) && DEAD_HERE(d, n) &&
	(checked[d] || watch[d] == n && !resumed[d]) ->
	if
	:: !checked[d] -> checked[d] = 1; printf("agent %d looks: not resumed\n", d)
	:: else ->
		checked[d] = 0;
		ends(d);
		takes_key_back(n);
		wipes_what_came(d, n);
		printf("agent %d destroys, and says erased of %d\n", d, n);
		SAY(n, ERASED)
	fi
}

#define LEFTOVER(d, n) \
	((q[d] == INCOMING || q[d] == ARRIVED || q[d] == RUN) && CAME_WITH(d, n) && q_job[d] != 0)
inline destination_sees_aborted(d, n)
{
	PARTY(d, n) && st[n] == ABORTED && RULE(LOSER_DESTROYS) &&
	(LEFTOVER(d, n) || ver[d] != NONE && CAME_WITH(d, n) || copy[d] == BROUGHT_BY(n) || dead[d] < n) ->
	printf("agent %d sees that %d is aborted, and wipes what it brought\n", d, n);
	raise(dead[d], n);
	if
	:: LEFTOVER(d, n) -> killed = (q[d] == RUN && place == d); ends(d)
	:: else
	fi
	takes_key_back(n);
	wipes_what_came(d, n)
}

inline destination_sees_committed(d, n)
{
	PARTY(d, n) && (st[n] == COMMITTED || st[n] == CLOSED) && place == d &&
	(copy[d] == BROUGHT_BY(n) && !leased[d] || q[d] == ARRIVED && ver_n[d] == n || dead[d] < n) ->
	printf("agent %d sees that %d is committed\n", d, n);
	raise(dead[d], n);
	if
	:: copy[d] == BROUGHT_BY(n) -> leased[d] = 1
	:: else
	fi
	if
	:: q[d] == ARRIVED && ver_n[d] == n -> begins(d); printf("and resumes the guest\n")
	:: else
	fi
}

/* Strict, without waiting for the commit. */
inline resumes_at_once(d)
{
	!RULE(STRICT_RESUMES_ON_COMMITTED) && up[d] && q[d] == ARRIVED ->
	printf("agent %d resumes the guest at once\n", d);
	begins(d)
}

/* ---- starts ---- */

/* The release carries the newest number: whatever is not newer has ended for this host. */
inline takes_keys_back(h)
{
	k = 1;
	do
	:: k <= JOBS ->
		if
		:: KEYED_AT(h, k) -> hook[k] = OVER
		:: else
		fi
		k++
	:: else -> break
	od;
	k = 0
}

inline release_arrives(h)
{
	rel[h] != 0 && up[h] ->
	if
	:: rel[h] - 1 < mark[h] && RULE(RELEASE_CARRIES_N) ->
		printf("agent %d drops a release that is older than its mark\n", h)
	:: else ->
		printf("agent %d has its release\n", h);
		mark[h] = 0;
		raise(dead[h], rel[h] - 1);
		if
		:: RULE(RELEASE_CARRIES_N) -> takes_keys_back(h)
		:: else
		fi
		copy[h] = RELEASED_AT(rel[h] - 1);
		forgotten = 0;
		leased[h] = (place == h);
		if
		:: q[h] == OFF && STATE_FITS(h) ->
			begins(h);
			q_job[h] = 0;
			printf("and starts the guest\n");
			if
			:: LAST_COMMITTED != 0 && src[LAST_COMMITTED] != h -> ran[LAST_COMMITTED] = 1
			:: else
			fi
		:: else -> printf("and does not start: the state does not fit\n")
		fi
	fi
	rel[h] = 0
}

inline starts_from_copy(h)
{
	starts > 0 && up[h] && q[h] == OFF && OFFLINE_OK(h) && rel[h] == 0 && !power_off[h] &&
	STATE_FITS(h) ->
	printf("agent %d has no broker, and starts the guest from its copy\n", h);
	starts--;
	begins(h)
}

/* Stopped, and the copy is forgotten: the operator may place it elsewhere. */
inline forgets(h)
{
	places > 0 && up[h] && q[h] == OFF && place == h && !fenced[h] && rel[h] == 0 && copy[h] != 0 &&
	(nn == 0 || !OPEN(nn)) ->
	printf("host %d has stopped, and forgets its copy\n", h);
	copy[h] = 0;
	leased[h] = 0;
	stopped = 1;
	forgotten = 1
}
