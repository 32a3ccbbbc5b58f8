/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe - whether this broker can do its work now: its database answers, its disk has room.
 *
 * Owns:    a reader of its own.
 * Gives:   probe_report, for the listener that monitoring asks.
 * Threads: any; a lock keeps the reader to one at a time.
 */
#ifndef BROKER_DAEMON_PROBE_H
#define BROKER_DAEMON_PROBE_H

#include "broker/daemon/broker.h"

struct probe;

MUST_CHECK bool probe_new(const struct broker *b, struct probe **ret, struct err *e);
void probe_free(struct probe *p);
/* Appends {"status","database","disk","version"}; 200, or 503 when a release would fail. */
int probe_report(void *probe, struct buf *ret);
DEFINE_DROP(probe)

#endif
