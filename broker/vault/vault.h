/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault - the values of secrets at rest: root key -> project key -> envelope in a version row.
 *
 * Owns:    a bounded cache of unwrapped project keys, in the secret slab.
 * Gives:   vault_generate and vault_store (value -> version row, staged), vault_open.
 * Binds:   an envelope to secret, version, instance, issuer, project, owner and security: a
 *          row moved to another place opens for nobody.
 * Refuses: what does not verify, and a project whose key is gone: ERR_ENVELOPE_TAMPERED.
 * Knows:   no policy: gate_open is the only caller of vault_open, besides
 *          vtpm-brokerd verify-db, which looks whether it opens. No plaintext in any row.
 * Threads: any; the cache has its own lock.
 */
#ifndef BROKER_VAULT_VAULT_H
#define BROKER_VAULT_VAULT_H

#include "broker/store/queries.h"

struct vault;

/* root is borrowed for the life of the vault. */
MUST_CHECK bool vault_new(const struct wrap_key *root, struct vault **ret, struct err *e);
void vault_free(struct vault *v);
DEFINE_DROP(vault)

/* A value on its way in: what it is bound to, the row that will hold it, the value. */
struct deposit {
	const struct instance_row *of;
	struct version_row *version; /* number, state, origin and time are the caller's */
	const struct secret *value;
};

/* Seals the value into the version's row and stages it, with the project's key where it is the
 * first of its project. */
MUST_CHECK bool vault_store(struct vault *v, struct reader *r, const struct deposit *d,
			    struct change *c, struct err *e);
/* The same with a new random value, origin "generated". */
MUST_CHECK bool vault_generate(struct vault *v, struct reader *r,
			       const struct instance_row *of, struct version_row *version,
			       struct change *c, struct err *e);
/* project is the row of the instance's project, read in the verdict's moment. */
MUST_CHECK bool vault_open(struct vault *v, const struct project_key_row *project,
			   const struct instance_row *of,
			   const struct version_row *version, struct secret **ret,
			   struct err *e);

#endif
