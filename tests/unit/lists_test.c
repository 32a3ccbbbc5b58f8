/* SPDX-License-Identifier: Apache-2.0 */
/* Typed reads and lists: what comes, in which order, and what does not. */
#include "broker/store/queries.h"
#include "tests/unit/store_bed.h"

struct seen {
	char text[512];
	int n;
};

static void see(struct seen *s, const char *word)
{
	size_t at = strlen(s->text);

	snprintf(s->text + at, sizeof(s->text) - at, "%s%s", at ? " " : "", word);
	s->n++;
}

static bool see_instance(void *ctx, const struct instance_row *row, UNUSED struct err *e)
{
	see(ctx, row->name);
	return true;
}

static bool see_host(void *ctx, const struct host_row *row, UNUSED struct err *e)
{
	see(ctx, row->key_hash);
	return true;
}

static bool see_permit(void *ctx, const struct permit_row *row, UNUSED struct err *e)
{
	see(ctx, row->hosts);
	return true;
}

static bool see_copy(void *ctx, const struct copy_row *row, UNUSED struct err *e)
{
	see(ctx, row->erased_us ? "erased" : "kept");
	return true;
}

static bool see_setting(void *ctx, const struct setting_row *row, UNUSED struct err *e)
{
	see(ctx, row->name);
	return true;
}

static bool see_token(void *ctx, const struct token_row *row, UNUSED struct err *e)
{
	see(ctx, row->subject);
	return true;
}

static bool stop_at_first(UNUSED void *ctx, UNUSED const struct instance_row *row,
			  struct err *e)
{
	return err_set(e, ERR_FORBIDDEN, "enough");
}

static void put(struct bed *b, enum table t, const void *row)
{
	need(b, bed_put(b, t, row), "putting a row");
}

static void place(struct bed *b, int n, const char *host)
{
	struct placement_row row = { .instance = bed_uuid(n), .epoch = 1 };

	snprintf(row.host, sizeof(row.host), "%s", host);
	put(b, TABLE_PLACEMENT, &row);
}

static void guests(struct bed *b)
{
	static const struct {
		int n;
		const char *name, *project, *host;
	} rows[] = { { 0x10, "web", "red", "h1" },
		     { 0x20, "db", "red", "h2" },
		     { 0x30, "web", "blue", "h1" },
		     { 0x1a, "mail", "red", "h1" },
		     { 0x40, "idle", "red", NULL } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct instance_row row =
			bed_instance(rows[i].n << 24, rows[i].name, rows[i].project);

		put(b, TABLE_INSTANCE, &row);
		if (rows[i].host)
			place(b, rows[i].n << 24, rows[i].host);
	}
}

static void expect(struct bed *b, const char *says, struct instance_filter f,
		   struct page p, const char *want)
{
	struct seen s = { 0 };

	need(b, list_instances(b->reader, &f, p, see_instance, &s, &b->e), "a list");
	if (!check(says, strcmp(s.text, want) == 0))
		printf("# got '%s', want '%s'\n", s.text, want);
}

#define FILTER(...) ((struct instance_filter){ __VA_ARGS__ })
#define ALL ((struct page){ "", 100 })

static void instances(struct bed *b)
{
	struct uuid last = bed_uuid(0x1a << 24);

	expect(b, "all instances, by UUID", FILTER(0), ALL, "web mail db web idle");
	expect(b, "at most as many as asked for", FILTER(0), (struct page){ "", 2 },
	       "web mail");
	expect(b, "and on from there", FILTER(0), (struct page){ last.text, 2 },
	       "db web");
	expect(b, "those of one project", FILTER(.issuer = "broker:1", .project = "red"),
	       ALL, "web mail db idle");
	expect(b, "page by page", FILTER(.issuer = "broker:1", .project = "red"),
	       (struct page){ last.text, 100 }, "db idle");
	expect(b, "none of a project of another issuer",
	       FILTER(.issuer = "other", .project = "red"), ALL, "");
	expect(b, "those placed on a host", FILTER(.host = "h1"), ALL, "web mail web");
	expect(b, "of one project",
	       FILTER(.host = "h1", .issuer = "broker:1", .project = "red"), ALL,
	       "web mail");
	expect(b, "a limit counts those that match",
	       FILTER(.host = "h1", .issuer = "broker:1", .project = "blue"),
	       (struct page){ "", 1 }, "web");
	expect(b, "by exact name", FILTER(.match = "web"), ALL, "web web");
	expect(b, "in one project",
	       FILTER(.match = "web", .issuer = "broker:1", .project = "blue"), ALL,
	       "web");
	expect(b, "not by a part of the name", FILTER(.match = "we"), ALL, "");
	expect(b, "by the beginning of the UUID", FILTER(.match = "1"), ALL, "web mail");
	expect(b, "in capitals, too", FILTER(.match = "1A00"), ALL, "mail");
	expect(b, "the whole UUID", FILTER(.match = last.text), ALL, "mail");
	expect(b, "name and host together", FILTER(.match = "web", .host = "h2"), ALL,
	       "");
	expect(b, "no wildcards", FILTER(.match = "%"), ALL, "");
	check("a false from the callback ends the list and is passed on",
	      !list_instances(b->reader, &FILTER(0), ALL, stop_at_first, NULL, &b->e) &&
		      b->e.kind == ERR_FORBIDDEN);
	raw(b, "UPDATE instance SET owner = 'me' WHERE name = 'idle'");
	check("a list that meets a row changed by hand fails",
	      !list_instances(b->reader, &FILTER(0), ALL, see_instance,
			      &(struct seen){ 0 }, &b->e) &&
		      b->e.kind == ERR_ROW_TAMPERED);
	expect(b, "one that does not meet it goes on", FILTER(.match = "web"), ALL,
	       "web web");
}

static void hosts(struct bed *b)
{
	static const char *const rows[][3] = { { "k3", "alpha", "revoked" },
					       { "k1", "alpha", "revoked" },
					       { "k2", "alpha", "approved" },
					       { "k0", "beta", "pending" } };
	struct seen s = { 0 }, t = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct host_row row = { 0 };

		strcpy(row.key_hash, rows[i][0]);
		strcpy(row.name, rows[i][1]);
		strcpy(row.state, rows[i][2]);
		put(b, TABLE_HOST, &row);
	}
	need(b, list_hosts(b->reader, (struct page){ "", 2 }, see_host, &s, &b->e),
	     "hosts");
	need(b,
	     list_hosts(b->reader, (struct page){ "alpha/k2", 9 }, see_host, &s, &b->e),
	     "hosts");
	check("hosts come by name, then key, page by page",
	      strcmp(s.text, "k1 k2 k3 k0") == 0);
	need(b, list_hosts(b->reader, (struct page){ "alpha", 9 }, see_host, &t, &b->e),
	     "hosts");
	check("a name alone goes on after all hosts of that name",
	      strcmp(t.text, "k0") == 0);
	check("a cursor that cannot be one is refused",
	      !list_hosts(b->reader,
			  (struct page){ "0123456789012345678901234567890123456789"
					 "0123456789012345678901234567890123456789",
					 9 },
			  see_host, &t, &b->e) &&
		      b->e.kind == ERR_BAD_VALUE);
}

static void permits(struct bed *b)
{
	struct permit_row row = { .instance = bed_uuid(0x10 << 24), .purpose = "start" };
	struct seen s = { 0 }, grants = { 0 }, words = { 0 }, none = { 0 };

	for (int i = 0; i < 4; i++) {
		row.id = bed_uuid(900 - i);
		row.created_us = 10 + i;
		row.withdrawn = i == 3;
		row.epoch = i == 1 ? 0 : 7;
		snprintf(row.hosts, sizeof(row.hosts), "p%d", i);
		put(b, TABLE_PERMIT, &row);
	}
	need(b, list_words(b->reader, &row.instance, "start", see_permit, &words, &b->e),
	     "words");
	check("the owner's words for a purpose are those not withdrawn, the newest first",
	      strcmp(words.text, "p2 p1 p0") == 0);
	need(b,
	     list_words(b->reader, &row.instance, "autostart", see_permit, &none, &b->e),
	     "words");
	check("none for another purpose", none.n == 0);
	need(b, list_permits(b->reader, &row.instance, ALL, see_permit, &s, &b->e),
	     "permits");
	check("all of an instance's permits are listed", strcmp(s.text, "p3 p2 p0") == 0);
	need(b, list_grants(b->reader, &row.instance, ALL, see_permit, &grants, &b->e),
	     "grants");
	check("and its grants apart from them", strcmp(grants.text, "p1") == 0);
}

static void others(struct bed *b)
{
	struct copy_row copy = { .instance = bed_uuid(0x10 << 24), .host = "h1" };
	struct setting_row setting = { .scope = "image", .name = "b" };
	struct token_row token = { .id = bed_uuid(5), .sha256 = { 5 }, .subject = "ann" };
	struct seen s = { 0 };

	put(b, TABLE_COPY, &copy);
	copy.instance = bed_uuid(0x1a << 24);
	copy.erased_us = 5;
	put(b, TABLE_COPY, &copy);
	put(b, TABLE_SETTING, &setting);
	strcpy(setting.name, "a");
	put(b, TABLE_SETTING, &setting);
	strcpy(setting.scope, "deployment");
	put(b, TABLE_SETTING, &setting);
	put(b, TABLE_TOKEN, &token);
	need(b,
	     list_copies(b->reader, "h1", ALL, see_copy, &s, &b->e) &&
		     list_settings(b->reader, "image", ALL, see_setting, &s, &b->e) &&
		     list_tokens(b->reader, ALL, see_token, &s, &b->e),
	     "lists");
	check("copies of a host, settings of a scope and tokens are listed",
	      strcmp(s.text, "kept erased a b ann") == 0);
}

static void too_long(struct bed *b)
{
	char long_text[600];
	struct host_row host;
	struct copy_row copy;
	struct setting_row setting;
	struct project_key_row key;
	struct spool_row spool;
	struct uuid id = bed_uuid(1);

	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	check("a key too long to be stored is the key of no row",
	      read_host(b->reader, long_text, &host, &b->e) && !host.head.generation &&
		      read_copy(b->reader, &id, long_text, &copy, &b->e) &&
		      !copy.head.generation &&
		      read_setting(b->reader, "image", long_text, &setting, &b->e) &&
		      !setting.head.generation &&
		      read_project_key(b->reader, long_text, "p", &key, &b->e) &&
		      !key.head.generation &&
		      read_spool(b->reader, long_text, &spool, &b->e) &&
		      !spool.head.generation);
}

static void snapshot(struct bed *b)
{
	struct setting_row row, again;

	need(b, reader_begin(b->reader, &b->e), "a snapshot");
	need(b, read_setting(b->reader, "image", "a", &row, &b->e), "a setting");
	row.allowed = 7;
	put(b, TABLE_SETTING, &row);
	check("within a snapshot a reader sees one moment",
	      read_setting(b->reader, "image", "a", &again, &b->e) && again.allowed == 0);
	reader_end(b->reader);
	check("and the present one afterwards",
	      read_setting(b->reader, "image", "a", &again, &b->e) && again.allowed == 7);
	reader_end(b->reader);
	check("ending twice is harmless", reader_begin(b->reader, &b->e));
	reader_end(b->reader);
}

/* How SQLite would go about a statement; "" where it walks no table. */
static void plan_of(struct bed *b, const char *sql, char *ret, size_t cap)
{
	char explain[2048];
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;

	ret[0] = '\0';
	snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", sql);
	need(b,
	     sqlite3_open(b->path, &db) == SQLITE_OK &&
		     sqlite3_prepare_v2(db, explain, -1, &stmt, NULL) == SQLITE_OK,
	     sql);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		size_t at = strlen(ret);

		snprintf(ret + at, cap - at, "%s; ", sqlite3_column_text(stmt, 3));
	}
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

/* With a million secrets a statement that scans would be felt by everybody. */
static void plans(struct bed *b)
{
#define STATEMENT_TEXT(role, NAME, sql) { SQL_##NAME, #NAME, sql },
	static const struct {
		enum statement id;
		const char *name, *sql;
	} rows[] = { STATEMENTS(STATEMENT_TEXT) };
	char plan[1024], says[128];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strncmp(rows[i].sql, "SELECT", 6) != 0 ||
		    rows[i].id == SQL_AUDIT_LAST || strstr(rows[i].name, "_ALL"))
			continue; /* the table's own end; verify-db alone reads all */
		plan_of(b, rows[i].sql, plan, sizeof(plan));
		snprintf(says, sizeof(says), "%s goes by an index, in its order",
			 rows[i].name);
		if (!check(says,
			   plan[0] && !strstr(plan, "SCAN") && !strstr(plan, "ORDER BY")))
			printf("# %s\n", plan);
	}
}

int main(void)
{
	struct bed b;

	bed_up(&b);
	guests(&b);
	permits(&b);
	hosts(&b);
	others(&b);
	too_long(&b);
	snapshot(&b);
	instances(&b);
	plans(&b);
	bed_down(&b);
	return done();
}
