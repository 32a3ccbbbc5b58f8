/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TIMES_MAX = 4 * 1024 * 1024, EVENTS = 256, STALL_MS = 10000 };

enum state { SHAKING, READY, SENDING, RECEIVING };

struct conn {
	SSL *ssl;
	int fd;
	unsigned index, events;
	enum state state;
	int64_t began_us;
	size_t out_len, in_len;
	char out[LOAD_REQUEST];
	char in[LOAD_REPLY + 1];
};

struct load {
	const struct load_options *o;
	struct load_result *r;
	SSL_CTX *tls;
	int epoll;
	struct conn *conns;
	unsigned ready;
	bool running;
	int64_t ends_us;
	uint32_t *times;
	size_t n_times;
};

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* User and system time of a process, all its threads (proc(5)). */
static double cpu_of(int pid)
{
	char path[64], text[512];
	unsigned long user = 0, sys = 0;
	const char *p;
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
	f = pid == 0 ? NULL : fopen(path, "r");
	if (f == NULL)
		return 0;
	n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = '\0';
	p = strrchr(text, ')');
	if (p == NULL ||
	    sscanf(p, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		   &sys) != 2)
		return 0;
	return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

static bool tls_open(struct load *l, struct err *e)
{
	const struct load_options *o = l->o;

	l->tls = SSL_CTX_new(TLS_client_method());
	if (l->tls == NULL ||
	    SSL_CTX_set_min_proto_version(l->tls, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_load_verify_locations(l->tls, o->ca, NULL) != 1)
		return err_set(e, ERR_IO, "TLS with CA %s", o->ca);
	SSL_CTX_set_verify(l->tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(l->tls, SSL_SESS_CACHE_OFF);
	if (o->certificate != NULL &&
	    (SSL_CTX_use_certificate_chain_file(l->tls, o->certificate) != 1 ||
	     SSL_CTX_use_PrivateKey_file(l->tls, o->key, SSL_FILETYPE_PEM) != 1))
		return err_set(e, ERR_IO, "certificate %s", o->certificate);
	return true;
}

static bool conn_watch(struct load *l, struct conn *c, unsigned events)
{
	struct epoll_event ev = { .events = events, .data = { .ptr = c } };
	int op = c->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (events == c->events)
		return true;
	c->events = events;
	return epoll_ctl(l->epoll, op, c->fd, &ev) == 0;
}

static void conn_close(struct conn *c)
{
	SSL_free(c->ssl);
	if (c->fd >= 0)
		close(c->fd);
	c->ssl = NULL;
	c->fd = -1;
	c->events = 0;
}

static bool conn_open(struct load *l, struct conn *c)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)l->o->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	c->ssl = SSL_new(l->tls);
	c->state = SHAKING;
	c->in_len = 0;
	c->began_us = now_us();
	if (c->fd < 0 || c->ssl == NULL)
		return false;
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(c->fd, (struct sockaddr *)&a, sizeof a) != 0 && errno != EINPROGRESS)
		return false;
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_connect_state(c->ssl);
	return conn_watch(l, c, EPOLLOUT);
}

enum step { AGAIN, WAITS, SERVED, BROKEN };

static enum step conn_wants(struct load *l, struct conn *c, int returned)
{
	bool ok = false;
	int why = SSL_get_error(c->ssl, returned);

	if (why == SSL_ERROR_WANT_READ)
		ok = conn_watch(l, c, EPOLLIN);
	else if (why == SSL_ERROR_WANT_WRITE)
		ok = conn_watch(l, c, EPOLLOUT);
	return ok ? WAITS : BROKEN;
}

static void conn_ask(struct load *l, struct conn *c)
{
	if (!l->o->fresh)
		c->began_us = now_us();
	c->out_len = l->o->ask(l->o->ctx, c->index, c->out);
	c->in_len = 0;
	c->state = SENDING;
}

static void count(struct load *l, struct conn *c)
{
	int status = atoi(c->in + 9);

	if (l->o->reply != NULL)
		l->o->reply(l->o->ctx, c->in, c->in_len);
	if (!l->running || now_us() > l->ends_us)
		return;
	l->r->requests++;
	l->r->statuses[status > 0 && status < LOAD_STATUSES ? status : 0]++;
	if (l->n_times < TIMES_MAX)
		l->times[l->n_times++] = (uint32_t)(now_us() - c->began_us);
}

static bool reply_is_whole(const struct conn *c)
{
	const char *end = strstr(c->in, "\r\n\r\n");
	const char *length = end == NULL ? NULL : strcasestr(c->in, "content-length:");

	return end != NULL && length != NULL &&
	       c->in_len >= (size_t)(end + 4 - c->in) + (size_t)atoi(length + 15);
}

static enum step conn_read(struct load *l, struct conn *c)
{
	int n = SSL_read(c->ssl, c->in + c->in_len, (int)(LOAD_REPLY - c->in_len));

	if (n <= 0)
		return conn_wants(l, c, n);
	c->in_len += (size_t)n;
	c->in[c->in_len] = '\0';
	if (!reply_is_whole(c))
		return AGAIN;
	count(l, c);
	c->state = READY;
	return l->o->fresh ? SERVED : AGAIN;
}

static enum step conn_step(struct load *l, struct conn *c)
{
	int n;

	switch (c->state) {
	case SHAKING:
		n = SSL_do_handshake(c->ssl);
		if (n != 1)
			return conn_wants(l, c, n);
		l->ready++;
		c->state = READY;
		return AGAIN;
	case READY:
		if (!l->running)
			return WAITS;
		conn_ask(l, c);
		return AGAIN;
	case SENDING:
		n = SSL_write(c->ssl, c->out, (int)c->out_len);
		if (n <= 0)
			return conn_wants(l, c, n);
		c->state = RECEIVING;
		return AGAIN;
	case RECEIVING:
		break;
	}
	return conn_read(l, c);
}

static void conn_drive(struct load *l, struct conn *c)
{
	enum step s;

	do
		s = conn_step(l, c);
	while (s == AGAIN);
	if (s == WAITS)
		return;
	l->r->errors += s == BROKEN;
	conn_close(c);
	l->r->errors += !conn_open(l, c);
}

static bool wait_once(struct load *l, struct err *e)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(l->epoll, ev, EVENTS, STALL_MS);

	if (n == 0)
		return err_set(e, ERR_DEADLINE, "nothing happened for %d ms", STALL_MS);
	for (int i = 0; i < n; i++)
		conn_drive(l, ev[i].data.ptr);
	return true;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static bool run(struct load *l, struct err *e)
{
	double cpu, server;
	int64_t from_us;

	for (unsigned i = 0; i < l->o->connections; i++) {
		l->conns[i].index = i;
		if (!conn_open(l, &l->conns[i]))
			return err_errno(e, ERR_IO, "connection %u", i);
	}
	while (!l->o->fresh && l->ready < l->o->connections)
		if (!wait_once(l, e))
			return false;
	l->running = true;
	cpu = cpu_s();
	server = cpu_of(l->o->server);
	from_us = now_us();
	l->ends_us = from_us + (int64_t)(l->o->seconds * 1e6);
	for (unsigned i = 0; i < l->o->connections; i++)
		if (l->conns[i].state == READY)
			conn_drive(l, &l->conns[i]);
	while (now_us() < l->ends_us)
		if (!wait_once(l, e))
			return false;
	l->r->seconds = (double)(now_us() - from_us) / 1e6;
	l->r->client_cpu_s = cpu_s() - cpu;
	l->r->server_cpu_s = cpu_of(l->o->server) - server;
	return true;
}

static void times_judge(struct load *l)
{
	if (l->n_times == 0)
		return;
	qsort(l->times, l->n_times, sizeof *l->times, by_size);
	l->r->p50_us = l->times[l->n_times / 2];
	l->r->p99_us = l->times[l->n_times * 99 / 100];
}

bool load_run(const struct load_options *o, struct load_result *ret, struct err *e)
{
	struct load l = { .o = o, .r = ret, .epoll = epoll_create1(EPOLL_CLOEXEC) };
	bool ok;

	*ret = (struct load_result){ 0 };
	l.conns = calloc(o->connections, sizeof *l.conns);
	l.times = malloc(TIMES_MAX * sizeof *l.times);
	if (l.conns == NULL || l.times == NULL)
		return err_set(e, ERR_NO_MEMORY, "load");
	ok = tls_open(&l, e) && run(&l, e);
	times_judge(&l);
	for (unsigned i = 0; i < o->connections; i++)
		if (l.conns[i].ssl != NULL)
			conn_close(&l.conns[i]);
	SSL_CTX_free(l.tls);
	close(l.epoll);
	free(l.conns);
	free(l.times);
	return ok;
}
