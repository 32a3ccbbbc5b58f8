/* SPDX-License-Identifier: Apache-2.0 */
/* The TPM's state that came with an arrival which came to nothing, as the broker answers or not. */
#include "client/compute/arrived.h"

#include "client/compute/mover.h"
#include "client/compute/release.h"
#include "client/compute/stale.h"
#include "client/compute/swtpm.h"
#include "tests/unit/agent_bed.h"
#include "tests/unit/check.h"
#include "tests/unit/file_server.h"
#include "tests/unit/state_dir.h"

#define INSTANCE "v1/instances/"
#define FP_A "aaaaaaaaaaaaaaaa"
#define FP_B "bbbbbbbbbbbbbbbb"

static const struct uuid id = { "11111111-1111-4111-8111-111111111111" };
static const struct uuid secret = { "22222222-2222-4222-8222-222222222222" };
static const struct uuid other = { "33333333-3333-4333-8333-333333333333" };

/* An arrival of which nothing runs any more; before it there was no state. */
static struct move given_up(const struct uuid *instance)
{
	return (struct move){ .instance = *instance,
			      .number = 7,
			      .ended = 7,
			      .side = MOVE_DESTINATION,
			      .phase = MOVE_ERASED,
			      .mode = "plain",
			      .state = "absent" };
}

static bool put(const struct agent_bed *b, const struct uuid *instance, const char *text)
{
	struct tpm_state_id which;

	return agent_bed_put(b, instance, text, &which);
}

static bool is_known(const struct move *m)
{
	return m->left_by == m->number && m->left[0] != '\0';
}

/* As GET /v1/instances/ID answers. */
static bool answers(int status, const char *body)
{
	char path[96];

	return text_format(path, sizeof(path), INSTANCE "%s", id.text) &&
	       file_server_put(path, status, body);
}

static bool not_placed_here(void)
{
	return answers(404, "{\"code\":\"not_found\"}");
}

/* Hand-over 7 of the other instance, from one host to the other. */
static bool handover_is_told(const char *state, const char *source, const char *ran)
{
	char path[96], body[512];

	return text_format(path, sizeof(path), INSTANCE "%s/handovers/7", other.text) &&
	       text_format(body, sizeof(body),
			   "{\"instance\":\"%s\",\"number\":7,\"mode\":\"plain\","
			   "\"state\":\"%s\",\"epoch\":4,\"version\":1,\"security\":"
			   "\"host\",\"secret\":\"%s\",\"ran_there\":%s,\"source\":{"
			   "\"name\":\"h1\",\"fingerprint\":\"%s\"},\"destination\":{"
			   "\"name\":\"h2\",\"fingerprint\":\"" FP_B "\"}}",
			   other.text, state, secret.text, ran, source) &&
	       file_server_put(path, 200, body);
}

/* ---- which file it is ---- */

static void test_destroyed(struct agent_bed *b)
{
	struct move m = given_up(&id);
	struct err e = { 0 };

	check("what is there once the emulator was destroyed came with it",
	      put(b, &id, "came") && arrived_destroyed(&b->agent, &m, &e) &&
		      is_known(&m));
	memcpy(m.state, m.left, sizeof(m.left));
	m.left[0] = '\0';
	check("but not what was there before",
	      arrived_destroyed(&b->agent, &m, &e) && !is_known(&m));
}

static void test_ended(struct agent_bed *b)
{
	struct move m = given_up(&other);
	struct err e = { 0 };

	check("while nobody answers, nobody knows whose it is",
	      put(b, &other, "came") && !arrived_ended(&b->agent, &m, &e) &&
		      !is_known(&m));
	check("once the hand-over has ended it may be somebody's",
	      handover_is_told("aborted", FP_A, "false") &&
		      arrived_ended(&b->agent, &m, &e) && !is_known(&m));
	check("while it is open nobody else has a state to bring",
	      handover_is_told("aborting", FP_A, "false") &&
		      arrived_ended(&b->agent, &m, &e) && is_known(&m));
}

/* ---- its end ---- */

/* As `came` or as nobody knows what, with that answer. */
static bool wipes(struct agent_bed *b, struct move *m, bool known, struct err *e)
{
	*m = given_up(&id);
	return put(b, &id, "came") && (!known || arrived_destroyed(&b->agent, m, e)) &&
	       arrived_wipe(&b->agent, m, e);
}

static void test_unanswered(struct agent_bed *b)
{
	static const struct {
		const char *says;
		int status;
		const char *body;
	} rows[] = {
		{ "a state is not wiped where the broker is busy", 503,
		  "{\"code\":\"busy\"}" },
		{ "nor where it says that there is too much", 429, "{}" },
		{ "nor where it has failed", 500, "{\"code\":\"internal\"}" },
		{ "nor where this host may not ask", 403, "{\"code\":\"host_fenced\"}" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = { 0 };
		struct move m;

		check(rows[i].says, answers(rows[i].status, rows[i].body) &&
					    !wipes(b, &m, true, &e) &&
					    agent_bed_has(b, &id));
	}
}

static void test_wipe(struct agent_bed *b)
{
	struct err e = { 0 };
	struct move m;

	check("where the guest is placed here since, its state stays",
	      answers(200, "{\"state\":\"expected\"}") && wipes(b, &m, true, &e) &&
		      agent_bed_has(b, &id));
	check("also one that nobody saw come, and that one may be started",
	      wipes(b, &m, false, &e) && agent_bed_has(b, &id) && m.left[0] == '\0');
	check("elsewhere what came with it is wiped",
	      not_placed_here() && wipes(b, &m, true, &e) && !agent_bed_has(b, &id) &&
		      m.left[0] == '\0');
	check("what nobody saw come stays, and is remembered as left",
	      wipes(b, &m, false, &e) && agent_bed_has(b, &id) && is_known(&m));
	check("so does what somebody brought since",
	      wipes(b, &m, false, &e) && put(b, &id, "brought by hand") &&
		      arrived_wipe(&b->agent, &m, &e) && agent_bed_has(b, &id));
}

/* ---- whether it is started ---- */

static bool is_stale(struct agent_bed *b)
{
	struct err e = { 0 };

	return !stale_is_not_there(&b->agent, &other, NULL, &e) &&
	       e.kind == ERR_STATE_STALE;
}

static void test_stale(struct agent_bed *b)
{
	struct move m = given_up(&other);
	struct err e = { 0 };

	check("a state that came is on record",
	      put(b, &other, "came") && arrived_destroyed(&b->agent, &m, &e) &&
		      move_save(agent_state_dir(&b->agent), &m, &e));
	check("called off, it is not started",
	      handover_is_told("aborted", FP_A, "false") && is_stale(b));
	check("committed after all, it is",
	      handover_is_told("committed", FP_A, "true") && !is_stale(b));
	check("what this host gave away is not, once it ran there",
	      handover_is_told("committed", FP_B, "true") && is_stale(b));
	check("but until then",
	      handover_is_told("committed", FP_B, "false") && !is_stale(b));
	check("what somebody brought since is another one",
	      handover_is_told("aborted", FP_A, "false") &&
		      put(b, &other, "brought by hand") && !is_stale(b));
}

/* Asked by `run`, for a state that it has found somewhere. */
static enum err_kind refusal_of_run(struct agent_bed *b, const char *state)
{
	struct release r = {
		.purpose = "restore", .has_state = true, .state = state, .run_pid = 1
	};
	struct guest g = { .instance = other };
	OWNED(secret) value = NULL;
	struct err e = { 0 };

	return release_get(&b->agent, &r, &g, &value, &e) ? ERR_NONE : e.kind;
}

static void test_run(struct agent_bed *b)
{
	struct swtpm tpm = { .data_fd = -1, .ctrl_fd = -1, .words_fd = -1, .dir_fd = -1 };
	struct move m = given_up(&other);
	char which[TPM_STATE_ID_TEXT];
	struct tpm_state_id found;
	struct err e = { 0 };

	check("a state that came is where `run` is told to look",
	      put(b, &other, "came") && arrived_destroyed(&b->agent, &m, &e) &&
		      move_save(agent_state_dir(&b->agent), &m, &e) &&
		      handover_is_told("aborted", FP_A, "false") &&
		      tpm_state_dir(&b->config.tpm_states, &other, &tpm.dir, &e));
	found = swtpm_state(&tpm);
	tpm_state_id_text(&found, which);
	check("`run` does not start it either, whatever for",
	      refusal_of_run(b, which) == ERR_STATE_STALE);
	check("but another one, where libvirt's is an old one",
	      stale_is_not_there(&b->agent, &other, "1.2.3", &e));
	check("what is no state is refused", refusal_of_run(b, "x") == ERR_BAD_VALUE);
}

static bool make(struct agent_bed *b, struct file_server *s, const char *dir,
		 struct err *e)
{
	struct path path;

	memcpy(b->identity.hash, FP_B, sizeof(FP_B));
	return file_server_start(dir, s) &&
	       text_copy(b->config.url, sizeof(b->config.url), s->url) &&
	       path_set(&b->identity.ca_file, e, "%s/ca.pem", dir) &&
	       path_set(&path, e, "%s/" INSTANCE "%s/handovers", dir, other.text) &&
	       file_make_dir(path.text, 0700, e) && agent_bed_make(dir, b, e);
}

int main(void)
{
	CLEANUP(state_dir_done) struct state_dir dir = state_dir_make();
	CLEANUP(file_server_done) struct file_server s = { 0 };
	CLEANUP(agent_bed_done) struct agent_bed b = { 0 };
	struct err e = { 0 };

	if (!make(&b, &s, dir.path, &e))
		return 99;
	test_destroyed(&b);
	test_ended(&b);
	test_unanswered(&b);
	test_wipe(&b);
	test_stale(&b);
	test_run(&b);
	return done();
}
