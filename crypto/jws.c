/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/jws.h"

#include "crypto/es256.h"
#include "crypto/jose.h"
#include "crypto/x509.h"

#include <string.h>

enum { HEADER, PAYLOAD, SIGNATURE, PARTS };
enum {
	DER_MAX = 1400
}; /* what fits into a header of JOSE_HEADER_MAX, and a host's is 500 */

/* x5c is base64 with padding (RFC 7515, 4.1.6), unlike everything else in a JWS. */
static void add_b64(struct buf *ret, struct view der)
{
	size_t start = ret->len;

	buf_add_b64url(ret, der);
	if (ret->failed)
		return;
	for (size_t i = start; i < ret->len; i++)
		ret->at[i] = (char)(ret->at[i] == '-'   ? '+'
				    : ret->at[i] == '_' ? '/'
							: ret->at[i]);
	buf_add(ret, der.len % 3 == 1 ? "==" : der.len % 3 == 2 ? "=" : "");
}

static bool read_b64(const char *text, uint8_t *ret, size_t cap, size_t *ret_len)
{
	char url[B64URL_SIZE(DER_MAX) + 2];
	size_t len = strlen(text);

	if (len % 4 || strpbrk(text, "-_") || !text_copy(url, sizeof(url), text))
		return false;
	for (size_t i = 0; i < len; i++)
		url[i] = (char)(url[i] == '+' ? '-' : url[i] == '/' ? '_' : url[i]);
	for (size_t pad = 0; pad < 2 && len > 0 && url[len - 1] == '='; pad++)
		len--;
	return text_unb64url((struct view){ (const uint8_t *)url, len }, ret, cap,
			     ret_len);
}

/* The certificate must be the signer's own, or nobody could check what it signs. */
static bool add_certificate(const struct jws_signer *by, struct buf *ret, struct err *e)
{
	OWNED_EVP(X509) cert = x509_from_pem(by->cert_pem);
	uint8_t *der = NULL;
	int len = cert ? i2d_X509(cert, &der) : 0;

	if (len > 0 && len <= DER_MAX)
		add_b64(ret, (struct view){ der, (size_t)len });
	OPENSSL_free(der);
	if (len > DER_MAX)
		return err_set(e, ERR_BAD_CERTIFICATE,
			       "the host's certificate is too long");
	return len > 0 || evp_failed(e, ERR_BAD_CERTIFICATE, "this is not a certificate");
}

static bool is_of_key(const struct jws_signer *by, struct err *e)
{
	char key[PKI_HASH_HEX], cert[PKI_HASH_HEX];

	return pkey_hash(by->identity, key, e) &&
	       pki_pem_key_hash(by->cert_pem, cert, e) &&
	       (strcmp(key, cert) == 0 ||
		err_set(e, ERR_BAD_CERTIFICATE,
			"the host's certificate does not belong to its key"));
}

bool jws_begin(const struct jws_signer *by, const char *typ, struct buf *ret,
	       struct err *e)
{
	CLEANUP(buf_done) struct buf json = { 0 };

	buf_addf(&json, "{\"alg\":\"ES256\",\"typ\":\"%s\",\"x5c\":[\"", typ);
	if (!is_of_key(by, e) || !add_certificate(by, &json, e))
		return false;
	buf_add(&json, "\"]}");
	if (!json.failed)
		buf_add_b64url(ret, (struct view){ (const uint8_t *)json.at, json.len });
	return (!json.failed && !ret->failed) ||
	       err_set(e, ERR_NO_MEMORY, "no memory to sign");
}

bool jws_sign(const struct jws_signer *by, struct view text, char ret[JWS_SIGNATURE],
	      struct err *e)
{
	uint8_t raw[ES256_BYTES];

	if (!es256_sign(by->identity, text, raw))
		return evp_failed(e, ERR_INTERNAL, "cannot sign");
	text_b64url((struct view){ raw, sizeof(raw) }, ret);
	return true;
}

static bool read_certificate(const struct json *header, uint8_t *ret, size_t *ret_len,
			     struct err *e)
{
	const char *x5c = json_item_text(header, "x5c", 0);

	return (json_count(header, "x5c") == 1 && x5c &&
		read_b64(x5c, ret, DER_MAX, ret_len)) ||
	       err_set(e, ERR_BAD_SEALED,
		       "the signer's certificate, and nothing else, belongs in x5c");
}

static bool check_signer(const struct jws_reader *by, const struct json *header,
			 struct pkey **ret_key, struct cert_facts *ret, struct err *e)
{
	uint8_t der[DER_MAX];
	size_t len = 0;

	return read_certificate(header, der, &len, e) &&
	       ca_check_client(by->ca, (struct view){ der, len }, by->now_us, ret, e) &&
	       x509_der_key((struct view){ der, len }, ret_key, e);
}

bool jws_check(const struct jws_reader *by, const char *typ, struct view compact,
	       struct cert_facts *ret_from, struct view *ret_payload, struct err *e)
{
	OWNED(json) header = NULL;
	OWNED(pkey) key = NULL;
	struct view parts[PARTS], text;
	struct cert_facts from;
	uint8_t raw[ES256_BYTES];

	if (!jose_split(compact, parts, PARTS, e) ||
	    !jose_header(parts[HEADER], "ES256", typ, &header, e) ||
	    !check_signer(by, header, &key, &from, e))
		return false;
	text = (struct view){ compact.at, parts[HEADER].len + 1 + parts[PAYLOAD].len };
	if (!jose_bytes(parts[SIGNATURE], raw, sizeof(raw)) ||
	    !es256_verifies(key, text, raw))
		return evp_failed(e, ERR_BAD_SEALED,
				  "this is not signed by the host of its certificate");
	*ret_from = from;
	*ret_payload = parts[PAYLOAD];
	return true;
}
