/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/agent.h"

#include "client/compute/hold.h"
#include "client/compute/mover.h"
#include "client/compute/ops.h"
#include "client/compute/socket.h"
#include "client/compute/stream.h"
#include "client/compute/upkeep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLAB_BYTES = 256 * 1024, CALLS_MAX = 200, DRAIN_S = 12 };

static volatile sig_atomic_t stopping;

static void on_signal(int signo)
{
	(void)signo;
	stopping = 1;
}

const char *agent_state_dir(const struct agent *a)
{
	return a->config->at.state.text;
}

struct lease_holder agent_holder(const struct agent *a)
{
	return (struct lease_holder){ a->id->statement, a->id->hash };
}

static void ring(int eventfd)
{
	uint64_t one = 1;

	if (write(eventfd, &one, sizeof(one)) < 0)
		return; /* the counter is full: whoever sleeps on it is about to wake */
}

void agent_wake(struct agent *a)
{
	ring(a->wake);
}

void agent_move(struct agent *a)
{
	ring(a->moved);
}

static void on_libvirt_up(void *ctx)
{
	struct agent *a = ctx;

	a->up_us = clock_monotonic_us(a->clock);
	log_event(a->log, LOG_LEVEL_INFO, "libvirt is up", "uri", a->config->libvirt_uri,
		  NULL);
	watch_break(a->watch);
	agent_wake(a);
	agent_move(a);
}

static void on_libvirt_event(void *ctx, const struct uuid *instance,
			     enum libvirt_event what)
{
	struct agent *a = ctx;

	watch_event(a->watch, instance, what);
	agent_move(a);
}

/* ---- one thread per request ---- */

struct server {
	struct agent agent;
	int lock_fd, listen_fd;
	pthread_mutex_t lock; /* guards calls */
	pthread_cond_t ended;
	unsigned calls;
};

struct visit {
	struct server *server; /* borrowed */
	int fd;                /* owned */
};

static void end_visit(struct server *s)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&s->lock);

	s->calls--;
	pthread_cond_broadcast(&s->ended);
}

static void *run_visit(void *ctx)
{
	struct visit v = *(struct visit *)ctx;

	free(ctx);
	ops_answer(&v.server->agent, v.fd);
	close(v.fd);
	end_visit(v.server);
	return NULL;
}

static bool begin_visit(struct server *s)
{
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&s->lock);

	if (s->calls >= CALLS_MAX)
		return false;
	s->calls++;
	return true;
}

static void start_visit(struct server *s, int fd)
{
	struct visit *v = malloc(sizeof(*v));
	pthread_attr_t detached;
	pthread_t thread;

	if (v == NULL || !begin_visit(s)) {
		free(v);
		close(fd);
		return;
	}
	*v = (struct visit){ s, fd };
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &detached, run_visit, v) != 0) {
		free(v);
		close(fd);
		end_visit(s);
	}
	pthread_attr_destroy(&detached);
}

static void accept_until_stopped(struct server *s, const sigset_t *open_mask)
{
	struct pollfd p = { .fd = s->listen_fd, .events = POLLIN };

	while (!stopping) {
		int fd;

		if (ppoll(&p, 1, NULL, open_mask) <= 0)
			continue;
		fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			start_visit(s, fd);
		else if (errno == EMFILE || errno == ENFILE)
			poll(NULL, 0, 100);
	}
}

static void wait_for_visits(struct server *s)
{
	int64_t until = clock_monotonic_us(s->agent.clock) + DRAIN_S * US_PER_S;
	CLEANUP(hold_end) pthread_mutex_t *held = hold(&s->lock);

	while (s->calls > 0 && hold_wait(&s->ended, &s->lock, until))
		continue;
}

/* ---- opening and closing ---- */

static bool lock_state(struct server *s, struct err *e)
{
	struct path path;

	if (!path_set(&path, e, "%s/agent.lock", agent_state_dir(&s->agent)))
		return false;
	s->lock_fd = open(path.text, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return err_errno(e, ERR_IO, "cannot open %s", path.text);
	return flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0 ||
	       err_set(e, ERR_CONFLICT, "another agent uses %s",
		       agent_state_dir(&s->agent));
}

static bool make_dirs(const struct agent *a, struct err *e)
{
	static const char *const dirs[] = { "guests", "copies", "moves" };
	struct path path;

	if (!file_make_dir(agent_state_dir(a), 0700, e))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (!path_set(&path, e, "%s/%s", agent_state_dir(a), dirs[i]) ||
		    !file_make_dir(path.text, 0700, e))
			return false;
	return true;
}

static bool open_parts(struct agent *a, struct err *e)
{
	a->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	a->moved = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->wake < 0 || a->moved < 0)
		return err_errno(e, ERR_IO, "no eventfd");
	a->started_us = clock_monotonic_us(a->clock);
	return log_open(2, LOG_TEXT, LOG_LEVEL_INFO, &a->log, e) &&
	       identity_open(a->config, &a->id, e) &&
	       broker_open(a->config, a->id, &a->broker, e) &&
	       spool_open(agent_state_dir(a), &a->spool, e) && turns_new(&a->turns, e) &&
	       marks_new(&a->purposes, e) && marks_new(&a->vetoed, e) &&
	       marks_new(&a->asked, e) && watch_new(&a->watch, e) &&
	       awaited_new(&a->awaited, e);
}

static void close_parts(struct server *s)
{
	struct agent *a = &s->agent;

	libvirt_free(a->libvirt);
	watch_free(a->watch);
	awaited_free(a->awaited);
	marks_free(a->asked);
	marks_free(a->vetoed);
	marks_free(a->purposes);
	turns_free(a->turns);
	spool_free(a->spool);
	broker_free(a->broker);
	identity_free(a->id);
	log_free(a->log);
	if (a->wake >= 0)
		close(a->wake);
	if (a->moved >= 0)
		close(a->moved);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	pthread_cond_destroy(&s->ended);
	pthread_mutex_destroy(&s->lock);
}

static bool catch_signals(sigset_t *ret_open_mask, struct err *e)
{
	struct sigaction act = { .sa_handler = on_signal };
	sigset_t stop;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	/* Blocked in every thread, open only while this one waits. */
	if (sigaction(SIGTERM, &act, NULL) != 0 || sigaction(SIGINT, &act, NULL) != 0 ||
	    pthread_sigmask(SIG_BLOCK, &stop, ret_open_mask) != 0)
		return err_errno(e, ERR_INTERNAL, "signals cannot be caught");
	return true;
}

static void say_ready(struct agent *a, int ready_fd)
{
	log_event(a->log, LOG_LEVEL_INFO, "agent serves", "host", a->config->name,
		  "socket", a->config->at.socket.text, NULL);
	if (ready_fd >= 0 && write(ready_fd, "ready\n", 6) != 6)
		log_event(a->log, LOG_LEVEL_WARN, "nobody hears that we are ready", NULL);
}

/* What the agent does of its own accord, each in a thread. */
static void *(*const crafts[])(void *agent) = { upkeep_run, mover_run, stream_run };
enum { CRAFTS = ARRAY_LEN(crafts) };

static void end_crafts(struct agent *a, const pthread_t threads[CRAFTS], size_t n)
{
	a->stopping = true;
	agent_wake(a);
	agent_move(a);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

static bool begin_crafts(struct agent *a, pthread_t threads[CRAFTS], struct err *e)
{
	for (size_t i = 0; i < CRAFTS; i++) {
		if (pthread_create(&threads[i], NULL, crafts[i], a) == 0)
			continue;
		end_crafts(a, threads, i);
		return err_set(e, ERR_NO_MEMORY, "no thread for the agent's own work");
	}
	return true;
}

static bool serve(struct server *s, const sigset_t *open_mask, int ready_fd,
		  struct err *e)
{
	struct agent *a = &s->agent;
	pthread_t threads[CRAFTS];

	if (!socket_listen(a->config->at.socket.text, &s->listen_fd, e))
		return false;
	if (!begin_crafts(a, threads, e)) {
		close(s->listen_fd);
		return false;
	}
	say_ready(a, ready_fd);
	accept_until_stopped(s, open_mask);
	unlink(a->config->at.socket.text);
	close(s->listen_fd);
	end_crafts(a, threads, CRAFTS);
	wait_for_visits(s);
	log_event(a->log, LOG_LEVEL_INFO, "agent stops", NULL);
	return true;
}

static bool open_and_serve(struct server *s, const sigset_t *open_mask, int ready_fd,
			   struct err *e)
{
	struct agent *a = &s->agent;
	struct libvirt_callbacks call = { on_libvirt_up, on_libvirt_event, a };

	return make_dirs(a, e) && lock_state(s, e) && open_parts(a, e) &&
	       (!a->config->use_libvirt ||
		libvirt_open(a->config->libvirt_uri, &call, &a->libvirt, e)) &&
	       serve(s, open_mask, ready_fd, e);
}

bool agent_serve(const struct config *config, int ready_fd, struct err *e)
{
	struct server s = { .agent = { .config = config, .clock = clock_system() },
			    .lock_fd = -1,
			    .listen_fd = -1 };
	sigset_t open_mask;
	bool ok;

	s.agent.wake = s.agent.moved = -1;
	pthread_mutex_init(&s.lock, NULL);
	hold_cond_init(&s.ended);
	ok = secret_slab_open(SLAB_BYTES, e) && catch_signals(&open_mask, e) &&
	     open_and_serve(&s, &open_mask, ready_fd, e);
	close_parts(&s);
	return ok;
}
