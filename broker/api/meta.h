/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta - the names in the table of keys and facts of an installation (store_file).
 *
 * Knows:   keys are stored wrapped by the root key; facts are plain text.
 */
#ifndef BROKER_API_META_H
#define BROKER_API_META_H

#define META_BROKER "broker"          /* UUID made at init */
#define META_ROOT_ID "root-key"       /* rootkey_id of the key that wraps the others */
#define META_BACKUP "root-key-backup" /* when a backup was made, RFC 3339 */
#define META_CA_PEM "ca"              /* the CA's certificate */
#define META_CREATED "created"        /* when, RFC 3339 */
#define META_KEY_ROW "key.row-mac"    /* HMAC of rows */
#define META_KEY_AUDIT "key.audit"    /* HMAC of audit chains */
#define META_KEY_STATEMENT "key.statement" /* signs leases */
#define META_KEY_RECOVERY "key.recovery"   /* its public half goes to hosts */
#define META_KEY_CA "key.ca"

#endif
