/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <sys/stat.h>

#include "broker/daemon/commands.h"

enum {
	WHERE = BIT(OPT_CONFIG) | BIT(OPT_STATE),
	HOW = WHERE | BIT(OPT_ROOT_KEY) | BIT(OPT_LISTEN) | BIT(OPT_HEALTH) |
	      BIT(OPT_NAME) | BIT(OPT_WORKERS) | BIT(OPT_LOG) | BIT(OPT_LEASE_DAYS),
	WHO = BIT(OPT_SUBJECT) | BIT(OPT_PROJECT) | BIT(OPT_ROLE) | BIT(OPT_PROJECTS) |
	      BIT(OPT_HOSTS) | BIT(OPT_TTL) | BIT(OPT_OUT),
	MADE = BIT(OPT_PROFILES) | BIT(OPT_URL) | BIT(OPT_USER) | BIT(OPT_ACCEPT),
};

static const struct command commands[] = {
	{ "init", NULL, "Make the keys, the database, and the first tokens",
	  WHERE | BIT(OPT_ROOT_KEY) | BIT(OPT_LISTEN) | BIT(OPT_NAME) | MADE,
	  command_init },
	{ "serve", NULL, "Serve until SIGTERM or SIGINT",
	  HOW | BIT(OPT_PORT_FILE) | BIT(OPT_READY_FD), command_serve },
	{ "check-config", NULL, "Say what serve would refuse, without serving", HOW,
	  command_check_config },
	{ "token create", NULL, "Make a token for a person",
	  WHERE | BIT(OPT_ROOT_KEY) | WHO, command_token_create },
	{ "token list", NULL, "List the tokens, without their values",
	  WHERE | BIT(OPT_ROOT_KEY), command_token_list },
	{ "token revoke", "ID", "End a token at once", WHERE | BIT(OPT_ROOT_KEY),
	  command_token_revoke },
	{ "verify-db", NULL, "Read and check every row, record and secret",
	  WHERE | BIT(OPT_ROOT_KEY) | BIT(OPT_HEAD), command_verify_db },
	{ "backup", NULL, "Copy the root key to a safe place, and record that",
	  WHERE | BIT(OPT_BACKUP_KEY), command_backup },
};

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct cli cli;

	umask(077);
	if (!cli_parse(argc, argv, commands, ARRAY_LEN(commands), &cli, &e))
		return cli_fail(&e);
	if (cli.version)
		printf("vtpm-brokerd %s\n", VTPM_VERSION);
	else if (cli.help)
		cli_help(&cli, commands, ARRAY_LEN(commands));
	else if (!cli.command->run(&cli, &e))
		return cli_fail(&e);
	return 0;
}
