/* SPDX-License-Identifier: Apache-2.0 */
/* The audit trail: what somebody with the file in hand can and cannot hide. */
#include "tests/unit/store_bed.h"

static struct audit_counts verified(struct bed *b)
{
	struct audit_counts counts;

	need(b, reader_verify_audit(b->reader, &counts, &b->e), "verifying the trail");
	return counts;
}

static void records(struct bed *b, int n)
{
	for (int i = 0; i < n; i++)
		need(b, bed_audit(b, "release"), "an audit record");
}

static void reopen(struct bed *b)
{
	bed_close(b);
	bed_open(b);
}

static bool finds(struct bed *b, int64_t number)
{
	struct audit_counts counts = verified(b);

	return counts.bad_writer[0] && (number == 0 || counts.bad_number == number);
}

static bool clean(struct bed *b, int64_t chains, int64_t all)
{
	struct audit_counts counts = verified(b);

	return !counts.bad_writer[0] && counts.chains == chains && counts.records == all;
}

/* Runs `sql`, checks what the verification says, and puts the trail back. */
static void hurt(struct bed *b, const char *says, const char *sql, int64_t number)
{
	raw(b, "CREATE TABLE keep AS SELECT * FROM audit");
	raw(b, "%s", sql);
	check(says, finds(b, number));
	raw(b,
	    "DELETE FROM audit; INSERT INTO audit SELECT * FROM keep; DROP TABLE keep");
	need(b, !verified(b).bad_writer[0], "the trail is whole again");
}

static void each_column(struct bed *b)
{
	static const char *const others[] = { "writer", "number", "heads", "prev",
					      "mac" };
	struct columns c = audit_columns();
	char says[128], sql[256];

	for (size_t i = 0; i < c.count + ARRAY_LEN(others); i++) {
		const char *name = i < c.count ? c.at[i].name : others[i - c.count];
		bool number =
			i < c.count ? c.at[i].type == COLUMN_INTEGER : i == c.count + 1;
		bool blob = i >= c.count + 3;

		snprintf(says, sizeof(says), "audit.%s changed by hand is found", name);
		snprintf(sql, sizeof(sql), "UPDATE audit SET %s = %s%s WHERE seq = 4",
			 name, blob ? "zeroblob(32)" : name,
			 blob     ? ""
			 : number ? " + 1000"
				  : " || 'x'");
		hurt(b, says, sql, 0);
	}
}

/* Three chains: 5 records, 3, 4. */
static void three_chains(struct bed *b)
{
	check("an empty trail verifies", clean(b, 0, 0));
	records(b, 5);
	check("one chain of five records verifies", clean(b, 1, 5));
	reopen(b);
	records(b, 3);
	reopen(b);
	check("a store that writes nothing begins no chain", clean(b, 2, 8));
	records(b, 4);
	check("a chain begins with each store that writes", clean(b, 3, 12));
	check("the second chain's first record names the end of the first",
	      raw_count(
		      b,
		      "SELECT count(*) FROM audit AS a, audit AS z WHERE a.seq = 6 AND"
		      " z.seq = 5 AND a.heads = z.writer || ' 5 ' || lower(hex(z.mac)) ||"
		      " char(10)") == 1);
	check("the third names the second alone: the first is covered",
	      raw_count(
		      b,
		      "SELECT count(*) FROM audit AS a, audit AS z WHERE a.seq = 9 AND"
		      " z.seq = 8 AND a.heads = z.writer || ' 3 ' || lower(hex(z.mac)) ||"
		      " char(10)") == 1);
}

static void harms(struct bed *b)
{
	hurt(b, "a record cut out shows as a gap at the one after it",
	     "DELETE FROM audit WHERE seq = 3", 4);
	hurt(b, "cut out and numbered anew, too",
	     "DELETE FROM audit WHERE seq = 3; UPDATE audit SET number = number - 1"
	     " WHERE seq IN (4, 5)",
	     3);
	hurt(b, "two records that changed places are found",
	     "UPDATE audit SET seq = 100 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE "
	     "seq = 3;"
	     " UPDATE audit SET seq = 3 WHERE seq = 100",
	     0);
	hurt(b,
	     "the last record of an older chain cut off is found where the next begins",
	     "DELETE FROM audit WHERE seq = 5", 1);
	hurt(b, "so is an older chain cut out whole", "DELETE FROM audit WHERE seq < 6",
	     1);
	hurt(b, "and a chain between others", "DELETE FROM audit WHERE seq IN (6, 7, 8)",
	     1);
	hurt(b, "a chain without its first record is found",
	     "DELETE FROM audit WHERE seq = 9", 2);
	hurt(b, "a record copied to the end is found",
	     "INSERT INTO audit SELECT 99, 'x', number, time_us, request_id, kind, "
	     "issuer,"
	     " subject, project, credential, address, verb, purpose, target, instance, "
	     "version,"
	     " epoch, host, attempt, verdict, reason, weighed, count, heads, prev, mac "
	     "FROM"
	     " audit WHERE seq = 1",
	     1);
}

/* What the file alone cannot tell, the logged head does. */
static void tail(struct bed *b)
{
	char head[2 * MAC_BYTES + 1];
	int64_t number;

	records(b, 1);
	store_audit_head(b->store, &number, head);
	check("the head is the number and MAC of the last record",
	      number == 5 && strlen(head) == 64 &&
		      raw_count(b, "SELECT count(*) FROM audit WHERE seq = 13 AND number "
				   "= 5") == 1);
	raw(b, "DELETE FROM audit WHERE seq = 13");
	check("the newest chain's end cut off does not show in the file",
	      clean(b, 3, 12));
	check("but no record has the MAC that the log holds",
	      raw_count(b, "SELECT max(number) FROM audit WHERE seq > 8") < number);
}

struct seen {
	int64_t seqs[64];
	int n;
	char verb[32];
};

/* wide: an each_audit */
static bool see(void *ctx, int64_t seq, UNUSED const char *writer, UNUSED int64_t number,
		const struct audit_record *row, UNUSED struct err *e)
{
	struct seen *s = ctx;

	if (s->n < 64)
		s->seqs[s->n++] = seq;
	memcpy(s->verb, row->verb, sizeof(s->verb));
	return true;
}

static struct seen listed(struct bed *b, struct audit_filter f)
{
	struct seen s = { 0 };

	need(b, list_audit(b->reader, &f, see, &s, &b->e), "listing the trail");
	return s;
}

static void lists(struct bed *b)
{
	struct uuid it = bed_uuid(7);
	struct seen s;

	for (int i = 0; i < 3; i++) {
		struct audit_record *a;

		change_reset(b->change);
		a = change_audit(b->change);
		strcpy(a->verb, "place");
		a->instance = it;
		need(b, store_commit(b->store, b->change, &b->e) && bed_audit(b, "lease"),
		     "records");
	}
	s = listed(b, (struct audit_filter){ .instance = &it, .limit = 10 });
	check("an instance's own records are listed, in order",
	      s.n == 3 && s.seqs[0] == 1 && s.seqs[2] == 5 &&
		      strcmp(s.verb, "place") == 0);
	s = listed(b, (struct audit_filter){ .instance = &it, .limit = 1, .after = 1 });
	check("page by page", s.n == 1 && s.seqs[0] == 3);
	s = listed(b, (struct audit_filter){ .limit = 2, .newest_first = true });
	check("or all, the newest first", s.n == 2 && s.seqs[0] == 6 && s.seqs[1] == 5);
	s = listed(b,
		   (struct audit_filter){ .limit = 9, .newest_first = true, .after = 3 });
	check("down to the first", s.n == 2 && s.seqs[0] == 2 && s.seqs[1] == 1);
	raw(b, "UPDATE audit SET subject = 'nobody' WHERE seq = 3");
	check("a list that meets a record changed by hand fails",
	      !list_audit(b->reader,
			  &(struct audit_filter){ .instance = &it, .limit = 10 }, see, &s,
			  &b->e) &&
		      b->e.kind == ERR_ROW_TAMPERED && strstr(b->e.trail, "seq 3"));
}

static void two_at_once(struct bed *b)
{
	struct bed other = *b;

	other.reader = NULL;
	other.store = NULL;
	other.busy_ms = 5000;
	bed_open(&other);
	need(b, change_new(&other.change, &other.e), "a change");
	for (int i = 0; i < 20; i++) {
		records(b, 1);
		records(&other, 1);
	}
	check("two programs that write at once keep two good chains", clean(b, 2, 40));
	change_free(other.change);
	bed_close(&other);
}

static void details(struct bed *b)
{
	struct instance_row row = bed_instance(1, "one", "p");
	char text[8];

	change_reset(b->change);
	change_put(b->change, TABLE_INSTANCE, &row);
	change_audit(b->change);
	need(b, store_commit(b->store, b->change, &b->e), "a record");
	check("a record without a time or weighed rows gets both",
	      raw_count(b, "SELECT count(*) FROM audit WHERE weighed = 'instance=0' AND"
			   " time_us > 1700000000000000") == 1);
	change_reset(b->change);
	strcpy(change_audit(b->change)->verb, "place");
	change_audit(b->change)->version = 3;
	check("a change has one record, filled in bit by bit",
	      strcmp(change_audit(b->change)->verb, "place") == 0 &&
		      change_audit(b->change)->version == 3);
	text_cut(text, sizeof(text), "short");
	check("what fits is copied", strcmp(text, "short") == 0);
	text_cut(text, sizeof(text), "longer than that");
	check("what does not ends in '~'", strcmp(text, "longer~") == 0);
	text_cut(text, sizeof(text), "abcde\xc3\xa9zz");
	check("and not in the middle of a character", strcmp(text, "abcde~") == 0);
}

static void on(void (*test)(struct bed *b))
{
	struct bed b;

	bed_up(&b);
	test(&b);
	bed_down(&b);
}

static void chains(struct bed *b)
{
	three_chains(b);
	each_column(b);
	harms(b);
	tail(b);
}

int main(void)
{
	on(chains);
	on(lists);
	on(two_at_once);
	on(details);
	return done();
}
