/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/options.h"

#include "client/ctl/commands.h"

#include <getopt.h>
#include <string.h>

/* getopt_long's values: a global option's place, or the command's behind them. */
enum { FIRST_GLOBAL = 256, FIRST_OWN = 512, LONG_MAX_OPTIONS = 24 };

const struct option_spec options_global[] = {
	{ "profile", "NAME",
	  "the profile to use; else $VTPMCTL_PROFILE, else the file's first" },
	{ "config", "FILE", "the file of profiles; else ~/.config/vtpmctl/config" },
	{ "json", NULL, "print the broker's JSON, errors as JSON too" },
	{ "help", NULL, "show this help" },
	{ "version", NULL, "show the version" },
	{ 0 },
};

enum { GLOBALS = ARRAY_LEN(options_global) - 1 };

static size_t add_long(struct option *to, size_t at, const struct option_spec *from,
		       int first)
{
	for (size_t i = 0; from && from[i].name; i++) {
		assert(at + 1 < LONG_MAX_OPTIONS);
		to[at++] =
			(struct option){ from[i].name,
					 from[i].takes ? required_argument : no_argument,
					 NULL, first + (int)i };
	}
	return at;
}

/* How many of the words at `words` are this command's; 0 when they differ. */
static size_t words_match(const char *command, char *const *words, size_t n)
{
	size_t used = 0;

	while (*command) {
		size_t len = strcspn(command, " ");

		if (used == n || strlen(words[used]) != len ||
		    strncmp(command, words[used], len) != 0)
			return 0;
		used++;
		command += len + (command[len] == ' ');
	}
	return used;
}

const struct command *options_find(char *const *words, size_t n, size_t *ret_used)
{
	const struct command *best = NULL;

	*ret_used = 0;
	for (size_t i = 0; i < commands_count; i++) {
		size_t used = words_match(commands[i].words, words, n);

		if (used > *ret_used) {
			best = &commands[i];
			*ret_used = used;
		}
	}
	return best;
}

static void take_global(struct ctl *ctl, size_t at, const char *value)
{
	const char *name = at < GLOBALS ? options_global[at].name : "";

	if (strcmp(name, "profile") == 0)
		ctl->profile_name = value;
	else if (strcmp(name, "config") == 0)
		ctl->config_path = value;
	else if (strcmp(name, "json") == 0)
		ctl->json = true;
	else if (strcmp(name, "help") == 0)
		ctl->help = true;
	else if (strcmp(name, "version") == 0)
		ctl->version = true;
}

static bool refuse_option(const struct ctl *ctl, char **argv, int code, struct err *e)
{
	const char *word = optind > 0 ? argv[optind - 1] : "";

	if (ctl->command)
		return err_set(e, ERR_USAGE, "%s: %s %s", ctl->command->words, word,
			       code == ':' ? "needs a value"
					   : "is not one of its options");
	return err_set(e, ERR_USAGE, "%s %s", word,
		       code == ':' ? "needs a value" : "is not an option");
}

/* One run of getopt_long: up to the first word (before the command), or over all. */
static bool read_options(int argc, char **argv, const char *how, struct ctl *ctl,
			 struct err *e)
{
	struct option longs[LONG_MAX_OPTIONS] = { 0 };
	const struct option_spec *own = ctl->command ? ctl->command->options : NULL;
	int code;

	add_long(longs, add_long(longs, 0, options_global, FIRST_GLOBAL), own, FIRST_OWN);
	optind = 0; /* getopt_long(3): start anew */
	opterr = 0;
	while ((code = getopt_long(argc, argv, how, longs, NULL)) != -1) {
		if (code == '?' || code == ':')
			return refuse_option(ctl, argv, code, e);
		if (code == 'h')
			ctl->help = true;
		else if (code >= FIRST_OWN)
			ctl->values[code - FIRST_OWN] = optarg ? optarg : "";
		else
			take_global(ctl, (size_t)(code - FIRST_GLOBAL), optarg);
	}
	return true;
}

static bool take_args(struct ctl *ctl, char **words, size_t n, struct err *e)
{
	const struct command *c = ctl->command;
	const char *spec = c->args;
	size_t i = 0;

	for (; *spec; i++) {
		size_t len = strcspn(spec, " ");

		assert(i < CTL_ARGS_MAX);
		if (i < n)
			ctl->args[i] = words[i];
		else if (spec[0] != '[')
			return err_set(e, ERR_USAGE, "%s needs %.*s", c->words, (int)len,
				       spec);
		spec += len + (spec[len] == ' ');
	}
	if (n > i)
		return err_set(e, ERR_USAGE, "%s: what is %s?", c->words, words[i]);
	return true;
}

/* The words of a group: say what is in it. */
static bool refuse_group(const char *word, struct err *e)
{
	CLEANUP(buf_done) struct buf names = { 0 };
	size_t len = strlen(word);

	for (size_t i = 0; i < commands_count; i++)
		if (strncmp(commands[i].words, word, len) == 0 &&
		    commands[i].words[len] == ' ')
			buf_addf(&names, "%s%s", names.len ? ", " : "",
				 commands[i].words + len + 1);
	return err_set(e, ERR_USAGE, "%s needs one of: %s", word,
		       names.at ? names.at : "");
}

static bool asks_help(char **words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0)
			return true;
	return false;
}

static bool refuse_words(struct ctl *ctl, char **words, size_t n, struct err *e)
{
	if (n == 0)
		return ctl->help || err_set(e, ERR_USAGE, "there is no command");
	if (commands_in_group(words[0]) > 0 && (n == 1 || words[1][0] == '-')) {
		ctl->help |= asks_help(words, n);
		ctl->group = words[0];
		return ctl->help || refuse_group(words[0], e);
	}
	return err_set(e, ERR_USAGE, "there is no command %s%s%s", words[0],
		       n > 1 ? " " : "", n > 1 ? words[1] : "");
}

bool options_parse(int argc, char **argv, struct ctl *ret, struct err *e)
{
	size_t used, words;

	/* "+" stops at the first word, "-" would not; ":" tells a missing value apart. */
	if (!read_options(argc, argv, "+:h", ret, e))
		return false;
	if (ret->version)
		return true;
	words = (size_t)(argc - optind);
	ret->command = options_find(argv + optind, words, &used);
	if (!ret->command)
		return refuse_words(ret, argv + optind, words, e);
	argc = (int)(words - used) + 1;
	argv += (size_t)optind + used - 1; /* argv[0] is the command's last word */
	if (!read_options(argc, argv, ":h", ret, e))
		return false;
	if (ret->help || ret->version)
		return true; /* the arguments do not matter */
	return take_args(ret, argv + optind, (size_t)(argc - optind), e);
}
