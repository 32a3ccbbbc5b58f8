/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow_disk - for LD_PRELOAD: every fsync and fdatasync takes SLOW_DISK_US longer, as on a disk
 *             that is not a virtual one.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void wait_for_the_disk(void)
{
	const char *text = getenv("SLOW_DISK_US");
	long us = text == NULL ? 1000 : strtol(text, NULL, 10);
	struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	(void)nanosleep(&t, NULL);
}

int fsync(int fd)
{
	wait_for_the_disk();
	return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	wait_for_the_disk();
	return (int)syscall(SYS_fdatasync, fd);
}
