/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "broker/daemon/broker.h"
#include "broker/daemon/commands.h"
#include "broker/daemon/notify.h"
#include "broker/daemon/probe.h"
#include "broker/http/http.h"

/* The signals that end the program are blocked before the first thread exists, and waited for. */
static void block_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGINT);
	pthread_sigmask(SIG_BLOCK, ret, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static bool start_http(struct broker *b, struct probe *probe, struct http **ret,
		       struct err *e)
{
	const struct http_options o = {
		.listen = b->config->listen,
		.cert_pem = b->server_cert.at,
		.key_pem = b->server_key,
		.ca_pem = b->keys->ca_pem,
		.dispatch = b->dispatch,
		.log = b->log,
		.health_listen = b->config->health[0] ? b->config->health : NULL,
		.health = probe_report,
		.health_ctx = probe,
	};

	return http_start(&o, ret, e);
}

static void log_listening(const struct broker *b, const struct http *h)
{
	char port[16] = "", health[16] = "";

	if (!text_format(port, sizeof(port), "%u", http_port(h)) ||
	    !text_format(health, sizeof(health), "%u", http_health_port(h)))
		return;
	log_event(b->log, LOG_LEVEL_INFO, "listening", "address", b->config->listen,
		  "port", port, "health_port", health, "version", VTPM_VERSION, "broker",
		  b->keys->broker_uuid, "ca", b->keys->ca_hash, "writer",
		  store_writer_name(b->store), NULL);
}

static void wait_for_signal(const struct broker *b, const sigset_t *set)
{
	int number = 0;

	while (sigwait(set, &number) != 0)
		;
	log_event(b->log, LOG_LEVEL_INFO, "stopping", "signal",
		  number == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
	notify_stopping();
	/* A second one does not wait: what was acknowledged is durable already. */
	pthread_sigmask(SIG_UNBLOCK, set, NULL);
}

static bool serve(const struct cli *cli, struct broker *b, const sigset_t *signals,
		  struct err *e)
{
	struct http *h = NULL;
	bool told;
	OWNED(probe) probe = NULL;

	if (!broker_start(b, e) || !probe_new(b, &probe, e) ||
	    !start_http(b, probe, &h, e))
		return false;
	log_listening(b, h);
	told = notify_ready(cli, http_port(h), http_health_port(h), e);
	if (told)
		wait_for_signal(b, signals);
	http_stop(h);
	broker_stop(b);
	notify_stopped(cli);
	log_event(b->log, LOG_LEVEL_INFO, "stopped", NULL);
	return told;
}

bool command_serve(const struct cli *cli, struct err *e)
{
	struct config config;
	sigset_t signals;
	OWNED(broker) b = NULL;

	block_signals(&signals);
	return config_read(cli, &config, e) && broker_open(&config, &b, e) &&
	       serve(cli, b, &signals, e);
}
