/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/commands.h"
#include "client/ctl/options.h"

#include <string.h>

static void print_options(FILE *out, const struct option_spec *o)
{
	for (; o && o->name; o++)
		fprintf(out, " --%s", o->name);
}

/* The first words, each once. */
static void print_first_words(FILE *out)
{
	for (size_t i = 0; i < commands_count; i++) {
		size_t len = strcspn(commands[i].words, " ");

		if (i > 0 &&
		    strncmp(commands[i].words, commands[i - 1].words, len) == 0 &&
		    strchr(" ", commands[i - 1].words[len]))
			continue;
		fprintf(out, " %.*s", (int)len, commands[i].words);
	}
}

static void print_second_words(FILE *out)
{
	for (size_t i = 0; i < commands_count; i++) {
		size_t len = strcspn(commands[i].words, " ");

		if (commands[i].words[len])
			fprintf(out, "\t%.*s) words=\"$words %s\" ;;&\n", (int)len,
				commands[i].words, commands[i].words + len + 1);
	}
}

static void print_command_options(FILE *out)
{
	for (size_t i = 0; i < commands_count; i++) {
		if (!commands[i].options)
			continue;
		fprintf(out, "\t\"%s \"*) words=\"", commands[i].words);
		print_options(out, commands[i].options);
		fputs("\" ;;\n", out);
	}
}

bool help_completion(struct ctl *ctl, struct err *e)
{
	FILE *out = ctl->out;

	if (strcmp(ctl->args[0], "bash") != 0)
		return err_set(e, ERR_USAGE, "there is completion for bash only");
	fputs("# bash completion for vtpmctl, made by `vtpmctl completion bash`\n"
	      "_vtpmctl()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} "
	      "line=\"${COMP_WORDS[*]:1:COMP_CWORD-1} \" "
	      "words= global=\"",
	      out);
	print_options(out, options_global);
	fputs("\"\n\tCOMPREPLY=()\n"
	      "\tif [[ ${COMP_WORDS[COMP_CWORD-1]} == --@(out|upload|config) ]]; then\n"
	      "\t\tcompopt -o default\n\t\treturn\n\tfi\n"
	      "\tif [[ $cur != -* ]]; then\n"
	      "\t\tcase $COMP_CWORD in\n\t\t1) words=\"",
	      out);
	print_first_words(out);
	fputs("\" ;;\n\t\t2) case ${COMP_WORDS[1]} in\n", out);
	print_second_words(out);
	fputs("\t*) ;;\n\tesac ;;\n\t\t*) compopt -o default ;;\n\t\tesac\n"
	      "\telse\n\tcase $line in\n",
	      out);
	print_command_options(out);
	fputs("\tesac\n\twords=\"$words $global\"\n\tfi\n"
	      "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}\n"
	      "complete -F _vtpmctl vtpmctl\n",
	      out);
	return true;
}
