/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/identity.h"

#include <stdlib.h>
#include <string.h>

bool identity_key(const struct places *at, const char *file, bool make, struct pkey **ret,
		  struct err *e)
{
	OWNED(secret) pem = NULL;
	OWNED(pkey) key = NULL;
	struct path path;

	if (!path_set(&path, e, "%s/%s", at->conf.text, file))
		return false;
	if (!make || file_has_bytes(path.text))
		return file_read_secret(path.text, &pem, e) &&
		       pkey_from_private_pem(pem, ret, e);
	if (!pkey_new(&key, e) || !pkey_private_pem(key, &pem, e) ||
	    !file_write(path.text, secret_view(pem), 0600, e))
		return false;
	*ret = pkey_move(&key);
	return true;
}

static bool read_text(const char *path, struct buf *ret, struct err *e)
{
	bool found = false;

	if (!file_read(path, 65536, ret, &found, e))
		return false;
	return found && ret->len > 0 ? true
				     : err_set(e, ERR_IO, "%s is missing or empty", path);
}

static bool read_public(const struct config *c, const char *file, struct pkey **ret,
			struct err *e)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	uint8_t spki[PKI_SPKI_MAX];
	struct path path;
	size_t len;

	if (!path_set(&path, e, "%s/%s", c->at.conf.text, file) ||
	    !read_text(path.text, &text, e))
		return false;
	if (!text_unb64url((struct view){ (const uint8_t *)text.at, text.len }, spki,
			   sizeof(spki), &len))
		return err_set(e, ERR_IO, "%s holds no key", path.text);
	return pkey_from_spki((struct view){ spki, len }, ret, e);
}

static bool read_facts(const char *path, struct cert_facts *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf pem = { 0 };

	return read_text(path, &pem, e) && pki_cert_facts(pem.at, ret, e);
}

static bool set_paths(const struct config *c, struct identity *id, struct err *e)
{
	const char *dir = c->at.conf.text;

	return path_set(&id->key_file, e, "%s/identity.key", dir) &&
	       path_set(&id->certificate_file, e, "%s/client.pem", dir) &&
	       path_set(&id->ca_file, e, "%s/ca.pem", dir);
}

static bool read_trust(const struct identity *id, struct ca **ret, struct err *e)
{
	CLEANUP(buf_done) struct buf pem = { 0 };

	return read_text(id->ca_file.text, &pem, e) && ca_trust(pem.at, ret, e);
}

bool identity_open(const struct config *c, struct identity **ret, struct err *e)
{
	OWNED(identity) id = calloc(1, sizeof(*id));
	struct cert_facts facts;

	if (id == NULL)
		return err_set(e, ERR_NO_MEMORY, "no memory for the identity");
	if (!set_paths(c, id, e) ||
	    !identity_key(&c->at, "identity.key", false, &id->identity, e) ||
	    !identity_key(&c->at, "sealing.key", false, &id->sealing, e) ||
	    !read_public(c, "statement.key", &id->statement, e) ||
	    !read_trust(id, &id->trust, e) || !pkey_hash(id->identity, id->hash, e) ||
	    !pkey_kid(id->sealing, id->kid, e) ||
	    !read_facts(id->certificate_file.text, &facts, e))
		return err_wrap(e, "the identity of this host");
	if (strcmp(facts.key_hash, id->hash) != 0)
		return err_set(e, ERR_CONFIG,
			       "client.pem is not the certificate of identity.key");
	*ret = identity_move(&id);
	return true;
}

void identity_free(struct identity *id)
{
	if (id == NULL)
		return;
	pkey_free(id->identity);
	pkey_free(id->sealing);
	pkey_free(id->statement);
	ca_free(id->trust);
	free(id);
}

bool identity_signer(const struct identity *id, struct identity_signer *ret,
		     struct err *e)
{
	*ret = (struct identity_signer){ 0 };
	if (!read_text(id->certificate_file.text, &ret->pem, e))
		return false;
	ret->signer = (struct jws_signer){ id->identity, ret->pem.at };
	return true;
}

void identity_signer_done(struct identity_signer *s)
{
	buf_done(&s->pem);
}

bool identity_certificate_ends(const struct identity *id, int64_t *ret_us, struct err *e)
{
	struct cert_facts facts;

	if (!read_facts(id->certificate_file.text, &facts, e))
		return false;
	*ret_us = facts.not_after_us;
	return true;
}
