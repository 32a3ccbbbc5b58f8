/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/swtpm.h"

#include "client/compute/swtpm_child.h"
#include "common/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_MS = 10000, MAKE_MS = 60000, END_MS = 3000, STEP_MS = 5 };
enum { CMD_GET_CAPABILITY = 1, CMD_SHUTDOWN = 3 };

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- sockets ---- */

static bool listen_tcp(int64_t port, int *ret, struct err *e)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret = fd;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 8) != 0)
		return err_errno(e, errno == EADDRINUSE ? ERR_PORT_IN_USE : ERR_IO,
				 "127.0.0.1:%lld cannot be used", (long long)port);
	return true;
}

static bool listen_unix(const char *path, int *ret, struct err *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	mode_t before = umask(0177);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && text_copy(at.sun_path, sizeof(at.sun_path), path) &&
		  (unlink(path) == 0 || errno == ENOENT) &&
		  bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
		  listen(fd, 8) == 0;

	umask(before);
	*ret = fd;
	return ok || err_errno(e, ERR_IO, "cannot listen at %s", path);
}

static bool listen_both(struct swtpm *s, struct err *e)
{
	struct path ctrl;

	if (s->port != 0)
		return listen_tcp(s->port, &s->data_fd, e) &&
		       listen_tcp(s->port + 1, &s->ctrl_fd, e);
	return path_set(&ctrl, e, "%s.ctrl", s->unix_path.text) &&
	       listen_unix(s->unix_path.text, &s->data_fd, e) &&
	       listen_unix(ctrl.text, &s->ctrl_fd, e);
}

static int connect_ctrl(const struct swtpm *s)
{
	struct sockaddr_storage at = { 0 };
	socklen_t len = sizeof(at);
	struct timeval wait = { 1, 0 };
	int fd;

	if (getsockname(s->ctrl_fd, (struct sockaddr *)&at, &len) != 0)
		return -1;
	fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, (const struct sockaddr *)&at, len) != 0)
		fd_close(&fd);
	return fd;
}

/* One command of the control channel (swtpm_ioctls(3)); true when there was any answer. */
static bool command(const struct swtpm *s, uint32_t cmd)
{
	CLEANUP(fd_close) int fd = connect_ctrl(s);
	uint32_t wire = htonl(cmd);
	uint8_t answer[16];

	return fd >= 0 && send(fd, &wire, sizeof(wire), MSG_NOSIGNAL) == sizeof(wire) &&
	       recv(fd, answer, sizeof(answer), 0) > 0;
}

/* ---- the state ---- */

static bool state_path(const struct swtpm *s, struct path *ret)
{
	struct err e = { 0 };

	return path_set(ret, &e, "%s/tpm2-00.permall", s->dir.text);
}

struct tpm_state_id swtpm_state(const struct swtpm *s)
{
	struct path path;
	struct stat st;

	if (!state_path(s, &path) || stat(path.text, &st) != 0 || !S_ISREG(st.st_mode))
		return (struct tpm_state_id){ 0 };
	return tpm_state_of(&st);
}

bool swtpm_has_state(const struct swtpm *s)
{
	return swtpm_state(s).present;
}

/* Between two programs like this one, before either touches the state or a socket. */
static bool hold_dir(struct swtpm *s, struct err *e)
{
	s->dir_fd = open(s->dir.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return err_errno(e, ERR_IO, "cannot open %s", s->dir.text);
	return flock(s->dir_fd, LOCK_EX | LOCK_NB) == 0 ||
	       err_set(e, ERR_STATE_BUSY, "another process uses the TPM state in %s",
		       s->dir.text);
}

/* swtpm holds a lock on this file for as long as it lives. */
static bool state_is_free(const struct swtpm *s, struct err *e)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	CLEANUP(fd_close) int fd = -1;
	struct path path;

	if (!path_set(&path, e, "%s/.lock", s->dir.text))
		return false;
	fd = open(path.text, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
		return true;
	return err_set(e, ERR_STATE_BUSY, "process %ld uses the TPM state in %s",
		       (long)lock.l_pid, s->dir.text);
}

/* swtpm takes its options as lists with commas in between, and knows no way to write one. */
static bool fits_a_list(const char *path, struct err *e)
{
	return strchr(path, ',') == NULL ||
	       err_set(e, ERR_USAGE, "swtpm takes no path with a comma: %s", path);
}

bool swtpm_open(struct swtpm *s, const char *dir, const char *unix_path, int64_t port,
		struct err *e)
{
	*s = (struct swtpm){
		.data_fd = -1, .ctrl_fd = -1, .words_fd = -1, .dir_fd = -1, .port = port
	};
	if (!fits_a_list(dir, e) || !fits_a_list(unix_path != NULL ? unix_path : "", e))
		return false;
	s->words_fd = memfd_create("swtpm", MFD_CLOEXEC);
	if (s->words_fd < 0)
		return err_errno(e, ERR_IO, "no memory file");
	return path_set(&s->dir, e, "%s", dir) &&
	       path_set(&s->unix_path, e, "%s", unix_path != NULL ? unix_path : "") &&
	       file_make_dir(dir, 0700, e) && hold_dir(s, e) && state_is_free(s, e) &&
	       listen_both(s, e);
}

/* ---- the child ---- */

static bool reap(struct swtpm *s, int *ret_status)
{
	if (s->pid <= 0 || waitpid(s->pid, ret_status, WNOHANG) != s->pid)
		return false;
	s->pid = 0;
	return true;
}

static bool reap_within(struct swtpm *s, int64_t ms, int *ret_status)
{
	int64_t until = clock_monotonic_us(clock_system()) + ms * 1000;

	while (s->pid > 0 && !reap(s, ret_status)) {
		if (clock_monotonic_us(clock_system()) > until)
			return false;
		usleep(STEP_MS * 1000);
	}
	return true;
}

/* What the child said first, as a reason. */
static bool explain(const struct swtpm *s, struct err *e)
{
	static const struct {
		const char *says;
		enum err_kind kind;
	} known[] = {
		{ "HMAC failed", ERR_BAD_PASSPHRASE },
		{ "Wrong decryption key", ERR_BAD_PASSPHRASE },
		{ "Could not find plain data", ERR_BAD_PASSPHRASE },
		{ "Could not decrypt", ERR_BAD_PASSPHRASE },
		{ "Could not lock access", ERR_STATE_BUSY },
	};
	char text[2048] = "";
	ssize_t n = pread(s->words_fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strstr(text, known[i].says) != NULL)
			return err_set(e, known[i].kind,
				       "the TPM state in %.100s does not open: %s",
				       s->dir.text, err_info(known[i].kind)->title);
	text[strcspn(text, "\r\n")] = '\0';
	return err_set(e, ERR_EMULATOR_FAILED, "%.150s",
		       text[0] != '\0' ? text : "the emulator ended without a word");
}

static bool spawn(struct swtpm *s, const struct child *c, struct err *e)
{
	if (ftruncate(s->words_fd, 0) != 0 || lseek(s->words_fd, 0, SEEK_SET) != 0)
		return err_errno(e, ERR_IO, "no memory file");
	return child_start(c, s->words_fd, &s->pid, e);
}

bool swtpm_make(struct swtpm *s, int key_fd, struct err *e)
{
	struct child c = { .program = "swtpm_setup", .fds = { key_fd }, .n_fds = 1 };
	struct path empty;
	int status = 0;

	/* An empty file is no state; swtpm would refuse it. */
	if (!state_path(s, &empty) || !file_remove(empty.text, e))
		return false;
	if (!child_arg(&c, "--tpm2") || !child_arg(&c, "--tpmstate") ||
	    !child_arg(&c, s->dir.text) || !child_arg(&c, "--createek") ||
	    !child_arg(&c, "--not-overwrite") || !child_arg(&c, "--cipher") ||
	    !child_arg(&c, "aes-256-cbc") || !child_arg(&c, "--pwdfile-fd") ||
	    !child_arg(&c, "3"))
		return err_set(e, ERR_INTERNAL, "too many arguments");
	if (!spawn(s, &c, e))
		return false;
	if (!reap_within(s, MAKE_MS, &status))
		return err_set(e, ERR_EMULATOR_FAILED, "swtpm_setup takes too long");
	return (WIFEXITED(status) && WEXITSTATUS(status) == 0) || explain(s, e);
}

static bool set_server(const struct swtpm *s, struct child *c)
{
	if (s->port != 0)
		return child_argf(c, "type=tcp,bindaddr=127.0.0.1,port=%lld",
				  (long long)s->port);
	return child_argf(c, "type=unixio,path=%s,mode=0600", s->unix_path.text);
}

static bool set_arguments(const struct swtpm *s, struct child *c)
{
	return child_arg(c, "socket") && child_arg(c, "--tpm2") &&
	       child_arg(c, "--tpmstate") &&
	       child_argf(c, "dir=%s,mode=0600", s->dir.text) &&
	       child_arg(c, "--server") && set_server(s, c) && child_arg(c, "--ctrl") &&
	       child_argf(c, "type=%s,fd=3", s->port != 0 ? "tcp" : "unixio") &&
	       child_arg(c, "--flags") && child_arg(c, "not-need-init,startup-clear") &&
	       child_arg(c, "--key") &&
	       child_arg(c, "pwdfd=4,mode=aes-256-cbc,kdf=pbkdf2") &&
	       child_arg(c, "--migration-key") &&
	       child_arg(c, "pwdfd=5,mode=aes-256-cbc,kdf=pbkdf2");
}

/* swtpm takes a listening descriptor for its control socket only: this one it binds anew. */
static void free_data_socket(struct swtpm *s)
{
	fd_close(&s->data_fd);
	if (s->port == 0)
		unlink(s->unix_path.text);
}

bool swtpm_start(struct swtpm *s, int key_fd, int migration_fd, struct err *e)
{
	struct child c = { .program = "swtpm",
			   .fds = { s->ctrl_fd, key_fd, migration_fd },
			   .n_fds = 3 };
	int64_t until = clock_monotonic_us(clock_system()) + READY_MS * 1000;
	int status = 0;

	if (!set_arguments(s, &c))
		return err_set(e, ERR_INTERNAL, "an argument of swtpm does not fit");
	free_data_socket(s);
	if (!spawn(s, &c, e))
		return false;
	while (clock_monotonic_us(clock_system()) < until) {
		if (reap(s, &status))
			return explain(s, e);
		if (command(s, CMD_GET_CAPABILITY))
			return true;
		usleep(STEP_MS * 1000);
	}
	return err_set(e, ERR_EMULATOR_FAILED, "the emulator does not answer");
}

static void end_child(struct swtpm *s)
{
	int status;

	if (s->pid <= 0)
		return;
	if (command(s, CMD_SHUTDOWN) && reap_within(s, END_MS, &status))
		return;
	kill(s->pid, SIGTERM);
	if (reap_within(s, END_MS, &status))
		return;
	kill(s->pid, SIGKILL);
	(void)reap_within(s, END_MS, &status);
}

bool swtpm_wait(struct swtpm *s, const int *stop, size_t n, struct err *e)
{
	sigset_t set;
	int status = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < n; i++)
		sigaddset(&set, stop[i]);
	for (;;) {
		int signo = sigwaitinfo(&set, NULL);

		if (reap(s, &status))
			return (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
			       explain(s, e);
		if (signo > 0 && signo != SIGCHLD)
			break;
	}
	end_child(s);
	return true;
}

void swtpm_done(struct swtpm *s)
{
	struct path ctrl;
	struct err e = { 0 };

	end_child(s);
	if (s->ctrl_fd >= 0 && s->unix_path.text[0] != '\0') {
		unlink(s->unix_path.text);
		if (path_set(&ctrl, &e, "%s.ctrl", s->unix_path.text))
			unlink(ctrl.text);
	}
	fd_close(&s->data_fd);
	fd_close(&s->ctrl_fd);
	fd_close(&s->words_fd);
	fd_close(&s->dir_fd);
}
