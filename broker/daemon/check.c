/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "broker/daemon/broker.h"
#include "broker/daemon/commands.h"
#include "broker/http/listen.h"

/* An address that our own running broker has taken is as it should be. */
static bool check_address(const char *address, bool running, struct err *e)
{
	struct listener l;

	if (!listen_open(address, &l, e)) {
		if (e->kind != ERR_PORT_IN_USE || !running)
			return false;
		err_clear(e);
		return true;
	}
	close(l.fd);
	return true;
}

static bool tell(const struct config *c, struct broker *b, bool running, struct err *e)
{
	const bool kept = api_root_key_is_kept(&b->api, e);

	if (!kept && e->kind != ERR_ROOT_KEY_NOT_BACKED_UP)
		return false;
	err_clear(e);
	printf("Broker %s%s\n"
	       "  state     %s\n"
	       "  root key  %s%s\n"
	       "  listen    %s\n"
	       "  health    %s\n"
	       "  leases    %lld days\n"
	       "The configuration is good.\n",
	       b->keys->broker_uuid, running ? ", serving now" : "", c->state,
	       c->root_key, kept ? "" : ", without backup: no secret is made", c->listen,
	       c->health[0] ? c->health : "none", (long long)c->lease_days);
	return true;
}

bool command_check_config(const struct cli *cli, struct err *e)
{
	struct config config;
	bool running;
	OWNED(broker) b = NULL;

	if (!config_read(cli, &config, e) || !broker_open(&config, &b, e))
		return false;
	running = broker_is_running(&config);
	if (!check_address(config.listen, running, e) ||
	    (config.health[0] && !check_address(config.health, running, e)))
		return false;
	return tell(&config, b, running, e);
}
