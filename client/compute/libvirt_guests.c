/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/libvirt_own.h"

#include "common/clock.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>

/* *ret is NULL when there is none. */
static bool find_domain(virConnectPtr c, const struct uuid *instance, virDomainPtr *ret,
			struct err *e)
{
	*ret = virDomainLookupByUUIDString(c, instance->text);
	return *ret != NULL || virGetLastErrorCode() == VIR_ERR_NO_DOMAIN ||
	       libvirt_failed(e, "cannot look for the guest");
}

bool libvirt_find(struct libvirt *l, const struct uuid *instance, enum libvirt_guest *ret,
		  struct err *e)
{
	CLEANUP(libvirt_conn_drop) virConnectPtr c = NULL;
	CLEANUP(libvirt_domain_drop) virDomainPtr d = NULL;
	int state, reason, active;

	if (!libvirt_connect(l, &c, e) || !find_domain(c, instance, &d, e))
		return false;
	*ret = LIBVIRT_ABSENT;
	if (d == NULL)
		return true;
	active = virDomainIsActive(d);
	if (active < 0 || virDomainGetState(d, &state, &reason, 0) != 0)
		return libvirt_failed(e, "cannot see whether the guest runs");
	if (active == 0)
		*ret = LIBVIRT_OFF;
	else if (state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_STARTING_UP)
		*ret = LIBVIRT_STARTING;
	else
		*ret = LIBVIRT_ACTIVE;
	return true;
}

bool libvirt_each_autostart(struct libvirt *l,
			    void (*each)(void *ctx, const struct uuid *instance),
			    void *ctx, struct err *e)
{
	CLEANUP(libvirt_conn_drop) virConnectPtr c = NULL;
	virDomainPtr *all = NULL;
	struct uuid id = { "" };
	int n;

	if (!libvirt_connect(l, &c, e))
		return false;
	n = virConnectListAllDomains(c, &all,
				     VIR_CONNECT_LIST_DOMAINS_AUTOSTART |
					     VIR_CONNECT_LIST_DOMAINS_INACTIVE);
	for (int i = 0; i < n; i++) {
		if (virDomainGetUUIDString(all[i], id.text) == 0)
			each(ctx, &id);
		virDomainFree(all[i]);
	}
	free(all);
	return n >= 0 ? true : libvirt_failed(e, "cannot list the guests");
}

bool libvirt_start(struct libvirt *l, const struct uuid *instance, struct err *e)
{
	CLEANUP(libvirt_conn_drop) virConnectPtr c = NULL;
	CLEANUP(libvirt_domain_drop) virDomainPtr d = NULL;

	if (!libvirt_connect(l, &c, e) || !find_domain(c, instance, &d, e))
		return false;
	if (d == NULL)
		return err_set(e, ERR_NOT_FOUND, "no such guest here");
	return virDomainCreate(d) == 0 ? true
				       : libvirt_failed(e, "cannot start the guest");
}

/* ---- a guest on the move ---- */

static enum libvirt_doing doing_running(int reason)
{
	switch (reason) {
	case VIR_DOMAIN_RUNNING_BOOTED:
	case VIR_DOMAIN_RUNNING_RESTORED:
	case VIR_DOMAIN_RUNNING_FROM_SNAPSHOT:
		return LIBVIRT_RUNS;
	case VIR_DOMAIN_RUNNING_MIGRATED:
		return LIBVIRT_ARRIVED;
	default:
		return LIBVIRT_RUNS_AGAIN;
	}
}

static enum libvirt_doing doing_of(int state, int reason)
{
	switch (state) {
	case VIR_DOMAIN_RUNNING:
	case VIR_DOMAIN_BLOCKED:
		return doing_running(reason);
	case VIR_DOMAIN_PAUSED:
		if (reason == VIR_DOMAIN_PAUSED_STARTING_UP)
			return LIBVIRT_SETS_OUT;
		return reason == VIR_DOMAIN_PAUSED_MIGRATION ? LIBVIRT_HALTED
							     : LIBVIRT_PAUSED;
	case VIR_DOMAIN_SHUTOFF:
	case VIR_DOMAIN_CRASHED:
		return LIBVIRT_NOT_HERE;
	default:
		return LIBVIRT_RUNS_AGAIN;
	}
}

/* The source alone can tell about a migration; the destination says so (error 84). */
static bool look_at_job(virDomainPtr d, struct libvirt_look *ret, struct err *e)
{
	virTypedParameterPtr params = NULL;
	unsigned long long elapsed_ms = 0;
	int type = VIR_DOMAIN_JOB_NONE, n = 0, operation = 0;

	ret->job = LIBVIRT_NO_JOB;
	if (virDomainGetJobStats(d, &type, &params, &n, 0) != 0) {
		if (virGetLastErrorCode() != VIR_ERR_OPERATION_UNSUPPORTED)
			return libvirt_failed(e, "cannot see what the guest is doing");
		ret->job = LIBVIRT_INCOMING;
		return true;
	}
	virTypedParamsGetInt(params, n, VIR_DOMAIN_JOB_OPERATION, &operation);
	virTypedParamsGetULLong(params, n, VIR_DOMAIN_JOB_TIME_ELAPSED, &elapsed_ms);
	virTypedParamsFree(params, n);
	if (type == VIR_DOMAIN_JOB_NONE)
		return true;
	ret->job = operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT
			   ? LIBVIRT_OUTGOING
			   : LIBVIRT_OTHER_JOB;
	ret->job_us = clock_wall_us(clock_system()) - (int64_t)elapsed_ms * 1000;
	return true;
}

static int64_t run_of(virDomainPtr d)
{
	unsigned id = virDomainGetID(d);

	return id == (unsigned)-1 ? -1 : (int64_t)id;
}

static bool look_at(virDomainPtr d, struct libvirt_look *ret, struct err *e)
{
	int active = virDomainIsActive(d);
	int state, reason;

	if (!text_copy(ret->name, sizeof(ret->name), virDomainGetName(d)))
		ret->name[0] = '\0';
	ret->run = run_of(d);
	if (active == 0)
		return true;
	if (active < 0 || virDomainGetState(d, &state, &reason, 0) != 0)
		return libvirt_failed(e, "cannot see whether the guest runs");
	ret->doing = doing_of(state, reason);
	return ret->doing == LIBVIRT_NOT_HERE || look_at_job(d, ret, e);
}

bool libvirt_look(struct libvirt *l, const struct uuid *instance,
		  struct libvirt_look *ret, struct err *e)
{
	CLEANUP(libvirt_conn_drop) virConnectPtr c = NULL;
	CLEANUP(libvirt_domain_drop) virDomainPtr d = NULL;

	*ret = (struct libvirt_look){ .doing = LIBVIRT_NOT_HERE, .run = -1 };
	return libvirt_connect(l, &c, e) && find_domain(c, instance, &d, e) &&
	       (d == NULL || look_at(d, ret, e));
}

static int do_act(virDomainPtr d, enum libvirt_act act)
{
	switch (act) {
	case LIBVIRT_SUSPEND:
		return virDomainSuspend(d);
	case LIBVIRT_RESUME:
		return virDomainResume(d);
	case LIBVIRT_DESTROY:
		return virDomainDestroy(d);
	case LIBVIRT_ABORT_JOB:
		return virDomainAbortJob(d);
	}
	return -1;
}

static const char *failure_of(enum libvirt_act act)
{
	static const char *const texts[] = {
		[LIBVIRT_SUSPEND] = "cannot suspend the guest",
		[LIBVIRT_RESUME] = "cannot resume the guest",
		[LIBVIRT_DESTROY] = "cannot destroy the guest",
		[LIBVIRT_ABORT_JOB] = "cannot abort the job",
	};

	return texts[act];
}

/* The look-up itself waits while libvirtd holds the guest for a hook of its next start. */
bool libvirt_act(struct libvirt *l, const struct uuid *instance, int64_t run,
		 enum libvirt_act act, struct err *e)
{
	CLEANUP(libvirt_conn_drop) virConnectPtr c = NULL;
	CLEANUP(libvirt_domain_drop) virDomainPtr d = NULL;

	if (!libvirt_connect(l, &c, e) || !find_domain(c, instance, &d, e))
		return false;
	if (d == NULL || run_of(d) != run)
		return err_set(e, ERR_CONFLICT, "the guest has ended meanwhile");
	return do_act(d, act) == 0 || libvirt_failed(e, failure_of(act));
}
