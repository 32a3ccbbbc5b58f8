/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record - one durable JSON file per instance: FOLDER/UUID.json below the state directory.
 *
 * Gives:   load, save, remove, and a walk over all of a folder. What a record holds, and what
 *          follows from it, is for guests and moves to say.
 * Refuses: a record of another instance than its name says, or one that does not parse: ERR_IO
 *          with its path.
 * Threads: no state; one writer per instance at a time (see turns).
 */
#ifndef CLIENT_COMPUTE_RECORD_H
#define CLIENT_COMPUTE_RECORD_H

#include "client/compute/files.h"
#include "common/json.h"
#include "common/uuid.h"

struct record_form {
	const char *folder;
	const struct json_field *fields; /* the first is the instance */
	size_t count;
};

/* Fills ret, which is all zero before, by the fields; without a record it stays so. */
MUST_CHECK bool record_load(const struct record_form *form, const char *state_dir,
			    const struct uuid *instance, void *ret, bool *ret_found,
			    struct err *e);
MUST_CHECK bool record_save(const struct record_form *form, const char *state_dir,
			    const struct uuid *instance, const struct buf *json,
			    struct err *e);
MUST_CHECK bool record_remove(const struct record_form *form, const char *state_dir,
			      const struct uuid *instance, struct err *e);
/* Calls back with each instance that has a record. Where that fails, *e says why, the others
 * have their turn all the same, and it is false at the end. */
typedef bool record_visit(void *ctx, const struct uuid *instance, struct err *e);
MUST_CHECK bool record_each(const struct record_form *form, const char *state_dir,
			    record_visit *visit, void *ctx, struct err *e);

/* null where none is set. */
void record_put_uuid(struct json_writer *w, const char *name, const struct uuid *u);

#endif
