/* SPDX-License-Identifier: Apache-2.0 */
#include "common/secret.h"

#include "tests/unit/check.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char value[] = "a value that nobody may see in a dump, 48 bytes";

static struct secret *new_value(void)
{
	struct secret *s = NULL;
	struct err e = { 0 };

	if (!secret_from((struct view){ (const uint8_t *)value, sizeof(value) }, &s, &e))
		return NULL;
	return s;
}

/* Runs `what` in a child; its exit status, or -signal. */
static int in_child(int (*what)(void *), void *arg)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(what(arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 255;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int lock_nothing(UNUSED void *arg)
{
	const struct rlimit none = { 4096, 4096 };
	struct secret *s = NULL;
	struct err e = { 0 };

	if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 ||
	    (geteuid() == 0 && setuid(65534) != 0))
		return 2;
	if (secret_new(16, &s, &e))
		return 3;
	return e.kind == ERR_NO_MEMORY_LOCK && strstr(e.detail, "RLIMIT_MEMLOCK") ? 0 : 4;
}

static void test_refusals(void)
{
	struct secret *s = NULL;
	struct err e = { 0 };

	check("without memory to lock there is no secret, and RLIMIT_MEMLOCK is named",
	      in_child(lock_nothing, NULL) == 0);
	check("an empty secret is refused",
	      !secret_new(0, &s, &e) && e.kind == ERR_BAD_SECRET_LENGTH && !s);
	check("a secret above SECRET_MAX is refused",
	      !secret_new(SECRET_MAX + 1, &s, &e) && e.kind == ERR_BAD_SECRET_LENGTH &&
		      !s);
	check("the largest secret is taken", secret_new(SECRET_MAX, &s, &e));
	secret_free(s);
	secret_free(NULL);
	check("opening the slab twice is harmless",
	      secret_slab_open(1, &e) && secret_slab_open(1 << 20, &e));
}

static void test_bytes(void)
{
	OWNED(secret) a = new_value();
	OWNED(secret) b = new_value();
	OWNED(secret) c = NULL;
	struct err e = { 0 };

	check("a secret keeps its bytes",
	      a && secret_len(a) == sizeof(value) &&
		      memcmp(secret_view(a).at, value, sizeof(value)) == 0);
	check("equal secrets are equal", secret_equal(a, b));
	secret_fill(b)[5] ^= 1;
	check("one flipped bit makes another secret", !secret_equal(a, b));
	check("a truncated secret is shorter",
	      secret_truncate(b, 5) && secret_len(b) == 5);
	check("what was cut off is wiped",
	      secret_fill(b)[6] == 0 && secret_fill(b)[40] == 0);
	check("a secret does not grow", !secret_truncate(b, 6));
	check("a secret does not become empty", !secret_truncate(b, 0));
	check("secrets of other lengths differ", !secret_equal(a, b));
	check("no secret equals none",
	      !secret_equal(a, NULL) && !secret_equal(NULL, NULL));
	check("a new secret is zero",
	      secret_new(100, &c, &e) && secret_view(c).at[99] == 0);
}

static void test_wiped_when_freed(void)
{
	struct secret *s = new_value();
	const uint8_t *at =
		secret_view(s).at; /* the slab stays mapped: this may be read */
	bool wiped = true;

	secret_free(s);
	for (size_t i = 0; i < sizeof(value); i++)
		wiped &= at[i] == 0;
	check("a freed secret is wiped", wiped);
}

static int reads_zero(void *arg)
{
	struct view v = secret_view(arg);

	for (size_t i = 0; i < v.len; i++)
		if (v.at[i] != 0)
			return 1;
	return 0;
}

static int reads_over_the_end(void *arg)
{
	const volatile uint8_t *at = secret_view(arg).at;
	uint8_t sum = 0;

	signal(SIGSEGV, SIG_DFL);
	for (size_t i = 0; i < 8u << 20; i++)
		sum = (uint8_t)(sum + at[i]);
	return sum ? 1 : 2;
}

/* The VmFlags of the mapping that holds `at` (proc(5)). */
static bool vm_flags(const void *at, char *ret, size_t cap)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	char line[512];
	unsigned long from, to, want = (unsigned long)(uintptr_t)at;
	bool here = false, found = false;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = want >= from && want < to;
		if (here && strncmp(line, "VmFlags:", 8) == 0)
			found = snprintf(ret, cap, "%s", line) > 0;
	}
	if (f)
		fclose(f);
	return found;
}

static void test_hidden(void)
{
	OWNED(secret) s = new_value();
	char flags[512] = "";

	check("a forked child reads zeroes", in_child(reads_zero, s) == 0);
	check("the parent still reads its value", reads_zero(s) == 1);
	check("a guard page ends the slab", in_child(reads_over_the_end, s) != 1 &&
						    in_child(reads_over_the_end, s) != 2);
	check("the kernel knows the mapping",
	      vm_flags(secret_view(s).at, flags, sizeof(flags)));
	check("its pages are left out of core dumps", strstr(flags, " dd") != NULL);
	check("its pages are locked", strstr(flags, " lo") != NULL);
	check("its pages are wiped on fork", strstr(flags, " wf") != NULL);
	check("this process makes no core dump", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
}

/* More than one chunk, and holes of every size between. */
static void test_many(void)
{
	enum { MANY = 3000 };
	static struct secret *all[MANY];
	struct err e = { 0 };
	bool made = true, apart = true;

	for (size_t i = 0; i < MANY; i++)
		made &= secret_new(1 + i * 37 % 700, &all[i], &e);
	for (size_t i = 0; made && i < MANY; i += 2) {
		secret_free(all[i]);
		made &= secret_new(1 + i * 53 % 900, &all[i], &e);
	}
	for (size_t i = 0; made && i < MANY; i++)
		memset(secret_fill(all[i]), (int)(i % 251), secret_len(all[i]));
	for (size_t i = 0; made && i < MANY; i++)
		for (size_t at = 0; at < secret_len(all[i]); at++)
			apart &= secret_view(all[i]).at[at] == i % 251;
	check("thousands of secrets fit", made);
	check("no two of them overlap", apart);
	for (size_t i = 0; i < MANY; i++)
		secret_free(all[i]);
}

static void *churn(UNUSED void *arg)
{
	struct err e = { 0 };
	uintptr_t bad = 0;

	for (size_t i = 0; i < 20000; i++) {
		OWNED(secret) s = NULL;

		if (!secret_new(1 + i % 300, &s, &e) || secret_view(s).at[0] != 0)
			bad++;
		else
			memset(secret_fill(s), 0x5a, secret_len(s));
	}
	return (void *)bad;
}

static void test_threads(void)
{
	pthread_t threads[4];
	void *bad = NULL;
	bool ok = true;

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ok &= pthread_create(&threads[i], NULL, churn, NULL) == 0;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ok &= pthread_join(threads[i], &bad) == 0 && !bad;
	check("four threads take and give back without meeting each other's bytes", ok);
}

int main(void)
{
	test_refusals();
	test_bytes();
	test_wiped_when_freed();
	test_hidden();
	test_many();
	test_threads();
	return done();
}
