/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ctl/commands.h"
#include "client/ctl/table.h"
#include "policy/policy.h"

#include <string.h>

struct matrix {
	const struct ctl *ctl; /* borrowed */
	struct table table;    /* owned */
	struct json_writer w;
	struct buf text; /* owned: the JSON */
};

static bool passes(const struct ctl *ctl, const char *option, const char *name)
{
	const char *want = ctl_option(ctl, option);

	return !want || strcmp(want, name) == 0;
}

static void each(void *ctx, const struct cell *cell)
{
	struct matrix *m = ctx;
	const char *const columns[] = {
		purpose_name(cell->ask.purpose),
		security_name(cell->ask.security),
		party_name(cell->ask.party),
		reason_allows(cell->reason) ? "allowed" : "refused",
		reason_text(cell->reason),
		cell->missing
	};
	static const char *const names[] = { "purpose", "policy", "party",
					     "verdict", "says",   "missing" };

	if (!passes(m->ctl, "purpose", columns[0]) ||
	    !passes(m->ctl, "policy", columns[1]) || !passes(m->ctl, "party", columns[2]))
		return;
	for (size_t i = 0; i < ARRAY_LEN(columns) && !m->ctl->json; i++)
		table_add(&m->table, columns[i]);
	if (!m->ctl->json)
		return;
	json_open(&m->w, NULL);
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		json_put_text(&m->w, names[i], columns[i][0] ? columns[i] : NULL);
	json_close(&m->w);
}

static void matrix_done(struct matrix *m)
{
	table_done(&m->table);
	buf_done(&m->text);
}

/* A filter that names nothing is a slip of the pen, not an empty matrix. */
static bool check_filters(const struct ctl *ctl, struct err *e)
{
	const char *policy = ctl_option(ctl, "policy"),
		   *purpose = ctl_option(ctl, "purpose");
	const char *party = ctl_option(ctl, "party");
	enum security s;
	enum purpose p;
	int known = 0;

	if (policy && !security_parse(policy, &s))
		return err_field(e, ERR_USAGE, "policy",
				 "--policy takes user, host or deployment");
	if (purpose && !purpose_parse(purpose, &p))
		return err_field(e, ERR_USAGE, "purpose", "there is no purpose %s",
				 purpose);
	for (int i = 0; party && i < PARTIES; i++)
		known += strcmp(party, party_name((enum party)i)) == 0;
	if (party && !known)
		return err_field(e, ERR_USAGE, "party", "there is no party %s", party);
	return true;
}

bool matrix_print(struct ctl *ctl, struct err *e)
{
	static const char *const heads[] = { "PURPOSE", "POLICY",  "PARTY",
					     "VERDICT", "BECAUSE", "MISSING" };
	CLEANUP(matrix_done)
	struct matrix m = { .ctl = ctl,
			    .table = { .heads = heads, .columns = ARRAY_LEN(heads) } };

	if (!check_filters(ctl, e))
		return false;
	m.w.to = &m.text;
	json_open(&m.w, NULL);
	json_open_list(&m.w, "cells");
	policy_matrix(each, &m);
	json_close_list(&m.w);
	json_close(&m.w);
	if (!ctl->json)
		return table_print(&m.table, ctl->out, e);
	if (m.text.failed)
		return err_set(e, ERR_NO_MEMORY, "out of memory");
	fprintf(ctl->out, "%s\n", m.text.at);
	return true;
}
