/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_client.h"

#include "common/http_memory.h"
#include "common/http_reply.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CONNECT_MS = 5000, TOTAL_MS = 30000, URL_MAX = 512 };

/* Counted by libcurl, which takes the functions only the first time. */
static bool start_curl(void)
{
	return curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, http_memory_free,
				    http_memory_realloc, strdup, calloc) == CURLE_OK;
}

#define BEARER "Authorization: Bearer "

struct http_client {
	CURL *curl;                   /* owned */
	struct secret *authorization; /* owned: the header and its NUL, or NULL */
	int ca_fd;                    /* owned: a memfd with ca_pem, or -1 */
	int connect_ms, total_ms;
	char url[URL_MAX];
	char ca_file[PATH_MAX];
	char certificate_file[PATH_MAX]; /* "" for none */
	char key_file[PATH_MAX];
};

static void slist_drop(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

/* ---- the client ---- */

static bool keep_token(struct http_client *c, const struct secret *token, struct err *e)
{
	struct view v = secret_view(token);
	const size_t head = sizeof BEARER - 1;
	uint8_t *to;

	for (size_t i = 0; i < v.len; i++)
		if (v.at[i] <= ' ' || v.at[i] >= 0x7f)
			return err_set(e, ERR_BAD_TOKEN,
				       "the token has characters that no token has");
	if (!secret_new(head + v.len + 1, &c->authorization, e))
		return false;
	to = secret_fill(c->authorization);
	memcpy(to, BEARER, head);
	memcpy(to + head, v.at, v.len);
	to[head + v.len] = '\0';
	return true;
}

/* This libcurl takes a CA only from a file: a memfd gives the text a name. */
static bool keep_ca_pem(struct http_client *c, const char *pem, struct err *e)
{
	size_t len = strlen(pem);

	c->ca_fd = memfd_create("ca", MFD_CLOEXEC);
	if (c->ca_fd < 0 || write(c->ca_fd, pem, len) != (ssize_t)len)
		return err_errno(e, ERR_IO, "the CA's certificate cannot be kept");
	return text_format(c->ca_file, sizeof c->ca_file, "/proc/self/fd/%d", c->ca_fd);
}

static bool keep_paths(struct http_client *c, const struct http_client_options *o,
		       struct err *e)
{
	size_t len = strlen(o->url);

	if (strncmp(o->url, "https://", 8) != 0 || len >= sizeof c->url)
		return err_field(e, ERR_CONFIG, "url",
				 "the broker's address must begin with https://");
	memcpy(c->url, o->url, len + 1);
	while (len > 8 && c->url[len - 1] == '/')
		c->url[--len] = '\0';
	if (!o->ca_file && !o->ca_pem)
		return err_field(e, ERR_CONFIG, "ca", "the broker's CA is not named");
	if (!text_copy(c->ca_file, sizeof c->ca_file, o->ca_file ? o->ca_file : "") ||
	    !text_copy(c->certificate_file, sizeof c->certificate_file,
		       o->certificate_file ? o->certificate_file : "") ||
	    !text_copy(c->key_file, sizeof c->key_file, o->key_file ? o->key_file : ""))
		return err_set(e, ERR_CONFIG, "a file's name is too long");
	return o->ca_file || keep_ca_pem(c, o->ca_pem, e);
}

bool http_client_new(const struct http_client_options *o, struct http_client **ret,
		     struct err *e)
{
	OWNED(http_client) c = calloc(1, sizeof *c);

	if (!c)
		return err_set(e, ERR_NO_MEMORY, "out of memory");
	c->ca_fd = -1;
	c->connect_ms = o->connect_ms ? o->connect_ms : CONNECT_MS;
	c->total_ms = o->total_ms ? o->total_ms : TOTAL_MS;
	if (!keep_paths(c, o, e) || (o->token && !keep_token(c, o->token, e)))
		return false;
	if (!start_curl() || !(c->curl = curl_easy_init()))
		return err_set(e, ERR_INTERNAL, "libcurl does not start");
	*ret = http_client_move(&c);
	return true;
}

void http_client_free(struct http_client *c)
{
	if (!c)
		return;
	if (c->curl)
		curl_easy_cleanup(c->curl);
	secret_free(c->authorization);
	if (c->ca_fd >= 0)
		close(c->ca_fd);
	free(c);
}

void http_answer_done(struct http_answer *a)
{
	secret_free(a->secret);
	buf_done(&a->body);
	*a = (struct http_answer){ 0 };
}

/* ---- what is sent ---- */

static size_t on_header(char *line, size_t one, size_t len, void *ctx)
{
	(void)one; /* always 1: CURLOPT_HEADERFUNCTION(3) */
	http_reply_header(ctx, line, len);
	return len;
}

static size_t on_body(char *bytes, size_t one, size_t len, void *ctx)
{
	(void)one; /* always 1: CURLOPT_WRITEFUNCTION(3) */
	return http_reply_body(ctx, (struct view){ (const uint8_t *)bytes, len }) ? len
										  : 0;
}

static bool add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *more = curl_slist_append(*list, line);

	if (more)
		*list = more;
	return more != NULL;
}

static bool make_headers(const struct http_client *c, const struct http_ask *ask,
			 struct curl_slist **list)
{
	const char *type = ask->octets ? "application/octet-stream"
			   : ask->type ? ask->type
				       : "application/json";
	const bool has_body = ask->octets || ask->body.at;
	char line[160];

	if (!add_header(list, "Expect:"))
		return false;
	if (c->authorization &&
	    !add_header(list, (const char *)secret_view(c->authorization).at))
		return false;
	if (has_body && (!text_format(line, sizeof line, "Content-Type: %s", type) ||
			 !add_header(list, line)))
		return false;
	if (!has_body && !add_header(list, "Content-Type:"))
		return false;
	return !ask->if_match ||
	       (text_format(line, sizeof line, "If-Match: \"%s\"", ask->if_match) &&
		add_header(list, line));
}

static void set_connection(CURL *curl, const char *url, int connect_ms, int total_ms)
{
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	curl_easy_setopt(curl, CURLOPT_CAPATH,
			 NULL); /* else the system's list is trusted too */
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)total_ms);
}

static void set_trust(const struct http_client *c)
{
	curl_easy_setopt(c->curl, CURLOPT_CAINFO, c->ca_file);
	curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (c->certificate_file[0]) {
		curl_easy_setopt(c->curl, CURLOPT_SSLCERT, c->certificate_file);
		curl_easy_setopt(c->curl, CURLOPT_SSLKEY, c->key_file);
	}
}

static int is_called_off(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c,
			 curl_off_t d)
{
	const atomic_bool *called_off = ctx;

	(void)a, (void)b, (void)c, (void)d;
	return *called_off;
}

/* libcurl asks about once a second while it waits. */
static void set_called_off(CURL *curl, const atomic_bool *called_off)
{
	if (called_off == NULL)
		return;
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_called_off);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, called_off);
}

static void set_exchange(const struct http_client *c, const struct http_ask *ask,
			 struct curl_slist *headers, struct http_reply *r,
			 char says[CURL_ERROR_SIZE])
{
	const struct view body = ask->octets ? secret_view(ask->octets) : ask->body;

	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	if (body.at) {
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)body.len);
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body.at);
	}
	if (body.at || strcmp(ask->method, "GET") != 0)
		curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, ask->method);
	curl_easy_setopt(c->curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c->curl, CURLOPT_HEADERDATA, r);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, says);
}

/* ---- what it means ---- */

static bool was_connected(CURL *curl)
{
	curl_off_t us = 0;

	return curl_easy_getinfo(curl, CURLINFO_PRETRANSFER_TIME_T, &us) == CURLE_OK &&
	       us > 0;
}

static bool refuse_certificate_files(const struct http_client *c, struct err *e)
{
	const char *bad =
		access(c->ca_file, R_OK) != 0 ? c->ca_file : c->certificate_file;

	return err_set(e, ERR_CONFIG, "%s cannot be read or is no certificate", bad);
}

static bool say_failure(CURL *curl, CURLcode code, const char *url, const char *why,
			struct err *e)
{
	if (!why[0])
		why = curl_easy_strerror(code);
	/* Every other code is told as what it is to the user: nobody answered. */
	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
	    code == CURLE_SSL_ISSUER_ERROR || code == CURLE_UNSUPPORTED_PROTOCOL ||
	    code == CURLE_WEIRD_SERVER_REPLY)
		err_set(e, ERR_BAD_SERVER, "%s: %s", url, why);
	else if (code == CURLE_OPERATION_TIMEDOUT && was_connected(curl))
		err_set(e, ERR_DEADLINE, "%s took the request and did not answer in time",
			url);
	else if (code == CURLE_OUT_OF_MEMORY)
		err_set(e, ERR_NO_MEMORY, "out of memory");
	else
		err_set(e, ERR_BROKER_UNREACHABLE, "%s: %s", url, why);
	return false;
}

static bool say_no_answer(const struct http_client *c, CURLcode code, const char *says,
			  struct err *e)
{
	if (code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM)
		return refuse_certificate_files(c, e);
	return say_failure(c->curl, code, c->url, says, e);
}

bool http_client_ask(struct http_client *c, const struct http_ask *ask,
		     struct http_answer *ret, struct err *e)
{
	CLEANUP(slist_drop) struct curl_slist *headers = NULL;
	struct http_reply r = { .to = ret };
	char says[CURL_ERROR_SIZE] = "";
	long status = 0;
	char url[2 * URL_MAX + 512];
	CURLcode code;

	*ret = (struct http_answer){ 0 };
	if (!text_format(url, sizeof url, "%s%s", c->url, ask->path))
		return err_set(e, ERR_BAD_PATH, "the request's path is too long");
	curl_easy_reset(c->curl); /* keeps the connection */
	if (!make_headers(c, ask, &headers))
		return err_set(e, ERR_NO_MEMORY, "out of memory");
	set_connection(c->curl, url, c->connect_ms,
		       ask->total_ms ? ask->total_ms : c->total_ms);
	set_trust(c);
	set_exchange(c, ask, headers, &r, says);
	set_called_off(c->curl, ask->called_off);
	code = curl_easy_perform(c->curl);
	if (r.failed)
		return http_reply_refused(&r, e);
	if (code != CURLE_OK)
		return say_no_answer(c, code, says, e);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	return http_reply_end(&r, (int)status, e);
}

/* ---- before a CA is known ---- */

static bool pick_certificate(CURL *curl, bool (*matches)(void *, const char *), void *ctx,
			     struct buf *ret_pem)
{
	struct curl_certinfo *chain = NULL;

	if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &chain) != CURLE_OK || !chain)
		return false;
	for (int i = 0; i < chain->num_of_certs; i++)
		for (struct curl_slist *l = chain->certinfo[i]; l; l = l->next)
			if (strncmp(l->data, "Cert:", 5) == 0 &&
			    matches(ctx, l->data + 5)) {
				buf_add(ret_pem, l->data + 5);
				return !ret_pem->failed;
			}
	return false;
}

static void curl_drop(CURL **curl)
{
	curl_easy_cleanup(*curl);
}

bool http_client_find_ca(const char *url, int total_ms,
			 bool (*matches)(void *ctx, const char *pem), void *ctx,
			 struct buf *ret_pem, struct err *e)
{
	CLEANUP(curl_drop) CURL *curl = NULL;
	char says[CURL_ERROR_SIZE] = "";
	CURLcode code;

	if (strncmp(url, "https://", 8) != 0)
		return err_field(e, ERR_CONFIG, "url",
				 "the broker's address must begin with https://");
	if (!start_curl() || !(curl = curl_easy_init()))
		return err_set(e, ERR_INTERNAL, "libcurl does not start");
	set_connection(curl, url, CONNECT_MS, total_ms ? total_ms : TOTAL_MS);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L); /* nothing is sent */
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, says);
	code = curl_easy_perform(curl);
	if (code != CURLE_OK)
		return say_failure(curl, code, url, says, e);
	if (!pick_certificate(curl, matches, ctx, ret_pem))
		return err_set(e, ERR_BAD_SERVER,
			       "%s does not show the CA that was expected", url);
	return true;
}

void http_escape(struct buf *to, const char *text)
{
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z') || strchr("-._~", c))
			buf_add_bytes(to, (struct view){ &c, 1 });
		else
			buf_addf(to, "%%%02X", c);
	}
}
