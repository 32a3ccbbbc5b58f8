/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/domain_xml.h"

#include <string.h>

enum { DEPTH_MAX = 256 }; /* of libxml2, which libvirt reads with */

struct name {
	const char *at;
	size_t len;
};

struct scan {
	const char *at, *end;
	struct name open[DEPTH_MAX]; /* the elements that are open, outermost first */
	size_t depth;
	struct domain_facts facts;
};

static bool name_is(const struct name *n, const char *text)
{
	return n->len == strlen(text) && memcmp(n->at, text, n->len) == 0;
}

/* Are exactly these elements open? */
static bool path_is(const struct scan *s, const char *const *path, size_t n)
{
	if (s->depth != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!name_is(&s->open[i], path[i]))
			return false;
	return true;
}

static bool skip_past(struct scan *s, const char *mark)
{
	const char *found = memmem(s->at, (size_t)(s->end - s->at), mark, strlen(mark));

	if (found == NULL)
		return false;
	s->at = found + strlen(mark);
	return true;
}

static bool starts_with(const struct scan *s, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(s->end - s->at) >= n && memcmp(s->at, text, n) == 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_spaces(struct scan *s)
{
	while (s->at < s->end && is_space(*s->at))
		s->at++;
}

static bool take_name(struct scan *s, struct name *ret)
{
	ret->at = s->at;
	while (s->at < s->end && !is_space(*s->at) && strchr("/>=<'\"&", *s->at) == NULL)
		s->at++;
	ret->len = (size_t)(s->at - ret->at);
	return ret->len > 0;
}

/* name = 'value' */
static bool take_attribute(struct scan *s, struct name *ret_name, struct name *ret_value)
{
	char quote;

	if (!take_name(s, ret_name))
		return false;
	skip_spaces(s);
	if (s->at == s->end || *s->at++ != '=')
		return false;
	skip_spaces(s);
	if (s->at == s->end || (*s->at != '\'' && *s->at != '"'))
		return false;
	quote = *s->at++;
	ret_value->at = s->at;
	while (s->at < s->end && *s->at != quote && *s->at != '<')
		s->at++;
	if (s->at == s->end || *s->at != quote)
		return false;
	ret_value->len = (size_t)(s->at++ - ret_value->at);
	return true;
}

static void copy_uuid(char ret[37], const char *at, size_t len)
{
	while (len > 0 && is_space(*at))
		at++, len--;
	while (len > 0 && is_space(at[len - 1]))
		len--;
	if (len == 36) {
		memcpy(ret, at, 36);
		ret[36] = '\0';
	}
}

static bool take_attributes(struct scan *s, bool is_encryption)
{
	struct name name, value;

	for (;;) {
		skip_spaces(s);
		if (s->at == s->end)
			return false;
		if (*s->at == '/' || *s->at == '>')
			return true;
		if (!take_attribute(s, &name, &value))
			return false;
		if (is_encryption && name_is(&name, "secret"))
			copy_uuid(s->facts.secret, value.at, value.len);
	}
}

static bool take_open_tag(struct scan *s)
{
	static const char *const encryption[] = { "domain", "devices", "tpm", "backend",
						  "encryption" };
	static const char *const uuid[] = { "domain", "uuid" };
	bool is_encryption;

	if (s->depth == DEPTH_MAX || !take_name(s, &s->open[s->depth]))
		return false;
	s->depth++;
	is_encryption = path_is(s, encryption, ARRAY_LEN(encryption));
	s->facts.encrypted |= is_encryption;
	if (!take_attributes(s, is_encryption))
		return false;
	if (*s->at == '/') {
		s->depth--;
		return ++s->at < s->end && *s->at++ == '>';
	}
	s->at++;
	if (path_is(s, uuid, ARRAY_LEN(uuid))) {
		const char *text_end = memchr(s->at, '<', (size_t)(s->end - s->at));

		if (text_end != NULL)
			copy_uuid(s->facts.uuid, s->at, (size_t)(text_end - s->at));
	}
	return true;
}

static bool take_close_tag(struct scan *s)
{
	struct name name;

	if (!take_name(s, &name) || s->depth == 0)
		return false;
	s->depth--;
	if (name.len != s->open[s->depth].len ||
	    memcmp(name.at, s->open[s->depth].at, name.len) != 0)
		return false;
	skip_spaces(s);
	return s->at < s->end && *s->at++ == '>';
}

static bool take_markup(struct scan *s)
{
	if (starts_with(s, "<!--"))
		return skip_past(s, "-->");
	if (starts_with(s, "<![CDATA["))
		return skip_past(s, "]]>");
	if (starts_with(s, "<?"))
		return skip_past(s, "?>");
	if (starts_with(s, "<!"))
		return false;
	s->at++;
	if (s->at < s->end && *s->at == '/') {
		s->at++;
		return take_close_tag(s);
	}
	return take_open_tag(s);
}

bool domain_xml_read(const char *text, size_t len, struct domain_facts *ret)
{
	struct scan s = { .at = text, .end = text + len };

	if (memchr(text, '\0', len) != NULL)
		return false;
	while ((s.at = memchr(s.at, '<', (size_t)(s.end - s.at))) != NULL)
		if (!take_markup(&s))
			return false;
	if (s.depth != 0)
		return false;
	*ret = s.facts;
	return true;
}
