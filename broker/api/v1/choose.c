/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/v1/choose.h"

#include <string.h>

#include "policy/policy.h"

static bool setting_opinion(struct exchange *x, const char *scope, const char *name,
			    struct opinion *ret, struct err *e)
{
	struct setting_row s = { 0 };

	if (!read_setting(x->db, scope, name, &s, e))
		return false;
	if (s.head.generation == 0 && (!text_copy(s.scope, sizeof(s.scope), scope) ||
				       !text_copy(s.name, sizeof(s.name), name)))
		return err_set(e, ERR_INTERNAL, "setting of %s", name);
	change_guard(x->change, TABLE_SETTING, &s);
	ret->allowed = (unsigned)s.allowed;
	ret->has_default = security_parse(s.preferred, &ret->preferred);
	return true;
}

static bool opinions(struct exchange *x, const struct instance_row *i,
		     struct opinion from[SOURCES], struct err *e)
{
	struct opinion *request = &from[SOURCE_REQUEST];

	if (!setting_opinion(x, "deployment", "-", &from[SOURCE_DEPLOYMENT], e))
		return false;
	if (i->image[0] != '\0' &&
	    !setting_opinion(x, "image", i->image, &from[SOURCE_IMAGE], e))
		return false;
	if (i->requested[0] == '\0')
		return true;
	request->has_default = security_parse(i->requested, &request->preferred);
	return request->has_default || err_field(e, ERR_BAD_VALUE, "security",
						 "a policy is user, host or deployment");
}

/* "image (host or deployment)" */
static void name_source(struct buf *to, enum source s, const struct opinion *o)
{
	const char *gap = " (";

	buf_addf(to, "%s%s", to->len == 0 ? "" : ", ", source_name(s));
	for (enum security p = 0; p < SECURITIES; p++) {
		bool meant =
			s == SOURCE_REQUEST ? o->preferred == p : o->allowed & BIT(p);

		if (!meant)
			continue;
		buf_addf(to, "%s%s", gap, security_name(p));
		gap = " or ";
	}
	buf_add(to, ")");
}

static bool conflict(const struct opinion from[SOURCES], unsigned sources, struct err *e)
{
	CLEANUP(buf_done) struct buf names = { 0 };

	for (enum source s = 0; s < SOURCES; s++)
		if (sources & BIT(s))
			name_source(&names, s, &from[s]);
	return err_field(e, ERR_POLICY_CONFLICT, "security",
			 "these cannot be met together: %s",
			 names.at == NULL ? "" : names.at);
}

static const char *provenance(const struct opinion from[SOURCES], const struct choice *c)
{
	bool stated = false;

	for (enum source s = 0; s < SOURCES; s++)
		stated = stated || from[s].allowed != 0;
	if (c->by_strength)
		return stated ? "the strongest policy that is allowed"
			      : "the built-in default";
	return c->decided_by == SOURCE_REQUEST ? "the creator's request"
					       : "default of the ";
}

bool instance_choose(struct exchange *x, struct instance_row *i, struct err *e)
{
	struct opinion from[SOURCES] = { 0 };
	struct choice c;
	const char *source = "", *image = "";

	if (!opinions(x, i, from, e))
		return false;
	policy_choose(from, &c);
	if (!c.ok)
		return conflict(from, c.conflict, e);
	if (!c.by_strength && c.decided_by != SOURCE_REQUEST)
		source = source_name(c.decided_by);
	if (!c.by_strength && c.decided_by == SOURCE_IMAGE)
		image = i->image;
	if (!text_copy(i->security, sizeof(i->security), security_name(c.security)) ||
	    !text_format(i->provenance, sizeof(i->provenance), "%s%s%s%s",
			 provenance(from, &c), source, image[0] == '\0' ? "" : " ",
			 image))
		return err_set(e, ERR_INTERNAL, "provenance of %s", i->id.text);
	return true;
}
