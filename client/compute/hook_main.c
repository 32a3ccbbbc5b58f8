/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/hook.h"

#include <signal.h>

int main(int argc, char *argv[])
{
	signal(SIGPIPE, SIG_IGN);
	return argc > 0 ? hook_run(argc - 1, argv + 1) : 0;
}
