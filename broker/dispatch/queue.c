/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/dispatch/queue.h"

#include <pthread.h>
#include <stdlib.h>

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t filled, idle;
	struct exchange *first, **last; /* borrowed */
	size_t under_way;
	bool draining, ended;
};

bool queue_new(struct queue **ret, struct err *e)
{
	struct queue *q = calloc(1, sizeof *q);

	if (q == NULL)
		return err_set(e, ERR_NO_MEMORY, "queue");
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->filled, NULL);
	pthread_cond_init(&q->idle, NULL);
	q->last = &q->first;
	*ret = q;
	return true;
}

void queue_free(struct queue *q)
{
	if (q == NULL)
		return;
	assert(q->first == NULL && q->under_way == 0);
	pthread_cond_destroy(&q->filled);
	pthread_cond_destroy(&q->idle);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

bool queue_enter(struct queue *q)
{
	bool open;

	pthread_mutex_lock(&q->lock);
	q->under_way++;
	open = !q->draining;
	pthread_mutex_unlock(&q->lock);
	return open;
}

void queue_leave(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	assert(q->under_way > 0);
	if (--q->under_way == 0)
		pthread_cond_broadcast(&q->idle);
	pthread_mutex_unlock(&q->lock);
}

void queue_put(struct queue *q, struct exchange *x)
{
	pthread_mutex_lock(&q->lock);
	assert(!q->ended);
	x->next = NULL;
	*q->last = x;
	q->last = &x->next;
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

struct exchange *queue_take(struct queue *q)
{
	struct exchange *x;

	pthread_mutex_lock(&q->lock);
	while (q->first == NULL && !q->ended)
		pthread_cond_wait(&q->filled, &q->lock);
	x = q->first;
	if (x != NULL)
		q->first = x->next;
	if (q->first == NULL)
		q->last = &q->first;
	pthread_mutex_unlock(&q->lock);
	return x;
}

void queue_drain(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->draining = true;
	while (q->under_way > 0)
		pthread_cond_wait(&q->idle, &q->lock);
	pthread_mutex_unlock(&q->lock);
}

void queue_end(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	assert(q->draining);
	q->ended = true;
	pthread_cond_broadcast(&q->filled);
	pthread_mutex_unlock(&q->lock);
}
