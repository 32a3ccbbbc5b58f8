/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fd_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

bool path_set(struct path *ret, struct err *e, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(ret->text, sizeof(ret->text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(ret->text))
		return err_set(e, ERR_IO, "a path is too long");
	return true;
}

static bool parent_of(const char *path, struct path *ret, struct err *e)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return path_set(ret, e, ".");
	if (slash == path)
		return path_set(ret, e, "/");
	return path_set(ret, e, "%.*s", (int)(slash - path), path);
}

static bool sync_parent(const char *path, struct err *e)
{
	CLEANUP(fd_close) int fd = -1;
	struct path dir;

	if (!parent_of(path, &dir, e))
		return false;
	fd = open(dir.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return err_errno(e, ERR_IO, "%s", dir.text);
	return true;
}

static bool write_all(int fd, struct view bytes)
{
	size_t done = 0;

	while (done < bytes.len) {
		ssize_t n = write(fd, bytes.at + done, bytes.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static bool write_new(const char *path, struct view bytes, mode_t mode, struct err *e)
{
	CLEANUP(fd_close) int fd = -1;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0 || fchmod(fd, mode) != 0 || !write_all(fd, bytes) || fsync(fd) != 0) {
		err_errno(e, ERR_IO, "cannot write %s", path);
		unlink(path);
		return false;
	}
	return true;
}

bool file_write(const char *path, struct view bytes, mode_t mode, struct err *e)
{
	struct path temporary;

	/* One writer per file: whoever holds the instance's turn, or the only thread. */
	if (!path_set(&temporary, e, "%s.new", path))
		return false;
	unlink(temporary.text);
	if (!write_new(temporary.text, bytes, mode, e))
		return false;
	if (rename(temporary.text, path) != 0) {
		err_errno(e, ERR_IO, "cannot write %s", path);
		unlink(temporary.text);
		return false;
	}
	return sync_parent(path, e);
}

/* *ret_fd stays -1 when there is no such file. */
static bool open_regular(const char *path, size_t max, int *ret_fd, struct stat *ret,
			 struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	*ret_fd = fd;
	if (fd < 0)
		return errno == ENOENT || err_errno(e, ERR_IO, "cannot read %s", path);
	if (fstat(fd, ret) != 0)
		return err_errno(e, ERR_IO, "cannot read %s", path);
	if (!S_ISREG(ret->st_mode) || ret->st_size < 0 || (size_t)ret->st_size > max)
		return err_set(e, ERR_IO, "%s is no file of at most %zu bytes", path,
			       max);
	return true;
}

bool file_read(const char *path, size_t max, struct buf *ret, bool *ret_found,
	       struct err *e)
{
	CLEANUP(fd_close) int fd = -1;
	const size_t before = ret->len;
	uint8_t chunk[4096];
	struct stat st;
	ssize_t n;

	*ret_found = false;
	if (!open_regular(path, max, &fd, &st, e))
		return false;
	if (fd < 0)
		return true;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && ret->len - before <= max)
		buf_add_bytes(ret, (struct view){ chunk, (size_t)n });
	if (n < 0)
		return err_errno(e, ERR_IO, "cannot read %s", path);
	if (ret->failed || ret->len - before > max)
		return err_set(e, ERR_IO, "%s does not fit", path);
	*ret_found = true;
	return true;
}

bool file_read_secret(const char *path, struct secret **ret, struct err *e)
{
	CLEANUP(fd_close) int fd = -1;
	OWNED(secret) bytes = NULL;
	struct stat st;

	if (!open_regular(path, SECRET_MAX, &fd, &st, e))
		return false;
	if (fd < 0)
		return err_set(e, ERR_IO, "%s is missing", path);
	if ((st.st_mode & 077) != 0)
		return err_set(e, ERR_IO, "%s may be read by others; chmod 0600 it",
			       path);
	if (st.st_size == 0)
		return err_set(e, ERR_IO, "%s is empty", path);
	if (!secret_new((size_t)st.st_size, &bytes, e))
		return false;
	if (read(fd, secret_fill(bytes), (size_t)st.st_size) != st.st_size)
		return err_errno(e, ERR_IO, "cannot read %s", path);
	*ret = secret_move(&bytes);
	return true;
}

bool file_remove(const char *path, struct err *e)
{
	if (unlink(path) != 0)
		return errno == ENOENT ? true
				       : err_errno(e, ERR_IO, "cannot remove %s", path);
	return sync_parent(path, e);
}

bool file_make_dir(const char *path, mode_t mode, struct err *e)
{
	struct path dir;

	if (mkdir(path, mode) == 0)
		return sync_parent(path, e);
	if (errno == EEXIST)
		return true;
	if (errno != ENOENT)
		return err_errno(e, ERR_IO, "cannot make the directory %s", path);
	if (!parent_of(path, &dir, e) || !file_make_dir(dir.text, mode, e))
		return false;
	if (mkdir(path, mode) != 0 && errno != EEXIST) /* another was faster */
		return err_errno(e, ERR_IO, "cannot make the directory %s", path);
	return sync_parent(path, e);
}

bool file_has_bytes(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

static void dir_close(DIR **d)
{
	if (*d != NULL)
		closedir(*d);
}

bool file_each(const char *dir, bool (*each)(void *ctx, const char *name), void *ctx,
	       struct err *e)
{
	CLEANUP(dir_close) DIR *d = opendir(dir);
	struct dirent *entry;

	if (d == NULL)
		return errno == ENOENT ? true
				       : err_errno(e, ERR_IO, "cannot read %s", dir);
	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.' && !each(ctx, entry->d_name))
			return false;
	return true;
}
