/* SPDX-License-Identifier: Apache-2.0 */
/*
 * help - what --help prints, from the table of commands.
 *
 * Gives:   help_program (all commands), help_group (those with one first word), help_command.
 * Threads: const.
 */
#ifndef CLIENT_CTL_HELP_H
#define CLIENT_CTL_HELP_H

#include "client/ctl/ctl.h"

void help_program(FILE *out);
void help_group(const char *word, FILE *out);
void help_command(const struct command *c, FILE *out);

#endif
