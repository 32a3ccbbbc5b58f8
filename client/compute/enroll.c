/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/broker.h"
#include "client/compute/commands.h"
#include "common/http_client.h"
#include "common/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024, FIND_MS = 10000, TOKEN_CHARS = 43, WAIT_MS = 1000 };

/* vtpm-enroll:1:URL#NAME#TOKEN_ID#CA_KEY_HASH#TOKEN */
struct ticket {
	char url[256];
	char name[64];
	struct uuid token_id;
	char ca_hash[PKI_HASH_HEX];
	struct secret *token; /* owned */
};

static void ticket_done(struct ticket *t)
{
	secret_free(t->token);
}

static bool read_line(const char *file, struct secret **ret, struct err *e)
{
	OWNED(secret) line = NULL;
	FILE *from = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	size_t n;

	if (from == NULL)
		return err_errno(e, ERR_IO, "cannot read %s", file);
	if (!secret_new(LINE_MAX_BYTES, &line, e)) {
		fclose(from);
		return false;
	}
	setvbuf(from, NULL, _IONBF, 0); /* nothing stays in a buffer of stdio */
	n = fread(secret_fill(line), 1, LINE_MAX_BYTES - 1, from);
	fclose(from);
	if (n == 0 || !secret_truncate(line, n + 1))
		return err_set(e, ERR_ENROLL_TOKEN_INVALID, "%s is empty", file);
	*ret = secret_move(&line);
	return true;
}

/* The text up to the next '#', or up to the line's end for the last part. */
static bool take_part(const char **at, char end, char *ret, size_t cap)
{
	size_t n = strcspn(*at, end == '#' ? "#\r\n" : " \t\r\n");

	if (n == 0 || n >= cap || (end == '#' && (*at)[n] != '#'))
		return false;
	memcpy(ret, *at, n);
	ret[n] = '\0';
	*at += n + (end == '#');
	return true;
}

static bool take_token(const char *at, struct secret **ret, struct err *e)
{
	size_t n = strcspn(at, " \t\r\n");

	return n == TOKEN_CHARS &&
	       secret_from((struct view){ (const uint8_t *)at, n }, ret, e);
}

static bool ticket_parse(const struct secret *line, struct ticket *ret, struct err *e)
{
	static const char start[] = "vtpm-enroll:1:";
	const char *at = (const char *)secret_view(line).at;
	char id[37];

	if (strncmp(at, start, sizeof(start) - 1) != 0)
		return err_set(e, ERR_ENROLL_TOKEN_INVALID, "this is no enrolment token");
	at += sizeof(start) - 1;
	if (!take_part(&at, '#', ret->url, sizeof(ret->url)) ||
	    !take_part(&at, '#', ret->name, sizeof(ret->name)) ||
	    !take_part(&at, '#', id, sizeof(id)) ||
	    !take_part(&at, '#', ret->ca_hash, sizeof(ret->ca_hash)) ||
	    !text_is_name(ret->name, sizeof(ret->name) - 1) ||
	    strlen(ret->ca_hash) != PKI_HASH_HEX - 1 ||
	    !uuid_parse(id, "token", &ret->token_id, e) ||
	    !take_token(at, &ret->token, e))
		return err_set(e, ERR_ENROLL_TOKEN_INVALID,
			       "the enrolment token is damaged");
	return true;
}

/* ---- the broker's CA, known by its key ---- */

static bool is_pinned(void *ctx, const char *pem)
{
	const struct ticket *t = ctx;
	char hash[PKI_HASH_HEX];
	struct err e = { 0 };

	return pki_pem_key_hash(pem, hash, &e) && strcmp(hash, t->ca_hash) == 0;
}

static bool connect_pinned(struct ticket *t, struct http_client **ret, struct err *e)
{
	CLEANUP(buf_done) struct buf ca = { 0 };
	struct http_client_options o = { .url = t->url };

	if (!http_client_find_ca(t->url, FIND_MS, is_pinned, t, &ca, e))
		return false;
	o.ca_pem = ca.at;
	return http_client_new(&o, ret, e);
}

/* ---- the request ---- */

static void write_public_part(const struct ticket *t, const char *csr,
			      const char *address, struct buf *ret)
{
	struct json_writer w = { .to = ret };

	json_open(&w, NULL);
	json_put_text(&w, "token_id", t->token_id.text);
	json_put_text(&w, "csr", csr);
	json_put_lines(&w, "policies", "user\nhost\ndeployment");
	json_put_integer(&w, "protocol", 1);
	json_open_list(&w, "features");
	json_close_list(&w);
	if (address != NULL)
		json_put_text(&w, "address", address);
	json_close(&w);
}

/* The token is put in by hand, so that it is in no buffer but a secret's. */
static bool add_token(const struct ticket *t, const struct buf *rest, struct secret **ret,
		      struct err *e)
{
	static const char head[] = "{\"token\":\"";
	struct view token = secret_view(t->token);
	uint8_t *to;

	if (rest->failed ||
	    !secret_new(sizeof(head) - 1 + token.len + 2 + rest->len - 1, ret, e))
		return false;
	to = secret_fill(*ret);
	memcpy(to, head, sizeof(head) - 1);
	to += sizeof(head) - 1;
	memcpy(to, token.at, token.len);
	to += token.len;
	memcpy(to, "\",", 2);
	memcpy(to + 2, rest->at + 1, rest->len - 1);
	return true;
}

static bool ask(struct ticket *t, const char *csr, const char *address, struct json **ret,
		struct err *e)
{
	CLEANUP(http_answer_done) struct http_answer answer = { 0 };
	CLEANUP(buf_done) struct buf rest = { 0 };
	OWNED(http_client) client = NULL;
	OWNED(secret) body = NULL;
	struct http_ask q = { .method = "POST", .path = "/v1/enroll" };

	write_public_part(t, csr, address, &rest);
	if (!connect_pinned(t, &client, e) || !add_token(t, &rest, &body, e))
		return false;
	q.body = secret_view(body);
	return http_client_ask(client, &q, &answer, e) &&
	       json_parse((struct view){ (const uint8_t *)answer.body.at,
					 answer.body.len },
			  ret, e);
}

/* ---- what comes back ---- */

static bool check_answer(struct ticket *t, const struct json *j,
			 const struct pkey *identity, struct err *e)
{
	const char *pem = json_get_text(j, "certificate");
	const char *ca = json_get_text(j, "ca");
	struct cert_facts facts;
	char hash[PKI_HASH_HEX];

	if (pem == NULL || ca == NULL || !is_pinned(t, ca) ||
	    !pki_cert_facts(pem, &facts, e) || !pkey_hash(identity, hash, e) ||
	    strcmp(facts.key_hash, hash) != 0 || strcmp(facts.name, t->name) != 0)
		return err_set(e, ERR_BAD_SERVER,
			       "the broker's answer is not for this host");
	return true;
}

static bool write_text(const struct places *at, const char *file, const char *text,
		       struct err *e)
{
	struct path path;

	if (text == NULL)
		return err_set(e, ERR_BAD_SERVER, "the broker's answer lacks %s", file);
	return path_set(&path, e, "%s/%s", at->conf.text, file) &&
	       file_write(path.text, (struct view){ (const uint8_t *)text, strlen(text) },
			  0644, e);
}

/* client.conf last: with it, the host counts as enrolled. */
static bool keep_answer(const struct options *o, const struct ticket *t,
			const struct json *j, struct err *e)
{
	struct config c = { .at = o->at };

	memcpy(c.url, t->url, sizeof(c.url));
	memcpy(c.name, t->name, sizeof(c.name));
	return write_text(&o->at, "ca.pem", json_get_text(j, "ca"), e) &&
	       write_text(&o->at, "client.pem", json_get_text(j, "certificate"), e) &&
	       write_text(&o->at, "statement.key", json_get_text(j, "statement_key"),
			  e) &&
	       write_text(&o->at, "recovery.key", json_get_text(j, "recovery_key"), e) &&
	       config_save(&c, e);
}

static bool enroll(const struct options *o, struct ticket *t, char ret_hash[PKI_HASH_HEX],
		   struct err *e)
{
	CLEANUP(buf_done) struct buf csr = { 0 };
	OWNED(pkey) identity = NULL;
	OWNED(pkey) sealing = NULL;
	OWNED(json) answer = NULL;

	return file_make_dir(o->at.conf.text, 0700, e) &&
	       identity_key(&o->at, "identity.key", true, &identity, e) &&
	       identity_key(&o->at, "sealing.key", true, &sealing, e) &&
	       pkey_hash(identity, ret_hash, e) &&
	       csr_make(identity, sealing, t->name, &t->token_id, &csr, e) &&
	       ask(t, csr.at, o->address, &answer, e) &&
	       check_answer(t, answer, identity, e) && keep_answer(o, t, answer, e);
}

static bool wait_for_approval(const struct options *o, struct err *e)
{
	OWNED(identity) id = NULL;
	OWNED(broker) broker = NULL;
	struct config c;
	char state[16] = "";

	if (!config_load(&o->at, &c, e) || !identity_open(&c, &id, e) ||
	    !broker_open(&c, id, &broker, e))
		return false;
	printf("waiting for approval; to approve: vtpmctl host approve %s\n", c.name);
	fflush(stdout);
	while (strcmp(state, "approved") != 0 && strcmp(state, "draining") != 0) {
		struct err later = { 0 };

		if (!broker_host_state(broker, state, &later) &&
		    err_info(later.kind)->status < 500) {
			*e = later;
			return false;
		}
		if (strcmp(state, "fenced") == 0 || strcmp(state, "revoked") == 0)
			return err_set(e, ERR_FORBIDDEN, "the host is %s", state);
		nanosleep(&(struct timespec){ WAIT_MS / 1000, WAIT_MS % 1000 * 1000000 },
			  NULL);
	}
	printf("approved; next: vtpm-client agent\n");
	return true;
}

bool command_enroll(const struct options *o, struct err *e)
{
	CLEANUP(ticket_done) struct ticket t = { 0 };
	OWNED(secret) line = NULL;
	char hash[PKI_HASH_HEX];

	if (!secret_slab_open(65536, e) ||
	    !read_line(o->word != NULL ? o->word : "-", &line, e) ||
	    !ticket_parse(line, &t, e) || !enroll(o, &t, hash, e))
		return false;
	printf("enrolled %s at %s\nfingerprint %s\n", t.name, t.url, hash);
	fflush(stdout);
	return o->no_wait || wait_for_approval(o, e);
}
