/* SPDX-License-Identifier: Apache-2.0 */
/*
 * help - what --help prints, from the table of commands.
 *
 * Gives:   help_program (all commands), help_command (one), as text.
 * Threads: const.
 */
#ifndef CLIENT_CTL_HELP_H
#define CLIENT_CTL_HELP_H

#include "client/ctl/ctl.h"

void help_program(FILE *out);
void help_command(const struct command *c, FILE *out);

#endif
