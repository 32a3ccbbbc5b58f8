/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

static bool is_host(const struct ask *a)
{
	return a->party == PARTY_PLACED_HOST || a->party == PARTY_OTHER_HOST ||
	       a->party == PARTY_FENCED_HOST;
}

static bool is_release(const struct ask *a)
{
	return purpose_is_release(a->purpose);
}

static bool is_reading(const struct ask *a)
{
	return !is_release(a);
}

static bool needs_placed(const struct ask *a)
{
	return policy_needs(a) & NEED_PLACED;
}

static bool needs_handover(const struct ask *a)
{
	return policy_needs(a) & NEED_HANDOVER;
}

static bool needs_clone(const struct ask *a)
{
	return policy_needs(a) & NEED_CLONE;
}

static bool needs_ran(const struct ask *a)
{
	return policy_needs(a) & NEED_RAN;
}

static bool needs_word(const struct ask *a)
{
	return policy_needs(a) & NEED_PERMIT;
}

/* Nobody is at hand then, or the host is not the placed one: a permit cannot be given. */
static bool is_unattended(const struct ask *a)
{
	return a->purpose == PURPOSE_REBOOT || a->purpose == PURPOSE_AUTOSTART ||
	       a->purpose == PURPOSE_RESUME || needs_handover(a);
}

static bool needs_permit(const struct ask *a)
{
	return needs_word(a) && !is_unattended(a);
}

static bool needs_grant(const struct ask *a)
{
	return needs_word(a) && is_unattended(a);
}

static bool copy_serves(const struct ask *a)
{
	return policy_needs(a) & COPY_SERVES;
}

static bool visible(const struct ask *a)
{
	return a->visible;
}

/* Releases go to hosts, reading is the owner's; nobody else is named, so nobody else may.
 */
static bool party_may(const struct ask *a)
{
	return is_release(a) ? is_host(a) : a->party == PARTY_OWNER;
}

static bool has_reader(const struct ask *a)
{
	return policy_needs(a) & NEED_READER;
}

static bool not_fenced(const struct ask *a)
{
	return a->party != PARTY_FENCED_HOST;
}

/* A purpose without needs has no rule to pass by, so it is refused here. */
static bool has_rule(const struct ask *a)
{
	return policy_needs(a) & (NEED_PLACED | NEED_HANDOVER | NEED_CLONE);
}

static bool placed_here(const struct ask *a)
{
	return a->party == PARTY_PLACED_HOST;
}

/* A hand-over brings the guest to another host than the one it is placed on. */
static bool handed_over(const struct ask *a)
{
	return a->handover && a->party == PARTY_OTHER_HOST;
}

/* Between the key's leaving and the commit nobody can say who runs the guest. */
static bool not_held(const struct ask *a)
{
	return !a->held;
}

/* The destination may ask again for what it has claimed already. */
static bool is_other_release(const struct ask *a)
{
	return is_release(a) && !needs_handover(a);
}

static bool cloned_here(const struct ask *a)
{
	return a->clone_record;
}

static bool ran_before(const struct ask *a)
{
	return a->ran_before;
}

static bool supported(const struct ask *a)
{
	return a->host_supports;
}

static bool new_enough(const struct ask *a)
{
	return a->host_new_enough;
}

static bool in_host_set(const struct ask *a)
{
	return a->host_in_set;
}

static bool right_secret(const struct ask *a)
{
	return a->secret_matches;
}

/* The copy counts at the epoch at which this host key got it; elsewhere it is only bytes.
 */
static bool has_copy(const struct ask *a)
{
	return a->released_before && a->holds_copy;
}

static bool permitted(const struct ask *a)
{
	return a->permit == PERMIT_GOOD || a->permit == PERMIT_OF_THIS_ATTEMPT;
}

static enum reason permit_refuses(const struct ask *a)
{
	switch (a->permit) {
	case PERMIT_LATE:
		return REASON_PERMIT_LATE;
	case PERMIT_SPENT:
		return REASON_PERMIT_SPENT;
	case PERMIT_OF_OTHER:
		return REASON_PERMIT_OTHER;
	case PERMIT_NONE:
	case PERMIT_GOOD:
	case PERMIT_OF_THIS_ATTEMPT:
		break;
	}
	return REASON_NO_PERMIT;
}

static const char no_change[] = "";

const struct rule policy_rules[] = {
	{ .name = "visible",
	  .says = "the asker may know that the instance exists",
	  .change = no_change,
	  .holds = visible,
	  .otherwise = REASON_UNKNOWN_INSTANCE,
	  .hides_rest = true },
	{ .name = "releases_go_to_hosts",
	  .says = "the asker is an enrolled host",
	  .change = "nothing: the host that is to run the guest asks, never a person",
	  .applies = is_release,
	  .holds = party_may,
	  .otherwise = REASON_NOT_THIS_PARTY,
	  .hides_rest = true },
	{ .name = "owner_reads",
	  .says = "the asker is the owner",
	  .change = "nothing: only the owner reads the value",
	  .applies = is_reading,
	  .holds = party_may,
	  .otherwise = REASON_NOT_THIS_PARTY,
	  .hides_rest = true },
	{ .name = "has_reader",
	  .says = "the policy lets the owner read the value",
	  .change = "nothing: choose user or host at creation to be able to read it",
	  .applies = is_reading,
	  .holds = has_reader,
	  .otherwise = REASON_NO_READER,
	  .hides_rest = true },
	{ .name = "not_fenced",
	  .says = "the host is not fenced",
	  .change = "the host-admin: vtpmctl host unfence NAME, once it is safe",
	  .applies = is_release,
	  .holds = not_fenced,
	  .otherwise = REASON_FENCED,
	  .hides_rest = true },
	{ .name = "has_rule",
	  .says = "the policy has a rule for this purpose",
	  .change = no_change,
	  .applies = is_release,
	  .holds = has_rule,
	  .otherwise = REASON_NO_RECORD,
	  .hides_rest = true },
	{ .name = "placed_here",
	  .says = "the instance is placed on this host",
	  .change = "the operator: vtpmctl instance place ID HOST",
	  .applies = needs_placed,
	  .holds = placed_here,
	  .otherwise = REASON_NOT_PLACED_HERE },
	{ .name = "handover",
	  .says = "an open hand-over brings the guest to this host",
	  .change = "a hand-over to this host",
	  .applies = needs_handover,
	  .holds = handed_over,
	  .otherwise = REASON_NO_RECORD },
	{ .name = "not_held",
	  .says = "no hand-over holds the guest",
	  .change = "what the hosts say of it: vtpmctl handover show ID",
	  .applies = is_other_release,
	  .holds = not_held,
	  .otherwise = REASON_HELD },
	{ .name = "clone_record",
	  .says = "the owner's record of the clone names this host",
	  .change = "the owner's record of a clone to this host",
	  .applies = needs_clone,
	  .holds = cloned_here,
	  .otherwise = REASON_NO_RECORD },
	{ .name = "ran_before",
	  .says = "the guest ran on this host since it was placed there",
	  .change = "a start on this host first",
	  .applies = needs_ran,
	  .holds = ran_before,
	  .otherwise = REASON_NO_RECORD },
	{ .name = "host_supports",
	  .says = "the host supports the policy",
	  .change = "the operator: place the instance on a host that does",
	  .applies = is_release,
	  .holds = supported,
	  .otherwise = REASON_UNSUPPORTED },
	{ .name = "host_new_enough",
	  .says = "the host's client is new enough",
	  .change = "upgrade vtpm-client on that host",
	  .applies = is_release,
	  .holds = new_enough,
	  .otherwise = REASON_TOO_OLD },
	{ .name = "host_in_set",
	  .says = "the instance may run on this host",
	  .change = "the owner names this host in the instance's host set",
	  .applies = is_release,
	  .holds = in_host_set,
	  .otherwise = REASON_OUTSIDE_SET },
	{ .name = "secret_matches",
	  .says = "the domain names the instance's secret",
	  .change = "put the element that vtpmctl instance xml ID prints into the domain",
	  .applies = is_release,
	  .holds = right_secret,
	  .otherwise = REASON_OTHER_SECRET },
	{ .name = "copy",
	  .says = "the host has a sealed copy of its own, from a release at this "
		  "placement",
	  .lacks = "the host has no sealed copy of its own from a release at this "
		   "placement",
	  .change = no_change,
	  .applies = copy_serves,
	  .holds = has_copy,
	  .grants = REASON_USE_COPY },
	{ .name = "permit",
	  .says = "the owner has permitted this purpose on this host",
	  .change = "the owner: vtpmctl permit ID",
	  .applies = needs_permit,
	  .holds = permitted,
	  .refuses = permit_refuses },
	{ .name = "permit",
	  .says = "the owner has granted this purpose on this host",
	  .change = "the owner: vtpmctl grant create ID --hosts NAME",
	  .applies = needs_grant,
	  .holds = permitted,
	  .refuses = permit_refuses },
	{ .name = NULL },
};
