/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/libvirt_own.h"

#include "client/compute/hold.h"
#include "common/clock.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RETRY_MS = 100, KEEPALIVE_S = 5, KEEPALIVE_MISSES = 3, STOP_S = 2, SETTLE_S = 2 };

struct libvirt {
	char uri[256];
	struct libvirt_callbacks call;
	pthread_t keeper, loop;
	pthread_mutex_t lock; /* guards the members below */
	pthread_cond_t changed;
	virConnectPtr conn; /* owned; NULL while there is none */
	bool lost, stopping, fenced;
	int timer, fence;
};

void libvirt_conn_drop(virConnectPtr *c)
{
	if (*c != NULL)
		virConnectClose(*c);
}

static void secret_drop_ref(virSecretPtr *s)
{
	if (*s != NULL)
		virSecretFree(*s);
}

void libvirt_domain_drop(virDomainPtr *d)
{
	if (*d != NULL)
		virDomainFree(*d);
}

static void quiet(void *ctx, virErrorPtr e)
{
	(void)ctx;
	(void)e;
}

bool libvirt_failed(struct err *e, const char *what)
{
	return err_set(e, ERR_NO_LIBVIRT, "%s: %s", what, virGetLastErrorMessage());
}

/* ---- the connection ---- */

static void on_close(virConnectPtr c, int reason, void *ctx)
{
	struct libvirt *l = ctx;
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&l->lock);

	(void)c;
	(void)reason;
	l->lost = true;
	pthread_cond_broadcast(&l->changed);
}

static void on_timer(int timer, void *ctx)
{
	(void)timer;
	(void)ctx;
}

/* ---- events ---- */

static bool event_of(int event, int detail, enum libvirt_event *ret)
{
	switch (event) {
	case VIR_DOMAIN_EVENT_SUSPENDED:
		*ret = LIBVIRT_SUSPENDED;
		return true;
	case VIR_DOMAIN_EVENT_RESUMED:
		*ret = detail == VIR_DOMAIN_EVENT_RESUMED_MIGRATED
			       ? LIBVIRT_RESUMED_MIGRATED
			       : LIBVIRT_RESUMED;
		return true;
	case VIR_DOMAIN_EVENT_STOPPED:
	case VIR_DOMAIN_EVENT_CRASHED:
		*ret = event == VIR_DOMAIN_EVENT_STOPPED &&
				       detail == VIR_DOMAIN_EVENT_STOPPED_MIGRATED
			       ? LIBVIRT_STOPPED_MIGRATED
			       : LIBVIRT_STOPPED;
		return true;
	default:
		return false;
	}
}

static void tell(struct libvirt *l, virDomainPtr d, enum libvirt_event what)
{
	struct uuid id = { "" };

	if (virDomainGetUUIDString(d, id.text) == 0)
		l->call.event(l->call.ctx, &id, what);
}

static int on_lifecycle(virConnectPtr c, virDomainPtr d, int event, int detail, void *ctx)
{
	enum libvirt_event what;

	(void)c;
	if (event_of(event, detail, &what))
		tell(ctx, d, what);
	return 0;
}

static void on_job_over(virConnectPtr c, virDomainPtr d, virTypedParameterPtr params,
			int n, void *ctx)
{
	(void)c;
	(void)params;
	(void)n;
	tell(ctx, d, LIBVIRT_JOB_OVER);
}

static bool watch_guests(struct libvirt *l, virConnectPtr c)
{
	return virConnectDomainEventRegisterAny(c, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
						VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle),
						l, NULL) >= 0 &&
	       virConnectDomainEventRegisterAny(c, NULL,
						VIR_DOMAIN_EVENT_ID_JOB_COMPLETED,
						VIR_DOMAIN_EVENT_CALLBACK(on_job_over), l,
						NULL) >= 0;
}

static void on_fence(int timer, void *ctx)
{
	struct libvirt *l = ctx;
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&l->lock);

	virEventUpdateTimeout(timer, -1);
	l->fenced = true;
	pthread_cond_broadcast(&l->changed);
}

static bool is_stopping(struct libvirt *l)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&l->lock);

	return l->stopping;
}

static void *run_loop(void *ctx)
{
	struct libvirt *l = ctx;

	while (!is_stopping(l))
		if (virEventRunDefaultImpl() < 0)
			break;
	return NULL;
}

/* Waits until the connection is lost, or a moment when there is none. */
static void wait_for_change(struct libvirt *l, bool connected)
{
	int64_t until = clock_monotonic_us(clock_system()) + RETRY_MS * 1000;
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&l->lock);

	if (!connected && !l->stopping)
		(void)hold_wait(&l->changed, &l->lock, until);
	while (connected && !l->lost && !l->stopping)
		pthread_cond_wait(&l->changed, &l->lock);
}

static void set_connection(struct libvirt *l, virConnectPtr c)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&l->lock);

	l->conn = c;
	if (c == NULL)
		l->lost = false;
}

static void keep_one(struct libvirt *l)
{
	CLEANUP(libvirt_conn_drop) virConnectPtr c = virConnectOpen(l->uri);

	if (c == NULL) {
		wait_for_change(l, false);
		return;
	}
	if (virConnectRegisterCloseCallback(c, on_close, l, NULL) != 0 ||
	    !watch_guests(l, c) ||
	    virConnectSetKeepAlive(c, KEEPALIVE_S, KEEPALIVE_MISSES) < 0) {
		wait_for_change(l, false);
		return;
	}
	l->call.up(l->call.ctx);
	set_connection(l, c);
	wait_for_change(l, true);
	virConnectUnregisterCloseCallback(c, on_close);
	set_connection(l, NULL);
}

static void *keep(void *ctx)
{
	struct libvirt *l = ctx;

	while (!is_stopping(l))
		keep_one(l);
	return NULL;
}

static bool start_threads(struct libvirt *l, struct err *e)
{
	if (pthread_create(&l->loop, NULL, run_loop, l) != 0)
		return err_set(e, ERR_NO_MEMORY, "no thread for libvirt's events");
	if (pthread_create(&l->keeper, NULL, keep, l) == 0)
		return true;
	l->stopping = true;
	virEventUpdateTimeout(l->timer, 0);
	pthread_join(l->loop, NULL);
	return err_set(e, ERR_NO_MEMORY, "no thread for the connection to libvirt");
}

bool libvirt_open(const char *uri, const struct libvirt_callbacks *call,
		  struct libvirt **ret, struct err *e)
{
	struct libvirt *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_set(e, ERR_NO_MEMORY, "no memory for libvirt");
	l->call = *call;
	pthread_mutex_init(&l->lock, NULL);
	hold_cond_init(&l->changed);
	virSetErrorFunc(NULL, quiet);
	if (!text_copy(l->uri, sizeof(l->uri), uri) || virInitialize() < 0 ||
	    virEventRegisterDefaultImpl() < 0 ||
	    (l->timer = virEventAddTimeout(-1, on_timer, NULL, NULL)) < 0 ||
	    (l->fence = virEventAddTimeout(-1, on_fence, l, NULL)) < 0 ||
	    !start_threads(l, e)) {
		free(l);
		return e->kind != ERR_NONE
			       ? false
			       : libvirt_failed(e, "cannot set up libvirt's client");
	}
	*ret = l;
	return true;
}

void libvirt_free(struct libvirt *l)
{
	struct timespec until;

	if (l == NULL)
		return;
	pthread_mutex_lock(&l->lock);
	l->stopping = true;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_S;
	/* A connection attempt that hangs cannot be ended; what it uses stays then. */
	if (pthread_timedjoin_np(l->keeper, NULL, &until) != 0)
		return;
	virEventUpdateTimeout(l->timer, 0);
	pthread_join(l->loop, NULL);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* A reference of its own, or NULL while there is no connection. */
static virConnectPtr borrow(struct libvirt *l)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&l->lock);

	if (l->conn == NULL || l->lost || virConnectRef(l->conn) < 0)
		return NULL;
	return l->conn;
}

static bool take_connection(struct libvirt *l, virConnectPtr *ret, struct err *e)
{
	*ret = l != NULL ? borrow(l) : NULL;
	return *ret != NULL
		       ? true
		       : err_set(e, ERR_STARTING_UP, "there is no connection to libvirt");
}

bool libvirt_is_up(struct libvirt *l)
{
	CLEANUP(libvirt_conn_drop) virConnectPtr c = l != NULL ? borrow(l) : NULL;

	return c != NULL;
}

/*
 * What was sent before an answer is queued with that answer, and told by the thread of events
 * on its next round, before a timeout that is set afterwards.
 */
bool libvirt_settle(struct libvirt *l, struct err *e)
{
	CLEANUP(libvirt_conn_drop) virConnectPtr c = NULL;
	int64_t until = clock_monotonic_us(clock_system()) + SETTLE_S * US_PER_S;
	unsigned long version;

	if (!take_connection(l, &c, e))
		return false;
	if (virConnectGetLibVersion(c, &version) != 0)
		return libvirt_failed(e, "libvirt does not answer");
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&l->lock);
	l->fenced = false;
	virEventUpdateTimeout(l->fence, 0);
	while (!l->fenced)
		if (!hold_wait(&l->changed, &l->lock, until))
			return err_set(e, ERR_NO_LIBVIRT, "libvirt's events do not come");
	return true;
}

/* ---- secrets ---- */

/* *ret is NULL when there is none. */
static bool find_secret(virConnectPtr c, const struct uuid *secret, virSecretPtr *ret,
			struct err *e)
{
	*ret = virSecretLookupByUUIDString(c, secret->text);
	return *ret != NULL || virGetLastErrorCode() == VIR_ERR_NO_SECRET ||
	       libvirt_failed(e, "cannot look for the secret");
}

bool libvirt_has_secret(struct libvirt *l, const struct uuid *secret, bool *ret,
			struct err *e)
{
	CLEANUP(libvirt_conn_drop) virConnectPtr c = NULL;
	CLEANUP(secret_drop_ref) virSecretPtr s = NULL;

	if (!take_connection(l, &c, e) || !find_secret(c, secret, &s, e))
		return false;
	*ret = s != NULL;
	return true;
}

static bool is_of(virSecretPtr s, const struct uuid *instance)
{
	const char *usage = virSecretGetUsageID(s);

	return virSecretGetUsageType(s) == VIR_SECRET_USAGE_TYPE_VTPM && usage != NULL &&
	       strcmp(usage, instance->text) == 0;
}

static bool undefine(virConnectPtr c, const struct uuid *secret,
		     const struct uuid *instance, bool *ret_was, struct err *e)
{
	CLEANUP(secret_drop_ref) virSecretPtr s = NULL;

	*ret_was = false;
	if (!find_secret(c, secret, &s, e))
		return false;
	if (s == NULL || !is_of(s, instance))
		return true;
	*ret_was = true;
	return virSecretUndefine(s) == 0
		       ? true
		       : libvirt_failed(e, "cannot undefine the secret");
}

bool libvirt_undefine(struct libvirt *l, const struct uuid *secret,
		      const struct uuid *instance, bool *ret_was, struct err *e)
{
	CLEANUP(libvirt_conn_drop) virConnectPtr c = NULL;

	return take_connection(l, &c, e) && undefine(c, secret, instance, ret_was, e);
}

bool libvirt_define(struct libvirt *l, const struct uuid *secret,
		    const struct uuid *instance, const struct secret *value,
		    struct err *e)
{
	CLEANUP(libvirt_conn_drop) virConnectPtr c = NULL;
	CLEANUP(secret_drop_ref) virSecretPtr s = NULL;
	struct view bytes = secret_view(value);
	char xml[320];
	bool was;

	if (!take_connection(l, &c, e) || !undefine(c, secret, instance, &was, e))
		return false;
	if (!text_format(xml, sizeof(xml),
			 "<secret ephemeral='yes' private='yes'><uuid>%s</uuid>"
			 "<usage type='vtpm'><name>%s</name></usage></secret>",
			 secret->text, instance->text))
		return err_set(e, ERR_INTERNAL, "the secret's XML does not fit");
	s = virSecretDefineXML(c, xml, 0);
	if (s == NULL)
		return libvirt_failed(e, "cannot define the secret");
	if (virSecretSetValue(s, bytes.at, bytes.len, 0) == 0)
		return true;
	libvirt_failed(e, "cannot set the secret's value");
	virSecretUndefine(s);
	return false;
}

/* ---- guests ---- */

bool libvirt_connect(struct libvirt *l, virConnectPtr *ret, struct err *e)
{
	if (!libvirt_is_up(l))
		return err_set(e, ERR_STARTING_UP, "there is no connection to libvirt");
	*ret = virConnectOpen(l->uri);
	return *ret != NULL || libvirt_failed(e, "cannot connect");
}
