/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/rootkey.h"

#include "common/text.h"
#include "crypto/mac.h"
#include "crypto/random.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "vtpm-broker-root-1 "
enum {
	MAGIC_BYTES = sizeof(MAGIC) - 1,
	KEY_TEXT = 43,
	LINE_BYTES = MAGIC_BYTES + KEY_TEXT + 1
};

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* ---- reading ---- */

static bool check_file(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_errno(e, ERR_ROOT_KEY_BAD, "cannot look at %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_ROOT_KEY_BAD, "%s is not a regular file", path);
	if (st.st_mode & 077)
		return err_set(e, ERR_ROOT_KEY_BAD,
			       "%s has mode %04o: others may read it", path,
			       (unsigned)(st.st_mode & 07777));
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(e, ERR_ROOT_KEY_BAD, "%s belongs to another user", path);
	if (st.st_size != LINE_BYTES)
		return err_set(e, ERR_ROOT_KEY_BAD, "%s has the wrong length", path);
	return true;
}

static bool read_line(int fd, const char *path, struct secret **ret, struct err *e)
{
	OWNED(secret) line = NULL;
	size_t have = 0;

	if (!secret_new(LINE_BYTES, &line, e))
		return false;
	while (have < LINE_BYTES) {
		ssize_t n = read(fd, secret_fill(line) + have, LINE_BYTES - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(e, ERR_ROOT_KEY_BAD, "cannot read %s", path);
		have += (size_t)n;
	}
	*ret = secret_move(&line);
	return true;
}

static bool decode_line(const struct secret *line, const char *path,
			struct wrap_key **ret, struct err *e)
{
	struct view text = secret_view(line);
	struct view key_text = { text.at + MAGIC_BYTES, KEY_TEXT };
	OWNED(secret) key = NULL;
	size_t len = 0;

	if (!secret_new(WRAP_KEY_BYTES, &key, e))
		return false;
	if (memcmp(text.at, MAGIC, MAGIC_BYTES) != 0 || text.at[LINE_BYTES - 1] != '\n' ||
	    !text_unb64url(key_text, secret_fill(key), WRAP_KEY_BYTES, &len) ||
	    len != WRAP_KEY_BYTES)
		return err_set(e, ERR_ROOT_KEY_BAD, "%s does not hold a root key", path);
	return wrap_key_from(key, ret, e);
}

bool rootkey_load(const char *path, struct wrap_key **ret, struct err *e)
{
	CLEANUP(close_fd)
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	OWNED(secret) line = NULL;

	if (fd < 0 && errno == ENOENT)
		return err_errno(e, ERR_ROOT_KEY_MISSING, "cannot open %s", path);
	if (fd < 0 && errno == ELOOP)
		return err_set(e, ERR_ROOT_KEY_BAD, "%s is a symbolic link", path);
	if (fd < 0)
		return err_errno(e, ERR_ROOT_KEY_BAD, "cannot open %s", path);
	return check_file(fd, path, e) && read_line(fd, path, &line, e) &&
	       decode_line(line, path, ret, e);
}

/* ---- writing ---- */

static bool encode_line(const struct wrap_key *root, struct secret **ret, struct err *e)
{
	OWNED(secret) line = NULL;
	uint8_t *to;

	if (!secret_new(LINE_BYTES, &line, e))
		return false;
	to = secret_fill(line);
	memcpy(to, MAGIC, MAGIC_BYTES);
	text_b64url(secret_view(wrap_key_secret(root)), (char *)to + MAGIC_BYTES);
	to[LINE_BYTES - 1] = '\n'; /* over the encoder's NUL */
	*ret = secret_move(&line);
	return true;
}

static bool write_whole(int fd, struct view text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.at, text.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text.at += n;
		text.len -= (size_t)n;
	}
	return fsync(fd) == 0;
}

/* Where a file goes: its directory and two names in it. */
struct target {
	const char *path; /* borrowed, for messages */
	int dir;          /* owned by the caller's scope */
	char name[NAME_MAX + 1];
	char temporary[64];
};

static bool open_target(const char *path, struct target *t, struct err *e)
{
	char dir[PATH_MAX], base[PATH_MAX];
	uint8_t salt[8];
	char hex[2 * sizeof(salt) + 1];

	if (!text_copy(dir, sizeof(dir), path) || !text_copy(base, sizeof(base), path) ||
	    !text_copy(t->name, sizeof(t->name), basename(base)))
		return err_set(e, ERR_IO, "the path of the root key is too long");
	if (!random_bytes(salt, sizeof(salt), e))
		return false;
	text_hex((struct view){ salt, sizeof(salt) }, hex);
	if (!text_format(t->temporary, sizeof(t->temporary), ".root-key-%s", hex))
		return err_set(e, ERR_INTERNAL, "a temporary name does not fit");
	t->path = path;
	t->dir = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t->dir >= 0 ||
	       err_errno(e, ERR_IO, "cannot open the directory of %s", path);
}

static bool write_temporary(const struct target *t, struct view text, struct err *e)
{
	CLEANUP(close_fd)
	int fd = openat(t->dir, t->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			0400);

	if (fd < 0)
		return err_errno(e, ERR_IO, "cannot write beside %s", t->path);
	return (fchmod(fd, 0400) == 0 && write_whole(fd, text)) ||
	       err_errno(e, ERR_IO, "cannot write %s", t->path);
}

/* link(2) refuses a name that is taken: an existing key is never replaced. */
static bool publish(const struct target *t, struct err *e)
{
	if (linkat(t->dir, t->temporary, t->dir, t->name, 0) != 0)
		return err_errno(e, errno == EEXIST ? ERR_EXISTS_DIFFERENT : ERR_IO,
				 "%s is not written", t->path);
	return true;
}

bool rootkey_backup(const struct wrap_key *root, const char *path, struct err *e)
{
	OWNED(secret) line = NULL;
	struct target t = { .dir = -1 };
	bool ok;

	if (!encode_line(root, &line, e) || !open_target(path, &t, e))
		return false;
	ok = write_temporary(&t, secret_view(line), e) && publish(&t, e);
	unlinkat(t.dir, t.temporary, 0);
	if (ok && fsync(t.dir) != 0)
		ok = err_errno(e, ERR_IO, "cannot make %s durable", path);
	close(t.dir);
	return ok;
}

bool rootkey_make(const char *path, struct wrap_key **ret, struct err *e)
{
	OWNED(wrap_key) root = NULL;

	if (!wrap_key_new(&root, e) || !rootkey_backup(root, path, e))
		return false;
	*ret = wrap_key_move(&root);
	return true;
}

bool rootkey_id(const struct wrap_key *root, char ret[17], struct err *e)
{
	static const char label[] = "root-id";
	enum { LABEL = sizeof(label) - 1 };
	OWNED(secret) text = NULL;
	uint8_t digest[32];

	if (!secret_new(LABEL + WRAP_KEY_BYTES, &text, e))
		return false;
	memcpy(secret_fill(text), label, LABEL);
	memcpy(secret_fill(text) + LABEL, secret_view(wrap_key_secret(root)).at,
	       WRAP_KEY_BYTES);
	if (!digest_sha256(secret_view(text), digest, e))
		return false;
	text_hex((struct view){ digest, 8 }, ret);
	return true;
}
