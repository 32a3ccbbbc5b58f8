/* SPDX-License-Identifier: Apache-2.0 */
/* Hand-overs with a clock that the test sets: what only time changes. */
#include "tests/unit/api_bed.h"

#define SECOND US_PER_S

static char secret_id[37];

static void scene(struct bed *b)
{
	const char *at;

	bed_open(b);
	host_put(b, '1', "h1");
	host_put(b, '2', "h2");
	as_person(b, ROLE_MEMBER, "alice");
	must(&b->w,
	     call(b, api_instance_put, "",
		  "{\"name\":\"vm\",\"security\":\"deployment\"}") == ERR_NONE,
	     "instance");
	at = strstr(b->x.reply.body.at, "\"secret\":{\"id\":\"");
	must(&b->w, at != NULL, "secret");
	snprintf(secret_id, sizeof secret_id, "%.36s", at + 16);
	must(&b->w, place(b, "{\"host\":\"h1\"}") == ERR_NONE, "place");
}

static enum err_kind as(struct bed *b, const char *host, api_handler *handler,
			const char *body)
{
	as_host(b, host);
	return call(b, handler, "1", body);
}

static void listen(struct bed *b)
{
	must(&b->w, as(b, "h1", api_host_events, "") == ERR_NONE, "events");
}

static enum err_kind ask(struct bed *b, char attempt)
{
	char body[300];

	snprintf(body, sizeof body,
		 "{\"attempt\":\"" ATTEMPT "%c\",\"nonce\":\"" NONCE
		 "\",\"purpose\":\"migrate-in\",\"secret\":\"%s\",\"statement\":"
		 "\"a.b.c\"}",
		 attempt, secret_id);
	return as(b, "h2", api_ask_put, body);
}

static enum err_kind offer(struct bed *b, char attempt)
{
	char body[200];

	snprintf(body, sizeof body, "{\"attempt\":\"" ATTEMPT "%c\"}", attempt);
	return as(b, "h1", api_handover_offer, body);
}

static enum err_kind claim(struct bed *b, char attempt)
{
	char body[300];

	snprintf(body, sizeof body,
		 "{\"attempt\":\"" ATTEMPT "%c\",\"nonce\":\"" NONCE
		 "\",\"secret\":\"%s\"}",
		 attempt, secret_id);
	return as(b, "h2", api_handover_claim, body);
}

static enum err_kind prepare(struct bed *b)
{
	as_person(b, ROLE_OPERATOR, "olga");
	return call(b, api_handover_prepare, "", "{\"destination\":\"h2\"}");
}

static void asks_end(struct bed *b)
{
	listen(b);
	check("an ask is taken while its source listens",
	      prepare(b) == ERR_NONE && ask(b, '1') == ERR_NONE);
	at(b, 61 * SECOND);
	check("a minute later its hook has given up, and no offer answers it",
	      offer(b, '1') == ERR_HANDOVER_STATE);
	b->w.monotonic_us += 34 * SECOND;
	check("a source that polled 34 s ago still listens", ask(b, '2') == ERR_NONE);
	b->w.monotonic_us += 1 * SECOND;
	check("one that polled 35 s ago is silent", ask(b, '3') == ERR_SOURCE_SILENT);
	b->waited_us = 35 * SECOND;
	listen(b);
	b->waited_us = 0;
	check("so is one whose poll came so long ago, and only now ends",
	      ask(b, '3') == ERR_SOURCE_SILENT);
	check("which takes nothing from the ask before", offer(b, '2') == ERR_NONE);
}

static void claims_end(struct bed *b)
{
	at(b, 70 * SECOND);
	check("a claim is taken",
	      claim(b, '2') == ERR_NONE && said(b, "\"redelivered\":false"));
	at(b, 669 * SECOND);
	check("and answered again within ten minutes",
	      claim(b, '2') == ERR_NONE && said(b, "\"redelivered\":true"));
	at(b, 671 * SECOND);
	check("but not after", claim(b, '2') == ERR_HANDOVER_STATE);
	at(b, 100 * 24 * 3600 * SECOND);
	check("time alone ends nothing: it is held for as long as nobody says more",
	      release(b, "h1", '9', "") == ERR_HANDOVER_OPEN);
	check("until somebody does",
	      as(b, "h2", api_handover_say, "{\"what\":\"erased\"}") == ERR_NONE &&
		      said(b, "\"state\":\"aborted\"") &&
		      release(b, "h1", '8', "") == ERR_NONE);
}

/* What is over for a host is told for a day. */
static void lists_end(struct bed *b)
{
	int64_t ended_us = INT64_C(100) * 24 * 3600 * SECOND;

	at(b, ended_us + 86399 * SECOND);
	check("a hand-over that was aborted is told of for a day",
	      as(b, "h1", api_host_handovers, "") == ERR_NONE &&
		      said(b, "\"state\":\"aborted\""));
	at(b, ended_us + 86401 * SECOND);
	check("and not longer",
	      as(b, "h1", api_host_handovers, "") == ERR_NONE && said(b, "\"items\":[]"));
}

int main(void)
{
	struct bed b = { 0 };

	scene(&b);
	asks_end(&b);
	claims_end(&b);
	lists_end(&b);
	bed_close(&b);
	return done();
}
