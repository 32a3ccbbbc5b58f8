/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options - the command line, by the table of commands.
 *
 * Gives:   options_parse: global options, the command's words, its options and arguments, in
 *          any order after the words; "--" ends options.
 * Refuses: what the table does not have, missing or surplus arguments (ERR_USAGE).
 * Knows:   an option may be shortened as getopt_long(3) allows.
 * Threads: one (getopt_long has state of its own).
 */
#ifndef CLIENT_CTL_OPTIONS_H
#define CLIENT_CTL_OPTIONS_H

#include "client/ctl/ctl.h"

/* The options that every command has, ended by a NULL name. */
extern const struct option_spec options_global[];

/* The command whose words begin at words[0]; NULL when there is none. *ret_used: how many. */
const struct command *options_find(char *const *words, size_t n, size_t *ret_used);
/* With --help, ret->help is set and ret->command may be NULL: the whole program's help. */
MUST_CHECK bool options_parse(int argc, char **argv, struct ctl *ret, struct err *e);

#endif
