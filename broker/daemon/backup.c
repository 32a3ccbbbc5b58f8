/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/api/meta.h"
#include "broker/daemon/commands.h"
#include "broker/daemon/local.h"
#include "crypto/rootkey.h"

/* The record first, then the fact that lets secrets be made. */
static bool record(struct local *l, struct err *e)
{
	int64_t now_us = clock_wall_us(clock_system());
	char when[32];
	OWNED(store_file) f = NULL;

	text_cut(local_audit(l->change, "rootkey.backup", now_us)->target, 2 * NAME_SIZE,
		 "root key");
	clock_rfc3339(now_us, when);
	return store_commit(l->store, l->change, e) &&
	       store_file_open(l->config.database, &f, e) &&
	       store_file_put(f, META_BACKUP,
			      (struct view){ (const uint8_t *)when, strlen(when) }, e);
}

bool command_backup(const struct cli *cli, struct err *e)
{
	const char *to = cli->values[OPT_BACKUP_KEY];
	OWNED(local) l = NULL;

	if (!to)
		return err_set(e, ERR_USAGE, "backup needs --root-key FILE");
	if (!local_open(cli, "backup", &l, e) || !rootkey_backup(l->keys->root, to, e))
		return false;
	if (!record(l, e)) {
		unlink(to);
		return err_wrap(e, "the backup is not recorded");
	}
	printf("The root key is in %s (mode 0400).\n"
	       "Keep it where neither this machine's disk nor a backup of the database "
	       "is.\n",
	       to);
	return true;
}
