/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/reader.h"

#include <string.h>

enum { VERIFY_PAGE = 1000 };

static bool audit_bad(const struct audit_row *row, struct err *e)
{
	err_set(e, ERR_ROW_TAMPERED, "an audit record does not verify");
	return err_wrap(e, "table audit, seq %lld", (long long)row->seq);
}

static bool audit_walk(struct reader *r, struct query *q, each_audit *each, void *ctx,
		       struct err *e)
{
	struct audit_row row;
	bool more;

	for (;;) {
		if (!query_next(q, &more, e))
			return false;
		if (!more)
			return true;
		if (!audit_row_read(q, r->audit, &row))
			return audit_bad(&row, e);
		if (!each(ctx, row.seq, row.writer, row.number, &row.record, e))
			return false;
	}
}

static enum statement audit_statement(const struct audit_filter *f)
{
	if (f->instance)
		return f->newest_first ? SQL_AUDITS_OF_BACK : SQL_AUDITS_OF;
	return f->newest_first ? SQL_AUDITS_BACK : SQL_AUDITS;
}

/* Newest first, `after` is where to go on downwards; 0 is the end itself. */
bool list_audit(struct reader *r, const struct audit_filter *f, each_audit *each,
		void *ctx, struct err *e)
{
	QUERY(q, r->db, audit_statement(f));

	if (f->instance)
		query_text(&q, f->instance->text);
	query_integer(&q, f->newest_first && f->after == 0 ? INT64_MAX : f->after);
	query_integer(&q, f->limit);
	return audit_walk(r, &q, each, ctx, e);
}

/* One pass over all records in the order in which they were committed. */
struct verify {
	struct heads heads;          /* owned */
	struct audit_counts *counts; /* borrowed */
	int64_t seq;                 /* of the last record seen */
};

/* A chain's first record names the ends before it, and follows none. */
static bool begins_well(struct verify *v, const struct audit_row *row, bool *ret,
			struct err *e)
{
	static const uint8_t none[MAC_BYTES];
	CLEANUP(buf_done) struct buf text = { 0 };

	*ret = false;
	if (row->number != 1 || memcmp(row->prev, none, MAC_BYTES) != 0)
		return true;
	if (!heads_text(&v->heads, &text, e))
		return false;
	*ret = strcmp(text.at, row->heads) == 0;
	return true;
}

static bool goes_on_well(const struct head *h, const struct audit_row *row)
{
	return row->number == h->number + 1 && row->heads[0] == '\0' &&
	       memcmp(row->prev, h->mac, MAC_BYTES) == 0;
}

static bool fits(struct verify *v, const struct audit_row *row, bool *ret, struct err *e)
{
	struct head *h = heads_find(&v->heads, row->writer);

	*ret = h && goes_on_well(h, row);
	if (!h && !begins_well(v, row, ret, e))
		return false;
	if (!h && *ret) {
		h = heads_add(&v->heads);
		if (!h)
			return err_set(e, ERR_NO_MEMORY, "out of memory");
		memcpy(h->writer, row->writer, sizeof(h->writer));
		h->first_seq = row->seq;
	}
	if (*ret) {
		h->seq = row->seq;
		h->number = row->number;
		memcpy(h->mac, row->mac, MAC_BYTES);
	}
	return true;
}

static bool verify_row(struct verify *v, struct reader *r, struct query *q,
		       bool *ret_good, struct err *e)
{
	struct audit_row row;

	*ret_good = audit_row_read(q, r->audit, &row);
	if (*ret_good && !fits(v, &row, ret_good, e))
		return false;
	v->seq = row.seq;
	v->counts->records += *ret_good;
	if (!*ret_good) {
		memcpy(v->counts->bad_writer, row.writer, sizeof(row.writer));
		if (!row.writer[0])
			memcpy(v->counts->bad_writer, "?", 2);
		v->counts->bad_number = row.number;
	}
	return true;
}

/* In pages, so that a long trail does not hold one snapshot for its whole length. */
static bool verify_page(struct verify *v, struct reader *r, bool *ret_more, struct err *e)
{
	int64_t rows = 0;
	bool row = true, good = true;
	QUERY(q, r->db, SQL_AUDITS);

	query_integer(&q, v->seq);
	query_integer(&q, VERIFY_PAGE);
	while (row && good) {
		if (!query_next(&q, &row, e) || (row && !verify_row(v, r, &q, &good, e)))
			return false;
		rows += row;
	}
	*ret_more = good && rows == VERIFY_PAGE;
	return true;
}

static bool verify_all(struct verify *v, struct reader *r, struct err *e)
{
	bool more = true;

	while (more)
		if (!verify_page(v, r, &more, e))
			return false;
	v->counts->chains = (int64_t)v->heads.count;
	return true;
}

bool reader_verify_audit(struct reader *r, struct audit_counts *ret, struct err *e)
{
	struct verify v = { .counts = ret };
	bool read;

	*ret = (struct audit_counts){ 0 };
	read = verify_all(&v, r, e);
	heads_done(&v.heads);
	return read;
}
