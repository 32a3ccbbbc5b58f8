/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOKEN_MAX = 8192 };

static void fd_drop(const int *fd)
{
	if (*fd > STDERR_FILENO)
		close(*fd);
}

/* To the end of the file, at most len bytes and one more to see that it is too long. */
static bool read_whole(int fd, const char *path, size_t max, struct secret **ret,
		       struct err *e)
{
	OWNED(secret) s = NULL;
	size_t have = 0;
	ssize_t n = 1;

	if (!secret_new(max + 1, &s, e))
		return false;
	while (n != 0 && have <= max) {
		n = read(fd, secret_fill(s) + have, max + 1 - have);
		if (n < 0 && errno != EINTR)
			return err_errno(e, ERR_IO, "%s cannot be read", path);
		have += n > 0 ? (size_t)n : 0;
	}
	if (have == 0)
		return err_set(e, ERR_BAD_SECRET_LENGTH, "%s is empty", path);
	if (have > max)
		return err_set(e, ERR_BAD_SECRET_LENGTH, "%s has more than %zu bytes",
			       path, max);
	if (!secret_truncate(s, have))
		return err_set(e, ERR_INTERNAL, "the value cannot be kept");
	*ret = secret_move(&s);
	return true;
}

static bool drop_line_end(struct secret *s)
{
	struct view v = secret_view(s);

	while (v.len > 1 && (v.at[v.len - 1] == '\n' || v.at[v.len - 1] == '\r'))
		v.len--;
	return v.len == secret_len(s) || secret_truncate(s, v.len);
}

bool file_read_token(const char *path, struct secret **ret, struct err *e)
{
	CLEANUP(fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC);
	OWNED(secret) s = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(e, ERR_CONFIG, "the token file %s cannot be read", path);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return err_set(e, ERR_CONFIG,
			       "others can read the token file %s; chmod 600 it", path);
	if (!read_whole(fd, path, TOKEN_MAX, &s, e) || !drop_line_end(s))
		return err_wrap(e, "token file");
	*ret = secret_move(&s);
	return true;
}

bool file_read_value(const char *path, struct secret **ret, struct err *e)
{
	const bool is_stdin = strcmp(path, "-") == 0;
	CLEANUP(fd_drop)
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, ERR_IO, "%s cannot be read", path);
	return read_whole(fd, is_stdin ? "standard input" : path, SECRET_MAX - 1, ret, e);
}

bool file_ends_a_line(const struct secret *s)
{
	struct view v = secret_view(s);

	return v.at[v.len - 1] == '\n';
}

bool file_create(const char *path, bool hides, struct new_file *ret, struct err *e)
{
	if (!path || strcmp(path, "-") == 0) {
		if (hides && isatty(STDOUT_FILENO))
			return err_field(
				e, ERR_USAGE, "out",
				"a value is not shown on a terminal; give --out FILE");
		*ret = (struct new_file){ .fd = STDOUT_FILENO };
		return true;
	}
	*ret = (struct new_file){
		path, open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
	};
	if (ret->fd >= 0)
		return true;
	ret->path = NULL; /* it is not ours to remove */
	if (errno == EEXIST)
		return err_set(e, ERR_IO, "%s exists already and is not overwritten",
			       path);
	return err_errno(e, ERR_IO, "%s cannot be made", path);
}

bool file_write(struct new_file *f, struct view bytes, struct err *e)
{
	const char *name = f->path ? f->path : "standard output";

	while (bytes.len > 0) {
		ssize_t n = write(f->fd, bytes.at, bytes.len);

		if (n < 0 && errno != EINTR)
			return err_errno(e, ERR_IO, "%s cannot be written", name);
		bytes.at += n > 0 ? n : 0;
		bytes.len -= n > 0 ? (size_t)n : 0;
	}
	if (f->path && fsync(f->fd) != 0)
		return err_errno(e, ERR_IO, "%s cannot be written", name);
	f->path = NULL; /* it stays */
	return true;
}

bool file_write_secret(struct new_file *f, const struct secret *s, struct err *e)
{
	return file_write(f, secret_view(s), e);
}

void file_done(struct new_file *f)
{
	fd_drop(&f->fd);
	if (f->path)
		unlink(f->path);
	*f = (struct new_file){ .fd = -1 };
}
