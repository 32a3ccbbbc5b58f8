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

static const char *nth_policy(int i)
{
	return i < SECURITIES ? security_name((enum security)i) : NULL;
}

static const char *nth_purpose(int i)
{
	return i < PURPOSE_COUNT ? purpose_name((enum purpose)i) : NULL;
}

static const char *nth_party(int i)
{
	return i < PARTIES ? party_name((enum party)i) : NULL;
}

/* A filter that names nothing is a slip of the pen, not an empty matrix. */
static bool check_filter(const struct ctl *ctl, const char *option,
			 const char *(*nth)(int), struct err *e)
{
	CLEANUP(buf_done) struct buf known = { 0 };
	const char *want = ctl_option(ctl, option), *name;

	for (int i = 0; want && (name = nth(i)) != NULL; i++) {
		if (strcmp(want, name) == 0)
			return true;
		buf_addf(&known, "%s%s", i ? ", " : "", name);
	}
	return !want || err_field(e, ERR_USAGE, option, "--%s takes %s", option,
				  known.at ? known.at : "something else");
}

bool matrix_print(struct ctl *ctl, struct err *e)
{
	static const char *const heads[] = { "PURPOSE", "POLICY",  "PARTY",
					     "VERDICT", "BECAUSE", "MISSING" };
	CLEANUP(matrix_done)
	struct matrix m = { .ctl = ctl,
			    .table = { .heads = heads, .columns = ARRAY_LEN(heads) } };

	if (!check_filter(ctl, "policy", nth_policy, e) ||
	    !check_filter(ctl, "purpose", nth_purpose, e) ||
	    !check_filter(ctl, "party", nth_party, e))
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
