/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - how this broker is set up: built-in values, the file, the command line, in that order.
 *
 * Gives:   config_read; without any file everything has a value that works.
 * Refuses: unknown keys and sections, values out of range: ERR_CONFIG with file and line.
 * File:    /etc/vtpm-broker/vtpm-brokerd.conf, one section [broker]; see vtpm-brokerd(8).
 * Knows:   alone in the tree libinih. No secret is ever part of the configuration.
 * Threads: plain memory.
 */
#ifndef BROKER_DAEMON_CONFIG_H
#define BROKER_DAEMON_CONFIG_H

#include "broker/daemon/cli.h"
#include "common/log.h"

enum { CONFIG_PATH = 1024, CONFIG_ADDRESS = 128, CONFIG_NAMES = 1024 };

struct config {
	char state[CONFIG_PATH];
	char root_key[CONFIG_PATH];
	char database[CONFIG_PATH];
	char listen[CONFIG_ADDRESS];
	char health[CONFIG_ADDRESS]; /* "" : none */
	char names[CONFIG_NAMES];    /* lines: all names of this server */
	char first_name
		[CONFIG_ADDRESS]; /* the first that was configured, or "localhost" */
	int64_t workers;          /* 0: one per core */
	int64_t lease_days;
	enum log_format log;
};

MUST_CHECK bool config_read(const struct cli *cli, struct config *ret, struct err *e);

struct address {
	char host[CONFIG_ADDRESS]; /* without brackets */
	int64_t port;
};
/* "127.0.0.1:7443", "[::1]:7443". */
MUST_CHECK bool address_parse(const char *text, struct address *ret, struct err *e);

#endif
