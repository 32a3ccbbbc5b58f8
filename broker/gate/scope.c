/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/gate/gate.h"

#include <string.h>

bool gate_lines_hold(const char *lines, const char *name)
{
	size_t len = strlen(name);

	while (*lines != '\0') {
		size_t n = strcspn(lines, "\n");

		if ((n == len && memcmp(lines, name, n) == 0) ||
		    (n == 1 && *lines == '*'))
			return true;
		lines += n + (lines[n] == '\n');
	}
	return false;
}

/* Names in a scope are projects of the token's own issuer; "*" is every project there is. No
 * scope at all is the token's own project. */
bool gate_reaches_project(const struct token_row *t, const char *issuer,
			  const char *project)
{
	bool same_issuer = strcmp(t->issuer, issuer) == 0;

	if (t->projects[0] == '\0')
		return same_issuer && strcmp(t->project, project) == 0;
	if (gate_lines_hold(t->projects, "*"))
		return true;
	return same_issuer && gate_lines_hold(t->projects, project);
}

bool gate_reaches_host(const struct token_row *t, const char *host_name)
{
	return gate_lines_hold(t->hosts, host_name);
}

static bool same_project(const struct token_row *t, const struct instance_row *i)
{
	return strcmp(t->issuer, i->issuer) == 0 && strcmp(t->project, i->project) == 0;
}

/* An operator's token is never the owner's word, even where one person holds both. */
bool gate_is_owner(const struct principal *who, const struct instance_row *i)
{
	return who->kind == PRINCIPAL_PERSON && who->role == ROLE_MEMBER &&
	       same_project(&who->token, i) && strcmp(who->token.subject, i->owner) == 0;
}

static bool person_sees(const struct principal *who, const struct instance_row *i)
{
	switch (who->role) {
	case ROLE_MEMBER:
		return same_project(&who->token, i);
	case ROLE_OPERATOR:
	case ROLE_ORCHESTRATOR:
		return gate_reaches_project(&who->token, i->issuer, i->project);
	case ROLE_AUDITOR:
		return true;
	case ROLE_HOST_ADMIN:
	case ROLES:
		break;
	}
	return false;
}

bool gate_sees(const struct principal *who, const struct instance_row *i,
	       const struct placement_row *p)
{
	if (i->head.generation == 0)
		return false;
	if (who->kind == PRINCIPAL_PERSON)
		return person_sees(who, i);
	return who->kind == PRINCIPAL_HOST && p->head.generation != 0 &&
	       strcmp(p->host, who->host.key_hash) == 0;
}

bool gate_instance(struct reader *r, const struct principal *who, const struct uuid *id,
		   struct instance_row *ret, struct err *e)
{
	struct placement_row p = { 0 };

	if (!read_instance(r, id, ret, e))
		return false;
	if (who->kind == PRINCIPAL_HOST && !read_placement(r, id, &p, e))
		return false;
	if (!gate_sees(who, ret, &p))
		return err_set(e, ERR_NOT_FOUND, "there is no instance %s", id->text);
	return true;
}

bool gate_own_instance(struct reader *r, const struct principal *who,
		       const struct uuid *id, struct instance_row *ret, struct err *e)
{
	if (!gate_instance(r, who, id, ret, e))
		return false;
	if (!gate_is_owner(who, ret))
		return err_set(e, ERR_FORBIDDEN,
			       "only the owner of the instance may do this");
	return true;
}

bool gate_sees_words(const struct principal *who, const struct instance_row *i,
		     struct err *e)
{
	if (gate_is_owner(who, i) || who->role == ROLE_OPERATOR ||
	    who->role == ROLE_AUDITOR)
		return true;
	return err_set(e, ERR_FORBIDDEN,
		       "permits and grants are shown to owner, operator and auditor");
}
