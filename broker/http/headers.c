/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/http/headers.h"

#include <string.h>
#include <strings.h>

enum known {
	AUTHORIZATION,
	CONTENT_TYPE,
	IF_MATCH,
	CONTENT_LENGTH,
	TRANSFER_ENCODING,
	HOST,
	KNOWN
};

static const char *const known_names[KNOWN] = {
	[AUTHORIZATION] = "Authorization",
	[CONTENT_TYPE] = "Content-Type",
	[IF_MATCH] = "If-Match",
	[CONTENT_LENGTH] = "Content-Length",
	[TRANSFER_ENCODING] = "Transfer-Encoding",
	[HOST] = "Host",
};

static const char *const forwarding[] = {
	"Forwarded",
	"X-Forwarded-Client-Cert",
	"X-Client-Cert",
	"X-SSL-Client-Cert",
	"Ssl-Client-Cert",
	"X-SSL-Cert",
	"X-Forwarded-Tls-Client-Cert",
	"Client-Cert",
};

struct seen {
	const char *value[KNOWN];
	const char *bad;
};

static bool is_token(const char *name)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (const char *p = name; *p != '\0'; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');

		if (!letter && !(*p >= '0' && *p <= '9') && strchr(others, *p) == NULL)
			return false;
	}
	return *name != '\0';
}

static enum MHD_Result header_seen(void *ctx, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	struct seen *s = ctx;

	(void)kind;
	if (!is_token(name))
		s->bad = "malformed";
	for (size_t i = 0; i < ARRAY_LEN(forwarding); i++)
		if (strcasecmp(name, forwarding[i]) == 0)
			s->bad = forwarding[i];
	for (size_t i = 0; i < KNOWN; i++)
		if (strcasecmp(name, known_names[i]) == 0) {
			if (s->value[i] != NULL)
				s->bad = known_names[i];
			s->value[i] = value == NULL ? "" : value;
		}
	return MHD_YES;
}

void headers_read(struct MHD_Connection *connection, struct exchange *x)
{
	struct seen s = { 0 };

	(void)MHD_get_connection_values(connection, MHD_HEADER_KIND, header_seen, &s);
	if (s.value[CONTENT_LENGTH] != NULL && s.value[TRANSFER_ENCODING] != NULL)
		s.bad = known_names[TRANSFER_ENCODING];
	x->authorization = s.value[AUTHORIZATION];
	x->content_type = s.value[CONTENT_TYPE];
	x->if_match = s.value[IF_MATCH];
	x->bad_header = s.bad;
}

/* A header that cannot be added for want of memory is left out; none decides anything. */
static void put(struct MHD_Response *r, const char *name, const char *value)
{
	if (value != NULL && value[0] != '\0')
		(void)MHD_add_response_header(r, name, value);
}

void headers_write(struct MHD_Response *r, const struct exchange *x, bool closing)
{
	const struct reply *reply = &x->reply;

	put(r, "Content-Type", reply->content_type);
	put(r, "X-Request-Id", x->request_id);
	put(r, "Cache-Control", "no-store");
	put(r, "X-Content-Type-Options", "nosniff");
	put(r, "ETag", reply->etag);
	put(r, "Location", reply->location);
	put(r, "WWW-Authenticate", reply->status == 401 ? "Bearer" : NULL);
	put(r, "Retry-After", reply->status == 429 || reply->status == 503 ? "1" : NULL);
	put(r, "Connection", closing ? "close" : NULL);
}
