/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/help.h"

#include "client/ctl/commands.h"
#include "client/ctl/options.h"

#include <string.h>

enum { INDENT = 2, OPTION_WIDTH = 24, COMMAND_WIDTH = 28, LINE_WIDTH = 80 };

/* Words, broken at spaces; the lines after the first begin at `indent`. */
static void print_wrapped(FILE *out, const char *text, size_t indent)
{
	size_t at = indent;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (at > indent && at + 1 + len > LINE_WIDTH) {
			fprintf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (at > indent) {
			fputc(' ', out);
			at++;
		}
		fprintf(out, "%.*s", (int)len, text);
		at += len;
		text += len + strspn(text + len, " ");
	}
	fputc('\n', out);
}

static void print_two(FILE *out, const char *left, size_t width, const char *right)
{
	size_t len = INDENT + strlen(left);

	fprintf(out, "%*s%s", INDENT, "", left);
	if (len + 2 > width) {
		fputc('\n', out);
		len = 0;
	}
	fprintf(out, "%*s", (int)(width - len), "");
	print_wrapped(out, right, width);
}

static void print_options(FILE *out, const struct option_spec *o)
{
	for (; o && o->name; o++) {
		char left[64];

		if (text_format(left, sizeof left, "--%s%s%s", o->name,
				o->takes ? " " : "", o->takes ? o->takes : ""))
			print_two(out, left, OPTION_WIDTH, o->says);
	}
}

static void print_global_options(FILE *out)
{
	fputs("Options of every command:\n", out);
	print_options(out, options_global);
}

void help_program(FILE *out)
{
	fputs("usage: vtpmctl [OPTION...] COMMAND [ARGUMENT...]\n\n"
	      "Speaks to a vtpm-broker, which keeps the secrets of virtual machines' "
	      "TPMs.\n\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < commands_count; i++) {
		const struct command *c = &commands[i];
		char left[64];

		if (text_format(left, sizeof left, "%s%s%s", c->words,
				c->args[0] ? " " : "", c->args))
			print_two(out, left, COMMAND_WIDTH + INDENT, c->says);
	}
	fputc('\n', out);
	print_global_options(out);
	fputs("\nAn ID is an instance's UUID, the beginning of it, or its name.\n"
	      "`vtpmctl COMMAND --help` tells more; so does vtpmctl(1).\n",
	      out);
}

static void print_example(FILE *out, const char *lines)
{
	fputs(strchr(lines, '\n') ? "\nExamples:\n" : "\nExample:\n", out);
	while (*lines) {
		size_t len = strcspn(lines, "\n");

		fprintf(out, "%*s%.*s\n", INDENT, "", (int)len, lines);
		lines += len + (lines[len] == '\n');
	}
}

static void print_command(const struct command *c, FILE *out)
{
	fprintf(out, "usage: vtpmctl %s%s%s%s\n\n", c->words,
		c->options ? " [OPTION...]" : "", c->args[0] ? " " : "", c->args);
	fprintf(out, "%c%s.\n", c->says[0] - ('a' - 'A'), c->says + 1);
	if (c->more[0]) {
		fputc('\n', out);
		print_wrapped(out, c->more, 0);
	}
	if (c->options) {
		fputs("\nOptions:\n", out);
		print_options(out, c->options);
	}
	if (c->example[0])
		print_example(out, c->example);
	fputc('\n', out);
}

void help_command(const struct command *c, FILE *out)
{
	print_command(c, out);
	print_global_options(out);
}

void help_group(const char *word, FILE *out)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < commands_count; i++) {
		const char *words = commands[i].words;

		if (strncmp(words, word, len) == 0 &&
		    (words[len] == '\0' || words[len] == ' '))
			print_command(&commands[i], out);
	}
	print_global_options(out);
}

bool help_show(struct ctl *ctl, struct err *e)
{
	char *words[2] = { 0 };
	size_t n = 0, used;
	const struct command *c;
	char both[2][64];

	for (; n < 2 && ctl->args[n]; n++) {
		if (!text_copy(both[n], sizeof both[n], ctl->args[n]))
			return err_set(e, ERR_USAGE, "there is no such command");
		words[n] = both[n];
	}
	c = options_find(words, n, &used);
	if (n == 0)
		help_program(ctl->out);
	else if (c && used == n)
		help_command(c, ctl->out);
	else if (n == 1 && commands_in_group(words[0]) > 0)
		help_group(words[0], ctl->out);
	else
		return err_set(e, ERR_USAGE, "there is no command %s%s%s", words[0],
			       n > 1 ? " " : "", n > 1 ? words[1] : "");
	return true;
}
