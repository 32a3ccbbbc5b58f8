/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/http/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/http/headers.h"
#include "broker/http/tls.h"

enum { TARGET_MAX = 2048, BODY_SLACK = 1024 * 1024 };

enum phase { PHASE_HEADERS, PHASE_BODY, PHASE_AWAY, PHASE_REPLY };

struct call {
	struct exchange x;
	struct call_shared *shared; /* borrowed */
	struct MHD_Connection *connection;
	enum phase phase;
	uint8_t *body; /* owned */
	size_t body_len, body_cap, body_max;
	size_t passed_over; /* bytes beyond body_max that were read and dropped */
	char target[];      /* path NUL query NUL */
};

struct call *call_begin(struct call_shared *shared, const char *target)
{
	size_t len = strlen(target), path = strcspn(target, "?");
	struct call *c;

	if (len > TARGET_MAX) /* the empty path is refused as malformed */
		len = path = 0;
	c = calloc(1, sizeof *c + len + 2);
	if (c == NULL)
		return NULL;
	memcpy(c->target, target, len);
	c->target[path] = '\0';
	c->shared = shared;
	c->x.path = c->target;
	c->x.query = c->target + path + (path < len);
	return c;
}

static void body_drop(struct call *c)
{
	if (c->body != NULL)
		explicit_bzero(c->body, c->body_cap);
	free(c->body);
	c->body = NULL;
	c->body_len = c->body_cap = 0;
}

void call_end(struct call *c)
{
	if (c == NULL)
		return;
	assert(c->phase != PHASE_AWAY);
	if (c->phase == PHASE_REPLY)
		atomic_fetch_sub(&c->shared->owed, 1);
	exchange_done(&c->x);
	body_drop(c);
	free(c);
}

/* Body. A larger buffer is a fresh one, so that no piece of a secret stays behind. */

static bool body_grow(struct call *c, size_t need)
{
	size_t cap = c->body_cap == 0 ? 1024 : 2 * c->body_cap;
	uint8_t *fresh;

	if (need <= c->body_cap)
		return true;
	cap = cap < need ? need : cap;
	fresh = malloc(cap);
	if (fresh == NULL)
		return false;
	if (c->body != NULL) {
		memcpy(fresh, c->body, c->body_len);
		explicit_bzero(c->body, c->body_cap);
		free(c->body);
	}
	c->body = fresh;
	c->body_cap = cap;
	return true;
}

static enum MHD_Result body_take(struct call *c, const char *upload, size_t *upload_len)
{
	size_t len = *upload_len;

	*upload_len = 0;
	if (c->passed_over > 0 || len > c->body_max - c->body_len) {
		c->x.body_too_large = true;
		c->passed_over += len;
		return c->passed_over > BODY_SLACK ? MHD_NO : MHD_YES;
	}
	if (!body_grow(c, c->body_len + len))
		return MHD_NO;
	memcpy(c->body + c->body_len, upload, len);
	c->body_len += len;
	/* The library is done with these bytes, and would leave them in its pool. */
	explicit_bzero((void *)(uintptr_t)upload, len);
	return MHD_YES;
}

static enum method method_of(const char *name)
{
	static const char *const names[] = {
		[METHOD_GET] = "GET",
		[METHOD_PUT] = "PUT",
		[METHOD_POST] = "POST",
		[METHOD_DELETE] = "DELETE",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return (enum method)i;
	return METHOD_OTHER;
}

static enum MHD_Result headers_take(struct call *c, const char *method)
{
	c->x.method = method_of(method);
	headers_read(c->connection, &c->x);
	c->body_max = dispatch_body_max(c->shared->dispatch, c->x.method, c->x.path);
	c->phase = PHASE_BODY;
	return MHD_YES;
}

/* On any thread. */
static void call_finish(struct exchange *x)
{
	struct call *c = x->transport;
	struct MHD_Connection *connection = c->connection;

	c->phase = PHASE_REPLY;
	MHD_resume_connection(connection); /* c is the I/O thread's from here */
}

static enum MHD_Result call_submit(struct call *c)
{
	c->x.body = (struct view){ c->body, c->body_len };
	c->x.peer = tls_peer(c->connection);
	c->x.finish = call_finish;
	c->x.transport = c;
	c->phase = PHASE_AWAY;
	atomic_fetch_add(&c->shared->owed, 1);
	MHD_suspend_connection(c->connection);
	dispatch_submit(c->shared->dispatch, &c->x);
	return MHD_YES;
}

/* Reply. */

static void secret_sent(void *secret)
{
	secret_free(secret);
}

static struct MHD_Response *reply_make(struct reply *r)
{
	struct MHD_Response *made;

	if (r->secret != NULL) {
		struct view v = secret_view(r->secret);

		made = MHD_create_response_from_buffer_with_free_callback_cls(
			v.len, (void *)(uintptr_t)v.at, secret_sent, r->secret);
		if (made != NULL)
			r->secret = NULL;
		return made;
	}
	made = MHD_create_response_from_buffer(r->body.len, r->body.at,
					       MHD_RESPMEM_MUST_FREE);
	if (made != NULL)
		r->body = (struct buf){ 0 };
	return made;
}

/* Behind a request with two lengths nobody knows where the next one begins (RFC 9112, section
 * 6.3). */
static bool ends_connection(const struct call *c)
{
	return c->x.bad_header != NULL || atomic_load(&c->shared->closing);
}

static enum MHD_Result reply_send(struct call *c)
{
	struct MHD_Response *r = reply_make(&c->x.reply);
	enum MHD_Result sent;

	body_drop(c);
	if (r == NULL)
		return MHD_NO;
	headers_write(r, &c->x, ends_connection(c));
	sent = MHD_queue_response(c->connection, (unsigned)c->x.reply.status, r);
	MHD_destroy_response(r);
	return sent;
}

enum MHD_Result call_handle(struct call *c, struct MHD_Connection *connection,
			    const char *method, const char *upload, size_t *upload_len)
{
	c->connection = connection;
	switch (c->phase) {
	case PHASE_HEADERS:
		return headers_take(c, method);
	case PHASE_BODY:
		return *upload_len > 0 ? body_take(c, upload, upload_len)
				       : call_submit(c);
	case PHASE_REPLY:
		return reply_send(c);
	case PHASE_AWAY:
		break;
	}
	assert(false && "a suspended connection is not handled");
	return MHD_NO;
}
