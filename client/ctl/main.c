/* SPDX-License-Identifier: Apache-2.0 */
/* vtpmctl: parse, run, say what went wrong; the exit code is the error's own. */
#include "client/ctl/commands.h"
#include "client/ctl/help.h"
#include "client/ctl/hint.h"
#include "client/ctl/options.h"

#include <locale.h>
#include <string.h>
#include <strings.h>

static void say_json(const struct err *e, const struct err_info *info, const char *why)
{
	CLEANUP(buf_done) struct buf b = { 0 };
	struct json_writer w = { .to = &b };

	json_open(&w, NULL);
	json_put_text(&w, "code", info->code);
	json_put_text(&w, "title", info->title);
	json_put_text(&w, "detail", why);
	json_put_text(&w, "field", e->field[0] ? e->field : NULL);
	json_put_text(&w, "next", info->next);
	json_put_integer(&w, "exit_code", info->exit_code);
	json_close(&w);
	fprintf(stderr, "%s\n", b.at ? b.at : "{}");
}

/* A detail that says no more than the title is left out. */
static bool adds(const struct err_info *info, const char *why)
{
	return why[0] && strcasecmp(info->title, why) != 0;
}

static void say_next(const struct ctl *ctl, enum err_kind kind, const char *next)
{
	CLEANUP(buf_done) struct buf hint = { 0 };

	if (kind == ERR_USAGE)
		buf_addf(&hint, "see vtpmctl %s%s--help",
			 ctl->command ? ctl->command->words : "",
			 ctl->command ? " " : "");
	else if (kind == ERR_CONFIG)
		buf_add(&hint, "see FILES in vtpmctl(1), --config and --profile");
	else
		hint_next(ctl, next, (struct hint){ NULL, NULL }, &hint);
	if (hint.at && hint.len > 0)
		fprintf(stderr, "next: %s\n", hint.at);
}

static void say(const struct ctl *ctl, const struct err *e)
{
	const struct err_info *info = err_info(e->kind);
	const char *why =
		e->kind == ERR_IO || e->kind == ERR_CONFIG ? e->trail : e->detail;

	if (ctl->json) {
		say_json(e, info, why);
		return;
	}
	fprintf(stderr, "vtpmctl: %s%s%s", info->title, adds(info, why) ? ": " : "",
		adds(info, why) ? why : "");
	if (e->field[0] && !strstr(why, e->field))
		fprintf(stderr, " (%s)", e->field);
	fputc('\n', stderr);
	say_next(ctl, e->kind, info->next);
	if (info->status >= 500 && strcmp(e->trail, why) != 0)
		fprintf(stderr, "for the operator: %s\n", e->trail);
}

static bool run(struct ctl *ctl, int argc, char **argv, struct err *e)
{
	if (!options_parse(argc, argv, ctl, e))
		return false;
	if (ctl->version)
		fprintf(ctl->out, "vtpmctl %s\n", VTPM_VERSION);
	else if (ctl->help && ctl->command)
		help_command(ctl->command, ctl->out);
	else if (ctl->help && ctl->group)
		help_group(ctl->group, ctl->out);
	else if (ctl->help)
		help_program(ctl->out);
	else if (!ctl->command->run(ctl, e))
		return false;
	if (fflush(ctl->out) != 0)
		return err_errno(e, ERR_IO, "the output cannot be written");
	return true;
}

int main(int argc, char **argv)
{
	CLEANUP(ctl_done) struct ctl ctl = { .out = stdout };
	struct err e = { 0 };

	setlocale(LC_CTYPE, "");
	if (run(&ctl, argc, argv, &e))
		return 0;
	fflush(stdout);
	say(&ctl, &e);
	return err_info(e.kind)->exit_code;
}
