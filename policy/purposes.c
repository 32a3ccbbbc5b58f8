/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

#include <string.h>

static const char *const securities[SECURITIES] = {
	[SECURITY_USER] = "user",
	[SECURITY_HOST] = "host",
	[SECURITY_DEPLOYMENT] = "deployment",
};

static const char *const parties[PARTIES] = {
	[PARTY_OWNER] = "owner",
	[PARTY_MEMBER] = "member",
	[PARTY_OPERATOR] = "operator",
	[PARTY_ORCHESTRATOR] = "orchestrator",
	[PARTY_HOST_ADMIN] = "host-admin",
	[PARTY_AUDITOR] = "auditor",
	[PARTY_PLACED_HOST] = "placed-host",
	[PARTY_OTHER_HOST] = "other-host",
	[PARTY_FENCED_HOST] = "fenced-host",
};

#define PURPOSE_ROW(name, text, release, says) { text, release },
static const struct {
	const char *name;
	bool release;
} purposes[PURPOSE_COUNT] = { PURPOSES(PURPOSE_ROW) };

const char *security_name(enum security s)
{
	return (unsigned)s < SECURITIES ? securities[s] : "unknown";
}

bool security_parse(const char *text, enum security *ret)
{
	for (unsigned i = 0; text && i < SECURITIES; i++) {
		if (strcmp(text, securities[i]) == 0) {
			*ret = (enum security)i;
			return true;
		}
	}
	return false;
}

const char *purpose_name(enum purpose p)
{
	return (unsigned)p < PURPOSE_COUNT ? purposes[p].name : "unknown";
}

bool purpose_parse(const char *text, enum purpose *ret)
{
	for (unsigned i = 0; text && i < PURPOSE_COUNT; i++) {
		if (strcmp(text, purposes[i].name) == 0) {
			*ret = (enum purpose)i;
			return true;
		}
	}
	return false;
}

bool purpose_is_release(enum purpose p)
{
	return (unsigned)p < PURPOSE_COUNT && purposes[p].release;
}

const char *party_name(enum party p)
{
	return (unsigned)p < PARTIES ? parties[p] : "unknown";
}

unsigned policy_needs(const struct ask *ask)
{
	static const unsigned *const needs[SECURITIES] = {
		[SECURITY_USER] = policy_user_needs,
		[SECURITY_HOST] = policy_host_needs,
		[SECURITY_DEPLOYMENT] = policy_deployment_needs,
	};

	if ((unsigned)ask->security >= SECURITIES ||
	    (unsigned)ask->purpose >= PURPOSE_COUNT)
		return 0;
	return needs[ask->security][ask->purpose];
}
