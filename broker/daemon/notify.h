/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify - tells whoever waits that the broker serves: a file, a descriptor, a service manager.
 *
 * Gives:   notify_ready, notify_stopping (sd_notify(3), spoken by hand).
 * Threads: main's.
 */
#ifndef BROKER_DAEMON_NOTIFY_H
#define BROKER_DAEMON_NOTIFY_H

#include "broker/daemon/cli.h"

/* --port-file gets the port; then one line, "ready PORT HEALTH-PORT", goes to --ready-fd or to
 * standard output. */
MUST_CHECK bool notify_ready(const struct cli *cli, unsigned port, unsigned health_port,
			     struct err *e);
void notify_stopping(void);
/* Removes the port file. */
void notify_stopped(const struct cli *cli);

#endif
