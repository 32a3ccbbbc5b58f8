/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands - what vtpm-brokerd can be told to do; one file each, listed in main.c.
 *
 * Gives:   functions that do it and return; results on standard output.
 * Refuses: with false and an error, which main prints; a refused command has changed nothing.
 */
#ifndef BROKER_DAEMON_COMMANDS_H
#define BROKER_DAEMON_COMMANDS_H

#include "broker/daemon/cli.h"

bool command_init(const struct cli *cli, struct err *e);
bool command_serve(const struct cli *cli, struct err *e);
bool command_check_config(const struct cli *cli, struct err *e);
bool command_token_create(const struct cli *cli, struct err *e);
bool command_token_list(const struct cli *cli, struct err *e);
bool command_token_revoke(const struct cli *cli, struct err *e);
bool command_verify_db(const struct cli *cli, struct err *e);
bool command_backup(const struct cli *cli, struct err *e);

#endif
