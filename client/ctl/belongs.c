/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/belongs.h"

#include "client/ctl/resolve.h"

bool belongs_list(struct ctl *ctl, const char *nouns, const struct show_columns *as,
		  struct err *e)
{
	CLEANUP(call_done) struct call c = { 0 };
	struct uuid id;

	if (!resolve_instance(ctl, ctl->args[0], &id, e))
		return false;
	buf_addf(&c.path, "/v1/instances/%s/%s", id.text, nouns);
	return show_pages(ctl, as, (struct pages){ .call = &c }, e);
}

bool belongs_delete(struct ctl *ctl, const char *noun, struct err *e)
{
	CLEANUP(call_done) struct call c = { .method = "DELETE" };
	struct uuid id, word;

	if (!resolve_instance(ctl, ctl->args[0], &id, e) ||
	    !resolve_word(ctl, noun, &id, ctl->args[1], &word, e))
		return false;
	buf_addf(&c.path, "/v1/instances/%s/%ss/%s", id.text, noun, word.text);
	if (!call_run(ctl, &c, e))
		return false;
	if (!ctl->json)
		fprintf(ctl->out, "%s %s is withdrawn\n", noun, word.text);
	return true;
}
