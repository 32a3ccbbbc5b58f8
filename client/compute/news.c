/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/news.h"

#include "client/compute/broker_call.h"

#include <string.h>

enum { MARGIN_MS = 5000 };

static bool misunderstood(struct err *e)
{
	return err_set(e, ERR_BAD_SERVER, "the broker's answer is not understood");
}

static bool tell_inquiry(const struct json *item, const struct news *n, struct err *e)
{
	struct inquiry q;

	if (!inquiry_read(item, &q, e))
		return false;
	n->inquiry(n->ctx, &q);
	return true;
}

static bool tell_handover(const struct json *item, const struct news *n, struct err *e)
{
	struct handover h;

	if (item == NULL)
		return misunderstood(e);
	if (!handover_read(item, &h, e))
		return false;
	n->handover(n->ctx, &h);
	return true;
}

/* What a newer broker may tell of is passed over. */
static bool tell_item(const struct json *item, const struct news *n, struct err *e)
{
	const char *kind = json_get_text(item, "kind");

	if (kind == NULL)
		return misunderstood(e);
	if (strcmp(kind, "ask") == 0)
		return tell_inquiry(item, n, e);
	return strcmp(kind, "handover") != 0 ||
	       tell_handover(json_get_object(item, "handover"), n, e);
}

bool news_all(struct broker *b, struct news *n, struct err *e)
{
	struct broker_call c = { .method = "GET", .path = "/v1/hosts/self/handovers" };
	OWNED(json) tree = NULL;
	bool answered;

	if (!broker_call_json(b, &c, &tree, &answered, e))
		return false;
	for (size_t i = 0; i < json_count(tree, "items"); i++)
		if (!tell_handover(json_item(tree, "items", i), n, e))
			return false;
	for (size_t i = 0; i < json_count(tree, "asks"); i++)
		if (!tell_inquiry(json_item(tree, "asks", i), n, e))
			return false;
	n->reset = false;
	return json_get_integer(tree, "next", &n->next) || misunderstood(e);
}

bool news_await(struct broker *b, struct news *n, struct err *e)
{
	struct broker_call c = { .method = "GET",
				 .total_ms = n->wait_s * 1000 + MARGIN_MS,
				 .called_off = n->called_off };
	OWNED(json) tree = NULL;
	bool answered;

	if (!text_format(c.path, sizeof(c.path),
			 "/v1/hosts/self/events?after=%lld&wait=%d", (long long)n->next,
			 n->wait_s))
		return err_set(e, ERR_INTERNAL, "the path does not fit");
	if (!broker_call_json(b, &c, &tree, &answered, e))
		return false;
	if (!json_get_boolean(tree, "reset", &n->reset))
		n->reset = false;
	for (size_t i = 0; i < json_count(tree, "items"); i++)
		if (!tell_item(json_item(tree, "items", i), n, e))
			return false;
	return json_get_integer(tree, "next", &n->next) || misunderstood(e);
}
