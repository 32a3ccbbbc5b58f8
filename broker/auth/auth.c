/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/auth/auth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "broker/auth/known.h"

enum { TOKEN_LEN = 5 + 43 };
#define CLOCK_SLACK_US (24 * 3600 * US_PER_S)

struct auth {
	struct auth_options o;
	struct known *known; /* owned */
};

bool auth_new(const struct auth_options *o, struct auth **ret, struct err *e)
{
	OWNED(auth) a = calloc(1, sizeof *a);

	if (a == NULL)
		return err_set(e, ERR_NO_MEMORY, "auth");
	a->o = *o;
	if (!known_new(&a->known, e))
		return false;
	*ret = auth_move(&a);
	return true;
}

void auth_free(struct auth *a)
{
	if (a == NULL)
		return;
	known_free(a->known);
	free(a);
}

static const struct {
	const char *name;
	unsigned may;
} roles[ROLES] = {
	[ROLE_MEMBER] = { "member", TRY_MEMBER },
	[ROLE_OPERATOR] = { "operator", TRY_OPERATOR },
	[ROLE_ORCHESTRATOR] = { "orchestrator", TRY_ORCHESTRATOR },
	[ROLE_HOST_ADMIN] = { "host-admin", TRY_HOST_ADMIN },
	[ROLE_AUDITOR] = { "auditor", TRY_AUDITOR },
};

static bool role_parse(const char *name, enum role *ret)
{
	for (unsigned i = 0; i < ROLES; i++)
		if (strcmp(name, roles[i].name) == 0) {
			*ret = (enum role)i;
			return true;
		}
	return false;
}

/* A clock that shows less than what was already signed or stored cannot judge dates. */
static bool clock_is_sane(const struct auth *a, int64_t now_us, int64_t seen_us,
			  struct err *e)
{
	int64_t least_us = seen_us > a->o.since_us ? seen_us : a->o.since_us;

	if (now_us < least_us - CLOCK_SLACK_US)
		return err_set(e, ERR_CLOCK,
			       "the broker's clock is before the credential's beginning");
	return true;
}

/* "Bearer vtpm_" and 43 base64url characters (RFC 6750, section 2.1). */
static bool token_text(const char *header, struct view *ret)
{
	static const char scheme[] = "bearer ";

	if (strncasecmp(header, scheme, sizeof scheme - 1) != 0)
		return false;
	header += sizeof scheme - 1;
	ret->at = (const uint8_t *)header;
	ret->len = strlen(header);
	return ret->len == TOKEN_LEN && strncmp(header, "vtpm_", 5) == 0;
}

static bool token_is_good(const struct auth *a, const struct token_row *t, struct err *e)
{
	int64_t now_us = clock_wall_us(a->o.clock);

	if (!clock_is_sane(a, now_us, t->created_us, e))
		return false;
	if (t->revoked_us != 0)
		return err_set(e, ERR_TOKEN_REVOKED, "this token was revoked");
	if (t->expires_us <= now_us)
		return err_set(e, ERR_TOKEN_EXPIRED, "this token has expired");
	return true;
}

static bool token_identify(const struct auth *a, struct exchange *x, struct err *e)
{
	struct token_row *t = &x->who.token;
	uint8_t sha256[32];
	struct view text;
	enum role role;

	if (!token_text(x->authorization, &text))
		return err_set(e, ERR_BAD_TOKEN, "this is not a token of this broker");
	if (!digest_sha256(text, sha256, e) || !read_token_by_sha256(x->db, sha256, t, e))
		return false;
	if (t->head.generation == 0 || !mac_equal(sha256, t->sha256) ||
	    !role_parse(t->role, &role))
		return err_set(e, ERR_BAD_TOKEN, "this token is not known here");
	if (!token_is_good(a, t, e))
		return false;
	x->who.role = role;
	x->who.kind = PRINCIPAL_PERSON;
	if ((x->route->may & roles[role].may) == 0)
		return err_set(e, ERR_FORBIDDEN, "the role %s may not do this", t->role);
	return true;
}

static bool certificate_verify(const struct auth *a, struct peer *p, int64_t now_us,
			       struct err *e)
{
	uint8_t digest[DIGEST_BYTES];

	if (!digest_sha256(p->certificate, digest, e))
		return false;
	if (known_find(a->known, digest, &p->facts))
		return true;
	if (!ca_check_client(a->o.ca, p->certificate, now_us, &p->facts, e))
		return false;
	known_add(a->known, digest, &p->facts);
	return true;
}

/* Once for each connection; what it found stays with the peer. */
static void certificate_check(const struct auth *a, struct peer *p, int64_t now_us)
{
	struct err bad = { 0 };

	p->checked = true;
	p->bad = certificate_verify(a, p, now_us, &bad) ? ERR_NONE : bad.kind;
}

static bool certificate_is_good(const struct auth *a, struct peer *p, struct err *e)
{
	int64_t now_us = clock_wall_us(a->o.clock);

	if (!clock_is_sane(a, now_us, 0, e))
		return false;
	if (!p->checked)
		certificate_check(a, p, now_us);
	if (p->bad != ERR_NONE)
		return err_set(e, p->bad, "the client certificate is refused");
	if (now_us < p->facts.not_before_us || now_us >= p->facts.not_after_us)
		return err_set(e, ERR_CERTIFICATE_EXPIRED,
			       "the client certificate is not valid now");
	return true;
}

/* The host's row decides, on every request: what the certificate says may be old. */
static bool host_may(const struct host_row *h, unsigned may, struct err *e)
{
	if (strcmp(h->state, "revoked") == 0)
		return err_set(e, ERR_HOST_REVOKED, "the host %s was revoked", h->name);
	if ((may & (TRY_HOST | TRY_HOST_ANY)) == 0)
		return err_set(e, ERR_FORBIDDEN, "a host may not do this");
	if (strcmp(h->state, "approved") == 0 || strcmp(h->state, "draining") == 0)
		return true;
	if ((may & TRY_HOST_ANY) != 0)
		return true;
	if (strcmp(h->state, "fenced") == 0)
		return err_set(e, ERR_HOST_FENCED, "the host %s is fenced", h->name);
	return err_set(e, ERR_HOST_PENDING, "the host %s is not approved", h->name);
}

static bool host_identify(const struct auth *a, struct exchange *x, struct err *e)
{
	struct host_row *h = &x->who.host;

	if (!certificate_is_good(a, x->peer, e))
		return false;
	if (!read_host(x->db, x->peer->facts.key_hash, h, e))
		return false;
	if (h->head.generation == 0)
		return err_set(e, ERR_BAD_CERTIFICATE,
			       "no host with this key is enrolled");
	x->who.kind = PRINCIPAL_HOST;
	return host_may(h, x->route->may, e);
}

bool auth_identify(struct auth *a, struct exchange *x, struct err *e)
{
	bool shown = x->peer != NULL && x->peer->certificate.len > 0;
	bool hosts_only = (x->route->may & TRY_PERSON) == 0;

	x->who.kind = PRINCIPAL_NONE;
	if ((x->route->may & TRY_ANYONE) != 0)
		return true;
	if (shown && (hosts_only || x->authorization == NULL))
		return host_identify(a, x, e);
	if (x->authorization != NULL)
		return token_identify(a, x, e);
	return err_set(e, ERR_UNAUTHENTICATED,
		       hosts_only ? "a client certificate is needed"
				  : "a token is needed");
}
