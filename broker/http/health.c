/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/http/health.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "broker/http/listen.h"

enum { CONNECTIONS = 64, IDLE_S = 10, POOL_BYTES = 4096 };

struct health {
	struct listener listener;
	struct MHD_Daemon *daemon; /* owned; owns the socket */
	http_health *ask;
	void *ctx; /* borrowed */
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
			      struct buf *body)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(body->len, body->at,
								 MHD_RESPMEM_MUST_FREE);
	enum MHD_Result sent;

	if (r == NULL) {
		buf_done(body);
		return MHD_NO;
	}
	(void)MHD_add_response_header(r, "Content-Type", "application/json");
	(void)MHD_add_response_header(r, "Cache-Control", "no-store");
	sent = MHD_queue_response(connection, status, r);
	MHD_destroy_response(r);
	return sent;
}

/* wide: the form is libmicrohttpd\'s */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection,
				  const char *url, const char *method,
				  const char *version, const char *upload,
				  size_t *upload_len, void **seen)
{
	struct health *h = ctx;
	struct buf body = { 0 };
	int status = 404;

	(void)version;
	(void)upload;
	if (*seen == NULL) { /* answer only once the request is whole */
		*seen = h;
		return MHD_YES;
	}
	*upload_len = 0;
	if (strcmp(method, "GET") == 0 && strcmp(url, "/health") == 0)
		status = h->ask(h->ctx, &body);
	else
		buf_add(&body, "{\"status\":404}");
	return answer(connection, (unsigned)status, &body);
}

bool health_start(const struct http_options *o, struct noise *noise, struct health **ret,
		  struct err *e)
{
	struct health *h = calloc(1, sizeof *h);

	if (h == NULL)
		return err_set(e, ERR_NO_MEMORY, "health");
	h->ask = o->health;
	h->ctx = o->health_ctx;
	if (!listen_open(o->health_listen, &h->listener, e)) {
		free(h);
		return false;
	}
	h->daemon =
		MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG |
					 (h->listener.v6 ? MHD_USE_IPv6 : 0),
				 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER,
				 noise_take, noise, MHD_OPTION_LISTEN_SOCKET,
				 h->listener.fd, MHD_OPTION_CONNECTION_LIMIT,
				 (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
				 (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				 (size_t)POOL_BYTES, MHD_OPTION_END);
	*ret = h;
	return h->daemon != NULL ||
	       err_set(e, ERR_INTERNAL, "the health listener does not start");
}

unsigned health_port(const struct health *h)
{
	return h->listener.port;
}

void health_stop(struct health *h)
{
	if (h == NULL)
		return;
	if (h->daemon != NULL)
		MHD_stop_daemon(h->daemon);
	free(h);
}
