/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker: what it does with a word is the table's alone. A crash of the broker loses nothing
 * but requests under way, which may be lost anyhow.
 */
hidden byte hit[CELLS];

#define ENDED (nn == 0 || !OPEN(nn))
#define HAS_GONE(n) (st[n] == COMMITTED || st[n] == CLOSED)
#if NUMBERS > 2
#define LAST_COMMITTED (HAS_GONE(3) -> 3 : (HAS_GONE(2) -> 2 : HAS_GONE(1)))
#elif NUMBERS > 1
#define LAST_COMMITTED (HAS_GONE(2) -> 2 : HAS_GONE(1))
#else
#define LAST_COMMITTED HAS_GONE(1)
#endif
/*
 * A release names the newest committed number, too. A state that another number brought is not
 * what that commit left: it is older, or came with a number that was aborted.
 */
#define STATE_FITS(h) (ver[h] != NONE && (ver_n[h] == LAST_COMMITTED || !RULE(STATE_CARRIES_N)))

#define CELL(n, w) (st[n] * WORDS + (w))
#define IS_OFF(h) \
	((fenced[h] || !RULE(RESOLVE_NEEDS_FENCE)) && (power_off[h] || !RULE(RESOLVE_NEEDS_OFF)))
/* In the order of struct handover_facts; see table.c. */
#define FACTS(n)                                                                      \
	((has_it[n] || !RULE(RESOLVE_A_TOLD)) | ((unsure[n] || !RULE(RESOLVE_B_TOLD)) << 1) | \
	 (IS_OFF(src[n]) << 2) | (IS_OFF(1 - src[n]) << 3) | (ran[n] << 4) |          \
	 ((place == src[n]) << 5))
#define ACCEPTS(n, w)                                                               \
	(st[n] != NOWHERE && next[CELL(n, w)] != NOWHERE &&                         \
	 (FACTS(n) & must[CELL(n, w)]) == must[CELL(n, w)] &&                       \
	 (FACTS(n) & must_not[CELL(n, w)]) == 0)
#define MOVES(n, w) (ACCEPTS(n, w) && next[CELL(n, w)] != st[n])
#define RECORDS(n, w)                                                   \
	(((w) == KEEP || (w) == NEVER_LEFT) && !has_it[n] ||            \
	 (w) == CANNOT_SAY && !unsure[n] || (w) == RUNNING && !ran[n])
#define SPEAKER(n, w) \
	((w) == GONE || (w) == NEVER_LEFT || (w) == KEEP || (w) == WIPED -> src[n] : 1 - src[n])

/* The placement moves with the commit, and the lease of the new copy is issued with it. */
inline apply(n, w)
{
	hit[CELL(n, w)] = 1;
	was = st[n];
	if
	:: !RULE(ABORT_WAITS_FOR_PROOF) && (w == ABORT || w == CANNOT_SAY) -> st[n] = ABORTED
	:: !RULE(KEEP_ENDS_STRICT_ONLY) && w == KEEP -> st[n] = ABORTED
	:: else -> st[n] = next[CELL(n, w)]
	fi
	if
	:: st[n] == ABORTING -> order[n] = 1
	:: else
	fi
	if
	:: w == KEEP || w == NEVER_LEFT -> has_it[n] = 1
	:: w == CANNOT_SAY -> unsure[n] = 1
	:: w == RUNNING -> ran[n] = 1
	/* The operator gives up what the other one may have done since; the answer says so. */
	:: w == RUNS_ON_SOURCE || w == RUNS_ON_DESTINATION ->
		resolved = 1;
		if
		:: w == RUNS_ON_SOURCE && has_it[n] && ver[src[n]] == OLD -> grows(src[n])
		:: w == RUNS_ON_DESTINATION && ver[1 - src[n]] == OLD && ver_n[1 - src[n]] == n ->
			grows(1 - src[n])
		:: else
		fi
	:: else
	fi
	if
	:: was <= ABORTING && st[n] == COMMITTED -> place = 1 - src[n]; stopped = 0
	:: else
	fi
	was = 0
}

/* A word of a host reaches the broker; it counts for its own number alone. */
#define TARGET(n) (RULE(WORDS_CARRY_N) -> (n) : nn)
#define SPOKEN(n, w) (SAID(n, w) && !fenced[SPEAKER(n, w)])
inline deliver(n, w)
{
	SPOKEN(n, w) && (MOVES(TARGET(n), w) || ACCEPTS(TARGET(n), w) && RECORDS(TARGET(n), w)) ->
	printf("the broker takes word %d of %d\n", w, n);
	if
	:: RULE(WORDS_CARRY_N) -> apply(n, w)
	:: else -> apply(nn, w)
	fi
}

#ifdef REPEATS
/* The same word again, of the same sender: answered, and nothing changes. */
#define REPEATED(n, w) (ACCEPTS(n, w) && !MOVES(n, w) && !RECORDS(n, w))
inline repeat(n, w)
{
	SPOKEN(n, w) && REPEATED(n, w) -> hit[CELL(n, w)] = 1
}

inline repeat_by_person(n, w)
{
	REPEATED(n, w) -> hit[CELL(n, w)] = 1
}

inline repeat_offer(n, j)
{
	(offer[n] & BIT(j)) && att[n] == j && REPEATED(n, OFFER) -> hit[CELL(n, OFFER)] = 1
}

inline repeat_claim(n, j)
{
	(claim[n] & BIT(j)) && att[n] == j && REPEATED(n, CLAIM) -> hit[CELL(n, CLAIM)] = 1
}
#endif

/* Another's claim after the first one: refused, or else the second one wins. */
inline second_claim(n)
{
	!RULE(FIRST_CLAIM_WINS) && SPOKEN(n, RUNNING) && st[n] == ABORTED ->
	printf("the broker lets the second claim of %d win\n", n);
	st[n] = COMMITTED;
	place = 1 - src[n]
}

/* Nothing times out into an assumption. */
inline times_out()
{
	!RULE(NO_TIMEOUT) && nn > 0 && HELD(nn) ->
	printf("the broker takes %d for aborted after a time\n", nn);
	st[nn] = ABORTED
}

/* A fence alone ends nothing. */
inline fence_ends()
{
	!RULE(FENCE_ENDS_NOTHING) && nn > 0 && HELD(nn) && fenced[1 - src[nn]] ->
	printf("the broker takes %d for aborted after a fence\n", nn);
	st[nn] = ABORTED
}

/* By orchestrator, operator or source; the source is the host that the guest is placed on. */
inline prepare(s)
{
	(nn < NUMBERS || !RULE(NUMBERS_GROW) && nn > 0) && !fenced[1 - s] &&
	(s == place || !RULE(PREPARE_AT_PLACEMENT)) &&
	(nn == 0 || !OPEN(nn) || !RULE(ONE_OPEN)) ->
	if
	:: nn < NUMBERS && (RULE(NUMBERS_GROW) || nn == 0) -> nn++
	:: else
	fi
	printf("prepared: %d, from host %d\n", nn, s);
	st[nn] = PREPARED;
	src[nn] = s;
	att[nn] = 0
}

inline deliver_offer(n, j)
{
	(offer[n] & BIT(j)) && !fenced[src[n]] && ACCEPTS(n, OFFER) &&
	(st[n] == PREPARED || att[n] == j) && st[n] != next[CELL(n, OFFER)] ->
	printf("the broker takes the offer of %d to the ask of hook %d\n", n, j);
	apply(n, OFFER);
	att[n] = j
}

/* The claim is durable before the key leaves; the same attempt gets it again. */
inline deliver_claim(n, j)
{
	(claim[n] & BIT(j)) && !fenced[1 - src[n]] && att[n] == j && MOVES(n, CLAIM) ->
	printf("the broker takes the claim of %d by hook %d\n", n, j);
	apply(n, CLAIM);
	key[n] = key[n] | BIT(j)
}

inline forgets_claim(n, j)
{
	!RULE(CLAIM_IS_DURABLE) && (claim[n] & BIT(j)) && att[n] == j && MOVES(n, CLAIM) &&
	!(key[n] & BIT(j)) ->
	printf("the broker sends the key of %d to hook %d, and crashes\n", n, j);
	key[n] = key[n] | BIT(j)
}

/* Anybody who may; a lying orchestrator at any time. */
inline aborts(n)
{
	MOVES(n, ABORT) && (ABORTS || !HELD(n)) ->
	printf("%d is called off\n", n);
	apply(n, ABORT)
}

inline resolve(n, w)
{
	MOVES(n, w) -> printf("the operator says word %d of %d\n", w, n); apply(n, w)
}

/* A release: to the placed host, never while it is not known who runs the guest. */
inline release(h)
{
	starts > 0 && up[h] && q[h] == OFF && rel[h] == 0 && step[h] == 0 && place == h &&
	!fenced[h] && (nn == 0 || !HELD(nn) || !RULE(HELD_GIVES_NOTHING)) ->
	printf("the broker releases to host %d, newest %d\n", h, nn);
	starts--;
	if
	:: nn > 0 && st[nn] <= OFFERED && RULE(START_ABORTS) -> apply(nn, START)
	:: else
	fi
	if
	:: nn > 0 && !RULE(PROOF_IS_A_START) && st[nn] == COMMITTED && h != src[nn] -> ran[nn] = 1
	:: else
	fi
	rel[h] = nn + 1;
	stopped = 0
}

/*
 * Place: the present host stopped and forgot its copy, or is fenced and off and stays so until
 * its lease has ended. The operator carries the state along, or does not.
 */
#define LEAVES_STATE 0
#define CARRIES_STATE 1
#define GIVES_STATE_UP 2 /* the other host's disk is lost; what is here is the newest now */
#define puts(h) put(h, LEAVES_STATE)
#define puts_with_state(h) put(h, CARRIES_STATE)
#define puts_on_old_state(h) put(h, GIVES_STATE_UP)
inline put(h, how)
{
	places > 0 && place != h && !fenced[h] && (nn == 0 || !OPEN(nn) || !RULE(OPEN_IS_NOT_PLACED)) &&
	((stopped && copy[1 - h] == 0 && rel[1 - h] == 0 && !fenced[1 - h]) ||
	 (fenced[1 - h] && power_off[1 - h])) && q[h] == OFF &&
	(how != GIVES_STATE_UP ||
	 power_off[1 - h] && ver[h] != NONE && nn > 0 && HAS_GONE(nn) && src[nn] == h) ->
	printf("the operator places the guest on host %d\n", h);
	places--;
	place = h;
	stopped = 0;
	leased[1 - h] = 0;
	forgotten = 1;
	if
	:: how == GIVES_STATE_UP ->
		grows(h);
		ver[1 - h] = NONE;
		printf("and gives up what was on the other's disk\n")
	:: how == CARRIES_STATE && ver[1 - h] != NONE -> ver[h] = ver[1 - h]; ver_n[h] = ver_n[1 - h];
		printf("and carries the state along\n")
	:: else
	fi
}

/* The operator's word on the host that this state is the one to go on with. */
inline adopts(h)
{
	place == h && places < PLACES && up[h] && q[h] == OFF && ver[h] == NEWEST && ENDED &&
	ver_n[h] != LAST_COMMITTED ->
	printf("host %d adopts the state that it has\n", h);
	ver_n[h] = LAST_COMMITTED
}
