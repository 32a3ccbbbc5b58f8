/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault - the values of secrets at rest: root key -> project key -> envelope in a version row.
 *
 * Owns:    a bounded cache of unwrapped project keys, in the secret slab.
 * Gives:   vault_generate and vault_store (value -> version row, staged), vault_open.
 * Binds:   an envelope to secret, version, instance, issuer, project, owner and security: a
 *          row moved to another place opens for nobody.
 * Refuses: what does not verify, and a project whose key is gone: ERR_ENVELOPE_TAMPERED.
 * Knows:   no policy: gate_open is the only caller of vault_open. No plaintext in any row.
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

/* Seals `value` as version->version of the instance's secret and stages the row, with the
 * project's key where it is the first of its project. The caller has filled in the version's
 * number, state, origin and time; the vault fills in the rest. */
MUST_CHECK bool vault_store(struct vault *v, struct reader *r,
			    const struct instance_row *of, struct version_row *version,
			    const struct secret *value, struct change *c, struct err *e);
/* The same with a new random value, origin "generated". */
MUST_CHECK bool vault_generate(struct vault *v, struct reader *r,
			       const struct instance_row *of, struct version_row *version,
			       struct change *c, struct err *e);
MUST_CHECK bool vault_open(struct vault *v, struct reader *r,
			   const struct instance_row *of,
			   const struct version_row *version, struct secret **ret,
			   struct err *e);

#endif
