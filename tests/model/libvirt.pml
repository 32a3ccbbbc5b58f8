/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt and QEMU on both sides, as they were seen to behave: with their lies. */

#define JOB_DST (1 - job_src)

inline job_begins(h)
{
	job < JOBS && phase == NO_JOB && q[h] == RUN && !power_off[h] ->
	job++;
	printf("libvirt on host %d begins job %d\n", h, job);
	phase = BEGUN;
	job_src = h;
	fin_done = 0
}

/* The destination's libvirtd calls the hook, which asks by way of its agent. */
inline hook_asks()
{
	phase == BEGUN && hook[job] == UNUSED ->
	hook_at[job] = JOB_DST;
	if
	:: up[JOB_DST] && !power_off[JOB_DST] ->
		printf("hook %d asks\n", job);
		hook[job] = ASKING;
		asked = asked | BIT(job)
	:: else -> hook[job] = OVER
	fi
}

/* It gives up, or is killed; or, cold, the client does. */
inline hook_ends(j)
{
	hook[j] == ASKING -> printf("hook %d ends\n", j); hook[j] = OVER
}

/* The key is with libvirtd: an incoming QEMU, also of a job that is over by now. */
inline comes_in(j)
{
	hook[j] == KEYED && q[hook_at[j]] == OFF ->
	printf("host %d has an incoming QEMU of job %d\n", hook_at[j], j);
	hook[j] = OVER;
	q[hook_at[j]] = INCOMING;
	q_job[hook_at[j]] = j;
	ver[hook_at[j]] = NONE;
	ver_n[hook_at[j]] = hook_n[j]
}

/* The domain is there already. */
inline key_unused(j)
{
	hook[j] == KEYED && q[hook_at[j]] != OFF -> hook[j] = OVER
}

/* The guest is suspended, the state crosses, Finish is sent. */
inline transfers()
{
	phase == BEGUN && q[job_src] == RUN && q[JOB_DST] == INCOMING && q_job[JOB_DST] == job ->
	printf("job %d: the guest is suspended on host %d, its state has crossed\n", job, job_src);
	q[job_src] = SUSP;
	ver[JOB_DST] = ver[job_src];
	phase = FINISH;
	fin = 1;
	fin_job = job
}

/* Finish arrives; it may be after the source has given up. */
inline finishes(h)
{
	q[h] == INCOMING && q_job[h] == fin_job && fin ->
	fin = 0;
	fin_done = (fin_job == job);
	if
	:: MODE == STRICT && RULE(STRICT_ARRIVES_PAUSED) ->
		printf("the guest arrives on host %d, paused\n", h);
		q[h] = ARRIVED;
		/* Whether what has arrived may go, only the source can tell. */
		if
		:: up[h] && watch[h] == ver_n[h] && RULE(ARRIVED_WAITS) -> resumed[h] = 1
		:: else
		fi
	:: else ->
		printf("the guest runs on host %d\n", h);
		q[h] = RUN;
		grows(h);
		if
		:: up[h] && watch[h] == ver_n[h] -> resumed[h] = 1
		:: else
		fi
	fi
}

/* The answer to Finish arrives: STOPPED/migrated. */
inline source_stops()
{
	phase == FINISH && fin_done && q[job_src] == SUSP ->
	printf("job %d: the guest has gone from host %d\n", job, job_src);
	q[job_src] = OFF;
	event[job_src] = up[job_src];
	phase = NO_JOB
}

/* The job fails, is aborted, or the answer is lost: libvirt resumes the guest by itself. */
inline job_fails()
{
	phase != NO_JOB ->
	if
	:: phase == FINISH && q[job_src] == SUSP ->
		printf("job %d: libvirt resumes the guest on host %d\n", job, job_src);
		q[job_src] = RUN;
		again[job_src] = 1;
		if
		:: ver[job_src] == NEWEST -> grows(job_src)
		:: else
		fi
	:: else -> printf("job %d fails\n", job)
	fi
	phase = NO_JOB
}

/* The incoming QEMU whose connection is gone; Finish may still have been first. */
inline incoming_ends(h)
{
	q[h] == INCOMING && (phase == NO_JOB || job_src == h || q_job[h] != job) ->
	printf("libvirt on host %d destroys the incoming QEMU\n", h);
	ends(h)
}

/* Hooks that wait lose their agent; with libvirtd go those, too, whose key it holds. */
inline hooks_die(h, keyed_too)
{
	k = 1;
	do
	:: k <= JOBS ->
		if
		:: hook_at[k] == h && (hook[k] == ASKING || hook[k] == KEYED && keyed_too) ->
			hook[k] = OVER
		:: else
		fi
		k++
	:: else -> break
	od;
	k = 0
}

inline libvirtd_dies(h)
{
	if
	:: phase != NO_JOB && job_src == h -> phase = NO_JOB
	:: else
	fi
	hooks_die(h, true);
	watch[h] = 0;
	resumed[h] = 0;
	checked[h] = 0;
	if
	:: q[h] == INCOMING -> ends(h)
	:: else
	fi
}

/* The agent's memory goes; what it was about to start, too. */
inline agent_dies(h)
{
	up[h] = 0;
	step[h] = 0;
	con_n[h] = 0;
	con_j[h] = 0;
	event[h] = 0;
	watch[h] = 0;
	resumed[h] = 0;
	checked[h] = 0;
	may_wipe[h] = 0;
	rel[h] = 0;
	hooks_die(h, false)
}

inline libvirtd_crashes(h)
{
	faults > 0 && !power_off[h] -> printf("libvirtd on host %d crashes\n", h);
	faults--;
	libvirtd_dies(h)
}

inline agent_crashes(h)
{
	faults > 0 && up[h] -> printf("the agent on host %d crashes\n", h);
	faults--;
	agent_dies(h)
}

inline agent_returns(h)
{
	!up[h] && !power_off[h] -> printf("the agent on host %d is back\n", h); up[h] = 1
}

inline qemu_crashes(h)
{
	faults > 0 && q[h] != OFF -> printf("QEMU on host %d crashes\n", h);
	faults--;
	ends(h)
}

inline guest_stops(h)
{
	stops > 0 && q[h] == RUN && !OUTGOING(h) -> printf("the guest on host %d shuts down\n", h);
	stops--;
	ends(h)
}

inline loses_power(h)
{
	power > 0 && !power_off[h] -> printf("host %d is off\n", h);
	power--;
	power_off[h] = 1;
	agent_dies(h);
	libvirtd_dies(h);
	ends(h)
}

/* It may be off, and it may run on. */
inline is_fenced(h)
{
	fences > 0 && !fenced[h] -> printf("host %d is fenced\n", h);
	fences--;
	fenced[h] = 1
}

inline power_returns(h)
{
	power_off[h] -> printf("host %d is on again\n", h); power_off[h] = 0
}

inline fence_lifted(h)
{
	fenced[h] && !power_off[h] ->
	printf("host %d is approved again\n", h);
	fenced[h] = 0
}
