/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handler - a row of the route table: what is called for a path, and who may even try.
 *
 * Gives:   struct route and the form of a handler; broker/api/routes.c holds the table.
 * Refuses: by default: a route without a `may` lets nobody in.
 * Threads: the table is const.
 */
#ifndef BROKER_HANDLER_H
#define BROKER_HANDLER_H

#include "common/err.h"

enum method { METHOD_GET, METHOD_PUT, METHOD_POST, METHOD_DELETE, METHOD_OTHER };

struct exchange;
struct api; /* what handlers work with; built in main */
typedef bool api_handler(struct api *api, struct exchange *x, struct err *e);

enum who_may_try {
	TRY_ANYONE = 1 << 0, /* no identity needed */
	TRY_MEMBER = 1 << 1,
	TRY_OPERATOR = 1 << 2,
	TRY_ORCHESTRATOR = 1 << 3,
	TRY_HOST_ADMIN = 1 << 4,
	TRY_AUDITOR = 1 << 5,
	TRY_HOST = 1 << 6,     /* approved (or draining) */
	TRY_HOST_ANY = 1 << 7, /* also pending or fenced: to learn their own state */
	TRY_PERSON = TRY_MEMBER | TRY_OPERATOR | TRY_ORCHESTRATOR | TRY_HOST_ADMIN |
		     TRY_AUDITOR,
};

enum body_kind { BODY_NONE, BODY_JSON, BODY_BYTES };

struct route {
	enum method method;
	const char *pattern; /* "/v1/instances/{uuid}/place": {uuid} {name} {id} */
	api_handler *handler;
	unsigned may; /* who_may_try */
	enum body_kind body;
	size_t body_max;  /* bytes */
	const char *verb; /* for the audit trail: "instance.place" */
	const char *says; /* one line, for the documentation */
	bool releases;    /* answers with a secret: never without an audit record */
};

#endif
