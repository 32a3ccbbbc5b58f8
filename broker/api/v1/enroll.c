/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/api.h"
#include "broker/api/v1/handlers.h"
#include "crypto/random.h"

enum { TOKEN_CHARS = 43 };
static const int64_t TOKEN_LIFE_US = 3600 * US_PER_S;

struct token_body {
	char name[NAME_SIZE];
};

static const struct json_field token_fields[] = {
	{ .name = "name",
	  .type = FIELD_NAME,
	  API_AT(struct token_body, name),
	  .min = 1,
	  .max = NAME_SIZE - 1,
	  .required = true },
};

/* The token leaves in this reply and is nowhere else; the store has its digest. */
static void answer_token(struct api *api, struct exchange *x,
			 const struct enroll_row *row, const struct secret *token)
{
	char text[TOKEN_CHARS + 1] = "";
	struct view v = secret_view(token);
	struct json_writer w;

	assert(v.len == TOKEN_CHARS);
	memcpy(text, v.at, v.len);
	exchange_json(x, 201, &w);
	json_open(&w, NULL);
	json_put_text(&w, "id", row->id.text);
	json_put_text(&w, "name", row->name);
	json_put_text(&w, "token", text);
	api_put_time(&w, "expires", row->expires_us);
	json_put_text(&w, "ca", api->ca_hash);
	json_close(&w);
	explicit_bzero(text, sizeof(text));
}

/* In paths "self" is the host that asks, so no host is called that. */
static bool name_may_be_given(const char *name, struct err *e)
{
	return strcmp(name, "self") != 0 ||
	       err_field(e, ERR_BAD_VALUE, "name", "every host is \"self\" to itself");
}

/* POST /v1/host-tokens - one use, one hour, one name. */
bool api_host_token(struct api *api, struct exchange *x, struct err *e)
{
	struct token_body body = { 0 };
	struct enroll_row row = { 0 };
	OWNED(secret) token = NULL;

	if (!API_BODY(x, token_fields, &body, e) || !name_may_be_given(body.name, e) ||
	    !uuid_random(&row.id, e) || !random_token(&token, e) ||
	    !digest_sha256(secret_view(token), row.sha256, e))
		return false;
	memcpy(row.name, body.name, sizeof(row.name));
	row.created_us = clock_wall_us(api->clock);
	row.expires_us = row.created_us + TOKEN_LIFE_US;
	change_set_class(x->change, CHANGE_CREATE);
	change_put(x->change, TABLE_ENROLL, &row);
	text_cut(api_allowed(api, x)->target, 2 * NAME_SIZE, row.name);
	answer_token(api, x, &row, token);
	return change_ok(x->change, e);
}

struct enroll_body {
	struct uuid token_id;
	char token[TOKEN_CHARS + 1];
	char csr[PKI_PEM_MAX];
	char policies[4 * WORD_SIZE];
	int64_t protocol;
	char features[SUBJECT_SIZE];
	char address[NAME_SIZE];
};

static const struct json_field enroll_fields[] = {
	{ .name = "token_id",
	  .type = FIELD_UUID,
	  API_AT(struct enroll_body, token_id),
	  .required = true },
	{ .name = "token",
	  .type = FIELD_TEXT,
	  API_AT(struct enroll_body, token),
	  .min = TOKEN_CHARS,
	  .max = TOKEN_CHARS,
	  .required = true },
	{ .name = "csr",
	  .type = FIELD_TEXT,
	  API_AT(struct enroll_body, csr),
	  .min = 1,
	  .max = PKI_PEM_MAX - 1,
	  .required = true },
	{ .name = "policies",
	  .type = FIELD_LIST,
	  API_AT(struct enroll_body, policies),
	  .min = 1,
	  .max = WORD_SIZE - 1,
	  .required = true },
	{ .name = "protocol",
	  .type = FIELD_INTEGER,
	  API_AT(struct enroll_body, protocol),
	  .min = 1,
	  .max = 1000,
	  .required = true },
	{ .name = "features",
	  .type = FIELD_LIST,
	  API_AT(struct enroll_body, features),
	  .min = 0,
	  .max = WORD_SIZE - 1 },
	{ .name = "address",
	  .type = FIELD_TEXT,
	  API_AT(struct enroll_body, address),
	  .min = 1,
	  .max = NAME_SIZE - 1 },
};

/* The token: unknown, foreign and late are told alike; used is told, to who holds it. */
static bool token_check(struct api *api, struct exchange *x,
			const struct enroll_body *body, struct enroll_row *ret,
			struct err *e)
{
	struct view text = { (const uint8_t *)body->token, TOKEN_CHARS };
	uint8_t sha256[32];

	if (!read_enroll(x->db, &body->token_id, ret, e) ||
	    !digest_sha256(text, sha256, e))
		return false;
	if (ret->head.generation == 0 || !mac_equal(sha256, ret->sha256))
		return err_set(e, ERR_ENROLL_TOKEN_INVALID,
			       "this token is not known here");
	if (ret->used_us)
		return err_set(e, ERR_ENROLL_TOKEN_USED,
			       "a host enrolled with this token");
	if (ret->expires_us <= clock_wall_us(api->clock))
		return err_set(e, ERR_ENROLL_TOKEN_INVALID,
			       "the token was good for one hour");
	return true;
}

/* What a request proves, as a row: both keys, but no state yet. */
static bool host_from_csr(const struct csr_facts *f, struct host_row *ret, struct err *e)
{
	OWNED(pkey) identity = NULL;
	OWNED(pkey) sealing = NULL;

	if (!pkey_from_spki((struct view){ f->identity_spki, f->identity_len }, &identity,
			    e) ||
	    !pkey_from_spki((struct view){ f->sealing_spki, f->sealing_len }, &sealing,
			    e) ||
	    !pkey_hash(identity, ret->key_hash, e) ||
	    !pkey_kid(sealing, ret->sealing_kid, e))
		return false;
	text_cut(ret->name, sizeof(ret->name), f->name);
	memcpy(ret->sealing_spki, f->sealing_spki, f->sealing_len);
	ret->sealing_len = (int64_t)f->sealing_len;
	return true;
}

static bool same_sealing_key(const struct host_row *a, const struct host_row *b)
{
	return strcmp(a->sealing_kid, b->sealing_kid) == 0;
}

/* A fence stays; an approval stays while the sealing key, too, is the one approved. */
static void keep_state(const struct host_row *before, struct host_row *h)
{
	bool fenced = strcmp(before->state, "fenced") == 0;
	bool same = same_sealing_key(h, before) && strcmp(before->state, "revoked") != 0;
	const char *state = fenced ? "fenced" : same ? before->state : "pending";

	h->head = before->head;
	h->created_us = before->created_us;
	h->fenced_us = before->fenced_us;
	h->approved_us = same ? before->approved_us : 0;
	text_cut(h->state, sizeof(h->state), state);
}

/* A name belongs to the key that has it until that key is revoked; so does a key to a name. */
static bool inherit(struct exchange *x, struct host_row *h, int64_t now_us, struct err *e)
{
	struct host_row named, before;

	if (!read_host_by_name(x->db, h->name, &named, e) ||
	    !read_host(x->db, h->key_hash, &before, e))
		return false;
	if (named.head.generation && strcmp(named.key_hash, h->key_hash) != 0)
		return err_field(e, ERR_HOST_NAME_TAKEN, "csr",
				 "a host of this name has another key");
	h->created_us = now_us;
	if (before.head.generation == 0)
		return text_copy(h->state, sizeof(h->state), "pending");
	if (strcmp(before.name, h->name) != 0 && strcmp(before.state, "revoked") != 0)
		return err_field(e, ERR_HOST_NAME_TAKEN, "csr",
				 "this key has another name");
	keep_state(&before, h);
	return true;
}

/* It is shown to people, and comes from a machine that nobody has approved yet. */
static bool address_is_good(const char *address, struct err *e)
{
	return address[0] == '\0' || text_is_display(address, NAME_SIZE - 1) ||
	       err_field(e, ERR_BAD_VALUE, "address", "no control characters, please");
}

static bool enroll_host(struct api *api, struct exchange *x,
			const struct enroll_body *body, const struct enroll_row *token,
			struct host_row *ret, struct err *e)
{
	struct csr_facts facts = { 0 };

	if (!csr_check(body->csr, &body->token_id, &facts, e))
		return false;
	if (strcmp(facts.name, token->name) != 0)
		return err_field(e, ERR_ENROLL_TOKEN_INVALID, "csr",
				 "the token was made for another name");
	if (!host_from_csr(&facts, ret, e) ||
	    !inherit(x, ret, clock_wall_us(api->clock), e) ||
	    !api_parse_policies(body->policies, "policies", &ret->policies, e) ||
	    !address_is_good(body->address, e))
		return false;
	ret->protocol = body->protocol;
	memcpy(ret->features, body->features, sizeof(ret->features));
	memcpy(ret->address, body->address, sizeof(ret->address));
	return true;
}

static bool certify(struct api *api, const char *csr, const struct uuid *token_id,
		    struct buf *ret, struct err *e)
{
	struct csr_facts f = { 0 };
	OWNED(pkey) key = NULL;

	return csr_check(csr, token_id, &f, e) &&
	       pkey_from_spki((struct view){ f.identity_spki, f.identity_len }, &key,
			      e) &&
	       ca_issue_host(api->ca, key, f.name, clock_wall_us(api->clock),
			     API_CERTIFICATE_DAYS, ret, e);
}

static bool put_public(struct json_writer *w, const char *name, const struct pkey *key,
		       struct err *e)
{
	uint8_t der[PKI_SPKI_MAX];
	char text[B64URL_SIZE(PKI_SPKI_MAX)];
	size_t len = 0;

	if (!pkey_spki(key, der, sizeof(der), &len, e))
		return false;
	text_b64url((struct view){ der, len }, text);
	json_put_text(w, name, text);
	return true;
}

static bool answer_enrolled(struct api *api, struct exchange *x, const struct host_row *h,
			    const char *certificate, struct err *e)
{
	struct json_writer w;

	exchange_json(x, 201, &w);
	json_open(&w, NULL);
	json_put_text(&w, "name", h->name);
	json_put_text(&w, "state", h->state);
	json_put_text(&w, "fingerprint", h->key_hash);
	json_put_text(&w, "certificate", certificate);
	json_put_text(&w, "ca", api->ca_pem);
	if (!put_public(&w, "statement_key", api->statement, e) ||
	    !put_public(&w, "recovery_key", api->recovery, e))
		return false;
	json_put_text(&w, "broker", api->broker_uuid);
	json_close(&w);
	return true;
}

static void audit_host(struct api *api, struct exchange *x, const struct host_row *h)
{
	struct audit_record *a = api_allowed(api, x);

	text_cut(a->target, sizeof(a->target), h->name);
	text_cut(a->host, sizeof(a->host), h->name);
	text_cut(a->credential, sizeof(a->credential), h->key_hash);
	api_weigh(a, "host", h->head.generation);
}

/* Token and hosts as they are at one moment: a rival is told of the token, not of the name. */
static bool enroll_check(struct api *api, struct exchange *x,
			 const struct enroll_body *body, struct enroll_row *ret_token,
			 struct host_row *ret_host, struct err *e)
{
	bool good;

	if (!reader_begin(x->db, e))
		return false;
	good = token_check(api, x, body, ret_token, e) &&
	       enroll_host(api, x, body, ret_token, ret_host, e);
	reader_end(x->db);
	return good;
}

/* POST /v1/enroll - writing the token's row is what makes it good for one use. */
bool api_enroll(struct api *api, struct exchange *x, struct err *e)
{
	struct enroll_body body = { 0 };
	struct enroll_row token;
	struct host_row host = { 0 };
	CLEANUP(buf_done) struct buf certificate = { 0 };

	if (!API_BODY(x, enroll_fields, &body, e) ||
	    !enroll_check(api, x, &body, &token, &host, e) ||
	    !certify(api, body.csr, &body.token_id, &certificate, e))
		return false;
	token.used_us = clock_wall_us(api->clock);
	change_set_class(x->change, CHANGE_CREATE);
	change_put(x->change, TABLE_ENROLL, &token);
	change_put(x->change, TABLE_HOST, &host);
	audit_host(api, x, &host);
	return answer_enrolled(api, x, &host, certificate.at, e) &&
	       change_ok(x->change, e);
}

struct renew_body {
	char csr[PKI_PEM_MAX];
};

static const struct json_field renew_fields[] = {
	{ .name = "csr",
	  .type = FIELD_TEXT,
	  API_AT(struct renew_body, csr),
	  .min = 1,
	  .max = PKI_PEM_MAX - 1,
	  .required = true },
};

/* A renewal changes nothing but dates: same name, same keys, proven anew. */
static bool same_host(const struct host_row *h, const char *csr, const struct uuid *nil,
		      struct err *e)
{
	struct csr_facts facts = { 0 };
	struct host_row asks = { 0 };

	if (!csr_check(csr, nil, &facts, e) || !host_from_csr(&facts, &asks, e))
		return false;
	if (strcmp(asks.name, h->name) != 0 || strcmp(asks.key_hash, h->key_hash) != 0 ||
	    !same_sealing_key(&asks, h))
		return err_field(e, ERR_BAD_CSR, "csr",
				 "a renewal keeps the host's name and both of its keys");
	return true;
}

/* POST /v1/hosts/self/renew - 90 more days for the calling host. */
bool api_host_renew(struct api *api, struct exchange *x, struct err *e)
{
	static const struct uuid nil = { "00000000-0000-0000-0000-000000000000" };
	struct renew_body body = { 0 };
	struct json_writer w;
	CLEANUP(buf_done) struct buf certificate = { 0 };

	if (!API_BODY(x, renew_fields, &body, e) ||
	    !same_host(&x->who.host, body.csr, &nil, e) ||
	    !certify(api, body.csr, &nil, &certificate, e))
		return false;
	change_guard(x->change, TABLE_HOST, &x->who.host);
	audit_host(api, x, &x->who.host);
	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_text(&w, "certificate", certificate.at);
	json_close(&w);
	return change_ok(x->change, e);
}
