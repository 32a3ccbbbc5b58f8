/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/daemon/keys.h"

#include <stdlib.h>
#include <string.h>

#include "broker/api/meta.h"
#include "crypto/random.h"
#include "crypto/rootkey.h"

enum { MAC_KEY_BYTES = 32, WRAPPED_MAX = 512 };

static struct envelope_binding binding_of(const char *name)
{
	return (struct envelope_binding){ .kind = "key",
					  .id = name,
					  .version = 1,
					  .instance = "",
					  .issuer = "",
					  .project = "",
					  .owner = "",
					  .security = "" };
}

/* ---- making ---- */

static bool put_text(struct store_file *f, const char *name, const char *text,
		     struct err *e)
{
	return store_file_put(f, name,
			      (struct view){ (const uint8_t *)text, strlen(text) }, e);
}

static bool put_wrapped(const struct wrap_key *root, struct store_file *f,
			const char *name, const struct secret *plain, struct err *e)
{
	const struct envelope_binding b = binding_of(name);
	uint8_t sealed[WRAPPED_MAX];
	size_t len = 0;

	return envelope_seal(root, &b, plain, sealed, sizeof(sealed), &len, e) &&
	       store_file_put(f, name, (struct view){ sealed, len }, e);
}

static bool make_mac_key(const struct wrap_key *root, struct store_file *f,
			 const char *name, struct err *e)
{
	OWNED(secret) key = NULL;

	return random_secret(MAC_KEY_BYTES, &key, e) &&
	       put_wrapped(root, f, name, key, e);
}

static bool put_pair(const struct wrap_key *root, struct store_file *f, const char *name,
		     const struct pkey *key, struct err *e)
{
	OWNED(secret) der = NULL;

	return pkey_private_der(key, &der, e) && put_wrapped(root, f, name, der, e);
}

static bool make_pair(const struct wrap_key *root, struct store_file *f, const char *name,
		      struct err *e)
{
	OWNED(pkey) key = NULL;

	return pkey_new(&key, e) && put_pair(root, f, name, key, e);
}

static bool make_ca(const struct wrap_key *root, struct store_file *f, int64_t now_us,
		    struct err *e)
{
	CLEANUP(buf_done) struct buf pem = { 0 };
	OWNED(pkey) key = NULL;

	return ca_make("vtpm-broker CA", now_us, &key, &pem, e) &&
	       put_pair(root, f, META_KEY_CA, key, e) &&
	       put_text(f, META_CA_PEM, pem.at, e);
}

static bool make_facts(const struct wrap_key *root, struct store_file *f, int64_t now_us,
		       struct err *e)
{
	struct uuid broker;
	char id[17], when[32];

	clock_rfc3339(now_us, when);
	return uuid_random(&broker, e) && rootkey_id(root, id, e) &&
	       put_text(f, META_BROKER, broker.text, e) &&
	       put_text(f, META_ROOT_ID, id, e) && put_text(f, META_CREATED, when, e);
}

bool keys_make(const char *root_path, struct store_file *f, int64_t now_us, struct err *e)
{
	OWNED(wrap_key) root = NULL;

	return rootkey_make(root_path, &root, e) && make_facts(root, f, now_us, e) &&
	       make_mac_key(root, f, META_KEY_ROW, e) &&
	       make_mac_key(root, f, META_KEY_AUDIT, e) &&
	       make_pair(root, f, META_KEY_STATEMENT, e) &&
	       make_pair(root, f, META_KEY_RECOVERY, e) && make_ca(root, f, now_us, e);
}

/* ---- opening ---- */

static bool get_text(struct store_file *f, const char *name, char *ret, size_t cap,
		     struct err *e)
{
	size_t len = 0;

	if (!store_file_get(f, name, (uint8_t *)ret, cap - 1, &len, e))
		return err_wrap(e, "fact %s", name);
	ret[len] = '\0';
	return true;
}

static bool get_wrapped(const struct keys *k, struct store_file *f, const char *name,
			struct secret **ret, struct err *e)
{
	const struct envelope_binding b = binding_of(name);
	uint8_t sealed[WRAPPED_MAX];
	size_t len = 0;

	return (store_file_get(f, name, sealed, sizeof(sealed), &len, e) &&
		envelope_open(k->root, &b, (struct view){ sealed, len }, ret, e)) ||
	       err_wrap(e, "%s", name);
}

static bool open_mac_key(const struct keys *k, struct store_file *f, const char *name,
			 struct mac_key **ret, struct err *e)
{
	OWNED(secret) bytes = NULL;

	return get_wrapped(k, f, name, &bytes, e) && mac_key_from(bytes, ret, e);
}

static bool open_pair(const struct keys *k, struct store_file *f, const char *name,
		      struct pkey **ret, struct err *e)
{
	OWNED(secret) der = NULL;

	return get_wrapped(k, f, name, &der, e) && pkey_from_private_der(der, ret, e);
}

static bool open_ca(struct keys *k, struct store_file *f, struct err *e)
{
	struct cert_facts facts;

	if (!open_pair(k, f, META_KEY_CA, &k->ca_key, e) ||
	    !get_text(f, META_CA_PEM, k->ca_pem, sizeof(k->ca_pem), e) ||
	    !ca_open(k->ca_key, k->ca_pem, &k->ca, e) ||
	    !ca_key_hash(k->ca, k->ca_hash, e) || !pki_cert_facts(k->ca_pem, &facts, e))
		return false;
	k->since_us = facts.not_before_us;
	return true;
}

/* Told by its id before anything is unwrapped, so that the wrong file is called the wrong file. */
static bool check_root(const struct keys *k, struct store_file *f, const char *path,
		       struct err *e)
{
	char wanted[32], is[17];

	if (!get_text(f, META_ROOT_ID, wanted, sizeof(wanted), e) ||
	    !rootkey_id(k->root, is, e))
		return false;
	if (strcmp(wanted, is) != 0)
		return err_set(e, ERR_ROOT_KEY_BAD,
			       "%s is the root key of another installation", path);
	return true;
}

static bool open_all(struct keys *k, const char *root_path, const char *database,
		     struct err *e)
{
	OWNED(store_file) f = NULL;

	return store_file_open(database, &f, e) && rootkey_load(root_path, &k->root, e) &&
	       check_root(k, f, root_path, e) &&
	       get_text(f, META_BROKER, k->broker_uuid, sizeof(k->broker_uuid), e) &&
	       open_mac_key(k, f, META_KEY_ROW, &k->row, e) &&
	       open_mac_key(k, f, META_KEY_AUDIT, &k->audit, e) &&
	       open_pair(k, f, META_KEY_STATEMENT, &k->statement, e) &&
	       open_pair(k, f, META_KEY_RECOVERY, &k->recovery, e) && open_ca(k, f, e);
}

bool keys_open(const char *root_path, const char *database, struct keys **ret,
	       struct err *e)
{
	OWNED(keys) k = calloc(1, sizeof(*k));

	if (!k)
		return err_set(e, ERR_NO_MEMORY, "no memory for the keys");
	if (!open_all(k, root_path, database, e))
		return false;
	*ret = keys_move(&k);
	return true;
}

void keys_free(struct keys *k)
{
	if (!k)
		return;
	ca_free(k->ca);
	pkey_free(k->ca_key);
	pkey_free(k->recovery);
	pkey_free(k->statement);
	mac_key_free(k->audit);
	mac_key_free(k->row);
	wrap_key_free(k->root);
	free(k);
}
