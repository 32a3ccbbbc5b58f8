/* SPDX-License-Identifier: Apache-2.0 */
/* The n-th write, sync or allocation fails; the power goes. */
#include "tests/unit/fault_vfs.h"

#include "tests/unit/store_bed.h"
#include <sys/stat.h>

enum { COMMITS = 6, POWER_COMMITS = 300 };

/* The faults are ours; the disk's own slowness only costs time. */
static void up(struct bed *b)
{
	bed_up_in(b, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
}

static bool commit_row(struct bed *b, int n)
{
	struct instance_row row = bed_instance(n, "guest", "p");

	change_reset(b->change);
	change_put(b->change, TABLE_INSTANCE, &row);
	change_audit(b->change);
	return store_commit(b->store, b->change, &b->e);
}

static bool is_there(struct bed *b, int n)
{
	struct uuid id = bed_uuid(n);
	struct instance_row row;

	need(b, read_instance(b->reader, &id, &row, &b->e), "reading a row");
	return row.head.generation == 1;
}

static bool verifies(struct bed *b, int64_t records)
{
	struct audit_counts counts;

	need(b, reader_verify_audit(b->reader, &counts, &b->e), "verifying");
	return !counts.bad_writer[0] && counts.records == records;
}

/* Rows told as committed are there, those told as failed are not. */
static bool as_told(struct bed *b, const bool told[COMMITS])
{
	int64_t good = 1; /* the one after the fault */

	for (int i = 0; i < COMMITS; i++) {
		good += told[i];
		if (is_there(b, i) != told[i])
			return false;
	}
	return is_there(b, COMMITS) && verifies(b, good);
}

/* False: everything was over before the fault could strike. */
static bool one_fault(int n, int *ret_wrong)
{
	bool told[COMMITS], struck, after;
	struct bed b;

	up(&b);
	fault_arm(n, n % 2 ? SQLITE_FULL : SQLITE_IOERR_WRITE);
	for (int i = 0; i < COMMITS; i++)
		told[i] = commit_row(&b, i);
	struck = fault_struck();
	after = commit_row(&b, COMMITS);
	*ret_wrong += !after || !as_told(&b, told);
	bed_close(&b);
	bed_open(&b);
	*ret_wrong += !as_told(&b, told);
	bed_down(&b);
	return struck;
}

static void writes_fail(void)
{
	int wrong = 0, n = 0;

	while (one_fault(n, &wrong))
		n += n < 40 ? 1 : 3;
	printf("# until fault %d\n", n);
	check("whichever write or sync fails: what was told is what is there, also after "
	      "a "
	      "restart, and the next commit succeeds",
	      n > COMMITS && wrong == 0);
}

/* SQLite's own allocations. */
struct memory {
	sqlite3_mem_methods real;
	atomic_int left;
};

static struct memory *memory(void)
{
	static struct memory m;

	return &m;
}

static bool memory_fails(void)
{
	return memory()->left >= 0 && atomic_fetch_sub(&memory()->left, 1) == 0;
}

static void *failing_malloc(int n)
{
	return memory_fails() ? NULL : memory()->real.xMalloc(n);
}

static void *failing_realloc(void *at, int n)
{
	return memory_fails() ? NULL : memory()->real.xRealloc(at, n);
}

static void memory_install(void)
{
	sqlite3_mem_methods own;

	memory()->left = -1;
	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory()->real);
	own = memory()->real;
	own.xMalloc = failing_malloc;
	own.xRealloc = failing_realloc;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &own);
	sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0,
		       0); /* so that each allocation can fail */
}

static bool memory_struck(void)
{
	return atomic_exchange(&memory()->left, -1) < 0;
}

static void commits_without_memory(struct bed *b)
{
	bool struck = true;
	int n = 0, wrong = 0, failed = 0;
	int64_t good = 0;

	for (; struck && n < 500; n++) {
		bool ok;

		memory()->left = n;
		ok = commit_row(b, 2 * n);
		struck = memory_struck();
		failed += !ok;
		wrong += !ok && b->e.kind != ERR_NO_MEMORY;
		wrong += is_there(b, 2 * n) != ok;
		wrong += !commit_row(b, 2 * n + 1);
		good += ok + 1;
	}
	printf("# %d allocations, %d commits failed\n", n, failed);
	check("whichever allocation of a commit fails: it says so, and the next succeeds",
	      n > 1 && n < 500 && failed > 0 && wrong == 0 && verifies(b, good));
}

static void reads_without_memory(struct bed *b)
{
	struct uuid id = bed_uuid(1);
	struct instance_row row;
	bool struck = true;
	int n = 0, wrong = 0, failed = 0;

	for (; struck && n < 500; n++) {
		bool ok;

		bed_close(b);
		bed_open(b); /* with an empty cache */
		memory()->left = n;
		ok = read_instance(b->reader, &id, &row, &b->e);
		struck = memory_struck();
		failed += !ok;
		wrong += ok ? row.head.generation != 1 : b->e.kind != ERR_NO_MEMORY;
		wrong += !read_instance(b->reader, &id, &row, &b->e);
	}
	printf("# %d allocations, %d reads failed\n", n, failed);
	check("whichever allocation of a read fails: it is no row changed by hand",
	      n > 1 && n < 500 && failed > 0 && wrong == 0);
}

static void opens_without_memory(struct bed *b)
{
	bool struck = true;
	int n = 0, wrong = 0;

	bed_close(b);
	for (; struck && n < 20000; n += 101) {
		bool ok;

		memory()->left = n;
		ok = bed_try_open(b);
		struck = memory_struck();
		wrong += !ok && b->e.kind != ERR_NO_MEMORY && b->e.kind != ERR_DATABASE;
		bed_close(b);
	}
	printf("# %d allocations\n", n);
	check("whichever allocation of an open fails, it ends cleanly",
	      n > 1 && wrong == 0);
	bed_open(b);
	check("and the next open succeeds", is_there(b, 1));
}

static void keep_synced(struct bed *b, const char *end, struct bed *after)
{
	char from[256], to[256];

	snprintf(from, sizeof(from), "%s%s.synced", b->path, end);
	snprintf(to, sizeof(to), "%s%s", after->path, end);
	unlink(to);
	rename(from, to);
}

static int64_t size_of(const struct bed *b, const char *end)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s", b->path, end);
	return stat(path, &st) == 0 ? st.st_size : 0;
}

/* Only what was synced is left; everything that was acknowledged must be in it. The log is
 * moved by a thread of its own: commits go on until it has been. */
static void power_loss(int least, bool moved)
{
	struct bed b, after;
	char says[128];
	int64_t size_of_new;
	int commits = 0, gone = 0;

	up(&after);
	bed_close(&after);
	size_of_new = size_of(&after, "");
	fault_remember(true);
	up(&b);
	while (commits < least ||
	       (moved && commits < 8 * least && size_of(&b, ".synced") <= size_of_new))
		need(&b, commit_row(&b, commits++), "a commit");
	fault_remember(false);
	keep_synced(&b, "-wal", &after);
	keep_synced(&b, "", &after);
	check(moved ? "the log was moved into the file meanwhile" : "all is in the log",
	      (size_of(&after, "") > size_of_new) == moved);
	bed_open(&after);
	for (int i = 0; i < commits; i++)
		gone += !is_there(&after, i);
	snprintf(says, sizeof(says), "%d commits are there after the power went",
		 commits);
	check(says, gone == 0 && verifies(&after, commits));
	bed_down(&after);
	bed_down(&b);
}

int main(void)
{
	struct bed b;

	memory_install();
	fault_install();
	writes_fail();
	up(&b);
	commits_without_memory(&b);
	reads_without_memory(&b);
	opens_without_memory(&b);
	bed_down(&b);
	power_loss(3, false);
	power_loss(POWER_COMMITS, true);
	return done();
}
