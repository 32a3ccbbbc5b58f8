/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/api.h"

#include <string.h>

#include "broker/api/meta.h"
#include "policy/policy.h"

bool api_root_key_is_kept(struct api *api, struct err *e)
{
	uint8_t value[64];
	size_t len = 0;
	OWNED(store_file) file = NULL;

	if (atomic_load(&api->backed_up))
		return true;
	if (!store_file_open(api->database, &file, e))
		return false;
	if (!store_file_get(file, META_BACKUP, value, sizeof(value), &len, e)) {
		if (e->kind != ERR_NOT_FOUND)
			return false;
		err_clear(e);
		return err_set(e, ERR_ROOT_KEY_NOT_BACKED_UP,
			       "the root key exists only on the broker's own disk");
	}
	atomic_store(&api->backed_up, true);
	return true;
}

bool api_body(const struct exchange *x, const struct json_field *fields, size_t n,
	      void *to, struct err *e)
{
	OWNED(json) body = NULL;

	return json_parse(x->body, &body, e) && json_read_fields(body, fields, n, to, e);
}

static bool list_limit(const struct exchange *x, int64_t *ret, struct err *e)
{
	char text[24];

	*ret = API_PAGE;
	if (!exchange_query(x, "limit", text, sizeof(text)))
		return true;
	if (!text_parse_int(text, 1, API_PAGE_MAX, ret))
		return err_field(e, ERR_BAD_VALUE, "limit", "limit is from 1 to %d",
				 API_PAGE_MAX);
	return true;
}

bool api_list_open(struct exchange *x, struct api_list *l, struct err *e)
{
	*l = (struct api_list){ 0 };
	if (!list_limit(x, &l->limit, e))
		return false;
	(void)exchange_query(x, "after", l->after, sizeof(l->after));
	exchange_json(x, 200, &l->w);
	json_open(&l->w, NULL);
	json_open_list(&l->w, "items");
	return true;
}

struct page api_list_page(const struct api_list *l)
{
	return (struct page){ .after = l->after, .limit = l->limit + 1 };
}

bool api_list_takes(struct api_list *l, const char *key)
{
	if (l->count >= l->limit || !text_copy(l->last, sizeof(l->last), key)) {
		l->more = true;
		return false;
	}
	l->count++;
	return true;
}

void api_list_close(struct api_list *l)
{
	json_close_list(&l->w);
	json_put_text(&l->w, "next", l->more ? l->last : NULL);
	json_close(&l->w);
}

void api_put_time(struct json_writer *w, const char *name, int64_t us)
{
	char text[32];

	if (us == 0) {
		json_put_null(w, name);
		return;
	}
	clock_rfc3339(us, text);
	json_put_text(w, name, text);
}

void api_put_policies(struct json_writer *w, const char *name, int64_t set)
{
	json_open_list(w, name);
	for (enum security s = 0; s < SECURITIES; s++)
		if (set & BIT(s))
			json_put_text(w, NULL, security_name(s));
	json_close_list(w);
}

bool api_parse_policies(const char *lines, const char *field, int64_t *ret, struct err *e)
{
	int64_t set = 0;

	while (*lines) {
		char word[NAME_SIZE] = "";
		size_t len = strcspn(lines, "\n");
		enum security s = SECURITY_USER;

		if (len < sizeof(word))
			memcpy(word, lines, len);
		if (!security_parse(word, &s))
			return err_field(e, ERR_BAD_VALUE, field,
					 "a policy is user, host or deployment");
		set |= BIT(s);
		lines += len + (lines[len] == '\n');
	}
	*ret = set;
	return true;
}

void api_weigh(struct audit_record *a, const char *what, int64_t generation)
{
	size_t used = strlen(a->weighed);
	const char *gap = used ? " " : "";

	/* What does not fit is left out whole: the list stays readable. */
	if (!text_format(a->weighed + used, sizeof(a->weighed) - used, "%s%s=%lld", gap,
			 what, (long long)generation))
		a->weighed[used] = '\0';
}

struct audit_record *api_allowed(struct api *api, struct exchange *x)
{
	struct audit_record *a = exchange_audit(x, clock_wall_us(api->clock));

	text_cut(a->verdict, sizeof(a->verdict), "allowed");
	text_cut(a->reason, sizeof(a->reason), "allowed");
	return a;
}
