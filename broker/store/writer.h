/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer - the one thread that changes the database, in batches.
 *
 * Batch:   all that waits goes into one transaction. Each change in a savepoint: first every
 *          guard's generation is read again, then every put is checked against what it
 *          replaces (generation, and that it verifies) and written with a new MAC, then the
 *          audit record joins the chain. A stale guard undoes its own change alone.
 * Durable: COMMIT returns after the log was synced; only then `done` is called.
 * Failure: when the transaction cannot go on, all of its changes have failed, and the chain
 *          stands where it stood before. Only if the process dies before it commits again can
 *          a batch told as failed turn out to be there: repeating has to be harmless.
 * Disk:    free space is asked once per batch; see store.h for the margins.
 * Threads: submit from any; stop from one, after the last submit.
 */
#ifndef BROKER_STORE_WRITER_H
#define BROKER_STORE_WRITER_H

#include "broker/store/audit.h"
#include "broker/store/change_body.h"

struct writer;

MUST_CHECK bool writer_start(const struct store_options *o, const char *name,
			     struct writer **ret, struct err *e);
void writer_stop(struct writer *w); /* after all that was submitted; frees */
void writer_submit(struct writer *w, struct change *c, commit_done *done, void *ctx);
void writer_watch(struct writer *w, store_committed *watch, void *ctx);
void writer_head(struct writer *w, struct chain *ret); /* the durable one */

#endif
