/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/audit.h"

#include <stdlib.h>
#include <string.h>

static struct view mac_view(const uint8_t mac[MAC_BYTES])
{
	return (struct view){ mac, MAC_BYTES };
}

static bool audit_mac(const struct audit_row *row, struct mac *m, uint8_t ret[MAC_BYTES],
		      struct err *e)
{
	mac_begin(m);
	mac_add_text(m, "audit");
	mac_add_integer(m, row->seq);
	mac_add_text(m, row->writer);
	mac_add_integer(m, row->number);
	mac_add_text(m, row->heads);
	mac_add_bytes(m, mac_view(row->prev));
	columns_mac(m, audit_columns(), &row->record);
	return mac_end(m, ret, e);
}

static bool audit_insert(struct db *db, const struct audit_row *row, struct err *e)
{
	int64_t changed;
	QUERY(q, db, SQL_AUDIT_INSERT);

	columns_bind(&q, audit_columns(), &row->record);
	query_integer(&q, row->seq);
	query_text(&q, row->writer);
	query_integer(&q, row->number);
	query_text(&q, row->heads);
	query_bytes(&q, mac_view(row->prev));
	query_bytes(&q, mac_view(row->mac));
	if (!query_change(&q, &changed, e))
		return false;
	return changed == 1 ||
	       err_set(e, ERR_DATABASE, "the audit trail has a record too many");
}

bool audit_last_seq(struct db *db, int64_t *ret, struct err *e)
{
	bool found;
	QUERY(q, db, SQL_AUDIT_LAST);

	*ret = 0;
	if (!query_next(&q, &found, e))
		return false;
	return !found || query_get_integer(&q, 0, ret) ||
	       err_set(e, ERR_DATABASE, "the audit trail cannot be read");
}

bool audit_row_read(const struct query *q, struct mac *m, struct audit_row *ret)
{
	int after = (int)audit_columns().count;
	size_t prev_len = 0, mac_len = 0;
	uint8_t want[MAC_BYTES];
	struct err e;

	memset(ret, 0, sizeof(*ret));
	ret->heads = query_peek_text(q, after + 3);
	return query_get_integer(q, after, &ret->seq) &&
	       query_get_text(q, after + 1, ret->writer, sizeof(ret->writer)) &&
	       query_get_integer(q, after + 2, &ret->number) && ret->heads &&
	       query_get_bytes(q, after + 4, ret->prev, MAC_BYTES, &prev_len) &&
	       query_get_bytes(q, after + 5, ret->mac, MAC_BYTES, &mac_len) &&
	       prev_len == MAC_BYTES && mac_len == MAC_BYTES &&
	       columns_read(q, audit_columns(), 0, &ret->record) &&
	       audit_mac(ret, m, want, &e) && mac_equal(want, ret->mac);
}

/* Fills a head from the database; *ret_found says whether there is a writer after `after`. */
static bool next_writer(struct db *db, const char *after, struct head *ret,
			bool *ret_found, struct err *e)
{
	QUERY(q, db, SQL_AUDIT_NEXT_WRITER);

	query_text(&q, after);
	if (!query_next(&q, ret_found, e))
		return false;
	return !*ret_found || query_get_text(&q, 0, ret->writer, sizeof(ret->writer)) ||
	       err_set(e, ERR_DATABASE, "the audit trail names a writer that cannot be");
}

static bool head_read(struct db *db, struct head *h, struct err *e)
{
	size_t len = 0;
	bool found;
	QUERY(last, db, SQL_AUDIT_HEAD);
	QUERY(first, db, SQL_AUDIT_FIRST);

	query_text(&last, h->writer);
	query_text(&first, h->writer);
	if (!query_next(&last, &found, e))
		return false;
	if (found && query_get_integer(&last, 0, &h->seq) &&
	    query_get_integer(&last, 1, &h->number) &&
	    query_get_bytes(&last, 2, h->mac, sizeof(h->mac), &len) &&
	    query_next(&first, &found, e))
		return !found || query_get_integer(&first, 0, &h->first_seq);
	return err_set(e, ERR_DATABASE, "the end of an audit chain cannot be read");
}

static bool heads_read(struct db *db, struct heads *ret, struct err *e)
{
	struct head head = { 0 };
	bool found;

	for (;;) {
		struct head *h;

		if (!next_writer(db, head.writer, &head, &found, e))
			return false;
		if (!found)
			return true;
		h = heads_add(ret);
		if (!h)
			return err_set(e, ERR_NO_MEMORY, "out of memory");
		memcpy(h->writer, head.writer, sizeof(h->writer));
		if (!head_read(db, h, e))
			return false;
	}
}

struct head *heads_find(const struct heads *h, const char *writer)
{
	for (size_t i = h->count; i > 0; i--)
		if (strcmp(h->at[i - 1].writer, writer) == 0)
			return &h->at[i - 1];
	return NULL;
}

struct head *heads_add(struct heads *h)
{
	if (h->count == h->cap) {
		size_t cap = h->cap ? 2 * h->cap : 16;
		struct head *at = realloc(h->at, cap * sizeof(*at));

		if (!at)
			return NULL;
		h->at = at;
		h->cap = cap;
	}
	h->at[h->count] = (struct head){ 0 };
	return &h->at[h->count++];
}

void heads_done(struct heads *h)
{
	free(h->at);
	*h = (struct heads){ 0 };
}

static int by_writer(const void *a, const void *b)
{
	return strcmp(((const struct head *)a)->writer, ((const struct head *)b)->writer);
}

bool heads_text(struct heads *h, struct buf *ret, struct err *e)
{
	int64_t since = 0;

	for (size_t i = 0; i < h->count; i++)
		since = h->at[i].first_seq > since ? h->at[i].first_seq : since;
	if (h->count)
		qsort(h->at, h->count, sizeof(*h->at), by_writer);
	buf_add(ret, "");
	for (size_t i = 0; i < h->count; i++) {
		char hex[2 * MAC_BYTES + 1];

		if (h->at[i].seq < since)
			continue;
		text_hex(mac_view(h->at[i].mac), hex);
		buf_addf(ret, "%s %lld %s\n", h->at[i].writer, (long long)h->at[i].number,
			 hex);
	}
	return !ret->failed || err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* The heads are read in the transaction of the first record, so nothing comes between. */
static bool chain_heads(const struct chain *c, struct db *db, struct buf *ret,
			struct err *e)
{
	CLEANUP(heads_done) struct heads heads = { 0 };

	buf_add(ret, "");
	if (c->number > 0)
		return !ret->failed || err_set(e, ERR_NO_MEMORY, "out of memory");
	return heads_read(db, &heads, e) && heads_text(&heads, ret, e);
}

bool chain_append(struct chain *c, struct db *db, struct mac *m, int64_t seq,
		  const struct audit_record *record, struct err *e)
{
	struct audit_row row = { .seq = seq, .number = c->number + 1, .record = *record };
	CLEANUP(buf_done) struct buf heads = { 0 };

	if (!chain_heads(c, db, &heads, e))
		return false;
	row.heads = heads.at;
	memcpy(row.writer, c->writer, sizeof(row.writer));
	memcpy(row.prev, c->mac, sizeof(row.prev));
	if (!audit_mac(&row, m, row.mac, e) || !audit_insert(db, &row, e))
		return false;
	c->number = row.number;
	memcpy(c->mac, row.mac, sizeof(c->mac));
	return true;
}
