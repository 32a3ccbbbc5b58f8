/* SPDX-License-Identifier: Apache-2.0 */
/* Real sockets of real children stand for libvirtd's. */
#include "client/compute/peers.h"

#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- sockets ---- */

static struct sockaddr_in ipv4(const char *address, uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = port };

	assert(inet_pton(AF_INET, address, &at.sin_addr) == 1);
	return at;
}

static struct sockaddr_in6 ipv6(const char *address, uint16_t port)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = port };

	assert(inet_pton(AF_INET6, address, &at.sin6_addr) == 1);
	return at;
}

/* At a port of the kernel's choice, in network order; 0 when that does not work. */
static uint16_t listen_at(int fd, const void *at, socklen_t len)
{
	struct sockaddr_storage got;
	const void *any = &got;
	socklen_t n = sizeof(got);

	if (fd < 0 || bind(fd, at, len) != 0 || listen(fd, 16) != 0 ||
	    getsockname(fd, (struct sockaddr *)&got, &n) != 0)
		return 0;
	return got.ss_family == AF_INET ? ((const struct sockaddr_in *)any)->sin_port
					: ((const struct sockaddr_in6 *)any)->sin6_port;
}

static uint16_t listen4(const char *address)
{
	struct sockaddr_in at = ipv4(address, 0);

	return listen_at(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), &at, sizeof(at));
}

static uint16_t listen6(const char *address)
{
	struct sockaddr_in6 at = ipv6(address, 0);

	return listen_at(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), &at,
			 sizeof(at));
}

/* Stays open; below 0 when that does not work. */
static int dial(const void *at, socklen_t len)
{
	const struct sockaddr *sa = at;
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, sa, len) == 0 ? fd : -1;
}

static bool connect_to(const void *at, socklen_t len)
{
	return dial(at, len) >= 0;
}

/* ---- a process that stands for libvirtd ---- */

/* What it does before it says that it is ready. */
struct plan {
	uint16_t here, there, six; /* ports of 127.0.0.1, 127.0.0.2 and ::1 */
	bool to_here, to_there, to_six, mapped;
	bool by_child;     /* its grandchild connects, not itself */
	bool is_connected; /* somebody connects to it */
};

static bool act(const struct plan *p)
{
	struct sockaddr_in here = ipv4("127.0.0.1", p->here);
	struct sockaddr_in there = ipv4("127.0.0.2", p->there);
	struct sockaddr_in6 six = ipv6("::1", p->six);
	struct sockaddr_in6 mapped = ipv6("::ffff:127.0.0.1", p->here);

	return (!p->to_here || connect_to(&here, sizeof(here))) &&
	       (!p->to_there || connect_to(&there, sizeof(there))) &&
	       (!p->to_six || connect_to(&six, sizeof(six))) &&
	       (!p->mapped || connect_to(&mapped, sizeof(mapped)));
}

/* Listens, and is connected to from 127.0.0.1: both ends are in one process here, so the
 * client's end is handed to a child that is not of the family. */
static bool be_connected(void)
{
	struct sockaddr_in at = ipv4("127.0.0.1", 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), out;
	char byte;

	at.sin_port = listen_at(fd, &at, sizeof(at));
	if (at.sin_port == 0)
		return false;
	if (fork() == 0) {
		if (fork() != 0)
			_exit(0); /* an orphan is nobody's child */
		close(fd);
		out = dial(&at, sizeof(at));
		_exit(out >= 0 &&
		      read(out, &byte, 1) == 1); /* until the other end is gone */
	}
	wait(NULL);
	return accept(fd, NULL, NULL) >= 0;
}

static void serve(const struct plan *p, int ready)
{
	if ((!p->is_connected || be_connected()) && act(p) && write(ready, "r", 1) == 1)
		close(ready);
	for (;;)
		pause();
}

static bool is_child(void)
{
	if (fork() != 0)
		return false;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return true;
}

static void live(const struct plan *p, int ready)
{
	if (!p->by_child || (is_child() && is_child()))
		serve(p, ready);
	close(ready);
	for (;;)
		pause();
}

static pid_t start(const struct plan *p)
{
	int ready[2];
	char byte = 0;
	pid_t pid;

	if (pipe(ready) != 0)
		return 0;
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		live(p, ready[1]);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		pid = 0;
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- tests ---- */

static const struct {
	const char *says;
	struct plan plan;
	const char *address;
	enum peers_kind want;
	const char *other;
} rows[] = {
	{ "a process without connections has none", { 0 }, "127.0.0.1", PEERS_NONE, "" },
	{ "one connection to the address is the only one",
	  { .to_here = true },
	  "127.0.0.1",
	  PEERS_ONLY,
	  "" },
	{ "one to another address is named",
	  { .to_there = true },
	  "127.0.0.1",
	  PEERS_NONE,
	  "127.0.0.2" },
	{ "both are more than one",
	  { .to_here = true, .to_there = true },
	  "127.0.0.1",
	  PEERS_OTHERS_TOO,
	  "127.0.0.2" },
	{ "IPv4 in IPv6 is IPv4", { .mapped = true }, "127.0.0.1", PEERS_ONLY, "" },
	{ "and is asked for as such",
	  { .to_here = true },
	  "::ffff:127.0.0.1",
	  PEERS_ONLY,
	  "" },
	{ "a name stands for its addresses",
	  { .to_here = true },
	  "localhost",
	  PEERS_ONLY,
	  "" },
	{ "a descendant's connection counts",
	  { .to_here = true, .by_child = true },
	  "127.0.0.1",
	  PEERS_ONLY,
	  "" },
	{ "so does a descendant's to another address",
	  { .to_there = true, .by_child = true },
	  "127.0.0.1",
	  PEERS_NONE,
	  "127.0.0.2" },
	{ "what comes in on a port of its own is not its connection",
	  { .is_connected = true },
	  "127.0.0.1",
	  PEERS_NONE,
	  "" },
	{ "and does not hide one that goes out",
	  { .is_connected = true, .to_here = true },
	  "127.0.0.1",
	  PEERS_ONLY,
	  "" },
};

static void test_connections(const struct plan *ports)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct plan plan = rows[i].plan;
		struct peers got = { 0 };
		struct err e = { 0 };
		pid_t pid;

		plan.here = ports->here;
		plan.there = ports->there;
		pid = start(&plan);
		check(rows[i].says, pid > 0 &&
					    peers_look(pid, rows[i].address, &got, &e) &&
					    got.kind == rows[i].want &&
					    strcmp(got.other, rows[i].other) == 0);
		end(pid);
	}
}

static void test_ipv6(const struct plan *ports)
{
	struct plan plan = { .six = ports->six, .to_six = true };
	struct peers got = { 0 };
	struct err e = { 0 };
	pid_t pid;

	if (plan.six == 0) {
		skip("IPv6 connections are seen", "there is no ::1");
		return;
	}
	pid = start(&plan);
	check("IPv6 connections are seen",
	      pid > 0 && peers_look(pid, "::1", &got, &e) && got.kind == PEERS_ONLY);
	check("however the address is spelt",
	      peers_look(pid, "0:0:0:0:0:0:0:1", &got, &e) && got.kind == PEERS_ONLY);
	check("and are not IPv4", peers_look(pid, "127.0.0.1", &got, &e) &&
					  got.kind == PEERS_NONE &&
					  strcmp(got.other, "::1") == 0);
	end(pid);
}

static void test_refusals(void)
{
	struct plan plan = { 0 };
	struct peers got = { .kind = PEERS_ONLY };
	struct err e = { 0 };
	pid_t pid = start(&plan);

	check("a name that nobody knows is refused",
	      !peers_look(pid, "not a host", &got, &e) && e.kind == ERR_BAD_VALUE);
	check("so is no name", !peers_look(pid, "", &got, &e) && e.kind == ERR_BAD_VALUE);
	end(pid);
	check("a process that is gone is refused, not taken for unconnected",
	      !peers_look(pid, "127.0.0.1", &got, &e) && e.kind == ERR_NO_LIBVIRT &&
		      got.kind == PEERS_ONLY);
}

/* Unseen connections might lead anywhere. */
static void test_forbidden(void)
{
	pid_t pid = fork();
	int status = 1;

	if (pid == 0) {
		struct peers got = { .kind = PEERS_ONLY };
		struct err e = { 0 };

		if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
			_exit(1);
		_exit(!peers_look(1, "127.0.0.1", &got, &e) && e.kind == ERR_NO_LIBVIRT
			      ? 0
			      : 1);
	}
	waitpid(pid, &status, 0);
	check("a process that may not be looked into is refused", status == 0);
}

static void test_pid(void)
{
	char dir[] = "/tmp/peers-XXXXXX";
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct err e = { 0 };
	pid_t pid = 0;

	check("a socket listens",
	      mkdtemp(dir) &&
		      snprintf(at.sun_path, sizeof(at.sun_path), "%s/sock", dir) > 0 &&
		      fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
		      listen(fd, 4) == 0);
	check("the process behind it is found",
	      peers_libvirtd(at.sun_path, &pid, &e) && pid == getpid());
	close(fd);
	check("a socket that nobody serves is no libvirtd",
	      !peers_libvirtd(at.sun_path, &pid, &e) && e.kind == ERR_NO_LIBVIRT);
	unlink(at.sun_path);
	rmdir(dir);
}

int main(void)
{
	struct plan ports = { .here = listen4("127.0.0.1"),
			      .there = listen4("127.0.0.2"),
			      .six = listen6("::1") };

	if (!check("there is somebody to connect to", ports.here && ports.there))
		return done();
	test_connections(&ports);
	test_ipv6(&ports);
	test_refusals();
	test_forbidden();
	test_pid();
	return done();
}
