/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/peers.h"

#include "client/compute/connections.h"
#include "client/compute/files.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { STAT_MAX = 4096 };

/* ---- lists of numbers ---- */

struct numbers {
	uint64_t *at; /* owned */
	size_t n, cap;
	bool failed;
};

static void numbers_done(struct numbers *l)
{
	free(l->at);
}

static void numbers_add(struct numbers *l, uint64_t number)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		uint64_t *grown = reallocarray(l->at, cap, sizeof(*grown));

		if (!grown) {
			l->failed = true;
			return;
		}
		l->at = grown;
		l->cap = cap;
	}
	l->at[l->n++] = number;
}

static bool numbers_have(const struct numbers *l, uint64_t number)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i] == number)
			return true;
	return false;
}

/* ---- addresses: always 16 bytes ---- */

struct address {
	uint8_t at[16];
};

enum { ADDRESSES = 32 };
struct wanted {
	struct address list[ADDRESSES];
	size_t n;
};

static struct address mapped(const void *ipv4)
{
	struct address a = { { [10] = 0xff, [11] = 0xff } };

	memcpy(a.at + 12, ipv4, 4);
	return a;
}

static void want(struct wanted *w, const struct sockaddr *sa)
{
	const void *at = sa;

	if (w->n == ADDRESSES)
		return;
	if (sa->sa_family == AF_INET)
		w->list[w->n++] = mapped(&((const struct sockaddr_in *)at)->sin_addr);
	else if (sa->sa_family == AF_INET6)
		memcpy(w->list[w->n++].at, &((const struct sockaddr_in6 *)at)->sin6_addr,
		       16);
}

static bool resolve(const char *text, struct wanted *ret, struct err *e)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	int why = text[0] ? getaddrinfo(text, NULL, &hints, &list) : EAI_NONAME;

	if (why != 0)
		return err_set(e, ERR_BAD_VALUE,
			       "the address \"%.100s\" is not known: %s", text,
			       gai_strerror(why));
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		want(ret, a->ai_addr);
	freeaddrinfo(list);
	return true;
}

static bool is_wanted(const struct wanted *w, const struct address *a)
{
	for (size_t i = 0; i < w->n; i++)
		if (memcmp(w->list[i].at, a->at, sizeof(a->at)) == 0)
			return true;
	return false;
}

static void spell(const struct address *a, char *ret, socklen_t cap)
{
	static const uint8_t ipv4[12] = { [10] = 0xff, [11] = 0xff };

	if (memcmp(a->at, ipv4, sizeof(ipv4)) == 0)
		(void)inet_ntop(AF_INET, a->at + 12, ret, cap);
	else
		(void)inet_ntop(AF_INET6, a->at, ret, cap);
}

/* ---- processes ---- */

static bool read_proc(const char *path, size_t max, struct buf *ret, struct err *e)
{
	bool found = false;

	return file_read(path, max, ret, &found, e) &&
	       (found || err_set(e, ERR_NO_LIBVIRT, "%s is not there", path));
}

/* 0: it is gone. */
static uint64_t parent_of(const char *pid)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	struct path path;
	struct err e = { 0 };
	const char *at;

	if (!path_set(&path, &e, "/proc/%s/stat", pid) ||
	    !read_proc(path.text, STAT_MAX, &text, &e))
		return 0;
	at = strrchr(text.at, ')'); /* the name, in brackets, may hold anything */
	return at && strlen(at) > 4 ? strtoull(at + 4, NULL, 10) : 0;
}

struct pairs {
	struct numbers children, parents; /* side by side */
};

static void pairs_done(struct pairs *p)
{
	numbers_done(&p->children);
	numbers_done(&p->parents);
}

static bool add_process(void *ctx, const char *name)
{
	struct pairs *p = ctx;
	uint64_t pid = strtoull(name, NULL, 10);
	uint64_t parent = pid ? parent_of(name) : 0;

	if (parent != 0) {
		numbers_add(&p->children, pid);
		numbers_add(&p->parents, parent);
	}
	return true;
}

/* root and what descends from it, as far as it is still there. */
static bool find_family(pid_t root, struct numbers *ret, struct err *e)
{
	CLEANUP(pairs_done) struct pairs all = { 0 };

	if (!file_each("/proc", add_process, &all, e))
		return false;
	numbers_add(ret, (uint64_t)root);
	for (size_t done = 0; done < ret->n; done++)
		for (size_t i = 0; i < all.parents.n && i < all.children.n; i++)
			if (all.parents.at[i] == ret->at[done] &&
			    !numbers_have(ret, all.children.at[i]))
				numbers_add(ret, all.children.at[i]);
	return !(ret->failed || all.children.failed || all.parents.failed) ||
	       err_set(e, ERR_NO_MEMORY, "no memory for a list of processes");
}

/* ---- their sockets ---- */

static void dir_close(DIR **d)
{
	if (*d)
		closedir(*d);
}

static bool cannot_look(uint64_t pid, struct err *e)
{
	return err_errno(e, ERR_NO_LIBVIRT, "cannot look into process %llu",
			 (unsigned long long)pid);
}

/* A descriptor that was closed meanwhile is none; one that may not be seen might be anything. */
static bool add_socket(DIR *d, const char *name, struct numbers *ret)
{
	char link[64];
	ssize_t n = readlinkat(dirfd(d), name, link, sizeof(link) - 1);

	if (n < 0)
		return errno != EACCES && errno != EPERM;
	link[n] = '\0';
	if (strncmp(link, "socket:[", 8) == 0)
		numbers_add(ret, strtoull(link + 8, NULL, 10));
	return true;
}

/* *ret_there is false when the process has ended. */
static bool add_sockets(uint64_t pid, struct numbers *ret, bool *ret_there, struct err *e)
{
	CLEANUP(dir_close) DIR *d = NULL;
	const struct dirent *entry;
	struct path path;

	*ret_there = false;
	if (!path_set(&path, e, "/proc/%llu/fd", (unsigned long long)pid))
		return false;
	d = opendir(path.text);
	if (!d)
		return errno == ENOENT || cannot_look(pid, e);
	*ret_there = true;
	while ((entry = readdir(d)))
		if (!add_socket(d, entry->d_name, ret))
			return cannot_look(pid, e);
	return !ret->failed || err_set(e, ERR_NO_MEMORY, "no memory for sockets");
}

/* What the family is seen to have. */
struct view_of {
	struct numbers family, sockets, ports; /* ports: they listen there */
	struct connection *out;                /* owned: what is established */
	size_t n;
};

static void view_done(struct view_of *v)
{
	numbers_done(&v->family);
	numbers_done(&v->sockets);
	numbers_done(&v->ports);
	free(v->out);
}

/* A connection may be held by a process and its children alike; it counts once. */
static bool add_connection(void *ctx, const struct connection *c)
{
	struct view_of *v = ctx;
	struct connection *grown;

	if (!numbers_have(&v->sockets, c->inode))
		return true;
	if (c->listens) {
		numbers_add(&v->ports, c->local_port);
		return !v->ports.failed;
	}
	grown = reallocarray(v->out, v->n + 1, sizeof(*grown));
	if (!grown)
		return false;
	v->out = grown;
	v->out[v->n++] = *c;
	return true;
}

static bool look_at_all(pid_t libvirtd, struct view_of *v, struct err *e)
{
	bool there = false;

	if (!find_family(libvirtd, &v->family, e))
		return false;
	for (size_t i = 0; i < v->family.n; i++) {
		if (!add_sockets(v->family.at[i], &v->sockets, &there, e))
			return false;
		if (!there && i == 0)
			return err_set(e, ERR_NO_LIBVIRT, "process %ld is gone",
				       (long)libvirtd);
	}
	return connections_each(add_connection, v, e);
}

static void judge(const struct view_of *v, const struct wanted *wanted, struct peers *ret)
{
	struct address remote;
	bool there = false;

	for (size_t i = 0; i < v->n; i++) {
		if (numbers_have(&v->ports, v->out[i].local_port))
			continue;
		memcpy(remote.at, v->out[i].remote, sizeof(remote.at));
		if (is_wanted(wanted, &remote))
			there = true;
		else
			spell(&remote, ret->other, sizeof(ret->other));
	}
	ret->kind = !there ? PEERS_NONE : ret->other[0] ? PEERS_OTHERS_TOO : PEERS_ONLY;
}

bool peers_look(pid_t libvirtd, const char *address, struct peers *ret, struct err *e)
{
	CLEANUP(view_done) struct view_of seen = { 0 };
	struct wanted wanted = { 0 };
	struct peers peers = { 0 };

	if (!resolve(address, &wanted, e) || !look_at_all(libvirtd, &seen, e))
		return false;
	judge(&seen, &wanted, &peers);
	*ret = peers;
	return true;
}

/* ---- whose socket it is ---- */

static void fd_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Who listens there last called listen(2); a service manager that only holds the socket for a
 * libvirtd that never ran is pid 1. */
static bool pid_behind(const char *path, pid_t *ret, struct err *e)
{
	CLEANUP(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	if (fd < 0 || !text_copy(at.sun_path, sizeof(at.sun_path), path) ||
	    connect(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return err_errno(e, ERR_NO_LIBVIRT, "no libvirtd at %s", path);
	if (peer.pid <= 1)
		return err_set(e, ERR_NO_LIBVIRT, "the libvirtd behind %s is not known",
			       path);
	*ret = peer.pid;
	return true;
}

bool peers_libvirtd(const char *socket, pid_t *ret, struct err *e)
{
	static const char *const usual[] = {
		"/run/libvirt/virtqemud-sock", /* where it runs it is the one that migrates */
		"/run/libvirt/libvirt-sock",
	};

	if (socket)
		return pid_behind(socket, ret, e);
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		if (pid_behind(usual[i], ret, e))
			return true;
	return false;
}
