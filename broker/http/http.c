/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/http/http.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "broker/http/call.h"
#include "broker/http/health.h"
#include "broker/http/listen.h"
#include "broker/http/noise.h"
#include "broker/http/tls.h"

enum {
	CONNECTIONS = 4096,
	FILES_BESIDE = 128,     /* descriptors that are not connections */
	POOL_BYTES = 16 * 1024, /* of libmicrohttpd for each connection */
	IDLE_S = 120,
	LAST_REPLIES_MS = 1000,
};

struct http {
	struct call_shared shared;
	struct tls_tickets *tickets; /* owned */
	struct noise *noise;         /* owned */
	struct MHD_Daemon *daemon;   /* owned */
	struct health *health;       /* owned */
	struct listener listener;
};

/* What libmicrohttpd calls. */

static void *on_request_line(void *ctx, const char *target,
			     struct MHD_Connection *connection)
{
	struct http *h = ctx;

	(void)connection;
	return call_begin(&h->shared, target);
}

/* wide: the form is libmicrohttpd\'s */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection,
				  const char *url, const char *method,
				  const char *version, const char *upload,
				  size_t *upload_len, void **call)
{
	(void)ctx;
	(void)url; /* decoded and cut at a NUL by the library; call_begin has the real one */
	(void)version;
	if (*call == NULL)
		return MHD_NO;
	return call_handle(*call, connection, method, upload, upload_len);
}

static void on_end(void *ctx, struct MHD_Connection *connection, void **call,
		   enum MHD_RequestTerminationCode why)
{
	(void)ctx;
	(void)connection;
	(void)why;
	call_end(*call);
	*call = NULL;
}

static void on_connection(void *ctx, struct MHD_Connection *connection,
			  void **socket_context, enum MHD_ConnectionNotificationCode what)
{
	struct http *h = ctx;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = tls_accept(h->tickets, connection);
		return;
	}
	tls_gone(*socket_context);
	*socket_context = NULL;
}

/* Start. */

static void files_allow(unsigned connections)
{
	struct rlimit now;
	rlim_t want = connections + FILES_BESIDE;

	if (getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_cur >= want)
		return;
	now.rlim_cur = want < now.rlim_max ? want : now.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &now);
}

static unsigned pool_size(unsigned asked)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (asked != 0)
		return asked;
	return cores < 2 ? 2 : (unsigned)cores;
}

/* libmicrohttpd wants the key as a string; it reads it while starting and not later. */
static char *key_text(const struct secret *pem)
{
	struct view v = secret_view(pem);
	char *text = malloc(v.len + 1);

	if (text != NULL) {
		memcpy(text, v.at, v.len);
		text[v.len] = '\0';
	}
	return text;
}

/* With poll, not epoll: under epoll libmicrohttpd 0.9.75 spins while a client has begun its TLS
 * handshake and not ended it, so that one silent peer would keep a core busy. */
static struct MHD_Daemon *daemon_start(struct http *h, const struct http_options *o,
				       char *key)
{
	unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_TLS | MHD_USE_ERROR_LOG |
			 MHD_ALLOW_SUSPEND_RESUME | (h->listener.v6 ? MHD_USE_IPv6 : 0);
	unsigned connections = o->connections == 0 ? CONNECTIONS : o->connections;
	struct MHD_OptionItem items[] = {
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, key },
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)o->cert_pem },
		{ MHD_OPTION_HTTPS_MEM_TRUST, 0, (void *)(uintptr_t)o->ca_pem },
		{ MHD_OPTION_END, 0, NULL },
	};

	files_allow(connections);
	return MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, h, /* the logger comes first */
		MHD_OPTION_EXTERNAL_LOGGER, noise_take, h->noise,
		MHD_OPTION_LISTEN_SOCKET, h->listener.fd, MHD_OPTION_URI_LOG_CALLBACK,
		on_request_line, h, MHD_OPTION_NOTIFY_COMPLETED, on_end, h,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
		MHD_OPTION_THREAD_POOL_SIZE, pool_size(o->threads),
		MHD_OPTION_CONNECTION_LIMIT, connections,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, connections - connections / 4,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_HTTPS_PRIORITIES,
		"NORMAL:-VERS-ALL:+VERS-TLS1.3", MHD_OPTION_ARRAY, items, MHD_OPTION_END);
}

static bool tls_start(struct http *h, const struct http_options *o, struct err *e)
{
	char *key = key_text(o->key_pem);

	if (key == NULL)
		return err_set(e, ERR_NO_MEMORY, "the server's key");
	h->daemon = daemon_start(h, o, key);
	explicit_bzero(key, strlen(key));
	free(key);
	if (h->daemon == NULL)
		return err_set(e, ERR_INTERNAL,
			       "the TLS server does not start; see the log");
	return true;
}

static bool parts_start(struct http *h, const struct http_options *o, struct err *e)
{
	if (!noise_new(o->log, &h->noise, e) || !tls_tickets_new(&h->tickets, e) ||
	    !listen_open(o->listen, &h->listener, e))
		return false;
	if (o->health_listen != NULL && !health_start(o, h->noise, &h->health, e))
		return false;
	return tls_start(h, o, e);
}

bool http_start(const struct http_options *o, struct http **ret, struct err *e)
{
	struct http *h = calloc(1, sizeof *h);

	if (h == NULL)
		return err_set(e, ERR_NO_MEMORY, "http");
	h->shared.dispatch = o->dispatch;
	h->listener.fd = -1;
	if (!parts_start(h, o, e)) {
		http_stop(h);
		return false;
	}
	*ret = h;
	return true;
}

unsigned http_port(const struct http *h)
{
	return h->listener.port;
}

unsigned http_health_port(const struct http *h)
{
	return h->health == NULL ? 0 : health_port(h->health);
}

/* Stop. */

/* Replies that are under way get a moment; a request that never ends gets none. */
static void last_replies(struct http *h)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	for (int i = 0; i < LAST_REPLIES_MS && atomic_load(&h->shared.owed) > 0; i++)
		(void)nanosleep(&ms, NULL);
}

/* libmicrohttpd aborts the process when it is stopped with a suspended connection; after
 * dispatch_stop there is none, and none comes. */
static void daemon_stop(struct http *h)
{
	(void)MHD_quiesce_daemon(h->daemon); /* the socket is ours and closed below */
	atomic_store(&h->shared.closing, true);
	dispatch_stop(h->shared.dispatch);
	last_replies(h);
	MHD_stop_daemon(h->daemon);
	assert(atomic_load(&h->shared.owed) == 0);
}

void http_stop(struct http *h)
{
	if (h == NULL)
		return;
	if (h->daemon != NULL)
		daemon_stop(h);
	health_stop(h->health);
	if (h->listener.fd >= 0)
		close(h->listener.fd);
	tls_tickets_free(h->tickets);
	noise_free(h->noise);
	free(h);
}
