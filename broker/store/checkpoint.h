/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint - moves the write-ahead log into the database, beside the commits.
 *
 * Owns:    a thread and a connection of its own.
 * Gives:   checkpoint_poke after a commit: a long log is moved by the thread, without waiting
 *          for anybody. db_checkpoint with wait, on the writer's connection, lets it start anew
 *          once it has outgrown what the thread manages under load.
 * Errors:  none: what fails is tried again at the next poke; the log only grows meanwhile.
 * Threads: poke from the writer; the thread keeps all signals blocked.
 */
#ifndef BROKER_STORE_CHECKPOINT_H
#define BROKER_STORE_CHECKPOINT_H

#include "broker/store/engine.h"

#include <pthread.h>

enum { LOG_LONG = 2048, LOG_TOO_LONG = 16384 }; /* pages of 4 KiB */

struct checkpoint;

MUST_CHECK bool checkpoint_start(const char *path, struct checkpoint **ret,
				 struct err *e);
void checkpoint_free(struct checkpoint *c);
void checkpoint_poke(struct checkpoint *c);
DEFINE_DROP(checkpoint)

/* A thread that takes no signals, by its name in ps(1); shared with the writer. */
MUST_CHECK bool thread_start(const char *name, void *(*run)(void *), void *arg,
			     pthread_t *ret, struct err *e);

#endif
