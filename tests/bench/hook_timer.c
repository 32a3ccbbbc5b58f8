/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook-timer - stands where libvirt looks for its hook, runs the real one (argv[0] with
 *              ".real" after it, in /etc/libvirt/hooks) with the same words and input, and
 *              writes down how long that took.
 *
 * Output: lines of "OPERATION MICROSECONDS" in /var/log/hook-times.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REAL "/etc/libvirt/hooks/vtpm-client-hook.real"
#define TIMES "/var/log/hook-times"

static long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void write_down(const char *operation, long long us)
{
	char line[64];
	int fd = open(TIMES, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int len = snprintf(line, sizeof line, "%.20s %lld\n", operation, us);

	if (fd < 0)
		return;
	if (write(fd, line, (size_t)len) != len)
		perror(TIMES);
	close(fd);
}

int main(int argc, char **argv)
{
	long long from_us = now_us();
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execv(REAL, argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	write_down(argc > 2 ? argv[2] : "-", now_us() - from_us);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
