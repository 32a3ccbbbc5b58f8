/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli - the words of vtpm-brokerd's command line, in one table.
 *
 * Gives:   cli_parse (argv -> command and values), the help made from the same tables, and the
 *          two lines that say what went wrong and what to do next.
 * Refuses: options that the command does not take, words too many: ERR_USAGE.
 * Knows:   values are borrowed from argv. Secrets are never options: they come by file.
 * Threads: none.
 */
#ifndef BROKER_DAEMON_CLI_H
#define BROKER_DAEMON_CLI_H

#include "common/err.h"

/* clang-format off */
/* X(NAME, long name, value or NULL, what it says). */
#define OPTIONS(X) \
	X(CONFIG, "config", "FILE", "read FILE instead of /etc/vtpm-broker/vtpm-brokerd.conf") \
	X(STATE, "state", "DIR", "keep database and keys in DIR") \
	X(ROOT_KEY, "root-key", "FILE", "the root key's file (default: root.key in the state directory)") \
	X(LISTEN, "listen", "ADDRESS:PORT", "serve there (default 127.0.0.1:7443; port 0: any free one)") \
	X(HEALTH, "health", "ADDRESS:PORT", "answer GET /health there in plain HTTP (default 127.0.0.1:7444), or none") \
	X(NAME, "name", "NAMES", "more names and addresses of this server, for its certificate") \
	X(WORKERS, "workers", "N", "threads that work on requests (default: one per core, at least 2)") \
	X(LOG, "log", "text|json", "the log's form (default text)") \
	X(LEASE_DAYS, "lease-days", "N", "how long a host may use its copy without the broker (default 7; 0: hosts keep no copies)") \
	X(PORT_FILE, "port-file", "FILE", "write the port to FILE once it is open") \
	X(READY_FD, "ready-fd", "N", "write one line to descriptor N when serving, instead of standard output") \
	X(PROFILES, "profiles", "FILE", "write the profiles of vtpmctl to FILE (default ~/.config/vtpmctl/config)") \
	X(URL, "url", "URL", "how clients reach the broker (default https://NAME:PORT)") \
	X(USER, "user", "USER", "the state belongs to USER, under whom the broker will run") \
	X(ACCEPT, "accept-no-root-key-backup", NULL, "make secrets before the root key was backed up") \
	X(SUBJECT, "subject", "NAME", "who the token is for") \
	X(PROJECT, "project", "NAME", "the project in which the token works") \
	X(ROLE, "role", "ROLE", "member, operator, orchestrator, host-admin or auditor") \
	X(PROJECTS, "projects", "A,B", "projects that an operator or orchestrator reaches (default: the token's own; * is all)") \
	X(HOSTS, "hosts", "A,B", "hosts that an operator or orchestrator may place on (default: * is all)") \
	X(TTL, "ttl", "30d", "how long the token is good, in d, h or m (default 30d)") \
	X(OUT, "out", "FILE", "write the token to FILE, which must not exist; - is standard output") \
	X(BACKUP_KEY, "root-key", "FILE", "write a copy of the root key to FILE, which must not exist") \
	X(HEAD, "head", "WORDS", "also look for this end of a chain: three words of the log, writer=W number=N mac=M")
/* clang-format on */

#define OPTION_ENUM(name, word, value, says) OPT_##name,
enum cli_option { OPTIONS(OPTION_ENUM) OPTS };
#undef OPTION_ENUM

struct cli;

struct command {
	const char *name;    /* "serve", "token create" */
	const char *operand; /* "ID", or NULL */
	const char *says;
	unsigned options; /* BIT(OPT_x) | ... */
	bool (*run)(const struct cli *cli, struct err *e);
};

struct cli {
	const struct command *command;
	const char *values[OPTS]; /* NULL: not given; "" for a flag */
	const char *operand;      /* or NULL */
	bool help, version;
	const char *group; /* help of: a word that several commands begin with, or NULL */
};

MUST_CHECK bool cli_parse(int argc, char **argv, const struct command *commands, size_t n,
			  struct cli *ret, struct err *e);
void cli_help(const struct cli *cli, const struct command *commands, size_t n);
/* "vtpm-brokerd: what: cause", "next: ..." on stderr; returns the exit code. */
int cli_fail(const struct err *e);

#endif
