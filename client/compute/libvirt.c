/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/libvirt.h"

#include "client/compute/hold.h"
#include "common/clock.h"
#include "common/text.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RETRY_MS = 100, KEEPALIVE_S = 5, KEEPALIVE_MISSES = 3, STOP_S = 2 };

struct libvirt {
	char uri[256];
	void (*up)(void *ctx);
	void *ctx; /* borrowed */
	pthread_t keeper, loop;
	pthread_mutex_t lock; /* guards the members below */
	pthread_cond_t changed;
	virConnectPtr conn; /* owned; NULL while there is none */
	bool lost, stopping;
	int timer;
};

static void conn_drop(virConnectPtr *c)
{
	if (*c != NULL)
		virConnectClose(*c);
}

static void secret_drop_ref(virSecretPtr *s)
{
	if (*s != NULL)
		virSecretFree(*s);
}

static void domain_drop(virDomainPtr *d)
{
	if (*d != NULL)
		virDomainFree(*d);
}

static void quiet(void *ctx, virErrorPtr e)
{
	(void)ctx;
	(void)e;
}

static bool failed(struct err *e, const char *what)
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
	CLEANUP(conn_drop) virConnectPtr c = virConnectOpen(l->uri);

	if (c == NULL) {
		wait_for_change(l, false);
		return;
	}
	if (virConnectRegisterCloseCallback(c, on_close, l, NULL) != 0 ||
	    virConnectSetKeepAlive(c, KEEPALIVE_S, KEEPALIVE_MISSES) < 0) {
		wait_for_change(l, false);
		return;
	}
	l->up(l->ctx);
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

bool libvirt_open(const char *uri, void (*up)(void *ctx), void *ctx, struct libvirt **ret,
		  struct err *e)
{
	struct libvirt *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_set(e, ERR_NO_MEMORY, "no memory for libvirt");
	l->up = up;
	l->ctx = ctx;
	pthread_mutex_init(&l->lock, NULL);
	hold_cond_init(&l->changed);
	virSetErrorFunc(NULL, quiet);
	if (!text_copy(l->uri, sizeof(l->uri), uri) || virInitialize() < 0 ||
	    virEventRegisterDefaultImpl() < 0 ||
	    (l->timer = virEventAddTimeout(-1, on_timer, NULL, NULL)) < 0 ||
	    !start_threads(l, e)) {
		free(l);
		return e->kind != ERR_NONE ? false
					   : failed(e, "cannot set up libvirt's client");
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
	CLEANUP(conn_drop) virConnectPtr c = l != NULL ? borrow(l) : NULL;

	return c != NULL;
}

/* ---- secrets ---- */

/* *ret is NULL when there is none. */
static bool find_secret(virConnectPtr c, const struct uuid *secret, virSecretPtr *ret,
			struct err *e)
{
	*ret = virSecretLookupByUUIDString(c, secret->text);
	return *ret != NULL || virGetLastErrorCode() == VIR_ERR_NO_SECRET ||
	       failed(e, "cannot look for the secret");
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
	return virSecretUndefine(s) == 0 ? true : failed(e, "cannot undefine the secret");
}

bool libvirt_undefine(struct libvirt *l, const struct uuid *secret,
		      const struct uuid *instance, bool *ret_was, struct err *e)
{
	CLEANUP(conn_drop) virConnectPtr c = NULL;

	return take_connection(l, &c, e) && undefine(c, secret, instance, ret_was, e);
}

bool libvirt_define(struct libvirt *l, const struct uuid *secret,
		    const struct uuid *instance, const struct secret *value,
		    struct err *e)
{
	CLEANUP(conn_drop) virConnectPtr c = NULL;
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
		return failed(e, "cannot define the secret");
	if (virSecretSetValue(s, bytes.at, bytes.len, 0) == 0)
		return true;
	failed(e, "cannot set the secret's value");
	virSecretUndefine(s);
	return false;
}

/* ---- guests ---- */

/*
 * A connection of its own: a call about a guest may wait long, for a start or for a hook, and
 * answers to other calls on the same connection then come late, up to its next keepalive.
 */
static bool open_connection(struct libvirt *l, virConnectPtr *ret, struct err *e)
{
	if (!libvirt_is_up(l))
		return err_set(e, ERR_STARTING_UP, "there is no connection to libvirt");
	*ret = virConnectOpen(l->uri);
	return *ret != NULL || failed(e, "cannot connect");
}

/* *ret is NULL when there is none. */
static bool find_domain(virConnectPtr c, const struct uuid *instance, virDomainPtr *ret,
			struct err *e)
{
	*ret = virDomainLookupByUUIDString(c, instance->text);
	return *ret != NULL || virGetLastErrorCode() == VIR_ERR_NO_DOMAIN ||
	       failed(e, "cannot look for the guest");
}

bool libvirt_find(struct libvirt *l, const struct uuid *instance, enum libvirt_guest *ret,
		  struct err *e)
{
	CLEANUP(conn_drop) virConnectPtr c = NULL;
	CLEANUP(domain_drop) virDomainPtr d = NULL;
	int state, reason, active;

	if (!open_connection(l, &c, e) || !find_domain(c, instance, &d, e))
		return false;
	*ret = LIBVIRT_ABSENT;
	if (d == NULL)
		return true;
	active = virDomainIsActive(d);
	if (active < 0 || virDomainGetState(d, &state, &reason, 0) != 0)
		return failed(e, "cannot see whether the guest runs");
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
	CLEANUP(conn_drop) virConnectPtr c = NULL;
	virDomainPtr *all = NULL;
	struct uuid id = { "" };
	int n;

	if (!open_connection(l, &c, e))
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
	return n >= 0 ? true : failed(e, "cannot list the guests");
}

bool libvirt_start(struct libvirt *l, const struct uuid *instance, struct err *e)
{
	CLEANUP(conn_drop) virConnectPtr c = NULL;
	CLEANUP(domain_drop) virDomainPtr d = NULL;

	if (!open_connection(l, &c, e) || !find_domain(c, instance, &d, e))
		return false;
	if (d == NULL)
		return err_set(e, ERR_NOT_FOUND, "no such guest here");
	return virDomainCreate(d) == 0 ? true : failed(e, "cannot start the guest");
}
