/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/daemon/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static bool write_all(int fd, struct view bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.at, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes.at += n;
		bytes.len -= (size_t)n;
	}
	return true;
}

bool file_create(const char *path, mode_t mode, struct view bytes, struct err *e)
{
	CLEANUP(close_fd)
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0 && errno == EEXIST)
		return err_set(e, ERR_EXISTS_DIFFERENT,
			       "%s exists; it is not overwritten", path);
	if (fd < 0)
		return err_errno(e, ERR_IO, "cannot create %s", path);
	if (!write_all(fd, bytes) || fsync(fd) != 0) {
		(void)err_errno(e, ERR_IO, "cannot write %s", path);
		unlink(path);
		return false;
	}
	return true;
}

bool file_replace(const char *path, mode_t mode, struct view bytes, struct err *e)
{
	char fresh[PATH_MAX];

	if (!text_format(fresh, sizeof(fresh), "%s.%ld.new", path, (long)getpid()))
		return err_set(e, ERR_IO, "the path is too long");
	if (!file_create(fresh, mode, bytes, e))
		return false;
	if (rename(fresh, path) == 0)
		return true;
	(void)err_errno(e, ERR_IO, "cannot write %s", path);
	unlink(fresh);
	return false;
}

bool file_sync_directory(const char *path, struct err *e)
{
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return (fd >= 0 && fsync(fd) == 0) ||
	       err_errno(e, ERR_IO, "cannot sync %s", path);
}

bool make_parents(const char *path, bool itself, struct err *e)
{
	char part[PATH_MAX];

	for (size_t i = 1; path[i - 1]; i++) {
		bool end = path[i] == '\0';

		if ((path[i] != '/' && !end) || (end && !itself))
			continue;
		if (!text_format(part, sizeof(part), "%.*s", (int)i, path))
			return err_set(e, ERR_IO, "the path is too long");
		if (mkdir(part, 0700) != 0 && errno != EEXIST)
			return err_errno(e, ERR_IO, "cannot make directory %s", part);
	}
	return true;
}

void tree_remove(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	if (d)
		closedir(d);
	(void)rmdir(path);
}
