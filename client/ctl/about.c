/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/commands.h"
#include "client/ctl/show.h"

static void show_whoami(struct table *t, const struct json *j)
{
	show_text(t, "subject", j, "subject");
	show_text(t, "role", j, "role");
	show_text(t, "project", j, "project");
	show_text(t, "issuer", j, "issuer");
	show_text(t, "expires", j, "expires");
}

bool about_whoami(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { 0 };

	buf_add(&c.path, "/v1/whoami");
	return call_run(ctl, &c, e) && show_answer(ctl, &c, show_whoami, e);
}

static void show_broker(struct table *t, const struct json *j)
{
	table_fact(t, "vtpmctl", VTPM_VERSION);
	show_text(t, "broker", j, "version");
	show_integer(t, "protocol", j, "protocol");
	show_text(t, "broker id", j, "broker");
	show_text(t, "CA key", j, "ca");
}

bool about_version(struct ctl *ctl, struct err *e)
{
	CLEANUP(call_done) struct call c = { 0 };

	if (ctl->command && ctl_option(ctl, "broker")) {
		buf_add(&c.path, "/v1");
		return call_run(ctl, &c, e) && show_answer(ctl, &c, show_broker, e);
	}
	if (ctl->json)
		fprintf(ctl->out, "{\"name\":\"vtpmctl\",\"version\":\"%s\"}\n",
			VTPM_VERSION);
	else
		fprintf(ctl->out, "vtpmctl %s\n", VTPM_VERSION);
	return true;
}
