/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/api.h"
#include "broker/api/v1/handlers.h"

/* GET /v1 - which broker this is; what an enrolment string pins is `ca`. */
bool api_version(struct api *api, struct exchange *x, struct err *e)
{
	struct json_writer w;

	(void)e;
	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_text(&w, "name", "vtpm-broker");
	json_put_text(&w, "version", VTPM_VERSION);
	json_put_integer(&w, "protocol", API_PROTOCOL);
	json_put_text(&w, "broker", api->broker_uuid);
	json_put_text(&w, "ca", api->ca_hash);
	json_close(&w);
	return true;
}

/* GET /v1/whoami - the identity behind a token. */
bool api_whoami(struct api *api, struct exchange *x, struct err *e)
{
	const struct token_row *t = &x->who.token;
	struct json_writer w;

	(void)api;
	(void)e;
	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_text(&w, "kind", "person");
	json_put_text(&w, "issuer", t->issuer);
	json_put_text(&w, "subject", t->subject);
	json_put_text(&w, "project", t->project);
	json_put_text(&w, "role", t->role);
	api_put_time(&w, "expires", t->expires_us);
	json_close(&w);
	return true;
}
