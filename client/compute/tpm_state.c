/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/tpm_state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PERMANENT "tpm2-00.permall"
#define VOLATILE "tpm2-00.volatilestate"
#define SWTPMS_OWN "TMP2-00.permall" /* what swtpm renames once it is written */
#define UNFINISHED ".vtpm-client.new"
#define LOCK ".lock"

static void fd_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

bool tpm_state_dir(const struct path *states, const struct uuid *instance,
		   struct path *ret, struct err *e)
{
	return path_set(ret, e, "%s/%s/tpm2", states->text, instance->text);
}

/* ---- which state ---- */

bool tpm_state_same(const struct tpm_state_id *a, const struct tpm_state_id *b)
{
	if (!a->present || !b->present)
		return a->present == b->present;
	return a->inode == b->inode && a->mtime_ns == b->mtime_ns && a->size == b->size;
}

void tpm_state_id_text(const struct tpm_state_id *id, char ret[TPM_STATE_ID_TEXT])
{
	if (!id->present)
		snprintf(ret, TPM_STATE_ID_TEXT, "absent");
	else
		snprintf(ret, TPM_STATE_ID_TEXT, "%" PRId64 ".%" PRId64 ".%" PRId64,
			 id->inode, id->mtime_ns, id->size);
}

bool tpm_state_id_parse(const char *text, struct tpm_state_id *ret)
{
	char copy[TPM_STATE_ID_TEXT], *rest = copy;
	struct tpm_state_id id = { .present = true };
	int64_t *const numbers[] = { &id.inode, &id.mtime_ns, &id.size };

	if (strcmp(text, "absent") == 0) {
		*ret = (struct tpm_state_id){ 0 };
		return true;
	}
	if (!text_copy(copy, sizeof(copy), text))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		const char *one = strsep(&rest, ".");

		if (!one || !text_parse_int(one, INT64_MIN, INT64_MAX, numbers[i]))
			return false;
	}
	if (rest)
		return false;
	*ret = id;
	return true;
}

struct tpm_state_id tpm_state_of(const struct stat *st)
{
	return (struct tpm_state_id){
		.present =
			st->st_size > 0, /* swtpm refuses an empty file: it is no state */
		.inode = (int64_t)st->st_ino,
		.mtime_ns =
			(int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
		.size = st->st_size,
	};
}

/* ---- the directory ---- */

struct place {
	const char *dir;     /* borrowed */
	int dir_fd, lock_fd; /* owned; dir_fd below 0: there is no such directory */
	uid_t uid;
	gid_t gid;
};

static void place_done(const struct place *p)
{
	fd_close(&p->lock_fd);
	fd_close(&p->dir_fd);
}

static bool open_dir(const char *dir, struct place *ret, struct err *e)
{
	struct stat st;

	*ret = (struct place){ .dir = dir, .dir_fd = -1, .lock_fd = -1 };
	ret->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (ret->dir_fd < 0)
		return errno == ENOENT || err_errno(e, ERR_IO, "cannot open %s", dir);
	if (fstat(ret->dir_fd, &st) != 0)
		return err_errno(e, ERR_IO, "cannot open %s", dir);
	ret->uid = st.st_uid;
	ret->gid = st.st_gid;
	return true;
}

static bool is_busy(const struct place *p, struct err *e)
{
	struct flock who = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(p->lock_fd, F_OFD_GETLK, &who) == 0 && who.l_type != F_UNLCK &&
	    who.l_pid > 0)
		return err_set(e, ERR_STATE_BUSY, "process %ld uses the TPM state in %s",
			       (long)who.l_pid, p->dir);
	return err_set(e, ERR_STATE_BUSY, "another process uses the TPM state in %s",
		       p->dir);
}

/* Of this open file, not of the process: no other thread's close(2) ends it, and a lock of
 * swtpm's kind excludes it all the same. */
static bool take_lock(struct place *p, struct err *e)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat st;

	if (flock(p->dir_fd, LOCK_EX | LOCK_NB) != 0)
		return is_busy(p, e);
	p->lock_fd =
		openat(p->dir_fd, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0660);
	if (p->lock_fd < 0 || fstat(p->lock_fd, &st) != 0)
		return err_errno(e, ERR_IO, "cannot lock %s", p->dir);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_IO, "cannot lock %s: " LOCK " is no file", p->dir);
	if (st.st_uid != p->uid && fchown(p->lock_fd, p->uid, p->gid) != 0)
		return err_errno(e, ERR_IO, "cannot lock %s", p->dir);
	return fcntl(p->lock_fd, F_OFD_SETLK, &lock) == 0 || is_busy(p, e);
}

/* *ret_fd stays below 0 when there is no such file. */
static bool open_state(const struct place *p, const char *name, int *ret_fd,
		       struct stat *ret, struct err *e)
{
	int fd = openat(p->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	*ret_fd = fd;
	if (fd < 0)
		return errno == ENOENT ||
		       err_errno(e, ERR_IO, "cannot open %s/%s", p->dir, name);
	if (fstat(fd, ret) != 0)
		return err_errno(e, ERR_IO, "cannot open %s/%s", p->dir, name);
	return S_ISREG(ret->st_mode) ||
	       err_set(e, ERR_IO, "%s/%s is no file", p->dir, name);
}

static bool look(const struct place *p, struct tpm_state_id *ret, struct err *e)
{
	CLEANUP(fd_close) int fd = -1;
	struct stat st;

	*ret = (struct tpm_state_id){ 0 };
	if (p->dir_fd < 0)
		return true;
	if (!open_state(p, PERMANENT, &fd, &st, e))
		return false;
	if (fd >= 0 && st.st_size > 0)
		*ret = tpm_state_of(&st);
	return true;
}

bool tpm_state_look(const char *dir, struct tpm_state_id *ret, struct err *e)
{
	CLEANUP(place_done) struct place p = { .dir_fd = -1, .lock_fd = -1 };
	struct tpm_state_id id;

	if (!open_dir(dir, &p, e) || !look(&p, &id, e))
		return false;
	*ret = id;
	return true;
}

/* ---- what a state looks like from outside: version, least version, size of this header, flags,
 * length of all; big endian ---- */

enum { HEADER = 10, VERSION = 2, ENCRYPTED = 1 };

static bool is_encrypted(const char *where, struct view b, struct err *e)
{
	uint32_t total;

	if (b.len < HEADER || b.len > TPM_STATE_MAX || b.at[0] != VERSION ||
	    !(b.at[5] & ENCRYPTED))
		return err_set(e, ERR_IO,
			       "%s holds no encrypted TPM state of at most %d bytes",
			       where, TPM_STATE_MAX);
	total = (uint32_t)b.at[6] << 24 | (uint32_t)b.at[7] << 16 |
		(uint32_t)b.at[8] << 8 | b.at[9];
	return total == b.len ||
	       err_set(e, ERR_IO, "%s holds a TPM state that is not whole", where);
}

/* ---- reading ---- */

static bool read_all(int fd, const struct place *p, struct buf *ret, struct err *e)
{
	size_t before = ret->len;
	uint8_t chunk[8192];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0 &&
	       ret->len - before <= TPM_STATE_MAX)
		buf_add_bytes(ret, (struct view){ chunk, (size_t)n });
	if (n < 0)
		return err_errno(e, ERR_IO, "cannot read the TPM state in %s", p->dir);
	if (ret->failed)
		return err_set(e, ERR_NO_MEMORY, "no memory for a TPM state");
	return is_encrypted(
		p->dir,
		(struct view){ (const uint8_t *)ret->at + before, ret->len - before }, e);
}

static bool no_state(const char *dir, struct err *e)
{
	return err_set(e, ERR_STATE_MISSING, "there is no TPM state in %s", dir);
}

bool tpm_state_read(const char *dir, struct buf *ret, struct tpm_state_id *ret_id,
		    struct err *e)
{
	CLEANUP(place_done) struct place p = { .dir_fd = -1, .lock_fd = -1 };
	CLEANUP(fd_close) int fd = -1;
	struct stat st;

	if (!open_dir(dir, &p, e))
		return false;
	if (p.dir_fd < 0)
		return no_state(dir, e);
	if (!take_lock(&p, e) || !open_state(&p, PERMANENT, &fd, &st, e))
		return false;
	if (fd < 0 || st.st_size == 0)
		return no_state(dir, e);
	if (!read_all(fd, &p, ret, e))
		return false;
	*ret_id = tpm_state_of(&st);
	return true;
}

/* ---- making the directory ---- */

struct owner {
	uid_t uid;
	gid_t gid;
};

static bool find_user(const char *user, struct owner *ret, struct err *e)
{
	struct passwd entry, *found = NULL;
	char room[2048];

	if (getpwnam_r(user, &entry, room, sizeof(room), &found) != 0 || !found)
		return err_set(e, ERR_CONFIG,
			       "there is no user %.40s, whose TPM states are to be",
			       user);
	*ret = (struct owner){ found->pw_uid, found->pw_gid };
	return true;
}

static bool sync_dir(const char *path, mode_t mode, const struct owner *o, struct err *e)
{
	CLEANUP(fd_close)
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	/* In this order: once it is another's, its mode is not ours to set. */
	return (fd >= 0 && (mode == 0 || fchmod(fd, mode) == 0) &&
		(!o || fchown(fd, o->uid, o->gid) == 0) && fsync(fd) == 0) ||
	       err_errno(e, ERR_IO, "cannot make %s", path);
}

/* Others than root have to pass, as libvirt's g_mkdir_with_parents(0711) lets them. */
static bool make_above(const char *dir, struct path *ret_parent, struct err *e)
{
	struct stat st;

	for (const char *at = strchr(dir + 1, '/'); at; at = strchr(at + 1, '/')) {
		if (!path_set(ret_parent, e, "%.*s", (int)(at - dir), dir))
			return false;
		if (stat(ret_parent->text, &st) == 0)
			continue;
		if (!file_make_dir(ret_parent->text, 0711, e) ||
		    !sync_dir(ret_parent->text, 0711, NULL, e))
			return false;
	}
	return ret_parent->text[0] || err_set(e, ERR_IO, "%s is no absolute path", dir);
}

/* Under another name until it belongs to its owner: who finds it may trust that. */
static bool make_dir(const char *dir, const char *user, struct err *e)
{
	struct path parent = { "" }, fresh;
	struct owner owner;

	if (!find_user(user, &owner, e) || !make_above(dir, &parent, e) ||
	    !path_set(&fresh, e, "%s.new", dir))
		return false;
	(void)rmdir(fresh.text);
	if (mkdir(fresh.text, 0700) != 0)
		return err_errno(e, ERR_IO, "cannot make %s", fresh.text);
	if (!sync_dir(fresh.text, 0700, &owner, e))
		return false;
	if (rename(fresh.text, dir) != 0)
		return err_errno(e, ERR_IO, "cannot make %s", dir);
	return sync_dir(parent.text, 0, NULL, e);
}

/* ---- writing ---- */

static bool write_bytes(int fd, struct view bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.at, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes = (struct view){ bytes.at + n, bytes.len - (size_t)n };
	}
	return true;
}

static bool write_unfinished(const struct place *p, struct view bytes,
			     struct tpm_state_id *ret, struct err *e)
{
	CLEANUP(fd_close) int fd = -1;
	struct stat st;

	(void)unlinkat(p->dir_fd, UNFINISHED, 0);
	fd = openat(p->dir_fd, UNFINISHED,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fchmod(fd, 0600) != 0 || fchown(fd, p->uid, p->gid) != 0 ||
	    !write_bytes(fd, bytes) || fsync(fd) != 0 || fstat(fd, &st) != 0) {
		err_errno(e, ERR_IO, "cannot write the TPM state in %s", p->dir);
		(void)unlinkat(p->dir_fd, UNFINISHED, 0);
		return false;
	}
	*ret = tpm_state_of(&st);
	return true;
}

static bool is_gone(const struct place *p, const char *name)
{
	return unlinkat(p->dir_fd, name, 0) == 0 || errno == ENOENT;
}

bool tpm_state_write(const char *dir, const char *user, struct view bytes,
		     struct tpm_state_id *ret_id, struct err *e)
{
	CLEANUP(place_done) struct place p = { .dir_fd = -1, .lock_fd = -1 };
	struct tpm_state_id id;

	if (!is_encrypted("what is to be written", bytes, e) || !open_dir(dir, &p, e) ||
	    (p.dir_fd < 0 && (!make_dir(dir, user, e) || !open_dir(dir, &p, e))))
		return false;
	if (p.dir_fd < 0)
		return no_state(dir, e);
	if (!take_lock(&p, e) || !write_unfinished(&p, bytes, &id, e))
		return false;
	if (!is_gone(&p, VOLATILE) || /* of the state that is about to go */
	    renameat(p.dir_fd, UNFINISHED, p.dir_fd, PERMANENT) != 0 ||
	    fsync(p.dir_fd) != 0)
		return err_errno(e, ERR_IO, "cannot write the TPM state in %s", dir);
	*ret_id = id;
	return true;
}

/* ---- wiping ---- */

/* The name is gone for good by now. A file with another name left is not ours alone. */
static void overwrite(int fd, int64_t size)
{
	static const uint8_t zeroes[8192];
	struct stat st;

	if (fstat(fd, &st) != 0 || st.st_nlink != 0)
		return;
	for (int64_t done = 0; done < size; done += (int64_t)sizeof(zeroes))
		if (pwrite(fd, zeroes, sizeof(zeroes), done) < 0)
			return;
	(void)fdatasync(fd);
}

static bool wipe(const struct place *p, const struct tpm_state_id *id, struct err *e)
{
	CLEANUP(fd_close)
	int fd = openat(p->dir_fd, PERMANENT, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || !is_gone(p, VOLATILE) || !is_gone(p, SWTPMS_OWN) ||
	    !is_gone(p, UNFINISHED) || !is_gone(p, PERMANENT) || fsync(p->dir_fd) != 0)
		return err_errno(e, ERR_IO, "cannot wipe the TPM state in %s", p->dir);
	overwrite(fd, id->size);
	return true;
}

bool tpm_state_wipe(const char *dir, enum tpm_state_when when,
		    const struct tpm_state_id *id, bool *ret_wiped, struct err *e)
{
	CLEANUP(place_done) struct place p = { .dir_fd = -1, .lock_fd = -1 };
	struct tpm_state_id now;

	*ret_wiped = false;
	if (!open_dir(dir, &p, e))
		return false;
	if (p.dir_fd < 0)
		return true;
	if (!take_lock(&p, e) || !look(&p, &now, e))
		return false;
	if (!now.present || tpm_state_same(&now, id) != (when == TPM_STATE_IS))
		return true;
	if (!wipe(&p, &now, e))
		return false;
	*ret_wiped = true;
	return true;
}
