/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/agent.h"
#include "client/compute/commands.h"
#include "client/compute/hook.h"
#include "client/compute/message.h"
#include "client/compute/migrate.h"

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
	puts("  migrate  GUEST...  move a guest to another host (migrate --help)\n"
	     "  hook     NAME OP SUB EXTRA  what libvirt runs (see vtpm-client(8))\n\n"
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

static bool take_number(const char *option, int64_t max, int64_t *ret, struct err *e)
{
	return text_parse_int(optarg, 1, max, ret) ||
	       err_set(e, ERR_USAGE, "%s takes a number from 1 to %lld", option,
		       (long long)max);
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
		if (!take_number("--ready-fd", 1 << 20, &n, e))
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
		return take_number("--port", 65534, &o->port, e);
	case OPT_SOCKET:
		o->unix_path = optarg;
		return true;
	default:
		return false;
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
		if (c == '?')
			return err_set(e, ERR_USAGE, "%.40s: no such option, or no value",
				       argv[optind - 1]);
		if (c != 'h' && !take_option(o, c, &state, e))
			return false;
	}
	if (argc - optind > 1)
		return err_set(e, ERR_USAGE, "there is one argument too many: %s",
			       argv[optind + 1]);
	o->word = optind < argc ? argv[optind] : NULL;
	return config_places(state, &o->at, e);
}

/* The trail is told where it says more than the detail; its cause is at its end. */
static void add_what(const struct err *e, struct buf *to)
{
	const struct err_info *info = err_info(e->kind);
	const bool longer = strncmp(e->trail, e->detail, strlen(e->detail)) == 0;

	buf_addf(to, "vtpm-client: %s (%s)", info->title, info->code);
	if (e->detail[0] != '\0' &&
	    strcasecmp(longer ? e->trail : e->detail, info->title) != 0) {
		buf_add(to, ": ");
		buf_add_printable(to, longer ? e->trail : e->detail);
	}
	buf_add(to, "\n");
	if (!longer && e->trail[0] != '\0') {
		buf_add(to, "  ");
		buf_add_printable(to, e->trail);
		buf_add(to, "\n");
	}
}

/* instance: of the command, or NULL. */
static int fail(const struct err *e, const char *instance)
{
	const struct err_info *info = err_info(e->kind);
	CLEANUP(buf_done) struct buf text = { 0 };

	add_what(e, &text);
	if (e->kind == ERR_USAGE) {
		buf_add(&text,
			"next: see vtpm-client --help, or vtpm-client migrate --help\n");
	} else if (info->next[0] != '\0') {
		buf_add(&text, "next: ");
		refusal_next(e, instance, &text);
		buf_add(&text, "\n");
	}
	if (!text.failed)
		fputs(text.at, stderr);
	return info->exit_code;
}

/* A host knows no names of instances. */
static bool is_fit(const struct command *cmd, const char *word, struct err *e)
{
	struct uuid id;

	return !cmd->word_needed || uuid_parse(word, cmd->word, &id, e) ||
	       err_set(e, ERR_BAD_UUID,
		       "%s takes a whole UUID, which vtpmctl instance show prints",
		       cmd->name);
}

static int run_command(const struct command *cmd, int argc, char *argv[])
{
	struct options o = { .ready_fd = -1 };
	struct err e = { 0 };
	bool help = false;

	if (!parse(argc, argv, &o, &help, &e))
		return fail(&e, NULL);
	if (help) {
		print_help();
		return 0;
	}
	if (cmd->word == NULL && o.word != NULL)
		err_set(&e, ERR_USAGE, "%s takes no argument", cmd->name);
	else if (cmd->word_needed && o.word == NULL)
		err_set(&e, ERR_USAGE, "%s needs its %s", cmd->name, cmd->word);
	else if (is_fit(cmd, o.word, &e) && cmd->run(&o, &e))
		return 0;
	return fail(&e, cmd->word_needed ? o.word : NULL);
}

static int run_migrate(int argc, char *argv[])
{
	struct migrate_options o;
	struct uuid instance = { "" };
	struct err e = { 0 };

	if (!migrate_options_parse(argc, argv, &o, &e))
		return fail(&e, NULL);
	if (o.help) {
		migrate_options_help();
		return 0;
	}
	return migrate_run(&o, &instance, &e)
		       ? 0
		       : fail(&e, uuid_is_set(&instance) ? instance.text : NULL);
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
	if (strcmp(name, "migrate") == 0)
		return run_migrate(argc - 1, argv + 1);
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
	return fail(&e, NULL);
}
