/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show - instances, permits and grants as JSON, and what the audit trail says of an instance.
 *
 * Gives:   one form of each for every route that answers with it.
 * Knows:   reads what a row points to (host names, the version) with the worker's reader.
 * Threads: no state.
 */
#ifndef BROKER_API_V1_SHOW_H
#define BROKER_API_V1_SHOW_H

#include "broker/api/api.h"
#include "broker/gate/gate.h"
#include "broker/store/moves.h"

/* The UUIDs of the path. */
MUST_CHECK bool path_uuid(const struct exchange *x, size_t arg, const char *field,
			  struct uuid *ret, struct err *e);

/* An instance with the rows that are shown with it. */
struct instance_view {
	struct instance_row row;
	struct version_row version;
	struct placement_row placement;
	char host[NAME_SIZE];         /* name of the placed one, or "" */
	struct handover_row handover; /* the open one */
	char destination[NAME_SIZE];  /* its */
};
/* Reads what belongs to v->row. */
MUST_CHECK bool instance_view_read(struct reader *r, struct instance_view *v,
				   struct err *e);
void instance_view_write(struct json_writer *w, const char *name,
			 const struct instance_view *v);
/* The whole reply: reads the instance's other rows, writes it, sets the ETag. */
MUST_CHECK bool instance_reply(struct exchange *x, int status,
			       const struct instance_row *row, struct err *e);

/* host is the name that goes with the permit's key hash. */
void permit_write(struct json_writer *w, const char *name, const struct permit_row *p,
		  const char *host, int64_t now_us);
/* The same of a grant, with the hosts that its keys are; reads their names. */
MUST_CHECK bool grant_write(struct reader *r, struct json_writer *w,
			    const struct permit_row *p, int64_t now_us, struct err *e);
/* The name of the host with this key hash, or "". */
MUST_CHECK bool host_name_of(struct reader *r, const char *key_hash, char ret[NAME_SIZE],
			     struct err *e);

/* Begins this request's audit record with what it is about; stays in place if it is refused. */
struct audit_record *audit_about(struct api *api, struct exchange *x,
				 const struct instance_row *about);
/* The same from a verdict, with purpose, host, version, epoch and the generations weighed. */
struct audit_record *audit_verdict(struct api *api, struct exchange *x,
				   const struct verdict *v);

#endif
