/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue - exchanges that wait for a worker, and how much is under way at all.
 *
 * Gives:   queue_put and queue_take in order of arrival; queue_enter and queue_leave, which
 *          count what was taken in and has not ended; queue_drain, which waits for none.
 * Rule:    every enter is followed by one leave. After queue_drain has begun, enter says
 *          false, and still counts.
 * Owns:    no exchange: it links them by x->next.
 * Threads: any; one lock.
 */
#ifndef BROKER_DISPATCH_QUEUE_H
#define BROKER_DISPATCH_QUEUE_H

#include "broker/exchange.h"

struct queue;

MUST_CHECK bool queue_new(struct queue **ret, struct err *e);
void queue_free(struct queue *q);
bool queue_enter(struct queue *q);
void queue_leave(struct queue *q);
void queue_put(struct queue *q, struct exchange *x);
struct exchange *queue_take(struct queue *q); /* waits; NULL: it has ended */
void queue_drain(struct queue *q);
void queue_end(struct queue *q); /* after queue_drain: lets all takers go */
DEFINE_DROP(queue)

#endif
