/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/reader.h"

#include <string.h>

#define ALL_ROWS(NAME, name) [TABLE_##NAME] = SQL_##NAME##_ALL,
static const enum statement all_rows[TABLE_COUNT] = { TABLES(ALL_ROWS) };
#undef ALL_ROWS

static bool verify_table(struct reader *r, enum table t, reader_bad_row *bad, void *ctx,
			 int64_t *good, struct err *e)
{
	union row row;
	bool more;
	QUERY(q, r->db, all_rows[t]);

	while (query_next(&q, &more, e)) {
		struct err why = { 0 };

		if (!more)
			return true;
		if (row_read(&q, table_spec(t), r->row, &row, &why)) {
			(*good)++;
		} else if (why.kind == ERR_ROW_TAMPERED) {
			bad(ctx, &why);
		} else {
			*e = why;
			return false;
		}
	}
	return false;
}

bool reader_verify_rows(struct reader *r, reader_bad_row *bad, void *ctx,
			int64_t *ret_good, struct err *e)
{
	int64_t good = 0;

	for (int t = 0; t < TABLE_COUNT; t++)
		if (!verify_table(r, (enum table)t, bad, ctx, &good, e))
			return false;
	*ret_good = good;
	return true;
}

bool reader_has_record(struct reader *r, const char *writer, int64_t number,
		       const char *mac_hex, bool *ret, struct err *e)
{
	uint8_t mac[MAC_BYTES], wanted[MAC_BYTES];
	size_t len = 0;
	bool found;
	QUERY(q, r->db, SQL_AUDIT_AT);

	query_text(&q, writer);
	query_integer(&q, number);
	if (!query_next(&q, &found, e))
		return false;
	*ret = found && query_get_bytes(&q, 0, mac, sizeof(mac), &len) &&
	       len == sizeof(mac) && text_unhex(mac_hex, wanted, sizeof(wanted)) &&
	       mac_equal(mac, wanted);
	return true;
}
