/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/commands.h"
#include "client/compute/message.h"
#include "client/compute/swtpm.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

enum { ASK_MS = 15000, TELL_MS = 3000 };

static const int stop_signals[] = { SIGTERM, SIGINT, SIGHUP };

struct run {
	const struct options *o; /* borrowed */
	struct uuid instance;
	struct uuid attempt;
	struct swtpm tpm;        /* owned */
	struct descriptors keys; /* owned: pipes with the passphrase */
};

static void run_done(struct run *r)
{
	swtpm_done(&r->tpm);
	descriptors_close(&r->keys);
}

static bool block_signals(struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < ARRAY_LEN(stop_signals); i++)
		sigaddset(&set, stop_signals[i]);
	return (sigprocmask(SIG_BLOCK, &set, NULL) == 0 &&
		prctl(PR_SET_DUMPABLE, 0) == 0) ||
	       err_errno(e, ERR_INTERNAL, "signals cannot be blocked");
}

static bool open_tpm(struct run *r, struct err *e)
{
	const struct options *o = r->o;
	struct path dir, socket;

	if (!path_set(&dir, e, "%s/tpm/%s", o->at.state.text, r->instance.text) ||
	    (o->tpm_dir != NULL && !path_set(&dir, e, "%s", o->tpm_dir)) ||
	    !path_set(&socket, e, "%s/swtpm.sock", dir.text) ||
	    (o->unix_path != NULL && !path_set(&socket, e, "%s", o->unix_path)))
		return false;
	return swtpm_open(&r->tpm, dir.text, o->port == 0 ? socket.text : NULL, o->port,
			  e);
}

static bool ask(struct run *r, struct err *e)
{
	struct request q = { .op = "run", .instance = r->instance };
	const struct tpm_state_id state = swtpm_state(&r->tpm);
	OWNED(json) answer = NULL;
	const char *attempt;

	q.has_state = state.present;
	if (state.present)
		tpm_state_id_text(&state, q.state);
	if (r->o->purpose != NULL &&
	    !text_copy(q.purpose, sizeof(q.purpose), r->o->purpose))
		return err_set(e, ERR_USAGE, "--purpose is start, reboot or autostart");
	if (!request_ask(r->o->at.socket.text, &q, ASK_MS, &answer, &r->keys, e))
		return false;
	attempt = json_get_text(answer, "attempt");
	if (attempt == NULL || r->keys.n != SOCKET_FDS)
		return err_set(e, ERR_INTERNAL, "the agent's answer is not understood");
	return uuid_parse(attempt, "attempt", &r->attempt, e);
}

static bool tell(const struct run *r, const char *op, struct err *e)
{
	struct request q = { .instance = r->instance, .attempt = r->attempt };
	OWNED(json) answer = NULL;

	return text_copy(q.op, sizeof(q.op), op) &&
	       request_ask(r->o->at.socket.text, &q, TELL_MS, &answer, NULL, e);
}

static bool start(struct run *r, struct err *e)
{
	if (!swtpm_has_state(&r->tpm) && !swtpm_make(&r->tpm, r->keys.at[0], e))
		return false;
	if (!swtpm_start(&r->tpm, r->keys.at[1], r->keys.at[2], e))
		return false;
	descriptors_close(&r->keys);
	return tell(r, "run-started", e);
}

static void say_ready(const struct run *r)
{
	if (r->tpm.port != 0)
		printf("ready: TPM of %s at 127.0.0.1:%lld, control at 127.0.0.1:%lld\n",
		       r->instance.text, (long long)r->tpm.port,
		       (long long)r->tpm.port + 1);
	else
		printf("ready: TPM of %s at %s, control at %s.ctrl\n", r->instance.text,
		       r->tpm.unix_path.text, r->tpm.unix_path.text);
	fflush(stdout);
}

bool command_run(const struct options *o, struct err *e)
{
	CLEANUP(run_done)
	struct run r = {
		.o = o,
		.tpm = { .data_fd = -1, .ctrl_fd = -1, .words_fd = -1, .dir_fd = -1 }
	};
	struct err late = { 0 };
	bool ok;

	if (!uuid_parse(o->word, "INSTANCE", &r.instance, e) || !block_signals(e) ||
	    !open_tpm(&r, e) || !ask(&r, e))
		return false;
	ok = start(&r, e);
	if (ok) {
		say_ready(&r);
		ok = swtpm_wait(&r.tpm, stop_signals, ARRAY_LEN(stop_signals), e);
	}
	swtpm_done(&r.tpm);
	/* An agent that is away finds out by itself that this process has ended. */
	if (!tell(&r, "run-stopped", &late))
		fprintf(stderr, "vtpm-client: the agent was not told: %s\n", late.detail);
	return ok;
}
