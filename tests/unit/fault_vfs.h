/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault_vfs - files that fail, or forget, on command; for the tests of broker/store.
 *
 * Gives:   fault_arm(n, rc): the n-th write, sync or truncate from now fails once with rc;
 *          fault_remember: from now each synced file is copied to PATH.synced, which is what
 *          a machine that loses its power would still have.
 * Knows:   becomes SQLite's default VFS (sqlite3_vfs_register); wraps the one before it.
 * Threads: any; the counters are atomic.
 */
#ifndef TESTS_UNIT_FAULT_VFS_H
#define TESTS_UNIT_FAULT_VFS_H

#include "common/base.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct fault_file {
	sqlite3_file base;
	const char *path; /* SQLite keeps it while the file is open */
	sqlite3_file *real;
};

struct faults {
	sqlite3_vfs vfs, *real;
	atomic_int left; /* until the fault; below 0: none */
	atomic_int rc;
	pthread_mutex_t copying; /* two threads sync the log */
	bool remember;
};

static struct faults *faults(void)
{
	static struct faults f = { .copying = PTHREAD_MUTEX_INITIALIZER };

	return &f;
}

static void fault_arm(int n, int rc)
{
	faults()->rc = rc;
	faults()->left = n;
}

/* Whether the fault that was armed has struck; disarms. */
static bool fault_struck(void)
{
	return atomic_exchange(&faults()->left, -1) < 0;
}

static int fault_now(void)
{
	int left = faults()->left;

	if (left < 0)
		return SQLITE_OK;
	return atomic_fetch_sub(&faults()->left, 1) == 0 ? faults()->rc : SQLITE_OK;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
	return ((struct fault_file *)f)->real;
}

/* Whole copies only: what is being copied ends first. */
static void fault_remember(bool on)
{
	pthread_mutex_lock(&faults()->copying);
	faults()->remember = on;
	pthread_mutex_unlock(&faults()->copying);
}

static void copy_synced(const struct fault_file *f)
{
	char path[256], block[4096];
	sqlite3_int64 size = 0;
	FILE *to;

	snprintf(path, sizeof(path), "%s.synced", f->path);
	to = fopen(path, "w");
	if (!to)
		return;
	f->real->pMethods->xFileSize(f->real, &size);
	for (sqlite3_int64 at = 0; at < size; at += (sqlite3_int64)sizeof(block)) {
		size_t n = (size_t)(size - at) < sizeof(block) ? (size_t)(size - at)
							       : sizeof(block);

		f->real->pMethods->xRead(f->real, block, (int)n, at);
		fwrite(block, 1, n, to);
	}
	fclose(to);
}

static void remember(const struct fault_file *f)
{
	pthread_mutex_lock(&faults()->copying);
	if (faults()->remember)
		copy_synced(f);
	pthread_mutex_unlock(&faults()->copying);
}

static int f_close(sqlite3_file *f)
{
	return real_of(f)->pMethods->xClose(real_of(f));
}

static int f_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
	return real_of(f)->pMethods->xRead(real_of(f), to, n, at);
}

static int f_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
	int rc = fault_now();

	return rc ? rc : real_of(f)->pMethods->xWrite(real_of(f), from, n, at);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int rc = fault_now();

	return rc ? rc : real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int f_sync(sqlite3_file *f, int flags)
{
	int rc = fault_now();

	if (rc == SQLITE_OK)
		rc = real_of(f)->pMethods->xSync(real_of(f), flags);
	if (rc == SQLITE_OK)
		remember((struct fault_file *)f);
	return rc;
}

static int f_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	return real_of(f)->pMethods->xFileSize(real_of(f), ret);
}

static int f_lock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int f_unlock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int f_reserved(sqlite3_file *f, int *ret)
{
	return real_of(f)->pMethods->xCheckReservedLock(real_of(f), ret);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
	return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int f_sector(sqlite3_file *f)
{
	return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int f_device(sqlite3_file *f)
{
	return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
	return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, ret);
}

static int f_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
	return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}

static void f_shm_barrier(sqlite3_file *f)
{
	real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int f_shm_unmap(sqlite3_file *f, int delete)
{
	return real_of(f)->pMethods->xShmUnmap(real_of(f), delete);
}

static const sqlite3_io_methods fault_methods = {
	.iVersion = 2,
	.xClose = f_close,
	.xRead = f_read,
	.xWrite = f_write,
	.xTruncate = f_truncate,
	.xSync = f_sync,
	.xFileSize = f_size,
	.xLock = f_lock,
	.xUnlock = f_unlock,
	.xCheckReservedLock = f_reserved,
	.xFileControl = f_control,
	.xSectorSize = f_sector,
	.xDeviceCharacteristics = f_device,
	.xShmMap = f_shm_map,
	.xShmLock = f_shm_lock,
	.xShmBarrier = f_shm_barrier,
	.xShmUnmap = f_shm_unmap,
};

static int fault_open(UNUSED sqlite3_vfs *vfs, const char *path, sqlite3_file *file,
		      int flags, int *ret_flags)
{
	struct fault_file *f = (struct fault_file *)file;
	int rc;

	f->path = path;
	f->real = (sqlite3_file *)(f + 1);
	rc = faults()->real->xOpen(faults()->real, path, f->real, flags, ret_flags);
	f->base.pMethods = f->real->pMethods ? &fault_methods : NULL;
	return rc;
}

/* Before any database is opened. */
static void fault_install(void)
{
	struct faults *f = faults();

	f->left = -1;
	f->real = sqlite3_vfs_find(NULL);
	f->vfs = *f->real;
	f->vfs.zName = "fault";
	f->vfs.szOsFile = (int)sizeof(struct fault_file) + f->real->szOsFile;
	f->vfs.xOpen = fault_open;
	sqlite3_vfs_register(&f->vfs, 1);
}

#endif
