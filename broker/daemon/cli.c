/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/daemon/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

struct option_row {
	const char *word, *value, *says;
};

#define OPTION_ROW(name, word, value, says) [OPT_##name] = { word, value, says },
static const struct option_row rows[OPTS] = { OPTIONS(OPTION_ROW) };
#undef OPTION_ROW

enum { HELP = OPTS, HELP_INDENT = 30, HELP_WIDTH = 88 };

static bool takes(const struct command *c, int option)
{
	return c->options & BIT(option);
}

/* How many of argv's words name the command, 0 when they do not. */
static int words_of(const struct command *c, int argc, char **argv)
{
	const char *gap = strchr(c->name, ' ');
	size_t len = gap ? (size_t)(gap - c->name) : strlen(c->name);

	if (strlen(argv[1]) != len || memcmp(argv[1], c->name, len) != 0)
		return 0;
	if (!gap)
		return 1;
	return argc > 2 && strcmp(argv[2], gap + 1) == 0 ? 2 : 0;
}

/* How many commands begin with this word; each is called back. */
static size_t in_group(const struct command *commands, size_t n, const char *word,
		       void (*each)(const struct command *))
{
	size_t found = 0, len = strlen(word);

	for (size_t i = 0; i < n; i++) {
		if (strncmp(commands[i].name, word, len) != 0 ||
		    commands[i].name[len] != ' ')
			continue;
		if (each && found)
			printf("\n");
		if (each)
			each(&commands[i]);
		found++;
	}
	return found;
}

static bool refuse_command(const struct command *commands, size_t n, const char *word,
			   struct err *e)
{
	CLEANUP(buf_done) struct buf names = { 0 };

	for (size_t i = 0; i < n; i++)
		if (in_group(&commands[i], 1, word, NULL))
			buf_addf(&names, "%s%s", names.len ? ", " : "",
				 commands[i].name + strlen(word) + 1);
	if (names.len > 0)
		return err_set(e, ERR_USAGE, "%s needs one of: %s", word, names.at);
	return err_set(e, ERR_USAGE, "there is no command %.40s", word);
}

static void long_options(const struct command *c, struct option *ret)
{
	size_t n = 0;

	for (int o = 0; o < OPTS; o++)
		if (takes(c, o))
			ret[n++] = (struct option){ rows[o].word, rows[o].value != NULL,
						    NULL, o };
	ret[n++] = (struct option){ "help", 0, NULL, HELP };
	ret[n] = (struct option){ 0 };
}

/* A value is not repeated in the text: it may be what should never have been on argv. */
static bool refuse_option(const struct command *c, const char *word, int o, struct err *e)
{
	const char *why = o == ':'   ? "lacks its value"
			  : o == '?' ? "is not known"
				     : "is there twice";
	int shown = strncmp(word, "--", 2) == 0 ? (int)strcspn(word, "=") : 0;

	if (shown == 0)
		return err_set(e, ERR_USAGE, "%s: an option %s", c->name, why);
	return err_set(e, ERR_USAGE, "%s: %.*s %s", c->name, shown, word, why);
}

static bool parse_options(int argc, char **argv, struct cli *cli, struct err *e)
{
	struct option known[OPTS + 2];
	int o;

	long_options(cli->command, known);
	opterr = 0;
	optind = 1;
	while ((o = getopt_long(argc, argv, ":", known, NULL)) != -1) {
		if (o == HELP)
			cli->help = true;
		else if (o >= 0 && o < OPTS && !cli->values[o])
			cli->values[o] = optarg ? optarg : "";
		else
			return refuse_option(cli->command, argv[optind - 1], o, e);
	}
	if (cli->command->operand && optind < argc)
		cli->operand = argv[optind++];
	if (optind < argc)
		return err_set(e, ERR_USAGE, "%s: a word too many", cli->command->name);
	if (cli->command->operand && !cli->operand && !cli->help)
		return err_set(e, ERR_USAGE, "%s needs %s", cli->command->name,
			       cli->command->operand);
	return true;
}

bool cli_parse(int argc, char **argv, const struct command *commands, size_t n,
	       struct cli *ret, struct err *e)
{
	*ret = (struct cli){ 0 };
	ret->help = argc < 2 || strcmp(argv[1], "--help") == 0 ||
		    strcmp(argv[1], "help") == 0;
	ret->version = !ret->help && strcmp(argv[1], "--version") == 0;
	if (ret->help || ret->version)
		return true;
	for (size_t i = 0; i < n; i++) {
		int words = words_of(&commands[i], argc, argv);

		if (words == 0)
			continue;
		ret->command = &commands[i];
		return parse_options(argc - words, argv + words, ret, e);
	}
	if (argc == 3 && strcmp(argv[2], "--help") == 0 &&
	    in_group(commands, n, argv[1], NULL)) {
		ret->help = true;
		ret->group = argv[1];
		return true;
	}
	return refuse_command(commands, n, argv[1], e);
}

/* The text from column HELP_INDENT on, broken between words. */
static void print_wrapped(const char *says)
{
	int column = HELP_INDENT;

	while (*says) {
		int word = (int)strcspn(says, " ");
		bool breaks = column + 1 + word > HELP_WIDTH;

		if (breaks)
			printf("\n%*s", HELP_INDENT, "");
		column = breaks ? HELP_INDENT : column;
		column += printf("%s%.*s", column > HELP_INDENT ? " " : "", word, says);
		says += word + (says[word] == ' ');
	}
	printf("\n");
}

static void print_option(const char *word, const char *value, const char *says)
{
	int n = printf("  --%s%s%s", word, value ? " " : "", value ? value : "");

	if (n >= HELP_INDENT) {
		printf("\n");
		n = 0;
	}
	printf("%*s", HELP_INDENT - n, "");
	print_wrapped(says);
}

static void help_command(const struct command *c)
{
	printf("usage: vtpm-brokerd %s [OPTION]...%s%s\n%s.\n\n", c->name,
	       c->operand ? " " : "", c->operand ? c->operand : "", c->says);
	for (int o = 0; o < OPTS; o++)
		if (takes(c, o))
			print_option(rows[o].word, rows[o].value, rows[o].says);
	print_option("help", NULL, "print this");
}

void cli_help(const struct cli *cli, const struct command *commands, size_t n)
{
	if (cli->command || cli->group) {
		if (cli->command)
			help_command(cli->command);
		else
			(void)in_group(commands, n, cli->group, help_command);
		return;
	}
	printf("usage: vtpm-brokerd COMMAND [OPTION]...\n\n"
	       "Keeps the secrets of guests' virtual TPMs and gives each to the one "
	       "host\n"
	       "that is about to run the guest.\n\n");
	for (size_t i = 0; i < n; i++)
		printf("  %-14s %s\n", commands[i].name, commands[i].says);
	printf("\nvtpm-brokerd COMMAND --help lists the options; vtpm-brokerd "
	       "--version.\n");
}

int cli_fail(const struct err *e)
{
	const struct err_info *info = err_info(e->kind);

	fprintf(stderr, "vtpm-brokerd: %s: %s\n", info->title, e->trail);
	if (e->kind == ERR_USAGE)
		fprintf(stderr, "next: see vtpm-brokerd [COMMAND] --help\n");
	else if (info->next[0])
		fprintf(stderr, "next: %s\n", info->next);
	return info->exit_code;
}
