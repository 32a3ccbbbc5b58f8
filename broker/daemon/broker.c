/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/daemon/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { SLAB_BYTES = 512 * 1024, SERVER_DAYS = 730, SECONDS_PER_DAY = 24 * 60 * 60 };

/* ---- one broker at a time ---- */

static int lock_open(const struct config *c)
{
	char path[CONFIG_PATH + 16];

	if (!text_format(path, sizeof(path), "%s/serve.lock", c->state))
		return -1;
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

bool broker_is_running(const struct config *c)
{
	int fd = lock_open(c);
	bool held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;

	if (fd >= 0)
		close(fd);
	return held;
}

static bool take_lock(struct broker *b, struct err *e)
{
	b->lock = lock_open(b->config);
	if (b->lock < 0)
		return err_errno(e, ERR_IO, "cannot write in %s", b->config->state);
	return flock(b->lock, LOCK_EX | LOCK_NB) == 0 ||
	       err_set(e, ERR_DATABASE_LOCKED, "another vtpm-brokerd serves %s",
		       b->config->state);
}

/* ---- the parts ---- */

static bool open_store(struct broker *b, struct err *e)
{
	struct store_options o = {
		.path = b->config->database,
		.writer = "broker",
		.clock = clock_system(),
		.keys = { .row = b->keys->row, .audit = b->keys->audit },
		.margin_bytes = LOCAL_MARGIN_BYTES,
	};

	return store_open(&o, &b->store, e);
}

static bool open_auth(struct broker *b, struct err *e)
{
	const struct auth_options o = { .ca = b->keys->ca,
					.clock = clock_system(),
					.since_us = b->keys->since_us };

	return auth_new(&o, &b->auth, e);
}

/* The server's key lives as long as the process; clients know the CA alone. */
static bool make_server_key(struct broker *b, struct err *e)
{
	OWNED(pkey) key = NULL;

	if (!pkey_new(&key, e) || !pkey_private_pem(key, &b->server_key, e) ||
	    !ca_issue_server(b->keys->ca, key, b->config->names,
			     clock_wall_us(clock_system()), SERVER_DAYS, &b->server_cert,
			     e))
		return err_wrap(e, "the server's certificate");
	/* The CA's own is sent along: a host that enrols knows it by its key's hash. */
	buf_add(&b->server_cert, b->keys->ca_pem);
	return !b->server_cert.failed ||
	       err_set(e, ERR_NO_MEMORY, "the server's certificate");
}

static void fill_api(struct broker *b)
{
	struct api *a = &b->api;

	a->gate = b->gate;
	a->vault = b->vault;
	a->store = b->store;
	a->clock = clock_system();
	a->ca = b->keys->ca;
	a->ca_pem = b->keys->ca_pem;
	memcpy(a->ca_hash, b->keys->ca_hash, sizeof(a->ca_hash));
	a->statement = b->keys->statement;
	a->recovery = b->keys->recovery;
	a->presence = b->presence;
	a->broker_uuid = b->keys->broker_uuid;
	a->database = b->config->database;
	a->lease_us = b->config->lease_days * SECONDS_PER_DAY * US_PER_S;
	atomic_init(&a->backed_up, false);
}

static bool open_parts(struct broker *b, struct err *e)
{
	const struct config *c = b->config;

	if (!local_exists(c, e) || !secret_slab_open(SLAB_BYTES, e) ||
	    !log_open(STDERR_FILENO, c->log, LOG_LEVEL_INFO, &b->log, e) ||
	    !keys_open(c->root_key, c->database, &b->keys, e) || !open_store(b, e) ||
	    !vault_new(b->keys->root, &b->vault, e) ||
	    !gate_new(clock_system(), b->vault, &b->gate, e) ||
	    !presence_new(&b->presence, e) || !open_auth(b, e) || !make_server_key(b, e))
		return false;
	fill_api(b);
	return true;
}

bool broker_open(const struct config *c, struct broker **ret, struct err *e)
{
	OWNED(broker) b = calloc(1, sizeof(*b));

	if (!b)
		return err_set(e, ERR_NO_MEMORY, "no memory");
	b->config = c;
	b->lock = -1;
	if (!open_parts(b, e))
		return false;
	*ret = broker_move(&b);
	return true;
}

bool broker_start(struct broker *b, struct err *e)
{
	struct dispatch_options o = {
		.api = &b->api,
		.auth = b->auth,
		.store = b->store,
		.clock = clock_system(),
		.log = b->log,
		.workers = (unsigned)b->config->workers,
		.worker_new = worker_new,
		.worker_free = worker_free,
	};

	o.routes = api_routes(&o.n_routes);
	return take_lock(b, e) && dispatch_start(&o, &b->dispatch, e);
}

void broker_stop(struct broker *b)
{
	dispatch_free(b->dispatch);
	b->dispatch = NULL;
}

void broker_free(struct broker *b)
{
	if (!b)
		return;
	broker_stop(b);
	buf_done(&b->server_cert);
	secret_free(b->server_key);
	auth_free(b->auth);
	gate_free(b->gate);
	presence_free(b->presence);
	vault_free(b->vault);
	store_free(b->store);
	keys_free(b->keys);
	log_free(b->log);
	if (b->lock >= 0)
		close(b->lock);
	free(b);
}
