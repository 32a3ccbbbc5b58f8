/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/news.h"

#include "client/compute/broker_call.h"

#include <string.h>

enum { MARGIN_MS = 5000 };

static bool misunderstood(struct err *e)
{
	return err_set(e, ERR_BAD_SERVER, "the broker's answer is not understood");
}

/* One that is not understood holds up no other: the stream would stand still at it. */
static void tell_inquiry(const struct json *item, struct news *n)
{
	struct err unread = { 0 };
	struct inquiry q;

	if (inquiry_read(item, &q, &unread))
		n->inquiry(n->ctx, &q);
	else
		n->strange++;
}

static void tell_handover(const struct json *item, struct news *n)
{
	struct err unread = { 0 };
	struct handover h;

	if (item != NULL && handover_read(item, &h, &unread))
		n->handover(n->ctx, &h);
	else
		n->strange++;
}

/* What a newer broker may tell of is passed over. */
static void tell_item(const struct json *item, struct news *n)
{
	const char *kind = json_get_text(item, "kind");

	if (kind == NULL)
		n->strange++;
	else if (strcmp(kind, "ask") == 0)
		tell_inquiry(item, n);
	else if (strcmp(kind, "handover") == 0)
		tell_handover(json_get_object(item, "handover"), n);
}

bool news_all(struct broker *b, struct news *n, struct err *e)
{
	struct broker_call c = { .method = "GET", .path = "/v1/hosts/self/handovers" };
	OWNED(json) tree = NULL;
	bool answered;
	int64_t next;

	n->strange = 0;
	if (!broker_call_json(b, &c, &tree, &answered, e))
		return false;
	if (!json_get_integer(tree, "next", &next))
		return misunderstood(e);
	for (size_t i = 0; i < json_count(tree, "items"); i++)
		tell_handover(json_item(tree, "items", i), n);
	for (size_t i = 0; i < json_count(tree, "asks"); i++)
		tell_inquiry(json_item(tree, "asks", i), n);
	n->reset = false;
	n->next = next;
	return true;
}

bool news_await(struct broker *b, struct news *n, struct err *e)
{
	struct broker_call c = { .method = "GET",
				 .total_ms = n->wait_s * 1000 + MARGIN_MS,
				 .called_off = n->called_off };
	OWNED(json) tree = NULL;
	bool answered;
	int64_t next;

	n->strange = 0;
	if (!text_format(c.path, sizeof(c.path),
			 "/v1/hosts/self/events?after=%lld&wait=%d", (long long)n->next,
			 n->wait_s))
		return err_set(e, ERR_INTERNAL, "the path does not fit");
	if (!broker_call_json(b, &c, &tree, &answered, e))
		return false;
	if (!json_get_integer(tree, "next", &next))
		return misunderstood(e);
	if (!json_get_boolean(tree, "reset", &n->reset))
		n->reset = false;
	for (size_t i = 0; i < json_count(tree, "items"); i++)
		tell_item(json_item(tree, "items", i), n);
	n->next = next;
	return true;
}
