/* SPDX-License-Identifier: Apache-2.0 */
/* The file: made once, refused when it is not ours, and what a full or locked one does. */
#include "broker/store/migrate.h"
#include "tests/unit/store_bed.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static void file(struct bed *b)
{
	static const uint8_t value[] = { 1, 0, 3 };
	struct store_file *f = NULL;
	struct stat st;
	char wal[128];
	uint8_t got[8];
	size_t len = 0;

	check("a database is made for its owner alone",
	      stat(b->path, &st) == 0 && (st.st_mode & 0777) == 0600);
	snprintf(wal, sizeof(wal), "%s-wal", b->path);
	check("and so is its log", stat(wal, &st) == 0 && (st.st_mode & 0777) == 0600);
	check("one that exists is never made again",
	      !store_file_create(b->path, &f, &b->e) && b->e.kind == ERR_IO &&
		      stat(b->path, &st) == 0);
	need(b, store_file_open(b->path, &f, &b->e), "opening the file");
	check("a key comes back as it was put",
	      store_file_put(f, "row", (struct view){ value, 3 }, &b->e) &&
		      store_file_get(f, "row", got, sizeof(got), &len, &b->e) &&
		      len == 3 && memcmp(got, value, 3) == 0);
	check("put again, it is replaced",
	      store_file_put(f, "row", (struct view){ value + 1, 1 }, &b->e) &&
		      store_file_get(f, "row", got, sizeof(got), &len, &b->e) &&
		      len == 1);
	check("an unknown one is not found",
	      !store_file_get(f, "other", got, sizeof(got), &len, &b->e) &&
		      b->e.kind == ERR_NOT_FOUND);
	check("one that does not fit is refused",
	      store_file_put(f, "row", (struct view){ value, 3 }, &b->e) &&
		      !store_file_get(f, "row", got, 2, &len, &b->e));
	check("an empty value is a value",
	      store_file_put(f, "none", (struct view){ NULL, 0 }, &b->e) &&
		      store_file_get(f, "none", got, sizeof(got), &len, &b->e) &&
		      len == 0);
	store_file_free(f);
}

static bool refuses(struct bed *b, enum err_kind kind, const char *trail)
{
	bool refused = !bed_try_open(b) && b->e.kind == kind;

	if (!refused || !strstr(b->e.trail, trail)) {
		printf("# kind %d, trail '%s'\n", b->e.kind, b->e.trail);
		refused = false;
	}
	bed_close(b);
	return refused;
}

static void overwrite(struct bed *b, const char *bytes)
{
	int fd = open(b->path, O_WRONLY | O_TRUNC);

	need(b, fd >= 0 && write(fd, bytes, strlen(bytes)) == (ssize_t)strlen(bytes),
	     "writing a file");
	close(fd);
}

static void not_ours(struct bed *b)
{
	bed_close(b);
	raw(b, "UPDATE meta SET value = 9999 WHERE name = 'schema'");
	check("a newer schema is refused by its own error",
	      refuses(b, ERR_DATABASE_NEWER, "schema 9999"));
	raw(b,
	    "UPDATE meta SET value = 2; ALTER TABLE spool RENAME COLUMN seq TO sequence");
	check("a schema that lacks a column is refused at open, by the statement's name",
	      refuses(b, ERR_DATABASE, "SPOOL_"));
	raw(b, "DELETE FROM meta");
	check("so is one that does not tell its version",
	      refuses(b, ERR_DATABASE, "schema's version"));
	raw(b, "PRAGMA application_id = 5");
	check("and a database of another program",
	      refuses(b, ERR_DATABASE, "no database of the broker"));
	overwrite(b, "");
	check("an empty file is no database of ours",
	      refuses(b, ERR_DATABASE, "no database of the broker"));
	overwrite(
		b,
		"this is a text, and it is long enough to hold a header of 100 bytes, so "
		"that SQLite reads all of it before it complains.");
	check("nor is a text", refuses(b, ERR_DATABASE, "not a database"));
	unlink(b->path);
	check("a missing file is refused, and not made",
	      refuses(b, ERR_DATABASE, "no database yet") && access(b->path, F_OK) != 0);
}

static void cut_short(struct bed *b)
{
	struct stat st;

	for (int i = 0; i < 40; i++) {
		struct instance_row row = bed_instance(i, "guest", "p");

		need(b, bed_put(b, TABLE_INSTANCE, &row), "a row");
	}
	bed_close(b);
	need(b, stat(b->path, &st) == 0 && truncate(b->path, st.st_size / 2) == 0,
	     "cutting");
	check("a file cut short is refused", refuses(b, ERR_DATABASE, ""));
}

static void failing_migration(void)
{
	char path[] = "/tmp/vtpm-migrate-test-XXXXXX";
	struct err e;
	OWNED(db) db = NULL;
	int64_t version = -1;
	int fd = mkstemp(path);

	close(fd);
	unlink(path);
	check("a migration that fails half-way leaves the version that was",
	      db_create(path, &db, &e) && db_begin_write(db, &e) &&
		      !db_migrate(db, "CREATE TABLE a (b TEXT); CREATE TABLE a (b TEXT)",
				  1, &e));
	db_rollback(db);
	check("and none of its tables", db_schema_version(db, &version, &e) &&
						version == 0 && migrate_new(db, &e) &&
						db_schema_version(db, &version, &e) &&
						version == migrations_count);
	check("once up, nothing is left to do", migrate_new(db, &e));
	db_free(db_move(&db));
	unlink(path);
}

static void locked(struct bed *b)
{
	sqlite3 *other = NULL;
	struct setting_row row = { .scope = "image", .name = "a" };

	bed_close(b);
	b->busy_ms = 50;
	bed_open(b);
	need(b,
	     sqlite3_open(b->path, &other) == SQLITE_OK &&
		     sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL) ==
			     SQLITE_OK,
	     "locking");
	check("while another program holds the lock, a commit fails by its own error",
	      !bed_put(b, TABLE_SETTING, &row) && b->e.kind == ERR_DATABASE_LOCKED);
	check("reads go on", read_setting(b->reader, "image", "a", &row, &b->e) &&
				     row.head.generation == 0);
	sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(other);
	row = (struct setting_row){ .scope = "image", .name = "a" };
	check("afterwards it commits again", bed_put(b, TABLE_SETTING, &row));
}

static bool class_commits(struct bed *b, enum change_class class)
{
	change_reset(b->change);
	change_set_class(b->change, class);
	change_audit(b->change);
	if (store_commit(b->store, b->change, &b->e))
		return true;
	need(b, b->e.kind == ERR_AUDIT_UNAVAILABLE, "low disk has its own error");
	return false;
}

/* What still commits when free space is `parts`/8 of the margin. */
static void margin(struct bed *b, int parts, const char *want, const char *says)
{
	struct statvfs fs;
	char got[4] = "";

	need(b, statvfs(b->dir, &fs) == 0, "statvfs");
	bed_close(b);
	b->margin_bytes = (int64_t)(fs.f_bavail * fs.f_frsize) / parts * 8;
	bed_open(b);
	strcat(got, class_commits(b, CHANGE_CREATE) ? "c" : "");
	strcat(got, class_commits(b, CHANGE_OTHER) ? "o" : "");
	strcat(got, class_commits(b, CHANGE_RELEASE) ? "r" : "");
	check(says, strcmp(got, want) == 0 && class_commits(b, CHANGE_AUDIT_ONLY) ==
						      (strchr(got, 'r') != NULL));
}

static void margins(struct bed *b)
{
	margin(b, 16, "cor", "with room enough all changes commit");
	margin(b, 6, "or", "low disk stops creates first");
	margin(b, 3, "r", "then other changes");
	margin(b, 1, "", "and releases last");
}

/* A file system of our own, small enough to fill. */
static bool small_disk(const char *at, const char *size)
{
	char options[32];

	snprintf(options, sizeof(options), "size=%s,mode=0700", size);
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", at, "tmpfs", 0, options) == 0;
}

static void fill_up(const char *path)
{
	static const char block[4096];
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	while (fd >= 0 && write(fd, block, sizeof(block)) > 0)
		continue;
	close(fd);
}

static void full_disk(const char *at)
{
	char filler[96];
	struct bed b;
	struct audit_counts counts;
	int good = 0, failed = 0;

	bed_up_in(&b, at);
	snprintf(filler, sizeof(filler), "%s/filler", at);
	need(&b, bed_audit(&b, "release"), "a record");
	fill_up(filler);
	while (failed < 5 && good < 20000) {
		bool ok = bed_audit(&b, "release");

		good += ok;
		failed = ok ? 0 : failed + 1;
	}
	printf("# %d records went into what was left\n", good);
	check("on a full disk a commit fails, and says that the trail cannot be written",
	      !bed_audit(&b, "release") && b.e.kind == ERR_AUDIT_UNAVAILABLE);
	check("what was committed is still there and verifies",
	      reader_verify_audit(b.reader, &counts, &b.e) &&
		      counts.records == good + 1 && !counts.bad_writer[0]);
	unlink(filler);
	check("with room again it commits by itself", bed_audit(&b, "release"));
	check("and the chain has no gap", reader_verify_audit(b.reader, &counts, &b.e) &&
						  counts.records == good + 2 &&
						  !counts.bad_writer[0]);
	bed_close(&b);
	need(&b, mount(NULL, at, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0, "remounting");
	check("on a read-only file system the store does not open",
	      refuses(&b, ERR_DATABASE, "read-only"));
	need(&b, mount(NULL, at, NULL, MS_REMOUNT, NULL) == 0, "remounting");
	bed_down(&b);
}

static void disks(void)
{
	char at[] = "/tmp/vtpm-disk-test-XXXXXX";

	if (mkdtemp(at) && small_disk(at, "2m"))
		full_disk(at);
	else
		skip("a full disk, a read-only one", "needs the right to mount a tmpfs");
	umount(at);
	rmdir(at);
}

static void on(void (*test)(struct bed *b))
{
	struct bed b;

	bed_up(&b);
	test(&b);
	bed_down(&b);
}

int main(void)
{
	disks(); /* first: a namespace of our own wants no threads */
	on(file);
	on(not_ours);
	on(cut_short);
	failing_migration();
	on(locked);
	on(margins);
	return done();
}
