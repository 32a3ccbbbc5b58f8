/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/daemon/local.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/daemon/broker.h"

enum { SLAB_BYTES = 64 * 1024 };

bool local_exists(const struct config *c, struct err *e)
{
	if (access(c->database, F_OK) == 0)
		return true;
	if (errno == ENOENT)
		return err_set(e, ERR_CONFIG,
			       "no broker in %s yet: run vtpm-brokerd init", c->state);
	return err_errno(e, ERR_CONFIG, "cannot look into %s", c->state);
}

/* A broker of an earlier release that serves would go on with its own schema, underneath. */
static bool may_migrate(const struct config *c, struct err *e)
{
	OWNED(store_file) f = NULL;
	bool older = false;

	if (!store_file_open(c->database, &f, e) || !store_file_is_older(f, &older, e))
		return false;
	return !older || !broker_is_running(c) ||
	       err_set(e, ERR_DATABASE_LOCKED,
		       "the vtpm-brokerd that serves %s is of an earlier release: "
		       "restart "
		       "it first",
		       c->state);
}

static bool open_parts(struct local *l, const char *writer, struct err *e)
{
	struct store_options o = { .path = l->config.database,
				   .writer = writer,
				   .clock = clock_system(),
				   .margin_bytes = LOCAL_MARGIN_BYTES };

	if (!local_exists(&l->config, e) || !may_migrate(&l->config, e) ||
	    !secret_slab_open(SLAB_BYTES, e) ||
	    !keys_open(l->config.root_key, l->config.database, &l->keys, e))
		return false;
	o.keys = (struct store_keys){ .row = l->keys->row, .audit = l->keys->audit };
	return store_open(&o, &l->store, e) && reader_open(l->store, &l->db, e) &&
	       change_new(&l->change, e);
}

bool local_open(const struct cli *cli, const char *writer, struct local **ret,
		struct err *e)
{
	OWNED(local) l = calloc(1, sizeof(*l));

	if (!l)
		return err_set(e, ERR_NO_MEMORY, "no memory");
	if (!config_read(cli, &l->config, e) || !open_parts(l, writer, e))
		return false;
	*ret = local_move(&l);
	return true;
}

void local_free(struct local *l)
{
	if (!l)
		return;
	change_free(l->change);
	reader_free(l->db);
	store_free(l->store);
	keys_free(l->keys);
	free(l);
}

struct audit_record *local_audit(struct change *c, const char *verb, int64_t now_us)
{
	struct audit_record *a = change_audit(c);
	struct uuid request = { 0 };
	struct err ignored = { 0 };

	if (uuid_random(&request, &ignored))
		text_cut(a->request_id, sizeof(a->request_id), request.text);
	a->time_us = now_us;
	a->count = 1;
	text_cut(a->kind, sizeof(a->kind), "local");
	if (!text_format(a->subject, sizeof(a->subject), "uid %u", (unsigned)getuid()))
		text_cut(a->subject, sizeof(a->subject), "unknown");
	text_cut(a->verb, sizeof(a->verb), verb);
	text_cut(a->verdict, sizeof(a->verdict), "allowed");
	text_cut(a->reason, sizeof(a->reason), "allowed");
	return a;
}
