/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/hook.h"

#include "client/compute/config.h"
#include "client/compute/domain_xml.h"
#include "client/compute/guests.h"
#include "client/compute/message.h"
#include "common/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { XML_MAX = 16 * 1024 * 1024, HOOK_MS = 10000, READ_MS = 2000 };

struct operation {
	const char *name, *sub;
	const char *op; /* as the agent knows it */
	bool may_veto;
};

static const struct operation operations[] = {
	{ "prepare", "begin", "prepare", true }, { "restore", "begin", "restore", true },
	{ "migrate", "begin", "migrate", true }, { "started", "begin", "started", false },
	{ "release", "end", "stopped", false },
};

static const struct operation *operation_of(int argc, char *const *argv)
{
	for (size_t i = 0; argc >= 3 && i < ARRAY_LEN(operations); i++)
		if (strcmp(argv[1], operations[i].name) == 0 &&
		    strcmp(argv[2], operations[i].sub) == 0)
			return &operations[i];
	return NULL;
}

static bool read_stdin(struct buf *ret)
{
	int64_t until = clock_monotonic_us(clock_system()) + READ_MS * 1000;
	uint8_t chunk[65536];
	ssize_t n;

	for (;;) {
		struct pollfd p = { .fd = 0, .events = POLLIN };
		int64_t left = until - clock_monotonic_us(clock_system());

		if (left <= 0 || ret->failed || ret->len > XML_MAX)
			return false;
		if (poll(&p, 1, (int)(left / 1000) + 1) <= 0)
			continue;
		n = read(0, chunk, sizeof(chunk));
		if (n == 0)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			buf_add_bytes(ret, (struct view){ chunk, (size_t)n });
	}
}

/* False: nothing of ours, the domain goes on its way. */
static bool fill_request(const struct operation *o, const char *name, struct request *ret)
{
	CLEANUP(buf_done) struct buf xml = { 0 };
	struct domain_facts facts;
	struct err e = { 0 };

	if (!read_stdin(&xml) || xml.len == 0 ||
	    !domain_xml_read(xml.at, xml.len, &facts))
		return false;
	if (!facts.encrypted || !text_copy(ret->op, sizeof(ret->op), o->op) ||
	    !uuid_parse(facts.uuid, "", &ret->instance, &e) ||
	    !uuid_parse(facts.secret, "", &ret->secret, &e))
		return false;
	if (!text_is_display(name, 255) || !text_copy(ret->name, sizeof(ret->name), name))
		ret->name[0] = '\0';
	return true;
}

static bool ask_agent(const struct request *r, struct err *e)
{
	OWNED(json) answer = NULL;
	struct places at;

	if (!config_places(NULL, &at, e))
		return false;
	if (request_ask(at.socket.text, r, HOOK_MS - READ_MS, &answer, NULL, e))
		return true;
	/* Whoever was never seen here is somebody else's: libvirt looks for the secret itself. Not
	 * so in a migration: one of a guest that is off needs none, and leaves its TPM behind. */
	return e->kind == ERR_AGENT_UNREACHABLE && strcmp(r->op, "migrate") != 0 &&
	       !guest_is_known(at.state.text, &r->instance);
}

int hook_run(int argc, char *const *argv)
{
	const struct operation *o = operation_of(argc, argv);
	CLEANUP(buf_done) struct buf text = { 0 };
	struct request r = { 0 };
	struct err e = { 0 };

	if (o == NULL || !fill_request(o, argv[0], &r) || ask_agent(&r, &e))
		return 0;
	refusal_text(&e, r.instance.text, &text);
	if (text.at != NULL)
		fputs(text.at, stderr);
	return o->may_veto ? 1 : 0;
}
