/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/agent.h"
#include "client/compute/commands.h"
#include "client/compute/hook.h"
#include "client/compute/message.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name;
	bool (*run)(const struct options *o, struct err *e);
	const char *word; /* its positional argument, or NULL */
	bool word_needed;
	const char *says;
} commands[] = {
	{ "enroll", command_enroll, "FILE", false,
	  "make this host's keys and have them certified" },
	{ "agent", command_agent, NULL, false,
	  "serve libvirt's hook and `run` on this host" },
	{ "run", command_run, "INSTANCE", true,
	  "run the TPM of an instance without libvirt" },
	{ "deliver", command_deliver, "INSTANCE", true,
	  "give libvirt the secret by hand" },
	{ "forget", command_forget, "INSTANCE", true,
	  "take it back, and erase this host's copy" },
	{ "status", command_status, NULL, false, "show what the agent knows" },
};

enum {
	OPT_STATE = 256,
	OPT_NO_LIBVIRT,
	OPT_NO_WAIT,
	OPT_JSON,
	OPT_READY,
	OPT_ADDRESS,
	OPT_TPM,
	OPT_PURPOSE,
	OPT_PORT,
	OPT_SOCKET
};

static const struct option long_options[] = {
	{ "state-dir", required_argument, NULL, OPT_STATE },
	{ "no-libvirt", no_argument, NULL, OPT_NO_LIBVIRT },
	{ "no-wait", no_argument, NULL, OPT_NO_WAIT },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "ready-fd", required_argument, NULL, OPT_READY },
	{ "address", required_argument, NULL, OPT_ADDRESS },
	{ "tpm-state", required_argument, NULL, OPT_TPM },
	{ "purpose", required_argument, NULL, OPT_PURPOSE },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static void print_help(void)
{
	puts("usage: vtpm-client COMMAND [OPTIONS] [ARGUMENT]\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		printf("  %-8s %-9s %s\n", commands[i].name,
		       commands[i].word != NULL ? commands[i].word : "",
		       commands[i].says);
	puts("  hook     NAME OP SUB EXTRA  what libvirt runs (see vtpm-client(8))\n\n"
	     "  --state-dir DIR   keys, records and socket in DIR (root: "
	     "/etc/vtpm-client,\n"
	     "                    /var/lib/vtpm-client, /run/vtpm-client)\n"
	     "  --no-libvirt      agent: serve `run` alone\n"
	     "  --ready-fd N      agent: write `ready` to descriptor N once it serves\n"
	     "  --no-wait         enroll: do not wait for the approval\n"
	     "  --address TEXT    enroll: where hosts reach this one\n"
	     "  --tpm-state DIR   run: the emulator's state (DIR of "
	     "--state-dir/tpm/INSTANCE)\n"
	     "  --port P          run: TPM at 127.0.0.1:P, its control at P + 1\n"
	     "  --socket PATH     run: TPM at PATH, its control at PATH.ctrl\n"
	     "  --purpose WORD    run: start (the default), reboot or autostart\n"
	     "  --json            status: as JSON\n"
	     "  --help, --version");
}

static bool take_number(const char *text, int64_t max, int64_t *ret, struct err *e)
{
	return text_parse_int(text, 1, max, ret) ||
	       err_set(e, ERR_USAGE, "%s is no such number", text);
}

static bool take_option(struct options *o, int c, const char **ret_state, struct err *e)
{
	int64_t n = 0;

	switch (c) {
	case OPT_STATE:
		*ret_state = optarg;
		return true;
	case OPT_NO_LIBVIRT:
		o->no_libvirt = true;
		return true;
	case OPT_NO_WAIT:
		o->no_wait = true;
		return true;
	case OPT_JSON:
		o->json = true;
		return true;
	case OPT_READY:
		if (!take_number(optarg, 1 << 20, &n, e))
			return false;
		o->ready_fd = (int)n;
		return true;
	case OPT_ADDRESS:
		o->address = optarg;
		return true;
	case OPT_TPM:
		o->tpm_dir = optarg;
		return true;
	case OPT_PURPOSE:
		o->purpose = optarg;
		return true;
	case OPT_PORT:
		return take_number(optarg, 65534, &o->port, e);
	case OPT_SOCKET:
		o->unix_path = optarg;
		return true;
	default:
		return err_set(e, ERR_USAGE,
			       "an option is not known, or lacks its value");
	}
}

/* argv[0] is the command's name. *ret_help: only its help was asked for. */
static bool parse(int argc, char *argv[], struct options *o, bool *ret_help,
		  struct err *e)
{
	const char *state = NULL;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		*ret_help |= c == 'h';
		if (c != 'h' && !take_option(o, c, &state, e))
			return false;
	}
	if (argc - optind > 1)
		return err_set(e, ERR_USAGE, "there is one argument too many: %s",
			       argv[optind + 1]);
	o->word = optind < argc ? argv[optind] : NULL;
	return config_places(state, &o->at, e);
}

static int fail(const struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };

	refusal_text(e, &text);
	if (text.at != NULL)
		fputs(text.at, stderr);
	if (e->trail[0] != '\0')
		fprintf(stderr, "  (%s: %s)\n", err_info(e->kind)->code, e->trail);
	return err_info(e->kind)->exit_code;
}

static int run_command(const struct command *cmd, int argc, char *argv[])
{
	struct options o = { .ready_fd = -1 };
	struct err e = { 0 };
	bool help = false;

	if (!parse(argc, argv, &o, &help, &e))
		return fail(&e);
	if (help) {
		print_help();
		return 0;
	}
	if (cmd->word == NULL && o.word != NULL)
		err_set(&e, ERR_USAGE, "%s takes no argument", cmd->name);
	else if (cmd->word_needed && o.word == NULL)
		err_set(&e, ERR_USAGE, "%s needs its %s", cmd->name, cmd->word);
	else if (cmd->run(&o, &e))
		return 0;
	return fail(&e);
}

bool command_agent(const struct options *o, struct err *e)
{
	struct config c;

	if (!config_load(&o->at, &c, e))
		return false;
	c.use_libvirt = c.use_libvirt && !o->no_libvirt;
	return agent_serve(&c, o->ready_fd, e);
}

int main(int argc, char *argv[])
{
	const char *name = argc > 1 ? argv[1] : "--help";
	struct err e = { 0 };

	signal(SIGPIPE, SIG_IGN);
	if (strcmp(name, "hook") == 0)
		return hook_run(argc - 2, argv + 2);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(name, commands[i].name) == 0)
			return run_command(&commands[i], argc - 1, argv + 1);
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		print_help();
		return 0;
	}
	if (strcmp(name, "--version") == 0) {
		puts("vtpm-client " VTPM_VERSION);
		return 0;
	}
	err_set(&e, ERR_USAGE, "there is no command %.40s", name);
	return fail(&e);
}
