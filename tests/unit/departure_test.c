/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vtpm-client migrate` with libvirt's own test driver, which has guests but migrates none, and an
 * agent that says what it was told to say. Each run is a process of its own.
 */
#include "client/compute/message.h"
#include "client/compute/migrate.h"
#include "common/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/state_dir.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS = 12 };

/* ---- the words ---- */

static const struct words {
	const char *says;
	const char *line;
	const char *mode; /* NULL: refused */
} rows[] = {
	{ "a guest, a host and its libvirt are enough", "g h2 qemu+ssh://h2/system",
	  "strict" },
	{ "options may stand anywhere", "g --plain h2 u", "plain" },
	{ "a cold move needs no libvirt", "--cold g h2", "cold" },
	{ "and takes one", "--cold g h2 u --keep-source --json", "cold" },
	{ "virsh's words for what it does anyway are taken",
	  "--live --p2p --persistent --undefinesource g h2 u", "strict" },
	{ "all guests need no name", "--all h2 u", "strict" },
	{ "libvirt's options are passed on",
	  "--bandwidth 100 --auto-converge --compressed --tls g h2 u", "strict" },
	{ "no libvirt is too little", "g h2", NULL },
	{ "no host is too little", "--cold g", NULL },
	{ "all guests go to one libvirt", "--all h2", NULL },
	{ "four words are too many", "g h2 u v", NULL },
	{ "three words are too many for all", "--all g h2 u", NULL },
	{ "an unknown option is refused", "--postcopy g h2 u", NULL },
	{ "an option without its value is refused", "g h2 u --bandwidth", NULL },
	{ "a bandwidth of nothing is refused", "--bandwidth 0 g h2 u", NULL },
	{ "a bandwidth that is no number is refused", "--bandwidth 1x g h2 u", NULL },
	{ "a host's name is a name", "g h2/system u", NULL },
	{ "plain is not cold", "--cold --plain g h2", NULL },
	{ "all of those that run are not cold", "--cold --all h2", NULL },
	{ "a cold move has no bandwidth", "--cold --bandwidth 1 g h2", NULL },
	{ "a cold move copies no disks", "--cold --copy-storage-all g h2", NULL },
	{ "direct is not tunnelled", "--direct --tunnelled g h2 u", NULL },
	{ "what is tunnelled goes to no other place",
	  "--tunnelled --migrate-uri tcp://h2 g h2 u", NULL },
	{ "disks are copied in one way", "--copy-storage-all --copy-storage-inc g h2 u",
	  NULL },
};

/* Splits line into argv, which points into it. */
static int split(char *line, char *argv[WORDS])
{
	static char name[] = "migrate";
	int n = 0;

	argv[n++] = name;
	for (char *rest = line, *one; n < WORDS - 1 && (one = strsep(&rest, " "));)
		argv[n++] = one;
	argv[n] = NULL;
	return n;
}

static void test_words(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct migrate_options o = { 0 };
		struct err e = { 0 };
		char line[200], *argv[WORDS];
		bool ok = text_copy(line, sizeof(line), rows[i].line) &&
			  migrate_options_parse(split(line, argv), argv, &o, &e);

		check(rows[i].says,
		      ok ? rows[i].mode &&
				      strcmp(migrate_options_mode(&o), rows[i].mode) == 0
			 : !rows[i].mode && e.kind == ERR_USAGE && e.detail[0]);
	}
}

static void test_values(void)
{
	char line[] = "--direct --bandwidth 70 --migrate-uri tcp://x --transient g h2 u";
	char all[] = "--all h2 u", help[] = "--help", *argv[WORDS];
	struct migrate_options o = { 0 };
	struct err e = { 0 };

	check("each word has its place",
	      migrate_options_parse(split(line, argv), argv, &o, &e) && o.direct &&
		      o.transient && !o.keep_source && !o.tls && o.bandwidth == 70 &&
		      strcmp(o.migrate_uri, "tcp://x") == 0 &&
		      strcmp(o.guest, "g") == 0 && strcmp(o.host, "h2") == 0 &&
		      strcmp(o.uri, "u") == 0);
	check("with all there is no guest",
	      migrate_options_parse(split(all, argv), argv, &o, &e) && !o.guest &&
		      strcmp(o.host, "h2") == 0 && strcmp(o.uri, "u") == 0 && o.all);
	check("help needs nothing else",
	      migrate_options_parse(split(help, argv), argv, &o, &e) && o.help);
}

/* ---- an agent ---- */

/* What it answers: the state after each operation; NULL refuses it. */
struct script {
	const char *prepare, *show, *abort, *after_abort;
	int pending; /* how often show still says "claimed" */
};

struct bed {
	const char *dir; /* borrowed */
	struct path socket, ops, out;
	pid_t agent;
};

static void answer(struct bed *b, struct script *s, const struct request *q,
		   struct buf *ret)
{
	struct json_writer w = { .to = ret };
	const char *state = s->show;
	FILE *ops = fopen(b->ops.text, "ae");

	if (ops) {
		fprintf(ops, "%s %s %s %lld\n", q->op, q->host, q->mode,
			(long long)q->number);
		fclose(ops);
	}
	if (strcmp(q->op, "move-prepare") == 0)
		state = s->prepare;
	else if (strcmp(q->op, "move-abort") == 0) {
		state = s->abort;
		s->show = s->after_abort ? s->after_abort : s->show;
	} else if (s->pending > 0) {
		s->pending--;
		state = "claimed";
	}
	if (!state) {
		const struct err no = { .kind = ERR_HOST_FENCED };

		answer_refusal(&no, ret);
		return;
	}
	json_open(&w, NULL);
	json_put_boolean(&w, "ok", true);
	json_put_integer(&w, "number", 7);
	json_put_text(&w, "state", state);
	json_put_text(&w, "source_said", "keep");
	json_put_text(&w, "destination_said", "");
	json_close(&w);
	buf_add(ret, "\n");
}

static void serve(struct bed *b, struct script s, int fd)
{
	for (;;) {
		int64_t until = clock_monotonic_us(clock_system()) + 5 * US_PER_S;
		CLEANUP(buf_done) struct buf line = { 0 };
		CLEANUP(buf_done) struct buf reply = { 0 };
		struct descriptors fds = { 0 };
		struct request q;
		struct err e = { 0 };
		int one = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (one >= 0 && socket_read(one, until, &line, &fds, &e) &&
		    request_read(&line, &q, &e)) {
			answer(b, &s, &q, &reply);
			if (!socket_write(one, until, &reply, NULL, &e))
				_exit(1);
		}
		close(one);
	}
}

static bool start_agent(struct bed *b, const struct script *s)
{
	struct err e = { 0 };
	int fd = -1;

	unlink(b->ops.text);
	if (!socket_listen(b->socket.text, &fd, &e))
		return false;
	b->agent = fork();
	if (b->agent == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(b, *s, fd);
	}
	close(fd);
	return b->agent > 0;
}

static void stop_agent(struct bed *b)
{
	if (b->agent > 0) {
		kill(b->agent, SIGKILL);
		waitpid(b->agent, NULL, 0);
	}
	b->agent = 0;
	unlink(b->socket.text);
}

/* ---- one run ---- */

static const char guests[] =
	"<node>"
	"<domain type='test'><name>runs</name>"
	"<uuid>2f1b2c3d-0001-4000-8000-00000000000a</uuid><memory>1024</memory>"
	"<os><type>hvm</type></os><devices><tpm model='tpm-crb'>"
	"<backend type='emulator' version='2.0'>"
	"<encryption secret='2f1b2c3d-0001-4000-8000-00000000000b'/></backend></tpm>"
	"</devices></domain>"
	"<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>"
	"<name>off</name><uuid>2f1b2c3d-0001-4000-8000-00000000000c</uuid>"
	"<memory>1024</memory><os><type>hvm</type></os><devices><tpm model='tpm-crb'>"
	"<backend type='emulator' version='2.0'>"
	"<encryption secret='2f1b2c3d-0001-4000-8000-00000000000d'/></backend></tpm>"
	"</devices><test:runstate>5</test:runstate></domain>"
	"<domain type='test'><name>ordinary</name><memory>1024</memory>"
	"<os><type>hvm</type></os></domain>"
	"</node>";

static bool write_text(const char *dir, const char *name, const char *text)
{
	struct path path;
	struct err e = { 0 };

	return path_set(&path, &e, "%s/%s", dir, name) &&
	       file_write(path.text, (struct view){ (const uint8_t *)text, strlen(text) },
			  0600, &e);
}

static bool bed_make(struct bed *b, const char *dir)
{
	char conf[400];
	struct err e = { 0 };

	b->dir = dir;
	return path_set(&b->socket, &e, "%s/agent.sock", dir) &&
	       path_set(&b->ops, &e, "%s/ops", dir) &&
	       path_set(&b->out, &e, "%s/out", dir) &&
	       text_format(conf, sizeof(conf),
			   "[client]\nurl = https://b:1\nname = h1\n"
			   "libvirt_uri = test://%s/node.xml\n",
			   dir) &&
	       write_text(dir, "client.conf", conf) &&
	       write_text(dir, "node.xml", guests);
}

static pid_t begin(struct bed *b, const char *line)
{
	char copy[200], *argv[WORDS];
	struct migrate_options o;
	struct uuid id;
	struct err e = { 0 };
	pid_t pid = fork();
	int fd;

	if (pid != 0)
		return pid;
	fd = open(b->out.text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 ||
	    !text_format(copy, sizeof(copy), "--state-dir %s %s", b->dir, line) ||
	    !migrate_options_parse(split(copy, argv), argv, &o, &e))
		_exit(255);
	if (!migrate_run(&o, &id, &e))
		printf("ERROR %s\n", e.detail);
	fflush(stdout);
	_exit((int)e.kind);
}

static enum err_kind end(pid_t pid)
{
	int status = 0;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? (enum err_kind)WEXITSTATUS(status) : ERR_KINDS;
}

static enum err_kind run(struct bed *b, const char *line)
{
	return end(begin(b, line));
}

static bool file_says(const struct path *path, const char *text)
{
	CLEANUP(buf_done) struct buf all = { 0 };
	struct err e = { 0 };
	bool found = false;

	return file_read(path->text, 100000, &all, &found, &e) && found && all.at &&
	       strstr(all.at, text);
}

static bool nobody_asked(const struct bed *b)
{
	return access(b->ops.text, F_OK) != 0;
}

static void test_refused_at_once(struct bed *b)
{
	const struct script s = { "prepared", "committed", "aborted", NULL, 0 };

	check("there is an agent", start_agent(b, &s));
	check("a guest that is not here is refused",
	      run(b, "nobody h2 test:///default") == ERR_NOT_FOUND);
	check("a guest without an encrypted TPM is for virsh",
	      run(b, "ordinary h2 test:///default") == ERR_USAGE &&
		      file_says(&b->out, "virsh migrate"));
	check("a guest that is off needs --cold",
	      run(b, "off h2 test:///default") == ERR_MIGRATION_OFFLINE);
	check("a guest that runs is not moved cold",
	      run(b, "--cold runs h2") == ERR_STATE_BUSY);
	check("for none of them the agent is asked", nobody_asked(b));
	stop_agent(b);
	check("without an agent nothing is moved",
	      run(b, "runs h2 test:///default") == ERR_AGENT_UNREACHABLE);
}

static void test_prepare_refused(struct bed *b)
{
	const struct script s = { NULL, "prepared", "aborted", NULL, 0 };

	check("what the broker does not prepare is not begun",
	      start_agent(b, &s) &&
		      run(b, "runs h2 test:///default") == ERR_HOST_FENCED &&
		      file_says(&b->ops, "move-prepare h2 strict 0") &&
		      !file_says(&b->ops, "move-show"));
	stop_agent(b);
}

/* libvirt's test driver refuses every migration. */
static void test_live(struct bed *b)
{
	const struct script fails = { "prepared", "claimed", "aborting", "aborted", 2 };
	const struct script lies = { "prepared", "committed", "committed", NULL, 1 };

	check("what libvirt refuses is called off, and its end is waited for",
	      start_agent(b, &fails) &&
		      run(b, "--plain runs h2 test:///default") == ERR_MIGRATION_FAILED &&
		      file_says(&b->ops, "move-prepare h2 plain 0") &&
		      file_says(&b->ops, "move-abort   7") &&
		      file_says(&b->ops, "move-show   7"));
	check("libvirt's words are passed on", file_says(&b->out, "not supported"));
	stop_agent(b);
	check("what is committed has moved, whatever libvirt says",
	      start_agent(b, &lies) && run(b, "runs h2 test:///default") == ERR_NONE &&
		      file_says(&b->out, "libvirt reports a failure") &&
		      file_says(&b->out, "runs runs on h2: hand-over 7 is committed"));
	check("and is told as JSON",
	      run(b, "--json runs h2 test:///default") == ERR_NONE &&
		      file_says(&b->out, "\"state\":\"committed\"") &&
		      file_says(&b->out, "\"number\":7") &&
		      file_says(&b->out, "\"mode\":\"strict\""));
	stop_agent(b);
}

static void test_cold(struct bed *b)
{
	const struct script moves = { "prepared", "committed", "aborting", NULL, 1 };
	const struct script stays = { "prepared", "aborted", "aborted", NULL, 1 };

	check("a guest that is off is moved by its TPM alone",
	      start_agent(b, &moves) && run(b, "--cold off h2") == ERR_NONE &&
		      file_says(&b->ops, "move-prepare h2 cold 0") &&
		      file_says(&b->out, "the TPM of off is on h2"));
	check("and its definition to a libvirt that is named",
	      run(b, "--cold --keep-source off h2 test:///default") == ERR_NONE &&
		      file_says(&b->out, "off and its TPM are on h2"));
	check("where libvirt cannot be reached the TPM has moved, and that is said",
	      run(b, "--cold off h2 test:///nonexistent/node.xml") == ERR_NO_LIBVIRT);
	stop_agent(b);
	check("an aborted move is not one",
	      start_agent(b, &stays) && run(b, "--cold off h2") == ERR_HANDOVER_STATE &&
		      file_says(&b->out,
				"the source said keep, the destination nothing"));
	stop_agent(b);
}

static bool until_asked(const struct bed *b, const char *op)
{
	int64_t until = clock_monotonic_us(clock_system()) + 10 * US_PER_S;

	while (!file_says(&b->ops, op)) {
		if (clock_monotonic_us(clock_system()) > until)
			return false;
		usleep(10000);
	}
	return true;
}

static void test_signals(struct bed *b)
{
	const struct script s = { "prepared", "claimed", "aborting", "aborted", 0 };
	const struct script stuck = { "prepared", "claimed", "aborting", NULL, 0 };
	int status = 0;
	pid_t pid;

	check("an agent whose hand-over waits", start_agent(b, &s));
	pid = begin(b, "--cold off h2");
	check("SIGINT calls the hand-over off, and its end is waited for",
	      until_asked(b, "move-show") && kill(pid, SIGINT) == 0 &&
		      end(pid) == ERR_HANDOVER_STATE &&
		      file_says(&b->ops, "move-abort   7"));
	stop_agent(b);
	check("an agent whose hand-over never ends", start_agent(b, &stuck));
	pid = begin(b, "--cold off h2");
	check("a second one ends the command",
	      until_asked(b, "move-show") && kill(pid, SIGTERM) == 0 &&
		      until_asked(b, "move-abort") && kill(pid, SIGTERM) == 0 &&
		      waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
		      WTERMSIG(status) == SIGTERM);
	stop_agent(b);
}

static void test_all(struct bed *b)
{
	const struct script moves = { "prepared", "committed", "aborted", NULL, 0 };
	const struct script stays = { "prepared", "aborted", "aborted", NULL, 0 };

	check("all that run and have an encrypted TPM move, and no others",
	      start_agent(b, &moves) && run(b, "--all h2 test:///default") == ERR_NONE &&
		      file_says(&b->out, "runs runs on h2") &&
		      file_says(&b->out, "1 of 1 guests moved to h2"));
	stop_agent(b);
	check("one that stays is named, and the command says so",
	      start_agent(b, &stays) &&
		      run(b, "--all h2 test:///default") == ERR_MIGRATION_FAILED &&
		      file_says(&b->out, "runs stays") &&
		      file_says(&b->out, "0 of 1 guests moved"));
	check("as JSON too",
	      run(b, "--all --json h2 test:///default") == ERR_MIGRATION_FAILED &&
		      file_says(&b->out, "\"code\":\"migration_failed\"") &&
		      file_says(&b->out, "\"moved\":0,\"found\":1"));
	stop_agent(b);
}

int main(void)
{
	CLEANUP(state_dir_done) struct state_dir top = state_dir_make();
	struct bed b = { 0 };

	test_words();
	test_values();
	if (!check("there is a host with guests", bed_make(&b, top.path)))
		return done();
	test_refused_at_once(&b);
	test_prepare_refused(&b);
	test_live(&b);
	test_cold(&b);
	test_signals(&b);
	test_all(&b);
	return done();
}
