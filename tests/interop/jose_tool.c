/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jose_tool - our sealing and signing, and cjose's, as a program for the interop tests.
 *
 * Keys are P-256 private keys in PEM files; values are hexadecimal on stdin and stdout.
 * Everything it touches is made by the tests: it takes no care of secrets.
 */
#include "crypto/seal.h"
#include "crypto/statement.h"
#include "tests/interop/tool.h"

#include <inttypes.h>

#ifdef HAVE_CJOSE
#include <cjose/cjose.h>
#include <jansson.h>
#endif

static bool do_seal(const struct pkey *key, struct err *e)
{
	struct seal_header header = { .instance = instance,
				      .secret = secret_id,
				      .version = 3,
				      .purpose = "start",
				      .epoch = 7,
				      .attempt = attempt,
				      .nonce = "0123456789abcdef" };
	CLEANUP(buf_done) struct buf jwe = { 0 };
	OWNED(sealer) sealer = NULL;
	OWNED(secret) value = NULL;

	if (!read_value(&value, e) || !sealer_new(key, &sealer, e) ||
	    !seal_jwe(sealer, &header, value, &jwe, e))
		return false;
	return puts(jwe.at) >= 0;
}

static bool do_open(const struct pkey *key, struct err *e)
{
	char *text = read_all(stdin);
	OWNED(secret) value = NULL;
	struct seal_header header;
	bool ok = text && open_jwe(key, (struct view){ (uint8_t *)text, strlen(text) },
				   &header, &value, e);

	if (ok) {
		printf("%s %s %s %" PRId64 " %s %" PRId64 " %s %s\n", header.kid,
		       header.instance.text, header.secret.text, header.version,
		       header.purpose, header.epoch, header.attempt.text, header.nonce);
		print_value(secret_view(value));
	}
	free(text);
	return ok;
}

static bool do_kid(const struct pkey *key, struct err *e)
{
	char kid[PKI_KID];

	return pkey_kid(key, kid, e) && puts(kid) >= 0;
}

static bool do_lease(const struct pkey *key, struct err *e)
{
	struct lease lease = { .instance = instance,
			       .version = 3,
			       .epoch = 7,
			       .issued_us = INT64_C(1790000000000000),
			       .ends_us = INT64_C(1790600000000000) };
	CLEANUP(buf_done) struct buf jws = { 0 };

	return pkey_hash(key, lease.host, e) && lease_sign(key, &lease, &jws, e) &&
	       puts(jws.at) >= 0;
}

static bool do_check(const struct pkey *key, struct err *e)
{
	char *text = read_all(stdin);
	struct lease l;
	bool ok = text &&
		  lease_check(key, (struct view){ (uint8_t *)text, strlen(text) }, &l, e);

	if (ok)
		printf("%s %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", l.host,
		       l.instance.text, l.version, l.epoch, l.issued_us, l.ends_us);
	free(text);
	return ok;
}

#ifdef HAVE_CJOSE
/* cjose wants a JWK: stdin has it in its first line, and the value or text in its second. */
static cjose_jwk_t *read_jwk(char *text, char **ret_rest, cjose_err *why)
{
	*ret_rest = strchr(text, '\n');
	if (!*ret_rest)
		return NULL;
	*(*ret_rest)++ = '\0';
	return cjose_jwk_import(text, strlen(text), why);
}

/* A cjose header is a json_t; its own setters know no numbers. */
static bool cjose_seal_value(const cjose_jwk_t *jwk, const char *hex, cjose_err *why)
{
	cjose_header_t *header = cjose_header_new(why);
	uint8_t value[256];
	size_t len = strlen(hex) / 2;
	cjose_jwe_t *jwe;
	char *text;

	if (len > sizeof(value) || !text_unhex(hex, value, len) || !header ||
	    json_object_set_new((json_t *)header, "epoch", json_integer(7)) != 0 ||
	    json_object_set_new((json_t *)header, "version", json_integer(3)) != 0 ||
	    !cjose_header_set(header, "typ", SEAL_TYP, why) ||
	    !cjose_header_set(header, CJOSE_HDR_ALG, CJOSE_HDR_ALG_ECDH_ES, why) ||
	    !cjose_header_set(header, CJOSE_HDR_ENC, CJOSE_HDR_ENC_A256GCM, why) ||
	    !cjose_header_set(header, "kid", cjose_jwk_get_kid(jwk, why), why) ||
	    !cjose_header_set(header, "instance", instance.text, why) ||
	    !cjose_header_set(header, "secret", secret_id.text, why) ||
	    !cjose_header_set(header, "attempt", attempt.text, why) ||
	    !cjose_header_set(header, "purpose", "start", why) ||
	    !cjose_header_set(header, "nonce", "0123456789abcdef", why))
		return false;
	jwe = cjose_jwe_encrypt(jwk, header, value, len, why);
	text = jwe ? cjose_jwe_export(jwe, why) : NULL;
	if (text)
		puts(text);
	free(text);
	cjose_jwe_release(jwe);
	cjose_header_release(header);
	return text != NULL;
}

static bool cjose_open_value(const cjose_jwk_t *jwk, const char *compact, cjose_err *why)
{
	cjose_jwe_t *jwe = cjose_jwe_import(compact, strlen(compact), why);
	size_t len = 0;
	uint8_t *value = jwe ? cjose_jwe_decrypt(jwe, jwk, &len, why) : NULL;

	if (value)
		print_value((struct view){ value, len });
	free(value);
	cjose_jwe_release(jwe);
	return value != NULL;
}

static bool do_cjose(bool seal, struct err *e)
{
	cjose_err why = { 0 };
	char *text = read_all(stdin), *rest = NULL;
	cjose_jwk_t *jwk = text ? read_jwk(text, &rest, &why) : NULL;
	bool ok = jwk && (seal ? cjose_seal_value : cjose_open_value)(jwk, rest, &why);

	if (!ok)
		err_set(e, ERR_BAD_SEALED, "cjose: %s",
			why.message ? why.message : "no JWK");
	cjose_jwk_release(jwk);
	free(text);
	return ok;
}
#endif

static bool with_key(const char *verb, const char *path, struct err *e)
{
	static const struct {
		const char *verb;
		bool (*run)(const struct pkey *, struct err *);
	} rows[] = {
		{ "seal", do_seal },   { "open", do_open },   { "kid", do_kid },
		{ "lease", do_lease }, { "check", do_check },
	};
	OWNED(pkey) key = NULL;

	if (!load_key(path, &key, e))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].verb, verb) == 0)
			return rows[i].run(key, e);
	return err_set(e, ERR_USAGE, "no such verb");
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	bool ok = false;

	if (argc == 3)
		ok = with_key(argv[1], argv[2], &e);
#ifdef HAVE_CJOSE
	else if (argc == 2)
		ok = do_cjose(strcmp(argv[1], "cjose-seal") == 0, &e);
#endif
	else
		err_set(&e, ERR_USAGE,
			"jose_tool seal|open|kid|lease|check KEY, or cjose-*");
	if (!ok)
		fprintf(stderr, "jose_tool: %s: %s\n", err_info(e.kind)->code, e.trail);
	return ok ? 0 : 1;
}
