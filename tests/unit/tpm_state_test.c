/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/tpm_state.h"

#include "client/compute/files.h"
#include "tests/unit/check.h"
#include "tests/unit/state_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LARGE = 200000 };

static const struct tpm_state_id absent = { 0 };

/* A state of any length whose header says that it is encrypted, and all whose bytes are fill. */
static struct view make_state(uint8_t *bytes, size_t len, int fill)
{
	const uint8_t high = (uint8_t)(len >> 16), mid = (uint8_t)(len >> 8);
	const uint8_t head[] = { 2, 2, 0, 10, 0, 9, 0, high, mid, (uint8_t)len };

	memset(bytes, fill, len);
	memcpy(bytes, head, sizeof(head));
	return (struct view){ bytes, len };
}

static const char *user(void)
{
	const struct passwd *me = getpwuid(getuid());

	return me ? me->pw_name : "";
}

static bool put(const char *dir, int fill, struct tpm_state_id *ret, struct err *e)
{
	static uint8_t bytes[LARGE];

	return tpm_state_write(dir, user(), make_state(bytes, 6000, fill), ret, e);
}

/* The byte that all of the state is made of; -1 when it is none, or mixed. */
static int fill_of(const char *dir)
{
	CLEANUP(buf_done) struct buf got = { 0 };
	struct tpm_state_id id;
	struct err e = { 0 };

	if (!tpm_state_read(dir, &got, &id, &e))
		return -1;
	for (size_t i = 11; i < got.len; i++)
		if (got.at[i] != got.at[10])
			return -1;
	return (unsigned char)got.at[10];
}

static bool file_is(const char *dir, const char *name)
{
	struct path path;
	struct stat st;
	struct err e = { 0 };

	return path_set(&path, &e, "%s/%s", dir, name) && lstat(path.text, &st) == 0;
}

static bool make_file(const char *dir, const char *name, const char *text)
{
	struct path path;
	struct err e = { 0 };

	return path_set(&path, &e, "%s/%s", dir, name) &&
	       file_write(path.text, (struct view){ (const uint8_t *)text, strlen(text) },
			  0600, &e);
}

static void test_round_trip(const char *dir)
{
	CLEANUP(buf_done) struct buf got = { 0 };
	struct tpm_state_id id = { 0 }, seen = { 0 }, read = { 0 };
	struct path file;
	struct stat st;
	struct err e = { 0 };

	check("where no directory is, no state is",
	      tpm_state_look(dir, &seen, &e) && !seen.present);
	check("and none is read",
	      !tpm_state_read(dir, &got, &read, &e) && e.kind == ERR_STATE_MISSING);
	check("a state is written, with all directories above it",
	      put(dir, 'a', &id, &e) && id.present && id.size == 6000);
	check("it is read back", fill_of(dir) == 'a');
	check("it is the one that was written",
	      tpm_state_look(dir, &seen, &e) && tpm_state_same(&seen, &id));
	check("only its owner may read it",
	      path_set(&file, &e, "%s/tpm2-00.permall", dir) &&
		      stat(file.text, &st) == 0 && (st.st_mode & 0777) == 0600 &&
		      stat(dir, &st) == 0 && (st.st_mode & 0777) == 0700);
	check("others may pass above it", path_set(&file, &e, "%s/..", dir) &&
						  stat(file.text, &st) == 0 &&
						  (st.st_mode & 0777) == 0711);
	check("another write is another state",
	      put(dir, 'a', &seen, &e) && !tpm_state_same(&seen, &id));
	check("nothing but the state and the lock is left behind",
	      !file_is(dir, ".vtpm-client.new") && file_is(dir, ".lock"));
	check("a state that is older than a write does not pair with its volatile half",
	      make_file(dir, "tpm2-00.volatilestate", "x") && put(dir, 'b', &id, &e) &&
		      !file_is(dir, "tpm2-00.volatilestate") && fill_of(dir) == 'b');
}

static void test_owner(const char *dir)
{
	struct tpm_state_id id;
	struct path file;
	struct stat st;
	struct err e = { 0 };

	if (geteuid() != 0) {
		skip("a state belongs to its directory's owner", "needs root");
		return;
	}
	check("a state belongs to its directory's owner",
	      chown(dir, 12345, 12346) == 0 && put(dir, 'c', &id, &e) &&
		      path_set(&file, &e, "%s/tpm2-00.permall", dir) &&
		      stat(file.text, &st) == 0 && st.st_uid == 12345 &&
		      st.st_gid == 12346);
	check("and so does the lock, or its emulator could not take it",
	      path_set(&file, &e, "%s/.lock", dir) && stat(file.text, &st) == 0 &&
		      st.st_uid == 12345);
}

static void test_names(const char *above)
{
	struct tpm_state_id id = { true, 7, -3, 9 }, got;
	char text[TPM_STATE_ID_TEXT];
	uint8_t bytes[64];
	struct path dir;
	struct err e = { 0 };
	bool any = false;

	tpm_state_id_text(&id, text);
	check("a state's identity is a text and comes back",
	      strcmp(text, "7.-3.9") == 0 && tpm_state_id_parse(text, &got) &&
		      tpm_state_same(&got, &id));
	tpm_state_id_text(&absent, text);
	check("so does none", strcmp(text, "absent") == 0 &&
				      tpm_state_id_parse(text, &got) && !got.present);
	for (size_t i = 0; i < 5; i++) {
		static const char *const odd[] = { "", "1.2", "1.2.3.4", "a.2.3",
						   "1..3" };

		any |= tpm_state_id_parse(odd[i], &got);
	}
	check("nothing else is one", !any);
	check("a directory for a user who is not there is not made",
	      path_set(&dir, &e, "%s/nobody/tpm2", above) &&
		      !tpm_state_write(dir.text, "no-such-user",
				       make_state(bytes, sizeof(bytes), 1), &got, &e) &&
		      e.kind == ERR_CONFIG && !file_is(above, "nobody"));
}

static void test_form(const char *dir)
{
	static uint8_t bytes[TPM_STATE_MAX + 1];
	CLEANUP(buf_done) struct buf got = { 0 };
	struct tpm_state_id id, read;
	struct err e = { 0 };

	check("the largest state is written and read",
	      tpm_state_write(dir, user(), make_state(bytes, TPM_STATE_MAX, 'l'), &id,
			      &e) &&
		      fill_of(dir) == 'l');
	check("a larger one is refused",
	      !tpm_state_write(dir, user(), make_state(bytes, TPM_STATE_MAX + 1, 'l'),
			       &id, &e) &&
		      e.kind == ERR_IO);
	(void)make_state(bytes, 600, 'p');
	bytes[5] = 0; /* no longer encrypted */
	check("a state in clear is not written",
	      !tpm_state_write(dir, user(), (struct view){ bytes, 600 }, &id, &e) &&
		      e.kind == ERR_IO);
	check("nor half a state",
	      !tpm_state_write(dir, user(),
			       (struct view){ make_state(bytes, 600, 'p').at, 599 }, &id,
			       &e));
	check("what was there is still there", fill_of(dir) == 'l');
	check("a state in clear is not read",
	      make_file(dir, "tpm2-00.permall", "not encrypted, and not a state") &&
		      !tpm_state_read(dir, &got, &read, &e) && e.kind == ERR_IO);
	check("an empty file is no state",
	      make_file(dir, "tpm2-00.permall", "") && tpm_state_look(dir, &read, &e) &&
		      !read.present && !tpm_state_read(dir, &got, &read, &e) &&
		      e.kind == ERR_STATE_MISSING);
}

static void test_wipe(const char *dir)
{
	struct tpm_state_id first, id = { 0 }, now;
	struct err e = { 0 };
	bool wiped = true;

	check("two states, one after the other",
	      put(dir, 'a', &first, &e) && put(dir, 'b', &id, &e));
	check("another than the named one is not wiped",
	      tpm_state_wipe(dir, TPM_STATE_IS, &first, &wiped, &e) && !wiped &&
		      fill_of(dir) == 'b');
	check("the one that has to stay is not wiped",
	      tpm_state_wipe(dir, TPM_STATE_IS_NOT, &id, &wiped, &e) && !wiped &&
		      fill_of(dir) == 'b');
	check("the named one is wiped, with its volatile half",
	      make_file(dir, "tpm2-00.volatilestate", "x") &&
		      tpm_state_wipe(dir, TPM_STATE_IS, &id, &wiped, &e) && wiped &&
		      !file_is(dir, "tpm2-00.permall") &&
		      !file_is(dir, "tpm2-00.volatilestate"));
	check("then there is none", tpm_state_look(dir, &now, &e) && !now.present);
	check("and nothing to wipe",
	      tpm_state_wipe(dir, TPM_STATE_IS_NOT, &first, &wiped, &e) && !wiped);
	check("what is not the one that has to stay is wiped",
	      put(dir, 'c', &id, &e) &&
		      tpm_state_wipe(dir, TPM_STATE_IS_NOT, &first, &wiped, &e) &&
		      wiped && !file_is(dir, "tpm2-00.permall"));
	check("where none had been, any is",
	      put(dir, 'd', &id, &e) &&
		      tpm_state_wipe(dir, TPM_STATE_IS_NOT, &absent, &wiped, &e) &&
		      wiped);
	check("no directory is nothing to wipe",
	      tpm_state_wipe("/nonexistent/tpm2", TPM_STATE_IS_NOT, &absent, &wiped,
			     &e) &&
		      !wiped);
}

/* Another name of the same file may be somebody's backup. */
static void test_wipe_linked(const char *dir)
{
	struct tpm_state_id id;
	struct path from, to;
	struct stat st;
	struct err e = { 0 };
	bool wiped = false;

	check("a file with a second name keeps its bytes under that",
	      put(dir, 'e', &id, &e) && path_set(&from, &e, "%s/tpm2-00.permall", dir) &&
		      path_set(&to, &e, "%s/backup", dir) &&
		      link(from.text, to.text) == 0 &&
		      tpm_state_wipe(dir, TPM_STATE_IS, &id, &wiped, &e) && wiped &&
		      rename(to.text, from.text) == 0 && stat(from.text, &st) == 0 &&
		      fill_of(dir) == 'e');
}

/* ---- locks ---- */

/* As swtpm holds it. */
static pid_t hold_lock(const char *dir)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct path path;
	struct err e = { 0 };
	int ends[2], fd;
	char byte = 0;
	pid_t pid;

	if (!path_set(&path, &e, "%s/.lock", dir) || pipe(ends) != 0)
		return 0;
	pid = fork();
	if (pid == 0) {
		fd = open(path.text, O_WRONLY | O_CREAT | O_CLOEXEC, 0660);
		if (fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0 &&
		    write(ends[1], "l", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1)
		pid = 0;
	close(ends[0]);
	return pid;
}

static bool is_busy(const char *dir, const char *by)
{
	CLEANUP(buf_done) struct buf got = { 0 };
	struct tpm_state_id id;
	struct err e = { 0 }, f = { 0 }, g = { 0 };
	bool wiped = true;

	return !put(dir, 'z', &id, &e) && e.kind == ERR_STATE_BUSY &&
	       strstr(e.detail, by) && !tpm_state_read(dir, &got, &id, &f) &&
	       f.kind == ERR_STATE_BUSY &&
	       !tpm_state_wipe(dir, TPM_STATE_IS_NOT, &absent, &wiped, &g) &&
	       g.kind == ERR_STATE_BUSY && !wiped;
}

static void test_locks(const char *dir)
{
	struct tpm_state_id id;
	struct err e = { 0 };
	char who[32] = "";
	pid_t pid;
	int fd;

	check("a state is there", put(dir, 'a', &id, &e));
	pid = hold_lock(dir);
	snprintf(who, sizeof(who), "process %ld", (long)pid);
	check("while an emulator runs nothing is touched, and it is named",
	      pid > 0 && is_busy(dir, who));
	check("but looked at", tpm_state_look(dir, &id, &e) && id.present);
	if (pid > 0)
		kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	check("afterwards it is free", fill_of(dir) == 'a');
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check("neither while `run` has the directory",
	      fd >= 0 && flock(fd, LOCK_EX) == 0 && is_busy(dir, "another process"));
	close(fd);
	check("and after that it is free again", fill_of(dir) == 'a');
}

/* ---- what the owner of the directory might put there ---- */

static bool link_to(const char *dir, const char *name, const char *to)
{
	struct path path;
	struct err e = { 0 };

	if (!path_set(&path, &e, "%s/%s", dir, name))
		return false;
	unlink(path.text);
	return symlink(to, path.text) == 0;
}

static void test_links(const char *above, const char *dir)
{
	CLEANUP(buf_done) struct buf got = { 0 };
	struct tpm_state_id id;
	struct path victim, linked, lock;
	struct err e = { 0 };
	bool wiped = true;

	check("there is a file of somebody else's",
	      path_set(&victim, &e, "%s/victim", above) &&
		      make_file(above, "victim", "precious") && put(dir, 'a', &id, &e));
	check("a state that is a link is refused",
	      link_to(dir, "tpm2-00.permall", victim.text) &&
		      !tpm_state_look(dir, &id, &e) && e.kind == ERR_IO &&
		      !tpm_state_read(dir, &got, &id, &e) && e.kind == ERR_IO &&
		      !tpm_state_wipe(dir, TPM_STATE_IS_NOT, &absent, &wiped, &e) &&
		      !wiped && file_is(dir, "tpm2-00.permall"));
	check("a write replaces the link, and not what it points to",
	      put(dir, 'n', &id, &e) && fill_of(dir) == 'n' &&
		      file_has_bytes(victim.text));
	check("so it does with a link where it writes first",
	      link_to(dir, ".vtpm-client.new", victim.text) && put(dir, 'o', &id, &e) &&
		      fill_of(dir) == 'o');
	check("a lock that is a link is refused", link_to(dir, ".lock", victim.text) &&
							  !put(dir, 'p', &id, &e) &&
							  e.kind == ERR_IO);
	check("a lock that is a pipe is refused",
	      path_set(&lock, &e, "%s/.lock", dir) && unlink(lock.text) == 0 &&
		      mkfifo(lock.text, 0600) == 0 && !put(dir, 'p', &id, &e) &&
		      e.kind == ERR_IO && unlink(lock.text) == 0);
	check("a directory that is a link is refused",
	      link_to(above, "linked", dir) &&
		      path_set(&linked, &e, "%s/linked", above) &&
		      !put(linked.text, 'q', &id, &e) && e.kind == ERR_IO &&
		      fill_of(dir) == 'o');
	got.len = 0;
	check("and the file of somebody else's is as it was",
	      file_read(victim.text, 100, &got, &wiped, &e) &&
		      strcmp(got.at, "precious") == 0);
}

/* ---- a write that does not come to its end ---- */

static bool write_forever(const char *dir)
{
	static uint8_t bytes[LARGE];
	struct tpm_state_id id;
	struct err e = { 0 };

	for (int i = 0;; i ^= 1)
		if (!tpm_state_write(dir, user(), make_state(bytes, LARGE, 'A' + i), &id,
				     &e))
			return false;
}

static void test_killed(const char *dir)
{
	static uint8_t bytes[LARGE];
	struct tpm_state_id id;
	struct err e = { 0 };
	int whole = 0, fill;

	check("a state is there",
	      tpm_state_write(dir, user(), make_state(bytes, LARGE, 'A'), &id, &e));
	for (useconds_t i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(write_forever(dir));
		usleep(500 + i * 487);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		fill = fill_of(dir);
		whole += fill == 'A' || fill == 'B';
	}
	check("a writer that is killed leaves the old or the new state", whole == 20);
	check("the next one clears up after it",
	      put(dir, 'c', &id, &e) && !file_is(dir, ".vtpm-client.new"));
}

static bool mount_small(const char *dir)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", dir, "tmpfs", 0, "size=64k") == 0;
}

/* In a child, whose mounts are its own. */
static int run_full(const char *above)
{
	static uint8_t bytes[LARGE];
	struct tpm_state_id id, now;
	struct path dir;
	struct err e = { 0 };

	if (!mount_small(above))
		return 2;
	return path_set(&dir, &e, "%s/uuid/tpm2", above) && put(dir.text, 'a', &id, &e) &&
			       !tpm_state_write(dir.text, user(),
						make_state(bytes, LARGE, 'b'), &now,
						&e) &&
			       e.kind == ERR_IO && fill_of(dir.text) == 'a' &&
			       tpm_state_look(dir.text, &now, &e) &&
			       tpm_state_same(&now, &id) &&
			       !file_is(dir.text, ".vtpm-client.new") &&
			       put(dir.text, 'c', &id, &e)
		       ? 0
		       : 1;
}

static void test_full(const char *above)
{
	static const char says[] =
		"a full disk leaves the old state, and room for the next";
	int status = 0;
	pid_t pid;

	if (geteuid() != 0) {
		skip(says, "needs root");
		return;
	}
	pid = fork();
	if (pid == 0)
		_exit(run_full(above));
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		skip(says, "may not mount here");
	else
		check(says, WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	CLEANUP(state_dir_done) struct state_dir top = state_dir_make();
	struct path dir;
	struct err e = { 0 };

	umask(077);
	if (!check("there is a directory",
		   top.path[0] && path_set(&dir, &e, "%s/uuid/tpm2", top.path)))
		return done();
	test_round_trip(dir.text);
	test_names(top.path);
	test_form(dir.text);
	test_wipe(dir.text);
	test_wipe_linked(dir.text);
	test_locks(dir.text);
	test_links(top.path, dir.text);
	test_killed(dir.text);
	test_owner(dir.text);
	test_full(top.path);
	return done();
}
