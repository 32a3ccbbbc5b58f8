/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/guests.h"
#include "client/compute/ids.h"
#include "client/compute/message.h"
#include "client/compute/process.h"
#include "client/compute/turns.h"
#include "common/clock.h"
#include "tests/unit/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ID "11111111-1111-4111-8111-111111111111"
#define OTHER "22222222-2222-4222-8222-222222222222"

static const struct uuid id = { ID }, other = { OTHER };

/* ---- files ---- */

static bool make_dir(const char *dir, const char *name)
{
	struct path path;
	struct err e = { 0 };

	return path_set(&path, &e, "%s/%s", dir, name) &&
	       file_make_dir(path.text, 0700, &e);
}

static void test_files(const char *dir)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	OWNED(secret) s = NULL;
	struct path path, link;
	struct stat st;
	struct err e = { 0 };
	bool found = true;
	char long_name[600];

	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	check("a path that is too long is refused, not cut",
	      !path_set(&path, &e, "%s", long_name));
	check("a file that is not there is not found, and no error",
	      path_set(&path, &e, "%s/file", dir) &&
		      file_read(path.text, 10, &text, &found, &e) && !found);
	check("what is written is read back",
	      file_write(path.text, (struct view){ (const uint8_t *)"hello", 5 }, 0600,
			 &e) &&
		      file_read(path.text, 10, &text, &found, &e) && found &&
		      strcmp(text.at, "hello") == 0);
	check("with the mode that was asked for",
	      stat(path.text, &st) == 0 && (st.st_mode & 0777) == 0600);
	check("a file above its limit is refused",
	      !file_read(path.text, 4, &text, &found, &e));
	check("a secret file is read",
	      file_read_secret(path.text, &s, &e) && secret_len(s) == 5);
	secret_free(secret_move(&s));
	check("not when others may read it",
	      chmod(path.text, 0640) == 0 && !file_read_secret(path.text, &s, &e));
	check("a symbolic link is not followed",
	      path_set(&link, &e, "%s/link", dir) && symlink(path.text, link.text) == 0 &&
		      !file_read(link.text, 10, &text, &found, &e));
	check("writing replaces the link, not what it points to",
	      file_write(link.text, (struct view){ (const uint8_t *)"x", 1 }, 0600, &e) &&
		      lstat(link.text, &st) == 0 && S_ISREG(st.st_mode));
	check("a file can be removed twice",
	      file_remove(link.text, &e) && file_remove(link.text, &e));
}

/* ---- guests ---- */

static void count(void *ctx, const struct guest *g)
{
	(void)g;
	++*(int *)ctx;
}

static void test_guests(const char *dir)
{
	struct guest g = { .instance = id,
			   .secret = other,
			   .version = 3,
			   .epoch = 7,
			   .security = "host",
			   .state = "expected",
			   .attempt = other,
			   .phase = GUEST_STARTED,
			   .run_pid = 9,
			   .run_since = 12345 };
	struct guest back;
	struct path path;
	struct err e = { 0 };
	bool found = true;
	int n = 0;

	check("a guest without a record is not known",
	      guest_load(dir, &id, &back, &found, &e) && !found &&
		      !guest_is_known(dir, &id));
	check("a record comes back as it was",
	      guest_save(dir, &g, &e) && guest_load(dir, &id, &back, &found, &e) &&
		      found && uuid_equal(&back.secret, &other) && back.version == 3 &&
		      back.epoch == 7 && strcmp(back.security, "host") == 0 &&
		      strcmp(back.state, "expected") == 0 &&
		      uuid_equal(&back.attempt, &other) &&
		      strcmp(back.phase, GUEST_STARTED) == 0 && back.run_pid == 9 &&
		      back.run_since == 12345);
	check("whoever was given a secret here is known", guest_is_known(dir, &id));
	g.version = 0;
	check("whoever was not is not",
	      guest_save(dir, &g, &e) && !guest_is_known(dir, &id));
	check("records can be walked", guest_each(dir, count, &n, &e) && n == 1);
	g.instance = other;
	check("a record under another's name is refused",
	      guest_save(dir, &g, &e) &&
		      path_set(&path, &e, "%s/guests/" ID ".json", dir) &&
		      file_remove(path.text, &e) && make_dir(dir, "guests") &&
		      file_write(path.text, (struct view){ (const uint8_t *)"{}", 2 },
				 0600, &e) &&
		      !guest_load(dir, &id, &back, &found, &e));
	check("a damaged record counts as known", guest_is_known(dir, &id));
	n = 0;
	err_clear(&e);
	check("and does not hide the others", !guest_each(dir, count, &n, &e) && n == 1);
	err_clear(&e);
	check("a record can be removed",
	      guest_remove(dir, &id, &e) && !guest_is_known(dir, &id));
}

/* ---- turns, processes, messages ---- */

static void *take_other_turn(void *ctx)
{
	struct err e = { 0 };

	return turns_take(ctx, &id, 20, &e) ? ctx : NULL;
}

static void test_turns(void)
{
	OWNED(turns) t = NULL;
	struct err e = { 0 };
	pthread_t thread;
	void *got = NULL;

	check("a turn is given", turns_new(&t, &e) && turns_take(t, &id, 0, &e));
	check("another instance's is given too", turns_take(t, &other, 0, &e));
	pthread_create(&thread, NULL, take_other_turn, t);
	pthread_join(thread, &got);
	check("the same one's is not, and waiting for it ends", got == NULL);
	turns_give(t, &id);
	pthread_create(&thread, NULL, take_other_turn, t);
	pthread_join(thread, &got);
	check("it is once it was given back", got == t);
}

static void test_process(void)
{
	int64_t own = process_since(getpid());
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(0);
	waitpid(child, &status, 0);
	check("this process lives", own > 0 && process_lives(getpid(), own));
	check("a reused pid is another process", !process_lives(getpid(), own + 1));
	check("a process that ended does not live", process_since(child) == 0);
	check("nobody is no process", !process_lives(0, 0));
}

static void test_processes(void)
{
	CLEANUP(processes_done) struct processes l = { 0 };
	struct process self = { getpid(), process_since(getpid()) };

	check("of no processes all live", processes_live(&l));
	processes_add(&l, self);
	check("so they do when each does", processes_live(&l) && l.n == 1);
	self.since++;
	processes_add(&l, self);
	check("not when one has ended", !processes_live(&l));
	processes_done(&l);
	l.failed = true;
	check("nor when one may be missing", !processes_live(&l));
}

static void test_ids(void)
{
	CLEANUP(ids_done) struct ids l = { 0 };
	bool fit = true;

	for (int i = 0; i < 5000; i++)
		fit &= ids_add(&l, &id);
	check("a list of guests grows as there are guests", fit && l.n == 5000);
	check("and says who is not on it", ids_has(&l, &id) && !ids_has(&l, &other));
	check("until it is", ids_add(&l, &other) && ids_has(&l, &other));
}

static bool reads(const char *text, enum err_kind want)
{
	CLEANUP(buf_done) struct buf line = { 0 };
	struct request r;
	struct err e = { 0 };
	bool ok;

	buf_add(&line, text);
	ok = request_read(&line, &r, &e);
	return want == ERR_NONE ? ok : !ok && e.kind == want;
}

static void test_requests(void)
{
	CLEANUP(buf_done) struct buf line = { 0 };
	struct request r = { .op = "prepare",
			     .instance = id,
			     .secret = other,
			     .name = "a \"b\"\n",
			     .has_state = true,
			     .state = "1.2.3" };
	struct request back;
	struct err e = { 0 };

	request_write(&r, &line);
	check("a request is one line", strchr(line.at, '\n') == line.at + line.len - 1);
	check("and comes back as it was",
	      request_read(&line, &back, &e) && memcmp(&r, &back, sizeof(r)) == 0);
	check("an unknown name is refused",
	      reads("{\"op\":\"status\",\"x\":1}", ERR_UNKNOWN_FIELD));
	check("a name twice is refused",
	      reads("{\"op\":\"a\",\"op\":\"b\"}", ERR_BAD_JSON));
	check("a request without op is refused", reads("{}", ERR_MISSING_FIELD));
	check("what is no UUID is refused",
	      reads("{\"op\":\"run\",\"instance\":\"../../etc\"}", ERR_BAD_UUID));
	check("what is no JSON is refused", reads("GET / HTTP/1.1", ERR_BAD_JSON));
}

static void test_refusal(void)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	CLEANUP(buf_done) struct buf named = { 0 };
	struct err e = { 0 };

	err_set(&e, ERR_PERMIT_USED, "two\nlines\033[31m");
	refusal_text(&e, NULL, &text);
	check("a refusal is one line without control characters, with what to do next",
	      strcmp(text.at, "vtpm-client: two?lines?[31m; the owner: vtpmctl permit ID "
			      "(for a move: vtpmctl grant create ID --purpose "
			      "migrate-in --hosts HOST)\n") == 0);
	err_set(&e, ERR_PERMIT_USED, "used");
	refusal_text(&e, "0b361e4a-9e07-4dda-bd31-62f0de62e2f5", &named);
	check("and can be typed as it is where the instance is known",
	      strstr(named.at, "vtpmctl permit 0b361e4a-9e07-4dda-bd31-62f0de62e2f5 (") &&
		      strstr(named.at, "vtpmctl grant create "
				       "0b361e4a-9e07-4dda-bd31-62f0de62e2f5 --"));
}

static void test_socket(const char *dir)
{
	CLEANUP(buf_done) struct buf line = { 0 };
	CLEANUP(buf_done) struct buf answer = { 0 };
	struct path path;
	struct stat st;
	struct err e = { 0 };
	int fd = -1, second = -1;

	buf_add(&line, "{}\n");
	check("without an agent that is said",
	      path_set(&path, &e, "%s/sock/agent.sock", dir) &&
		      !socket_ask(path.text, &line, INT64_MAX, &answer, NULL, &e) &&
		      e.kind == ERR_AGENT_UNREACHABLE);
	err_clear(&e);
	check("a socket is made, for its owner alone",
	      socket_listen(path.text, &fd, &e) && stat(path.text, &st) == 0 &&
		      (st.st_mode & 0777) == 0600);
	check("one that is served is not taken over",
	      !socket_listen(path.text, &second, &e) && e.kind == ERR_CONFLICT);
	err_clear(&e);
	check("an agent that does not answer is not waited for",
	      !socket_ask(path.text, &line, clock_monotonic_us(clock_system()) + 20000,
			  &answer, NULL, &e) &&
		      e.kind == ERR_DEADLINE);
	close(fd);
	err_clear(&e);
	check("a dead agent's socket is replaced", socket_listen(path.text, &fd, &e));
	close(fd);
}

int main(void)
{
	char dir[] = "/tmp/compute-test-XXXXXX";
	char command[64];

	if (mkdtemp(dir) == NULL || !make_dir(dir, "guests"))
		return 99;
	test_files(dir);
	test_guests(dir);
	test_turns();
	test_process();
	test_processes();
	test_ids();
	test_requests();
	test_refusal();
	test_socket(dir);
	return text_format(command, sizeof(command), "rm -r %s", dir) &&
			       system(command) == 0
		       ? done()
		       : 99;
}
