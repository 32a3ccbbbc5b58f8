/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay_tool - what hosts seal for one another and sign when they ask, as a program for the
 *              interop tests.
 *
 * ask      IDENTITY CERT SEALING   the ask; its sealing key is the public half of SEALING
 * seal     IDENTITY CERT SEALING   the value on stdin; sealed to the public half of SEALING
 * state    the same over bytes that are no secret
 * check    CA                      the ask on stdin
 * open     CA SEALING              what was sealed, on stdin
 * unstate  CA SEALING
 *
 * Keys and certificates are PEM files. Everything it touches is made by the tests: it takes no
 * care of secrets.
 */
#include "common/clock.h"
#include "crypto/ask.h"
#include "crypto/relay.h"
#include "tests/interop/relay_sample.h"
#include "tests/interop/tool.h"

#include <inttypes.h>

struct tool {
	struct pkey *identity, *sealing; /* owned */
	struct ca *ca;                   /* owned */
	char *pem;                       /* owned: the certificate, or the CA's */
};

static void tool_done(struct tool *t)
{
	pkey_free(t->identity);
	pkey_free(t->sealing);
	ca_free(t->ca);
	free(t->pem);
}

static bool load_pem(const char *path, struct tool *t, struct err *e)
{
	FILE *f = fopen(path, "re");

	t->pem = read_all(f);
	if (f)
		fclose(f);
	return (f && t->pem) || err_set(e, ERR_IO, "%s", path);
}

static struct jws_signer signer(const struct tool *t)
{
	return (struct jws_signer){ t->identity, t->pem };
}

static struct relay_reader reader(const struct tool *t)
{
	return (struct relay_reader){ { t->ca, clock_wall_us(clock_system()) },
				      t->sealing };
}

static bool do_ask(struct tool *t, struct err *e)
{
	struct ask ask = { relay_sample.instance, relay_sample.secret,
			   relay_sample.attempt,  "migrate-in",
			   "0123456789abcdef",    clock_wall_us(clock_system()) };
	struct jws_signer by = signer(t);
	CLEANUP(buf_done) struct buf out = { 0 };

	return ask_sign(&by, &ask, t->sealing, &out, e) && puts(out.at) >= 0;
}

static bool do_check(struct tool *t, struct err *e)
{
	CLEANUP(asked_done) struct asked a = { 0 };
	struct jws_reader by = reader(t).signer;
	char *text = read_all(stdin), kid[PKI_KID];
	bool ok = text &&
		  ask_check(&by, (struct view){ (uint8_t *)text, strlen(text) }, &a, e) &&
		  pkey_kid(a.sealing, kid, e);

	if (ok)
		printf("%s %s %s %s %s %s %s %s\n", a.ask.instance.text,
		       a.ask.secret.text, a.ask.attempt.text, a.ask.purpose, a.ask.nonce,
		       a.by.name, a.by.key_hash, kid);
	free(text);
	return ok;
}

static bool do_seal(struct tool *t, struct err *e)
{
	struct seal_header header = relay_sample;
	struct jws_signer by = signer(t);
	CLEANUP(buf_done) struct buf out = { 0 };
	OWNED(secret) value = NULL;

	return read_value(&value, e) &&
	       relay_seal(&by, t->sealing, &header, value, &out, e) && puts(out.at) >= 0;
}

static bool do_state(struct tool *t, struct err *e)
{
	struct seal_header header = relay_sample;
	struct jws_signer by = signer(t);
	CLEANUP(buf_done) struct buf out = { 0 };
	OWNED(secret) value = NULL;

	return read_value(&value, e) &&
	       relay_seal_bytes(&by, t->sealing, &header, secret_view(value), &out, e) &&
	       puts(out.at) >= 0;
}

static void print_relayed(const struct relayed *r, struct view value)
{
	const struct seal_header *h = &r->header;

	printf("%s %s %s %" PRId64 " %s %" PRId64 " %s %s %" PRId64 " %s %s\n", h->kid,
	       h->instance.text, h->secret.text, h->version, h->purpose, h->epoch,
	       h->attempt.text, h->nonce, h->handover, r->from.name, r->from.key_hash);
	print_value(value);
}

static bool do_open(struct tool *t, struct err *e)
{
	struct relay_reader by = reader(t);
	char *text = read_all(stdin);
	OWNED(secret) value = NULL;
	struct relayed r;
	bool ok = text && relay_open(&by, (struct view){ (uint8_t *)text, strlen(text) },
				     &r, &value, e);

	if (ok)
		print_relayed(&r, secret_view(value));
	free(text);
	return ok;
}

static bool do_unstate(struct tool *t, struct err *e)
{
	struct relay_reader by = reader(t);
	char *text = read_all(stdin);
	CLEANUP(buf_done) struct buf bytes = { 0 };
	struct relayed r;
	bool ok = text &&
		  relay_open_bytes(&by, (struct view){ (uint8_t *)text, strlen(text) },
				   &r, &bytes, e);

	if (ok)
		print_relayed(&r, (struct view){ (uint8_t *)bytes.at, bytes.len });
	free(text);
	return ok;
}

static const struct {
	const char *verb;
	bool (*run)(struct tool *, struct err *);
	int sender, receiver; /* how many words follow, or 0 */
} verbs[] = {
	{ "ask", do_ask, 3, 0 },     { "seal", do_seal, 3, 0 },
	{ "state", do_state, 3, 0 }, { "check", do_check, 0, 1 },
	{ "open", do_open, 0, 2 },   { "unstate", do_unstate, 0, 2 },
};

static bool load(struct tool *t, bool sender, int n, char **words, struct err *e)
{
	if (sender)
		return load_key(words[0], &t->identity, e) && load_pem(words[1], t, e) &&
		       load_key(words[2], &t->sealing, e);
	return load_pem(words[0], t, e) && ca_trust(t->pem, &t->ca, e) &&
	       (n == 1 || load_key(words[1], &t->sealing, e));
}

int main(int argc, char **argv)
{
	CLEANUP(tool_done) struct tool t = { 0 };
	struct err e = { 0 };
	bool ok = err_set(&e, ERR_USAGE, "see the head of relay_tool.c");

	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(verbs); i++)
		if (strcmp(verbs[i].verb, argv[1]) == 0 &&
		    argc - 2 == verbs[i].sender + verbs[i].receiver)
			ok = load(&t, verbs[i].sender, argc - 2, argv + 2, &e) &&
			     verbs[i].run(&t, &e);
	if (!ok)
		fprintf(stderr, "relay_tool: %s: %s\n", err_info(e.kind)->code, e.trail);
	return ok ? 0 : 1;
}
