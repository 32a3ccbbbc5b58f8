/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What there is: one guest, two hosts 0 and 1, and the broker. A number's source and destination
 * swap as the guest moves. Times, keys and names are left out; order, loss and crashes are not.
 */
#ifndef NUMBERS
#define NUMBERS 2 /* hand-overs */
#endif
#ifndef JOBS
#define JOBS 2 /* libvirt jobs, each with one call of the destination's hook */
#endif
#ifndef FAULTS
#define FAULTS 0 /* crashes of an agent, a libvirtd or a QEMU */
#endif
#ifndef POWER
#define POWER 0 /* losses of power, and as many fences */
#endif
#ifndef STARTS
#define STARTS 0 /* starts of the guest, by release or from the copy */
#endif
#ifndef STOPS
#define STOPS 0 /* the guest shuts down */
#endif
#ifndef PLACES
#define PLACES 0 /* the operator places the guest elsewhere */
#endif
#ifndef ABORTS
#define ABORTS 1 /* 1: a person may abort at any time, 0: only before the claim */
#endif

/* A rule is in force unless the run takes it out. */
hidden byte without, without_too;
#define RULE(x) (without != (x) && without_too != (x))

/* The broker's rows: durable. */
byte nn;              /* the newest number, 0: none */
byte st[NUMBERS + 1]; /* NOWHERE: not given out */
bit src[NUMBERS + 1];
byte att[NUMBERS + 1]; /* whose hook's ask the offer answers */
bit order[NUMBERS + 1]; /* it has been aborting: an agent may still believe so */
bit has_it[NUMBERS + 1], unsure[NUMBERS + 1], ran[NUMBERS + 1];
bit place, stopped;
bit forgotten; /* the copy was given up: a permit gives the broker's value again */
bit fenced[2];
bit resolved; /* an operator decided: what he dropped is not held against the rules */

/*
 * What was sent stays and may be delivered at any time, again, or never: loss, repetition and
 * lateness at once. A bit per word, or per attempt.
 */
byte said[NUMBERS + 1], offer[NUMBERS + 1], claim[NUMBERS + 1], key[NUMBERS + 1];
byte asked; /* asks that the source's agent may see, by attempt */
byte rel[2]; /* a release under way to this host: the newest number then, plus 1 */

/* libvirt: the outgoing job, and each call of the destination's hook. */
#define NO_JOB 0
#define BEGUN 1
#define FINISH 2 /* the source is suspended, the state has gone, Finish is on its way */
byte phase, job;
bit job_src;
bit fin, fin_done; /* Finish of the present job: sent, and carried out */
byte fin_job;      /* the last job whose Finish was sent */
#define UNUSED 0
#define ASKING 1
#define KEYED 2
#define OVER 3
byte hook[JOBS + 1];
bit hook_at[JOBS + 1];
byte hook_n[JOBS + 1]; /* the number of the key that it got */

/* QEMU and what lies on the disk. */
#define OFF 0
#define RUN 1
#define SUSP 2     /* [3,2], or suspended by the agent */
#define INCOMING 3
#define ARRIVED 4  /* strict: complete, and paused */
byte q[2], q_job[2];
bit again[2]; /* resumed by libvirt after it was suspended in a job: [1,5], [1,6] */
bit power_off[2];
#define NONE 0
#define OLD 1
#define NEWEST 2
byte ver[2];      /* of the TPM's state there */
byte ver_n[2];    /* the number that brought it */
byte parts;       /* cold: of the state that was handed to the broker */

/* Agents: durable. */
byte mark[2], dead[2], given[2]; /* handed over; ended; key given out: the highest number each */
byte copy[2]; /* 0: none */
bit leased[2];
/* Agents: memory. */
bit up[2];
bit event[2];            /* STOPPED/migrated is in the queue of libvirt's events */
byte step[2], con_n[2], con_j[2]; /* consent: 1 looked, 2 marked */
byte watch[2];           /* watched without a break since it claimed this number */
bit resumed[2];          /* and Finish was seen: RESUMED/migrated, or the paused arrival */
byte may_wipe[2];        /* the broker said that what is older than this number may go */
bit checked[2];

byte faults, power, fences, starts, stops, places;

#define OPEN(n) (st[n] <= ABORTING)
#define HELD(n) (st[n] == CLAIMED || st[n] == ABORTING)
#define BIT(x) (1 << (x))
#define SAID(n, w) (said[n] & BIT((w) - GONE))
#define SAY(n, w) said[n] = said[n] | BIT((w) - GONE)
#define DST(n) (1 - src[n])
#define OUTGOING(h) (phase != NO_JOB && job_src == (h))
/* A copy that came with a number, or by a release after it, which is newer. */
#define BROUGHT_BY(n) (2 * (n))
#define RELEASED_AT(n) (2 * (n) + 1)
#define OFFLINE_OK(h) (copy[h] != 0 && leased[h] && !BLOCKED(h))
/* The mark blocks only copies that are older than itself. */
#define BLOCKED(h) \
	(RULE(MARK_BLOCKS_COPIES) && mark[h] != 0 && \
	 (copy[h] < BROUGHT_BY(mark[h]) || !RULE(MARK_BLOCKS_ONLY_OLDER)))

inline raise(x, n)
{
	if
	:: x < n -> x = n
	:: else
	fi
}

/* From now on this host's state is the newest, and what was the newest is old. */
inline grows(h)
{
	if
	:: ver[1 - (h)] == NEWEST -> ver[1 - (h)] = OLD
	:: else
	fi
	if
	:: parts == NEWEST -> parts = OLD
	:: else
	fi
	ver[h] = NEWEST
}

/* An agent or a release lets it run; libvirt alone does not look at the version. */
inline begins(h)
{
	if
	:: ver[h] != NEWEST -> old_state = 1
	:: else
	fi
	grows(h);
	q[h] = RUN;
	again[h] = 0
}

/* What was incoming leaves no state behind; libvirt removes it. */
inline ends(h)
{
	if
	:: q[h] == INCOMING -> ver[h] = NONE; ver_n[h] = 0
	:: else
	fi
	q[h] = OFF;
	q_job[h] = 0;
	again[h] = 0
}

bit old_state, killed;
