/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/moves.h"
#include "broker/store/reader.h"
#include "common/text.h"

#include <string.h>

static bool get(struct reader *r, enum table t, void *row, struct err *e)
{
	return row_get(r->db, table_spec(t), r->row, row, e);
}

bool read_handover(struct reader *r, const struct uuid *instance, int64_t number,
		   struct handover_row *ret, struct err *e)
{
	ret->instance = *instance;
	ret->number = number;
	return get(r, TABLE_HANDOVER, ret, e);
}

bool read_part(struct reader *r, const struct handover_row *of, int64_t part,
	       struct part_row *ret, struct err *e)
{
	ret->instance = of->instance;
	ret->number = of->number;
	ret->part = part;
	return get(r, TABLE_PART, ret, e);
}

bool read_ask(struct reader *r, const struct uuid *instance, const char *host,
	      struct ask_row *ret, struct err *e)
{
	*ret = (struct ask_row){ .instance = *instance };
	if (text_copy(ret->host, sizeof(ret->host), host))
		return get(r, TABLE_ASK, ret, e);
	*ret = (struct ask_row){ 0 };
	return true;
}

bool read_arrival(struct reader *r, const struct placement_row *p,
		  struct handover_row *ret, struct err *e)
{
	bool found;
	QUERY(q, r->db, SQL_HANDOVER_BROUGHT);

	*ret = (struct handover_row){ 0 };
	query_text(&q, p->instance.text);
	query_integer(&q, p->number);
	query_text(&q, p->host);
	query_integer(&q, p->epoch - 1);
	return query_next(&q, &found, e) &&
	       (!found || row_read(&q, table_spec(TABLE_HANDOVER), r->row, ret, e));
}

static bool each_row_handover(struct reader *r, struct query *q, each_handover *each,
			      void *ctx, struct err *e)
{
	struct handover_row row;
	bool more;

	while (query_next(q, &more, e)) {
		if (!more)
			return true;
		if (!row_read(q, table_spec(TABLE_HANDOVER), r->row, &row, e) ||
		    !each(ctx, &row, e))
			return false;
	}
	return false;
}

bool list_handovers(struct reader *r, const struct handover_filter *f, struct page p,
		    each_handover *each, void *ctx, struct err *e)
{
	int64_t after = 0;
	QUERY(q, r->db, SQL_HANDOVERS);

	if (p.after[0] && !text_parse_int(p.after, 0, INT64_MAX, &after))
		return err_field(e, ERR_BAD_VALUE, "after",
				 "this is no number of a hand-over");
	query_text(&q, f->instance->text);
	query_integer(&q, after);
	query_text(&q, f->party ? f->party : "");
	query_integer(&q, p.limit);
	return each_row_handover(r, &q, each, ctx, e);
}

/* Those that the first list shows already are passed over in the second. */
struct ended {
	const struct host_filter *f;
	each_handover *each;
	void *ctx;
};

static bool each_ended(void *ctx, const struct handover_row *row, struct err *e)
{
	const struct ended *d = ctx;
	bool owed = d->f->end == HANDOVERS_FROM && strcmp(row->state, "committed") == 0;

	return owed || d->each(d->ctx, row, e);
}

static bool handovers_ended(struct reader *r, struct ended *d, struct err *e)
{
	QUERY(q, r->db,
	      d->f->end == HANDOVERS_FROM ? SQL_HANDOVERS_FROM_ENDED
					  : SQL_HANDOVERS_TO_ENDED);

	query_text(&q, d->f->host);
	query_integer(&q, d->f->since_us > 0 ? d->f->since_us : 0);
	query_integer(&q, HOST_MOVES_MAX);
	return each_row_handover(r, &q, each_ended, d, e);
}

bool list_host_handovers(struct reader *r, const struct host_filter *f,
			 each_handover *each, void *ctx, struct err *e)
{
	struct ended ended = { f, each, ctx };
	QUERY(q, r->db, f->end == HANDOVERS_FROM ? SQL_HANDOVERS_FROM : SQL_HANDOVERS_TO);

	query_text(&q, f->host);
	query_integer(&q, HOST_MOVES_MAX);
	return each_row_handover(r, &q, each, ctx, e) && handovers_ended(r, &ended, e);
}

bool list_owed(struct reader *r, const struct uuid *instance, const char *host,
	       each_handover *each, void *ctx, struct err *e)
{
	QUERY(q, r->db, SQL_HANDOVER_OWED);

	query_text(&q, host);
	query_text(&q, instance->text);
	return each_row_handover(r, &q, each, ctx, e);
}

static bool each_row_ask(struct reader *r, struct query *q, each_ask *each, void *ctx,
			 struct err *e)
{
	struct ask_row row;
	bool more;

	while (query_next(q, &more, e)) {
		if (!more)
			return true;
		if (!row_read(q, table_spec(TABLE_ASK), r->row, &row, e) ||
		    !each(ctx, &row, e))
			return false;
	}
	return false;
}

bool list_waiting_asks(struct reader *r, const struct ask_filter *f, each_ask *each,
		       void *ctx, struct err *e)
{
	QUERY(q, r->db, f->instance ? SQL_ASKS_OF : SQL_ASKS_WAITING);

	if (f->instance)
		query_text(&q, f->instance->text);
	query_integer(&q, f->since_us);
	query_text(&q, f->host);
	query_integer(&q, HOST_MOVES_MAX);
	return each_row_ask(r, &q, each, ctx, e);
}

bool list_events(struct reader *r, const char *host, int64_t after, each_event *each,
		 void *ctx, struct err *e)
{
	struct event_row row;
	bool more;
	QUERY(q, r->db, SQL_EVENTS);

	query_text(&q, host);
	query_integer(&q, after);
	query_integer(&q, EVENTS_PAGE);
	while (query_next(&q, &more, e)) {
		if (!more)
			return true;
		if (!columns_read(&q, event_columns(), 0, &row))
			return err_set(e, ERR_DATABASE, "an event cannot be read");
		if (!each(ctx, &row, e))
			return false;
	}
	return false;
}

static bool event_at(struct reader *r, enum statement which, int64_t *ret, struct err *e)
{
	bool found;
	QUERY(q, r->db, which);

	*ret = 0;
	if (!query_next(&q, &found, e))
		return false;
	return !found || query_get_integer(&q, 0, ret) ||
	       err_set(e, ERR_DATABASE, "the events cannot be counted");
}

bool read_event_ends(struct reader *r, int64_t *ret_first, int64_t *ret_last,
		     struct err *e)
{
	return event_at(r, SQL_EVENT_FIRST, ret_first, e) &&
	       event_at(r, SQL_EVENT_LAST, ret_last, e);
}
