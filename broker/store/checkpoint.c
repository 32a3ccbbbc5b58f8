/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/checkpoint.h"

#include <signal.h>
#include <stdlib.h>

struct checkpoint {
	struct db *db; /* owned; the thread's own */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;
	bool wanted, stopping;
};

bool thread_start(const char *name, void *(*run)(void *), void *arg, pthread_t *ret,
		  struct err *e)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(ret, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return err_set(e, ERR_NO_MEMORY, "a thread cannot be started");
	pthread_setname_np(*ret, name);
	return true;
}

static bool checkpoint_wait(struct checkpoint *c)
{
	bool wanted;

	pthread_mutex_lock(&c->lock);
	while (!c->wanted && !c->stopping)
		pthread_cond_wait(&c->work, &c->lock);
	wanted = !c->stopping;
	c->wanted = false;
	pthread_mutex_unlock(&c->lock);
	return wanted;
}

static void *checkpoint_run(void *arg)
{
	struct checkpoint *c = arg;
	struct err e;

	while (checkpoint_wait(c))
		if (!db_checkpoint(c->db, false, &e))
			err_clear(&e); /* the next poke tries again */
	return NULL;
}

bool checkpoint_start(const char *path, struct checkpoint **ret, struct err *e)
{
	struct checkpoint *c = calloc(1, sizeof(*c));

	if (!c)
		return err_set(e, ERR_NO_MEMORY, "out of memory");
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->work, NULL);
	if (!db_open(path, 0, &c->db, e) ||
	    !thread_start("store-log", checkpoint_run, c, &c->thread, e)) {
		db_free(c->db);
		free(c);
		return false;
	}
	*ret = c;
	return true;
}

void checkpoint_free(struct checkpoint *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->work);
	pthread_mutex_destroy(&c->lock);
	db_free(c->db);
	free(c);
}

void checkpoint_poke(struct checkpoint *c)
{
	pthread_mutex_lock(&c->lock);
	c->wanted = true;
	pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->lock);
}
