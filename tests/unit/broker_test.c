/* SPDX-License-Identifier: Apache-2.0 */
/* The list of placements from a server that is not right: openssl s_server on loopback. */
#include "client/compute/broker.h"

#include "client/compute/ids.h"
#include "tests/unit/check.h"
#include "tests/unit/file_server.h"
#include "tests/unit/state_dir.h"

#define ITEM "{\"id\":\"11111111-1111-4111-8111-11111111111%d\"}"

static bool put_page(const char *after, const char *items, const char *next)
{
	char path[96], body[256];

	return text_format(path, sizeof(path), "v1/hosts/self/instances?limit=500%s%s",
			   after[0] != '\0' ? "&after=" : "", after) &&
	       text_format(body, sizeof(body), "{\"items\":[%s]%s%s%s}", items,
			   next[0] != '\0' ? ",\"next\":\"" : "", next,
			   next[0] != '\0' ? "\"" : "") &&
	       file_server_put(path, 200, body);
}

static bool put_item(const char *after, int n, const char *next)
{
	char item[64];

	return text_format(item, sizeof(item), ITEM, n) && put_page(after, item, next);
}

static bool take(void *ctx, const struct uuid *instance)
{
	return ids_add(ctx, instance);
}

static bool take_one(void *ctx, const struct uuid *instance)
{
	struct ids *l = ctx;

	return l->n == 0 && ids_add(l, instance);
}

static void test_pages(struct broker *b)
{
	CLEANUP(ids_done) struct ids all = { 0 };
	CLEANUP(ids_done) struct ids some = { 0 };
	struct err e = { 0 };

	check("each page of the list is read",
	      put_item("", 1, "a") && put_item("a", 2, "b") && put_item("b", 3, "") &&
		      broker_each_placed(b, take, &all, &e) && all.n == 3);
	check("until nobody wants more, and then it is not the whole list",
	      !broker_each_placed(b, take_one, &some, &e) && some.n == 1);
}

static enum err_kind refusal(struct broker *b)
{
	CLEANUP(ids_done) struct ids all = { 0 };
	struct err e = { 0 };

	return broker_each_placed(b, take, &all, &e) ? ERR_NONE : e.kind;
}

static void test_cursors(struct broker *b)
{
	check("a page that leads to itself is refused",
	      put_item("a", 2, "a") && refusal(b) == ERR_BAD_SERVER);
	check("so is an empty page that leads on",
	      put_page("a", "", "b") && refusal(b) == ERR_BAD_SERVER);
	check("pages that lead to each other are not followed without end",
	      put_item("a", 2, "b") && put_item("b", 2, "a") &&
		      refusal(b) == ERR_BAD_SERVER);
}

int main(void)
{
	CLEANUP(state_dir_done) struct state_dir dir = state_dir_make();
	struct identity id = { .ca_file = { "ca.pem" } };
	struct config c = { .name = "h1" };
	OWNED(broker) b = NULL;
	struct err e = { 0 };
	CLEANUP(file_server_done) struct file_server s = { 0 };

	if (!file_server_start(dir.path, &s) || !text_copy(c.url, sizeof(c.url), s.url) ||
	    !file_make_dir("v1/hosts/self", 0700, &e) || !broker_open(&c, &id, &b, &e))
		return 99;
	test_pages(b);
	test_cursors(b);
	return done();
}
