/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/daemon/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/daemon/files.h"
#include "common/text.h"

/* One datagram to the service manager's socket, sd_notify(3); "@" begins an abstract name. */
static void tell_manager(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (len < 2 || len >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL,
		     (const struct sockaddr *)(const void *)&to,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

static bool ready_fd(const struct cli *cli, int *ret, struct err *e)
{
	const char *given = cli->values[OPT_READY_FD];
	int64_t fd = STDOUT_FILENO;

	if (given && !text_parse_int(given, 0, 1 << 20, &fd))
		return err_set(e, ERR_USAGE, "--ready-fd is the number of a descriptor");
	*ret = (int)fd;
	return true;
}

bool notify_ready(const struct cli *cli, unsigned port, unsigned health_port,
		  struct err *e)
{
	const char *file = cli->values[OPT_PORT_FILE];
	char line[64];
	int fd = -1;

	if (!ready_fd(cli, &fd, e) || !text_format(line, sizeof(line), "%u\n", port))
		return false;
	if (file &&
	    !file_replace(file, 0644,
			  (struct view){ (const uint8_t *)line, strlen(line) }, e))
		return false;
	if (!text_format(line, sizeof(line), "ready %u %u\n", port, health_port))
		return false;
	if (write(fd, line, strlen(line)) < 0 && cli->values[OPT_READY_FD])
		return err_errno(e, ERR_USAGE, "cannot write to descriptor %d", fd);
	if (cli->values[OPT_READY_FD] && fd > STDERR_FILENO)
		close(fd);
	tell_manager("READY=1");
	return true;
}

void notify_stopping(void)
{
	tell_manager("STOPPING=1");
}

void notify_stopped(const struct cli *cli)
{
	if (cli->values[OPT_PORT_FILE])
		(void)unlink(cli->values[OPT_PORT_FILE]);
}
