/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/presence.h"
#include "broker/api/v1/handlers.h"
#include "broker/api/v1/handover.h"

/*
 * What a host's agent lives on: events that wake it, and all that is not over for it. An event
 * only says that something has changed; what is answered is read anew.
 */
#define RECENT_US (24 * 3600 * US_PER_S)

/* The rows of one answer; what they speak of is read after their query has ended. */
struct event_list {
	size_t n;
	struct event_row rows[EVENTS_PAGE];
};

struct ask_list {
	struct exchange *x;
	struct json_writer *w;
	int64_t seq;
};

static bool take_event(void *ctx, const struct event_row *row, struct err *e)
{
	struct event_list *l = ctx;

	(void)e;
	if (l->n < ARRAY_LEN(l->rows))
		l->rows[l->n++] = *row;
	return true;
}

static bool put_ask(void *ctx, const struct ask_row *row, struct err *e)
{
	struct ask_list *l = ctx;

	json_open(l->w, NULL);
	if (!ask_write(l->x->db, l->w, row, l->seq, e))
		return false;
	json_close(l->w);
	return true;
}

/* Of one instance, or, with NULL, of all. */
static bool put_asks(struct api *api, struct ask_list *l, const struct uuid *instance,
		     struct err *e)
{
	const struct ask_filter f = { .host = l->x->who.host.key_hash,
				      .instance = instance,
				      .since_us = clock_wall_us(api->clock) -
						  HANDOVER_ASK_US };

	return list_waiting_asks(l->x->db, &f, put_ask, l, e);
}

static bool put_handover(struct exchange *x, struct json_writer *w,
			 const struct event_row *event, struct err *e)
{
	struct handover_view v = { 0 };

	if (!read_handover(x->db, &event->instance, event->number, &v.row, e))
		return false;
	if (!handover_asker_is(x, v.row.source) &&
	    !handover_asker_is(x, v.row.destination))
		return true;
	if (!handover_view_read(x->db, &v, e))
		return false;
	json_open(w, NULL);
	json_put_integer(w, "seq", event->seq);
	json_put_text(w, "kind", "handover");
	json_open(w, "handover");
	handover_write(w, &v, NULL);
	json_close(w);
	json_close(w);
	return true;
}

/* Of several events about one thing the last stands for all: what it tells is the newest. */
static bool is_told_later(const struct event_list *l, size_t i)
{
	for (size_t j = i + 1; j < l->n; j++)
		if (strcmp(l->rows[i].kind, l->rows[j].kind) == 0 &&
		    l->rows[i].number == l->rows[j].number &&
		    uuid_equal(&l->rows[i].instance, &l->rows[j].instance))
			return true;
	return false;
}

static bool put_event(struct api *api, struct exchange *x, struct json_writer *w,
		      const struct event_row *event, struct err *e)
{
	struct ask_list asks = { x, w, event->seq };

	if (strcmp(event->kind, "ask") == 0)
		return put_asks(api, &asks, &event->instance, e);
	return put_handover(x, w, event, e);
}

struct stream {
	int64_t after, seconds;
	int64_t first, last; /* of all events that there are */
	bool reset;          /* some may have been deleted, or this is another history */
	struct event_list list;
};

static bool stream_parse(const struct exchange *x, struct stream *ret, struct err *e)
{
	char text[24];

	if (exchange_query(x, "after", text, sizeof(text)) != NULL &&
	    !text_parse_int(text, 0, INT64_MAX, &ret->after))
		return err_field(e, ERR_BAD_VALUE, "after", "after is an event's number");
	return handover_wait(x, &ret->seconds, e);
}

static bool stream_read(struct exchange *x, struct stream *s, struct err *e)
{
	if (!read_event_ends(x->db, &s->first, &s->last, e))
		return false;
	s->reset = s->after > s->last || s->after + 1 < s->first;
	return s->reset || list_events(x->db, x->who.host.key_hash, s->after, take_event,
				       &s->list, e);
}

static bool stream_write(struct api *api, struct exchange *x, const struct stream *s,
			 struct err *e)
{
	bool full = s->list.n == EVENTS_PAGE;
	struct json_writer w;

	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_open_list(&w, "items");
	for (size_t i = 0; i < s->list.n; i++)
		if (!is_told_later(&s->list, i) &&
		    !put_event(api, x, &w, &s->list.rows[i], e))
			return false;
	json_close_list(&w);
	json_put_integer(&w, "next", full ? s->list.rows[s->list.n - 1].seq : s->last);
	json_put_boolean(&w, "reset", s->reset);
	json_close(&w);
	return true;
}

/* GET /v1/hosts/self/events */
bool api_host_events(struct api *api, struct exchange *x, struct err *e)
{
	const char *host = x->who.host.key_hash;
	struct stream s = { 0 };
	bool ok;

	if (!stream_parse(x, &s, e) || !reader_begin(x->db, e))
		return false;
	presence_note(api->presence, host, x->started_us);
	ok = stream_read(x, &s, e);
	if (ok && s.list.n == 0 && !s.reset && exchange_waits(x, host, s.seconds)) {
		reader_end(x->db);
		return true;
	}
	ok = ok && stream_write(api, x, &s, e);
	reader_end(x->db);
	return ok;
}

struct handover_list {
	struct exchange *x;
	struct json_writer *w;
};

static bool list_handover(void *ctx, const struct handover_row *row, struct err *e)
{
	struct handover_list *l = ctx;
	struct handover_view v = { .row = *row };

	if (!handover_view_read(l->x->db, &v, e))
		return false;
	json_open(l->w, NULL);
	handover_write(l->w, &v, NULL);
	json_close(l->w);
	return true;
}

static bool own_write(struct api *api, struct exchange *x, struct err *e)
{
	struct json_writer w;
	struct handover_list l = { x, &w };
	struct ask_list asks = { .x = x, .w = &w };
	struct host_filter f = { .host = x->who.host.key_hash,
				 .end = HANDOVERS_FROM,
				 .since_us = clock_wall_us(api->clock) - RECENT_US };
	int64_t first, last;

	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_open_list(&w, "items");
	if (!list_host_handovers(x->db, &f, list_handover, &l, e))
		return false;
	f.end = HANDOVERS_TO;
	if (!list_host_handovers(x->db, &f, list_handover, &l, e))
		return false;
	json_close_list(&w);
	json_open_list(&w, "asks");
	if (!put_asks(api, &asks, NULL, e) || !read_event_ends(x->db, &first, &last, e))
		return false;
	json_close_list(&w);
	json_put_integer(&w, "next", last);
	json_close(&w);
	return true;
}

/* GET /v1/hosts/self/handovers - what is not over for the calling host. */
bool api_host_handovers(struct api *api, struct exchange *x, struct err *e)
{
	bool ok;

	if (!reader_begin(x->db, e))
		return false;
	ok = own_write(api, x, e);
	reader_end(x->db);
	return ok;
}
