/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/api.h"
#include "broker/api/v1/handlers.h"

enum { SECONDS_PER_DAY = 24 * 60 * 60 };

/* GET /v1/hosts/self - also for a host that waits for approval or is fenced. */
bool api_host_self(struct api *api, struct exchange *x, struct err *e)
{
	const struct host_row *h = &x->who.host;
	struct json_writer w;

	(void)e;
	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_text(&w, "name", h->name);
	json_put_text(&w, "state", h->state);
	json_put_text(&w, "key_hash", h->key_hash);
	api_put_policies(&w, "policies", h->policies);
	json_put_integer(&w, "protocol", API_PROTOCOL);
	api_put_time(&w, "certificate_ends", x->peer->facts.not_after_us);
	json_put_integer(&w, "lease_days", api->lease_us / US_PER_S / SECONDS_PER_DAY);
	json_close(&w);
	return true;
}

/* The page's instances; their other rows are read after the list's query has ended. */
struct page_of_ids {
	struct api_list *list;
	size_t n;
	struct uuid ids[API_PAGE_MAX];
};

static bool take_instance(void *ctx, const struct instance_row *row, struct err *e)
{
	struct page_of_ids *p = ctx;

	(void)e;
	if (api_list_takes(p->list, row->id.text)) {
		assert(p->n < ARRAY_LEN(p->ids));
		p->ids[p->n++] = row->id;
	}
	return true;
}

static bool put_instance(struct exchange *x, struct json_writer *w, const struct uuid *id,
			 struct err *e)
{
	const char *host = x->who.host.key_hash;
	struct instance_row i;
	struct placement_row p;
	struct copy_row c;

	if (!read_instance(x->db, id, &i, e) || !read_placement(x->db, id, &p, e) ||
	    !read_copy(x->db, id, host, &c, e))
		return false;
	json_open(w, NULL);
	json_put_text(w, "id", i.id.text);
	json_put_text(w, "name", i.name);
	json_put_text(w, "security", i.security);
	json_put_text(w, "state", i.state);
	json_put_text(w, "secret", i.secret.text);
	json_put_integer(w, "version", i.version);
	json_put_integer(w, "epoch", p.epoch);
	json_put_integer(w, "number", p.number);
	json_put_boolean(w, "copy",
			 c.head.generation != 0 && c.erased_us == 0 &&
				 c.epoch == p.epoch && c.version == i.version);
	json_close(w);
	return true;
}

static bool list_own(struct exchange *x, struct api_list *l, struct err *e)
{
	struct instance_filter mine = { .host = x->who.host.key_hash };
	struct page_of_ids ids = { .list = l };

	if (!list_instances(x->db, &mine, api_list_page(l), take_instance, &ids, e))
		return false;
	for (size_t i = 0; i < ids.n; i++)
		if (!put_instance(x, &l->w, &ids.ids[i], e))
			return false;
	return true;
}

/* GET /v1/hosts/self/instances - what is placed on the calling host. */
bool api_host_instances(struct api *api, struct exchange *x, struct err *e)
{
	struct api_list l;
	bool done;

	(void)api;
	if (!api_list_open(x, &l, e) || !reader_begin(x->db, e))
		return false;
	done = list_own(x, &l, e);
	reader_end(x->db);
	api_list_close(&l);
	return done;
}
