/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "broker/daemon/commands.h"
#include "broker/daemon/local.h"
#include "broker/vault/vault.h"

/* What is bad is printed as it is found, and counted. */
struct finding {
	struct local *l;     /* borrowed */
	struct vault *vault; /* owned by the command */
	int64_t bad, opened;
};

static void tell_bad(void *ctx, const struct err *why)
{
	struct finding *f = ctx;

	f->bad++;
	printf("bad   %s\n", why->trail);
}

/* ---- rows and chains ---- */

static bool verify_rows(struct finding *f, struct err *e)
{
	int64_t good = 0;

	if (!reader_verify_rows(f->l->db, tell_bad, f, &good, e))
		return false;
	printf("good  %lld rows\n", (long long)good);
	return true;
}

static bool verify_chains(struct finding *f, struct err *e)
{
	struct audit_counts c;

	if (!reader_verify_audit(f->l->db, &c, e))
		return false;
	if (c.bad_writer[0]) {
		f->bad++;
		printf("bad   audit chain %s, record %lld\n", c.bad_writer,
		       (long long)c.bad_number);
	}
	printf("good  %lld records in %lld chains\n", (long long)c.records,
	       (long long)c.chains);
	return true;
}

static bool head_parse(const char *words, char writer[2 * NAME_SIZE], int64_t *ret_number,
		       char mac[2 * MAC_BYTES + 1], struct err *e)
{
	char number[24];

	if (sscanf(words, "writer=%127s number=%23s mac=%64s", writer, number, mac) ==
		    3 &&
	    text_parse_int(number, 1, INT64_MAX, ret_number) &&
	    strlen(mac) == (size_t)2 * MAC_BYTES)
		return true;
	return err_set(e, ERR_USAGE,
		       "--head is 'writer=W number=N mac=M', as in the log");
}

/* A trail whose end was cut off verifies; only what was written down elsewhere shows it. */
static bool verify_head(struct finding *f, const char *words, struct err *e)
{
	char writer[2 * NAME_SIZE], mac[2 * MAC_BYTES + 1];
	int64_t number = 0;
	bool there = false;

	if (!words)
		return true;
	if (!head_parse(words, writer, &number, mac, e) ||
	    !reader_has_record(f->l->db, writer, number, mac, &there, e))
		return false;
	f->bad += !there;
	printf("%s record %lld of chain %s\n", there ? "good " : "bad  ",
	       (long long)number, writer);
	return true;
}

/* ---- secrets ---- */

/* The value is looked at by nobody: that it opens is all. */
static bool verify_secret(void *ctx, const struct instance_row *i, struct err *e)
{
	struct finding *f = ctx;
	struct project_key_row project;
	struct version_row version;
	struct err why = { 0 };
	OWNED(secret) value = NULL;

	(void)e;
	if (i->version == 0)
		return true;
	if (read_version(f->l->db, &i->secret, i->version, &version, &why) &&
	    read_project_key(f->l->db, i->issuer, i->project, &project, &why) &&
	    vault_open(f->vault, &project, i, &version, &value, &why)) {
		f->opened++;
		return true;
	}
	err_wrap(&why, "secret of instance %s", i->id.text);
	tell_bad(f, &why);
	return true;
}

/* A list ends at the first row that does not verify; that row was told of already. */
static bool verify_secrets(struct finding *f, struct err *e)
{
	const struct instance_filter all = { 0 };
	const struct page whole = { .after = "", .limit = INT64_MAX };
	struct err why = { 0 };

	if (!list_instances(f->l->db, &all, whole, verify_secret, f, &why)) {
		if (why.kind != ERR_ROW_TAMPERED) {
			*e = why;
			return false;
		}
		printf("bad   secrets behind that row were not looked at\n");
	}
	printf("good  %lld secrets open\n", (long long)f->opened);
	return true;
}

bool command_verify_db(const struct cli *cli, struct err *e)
{
	struct finding f = { 0 };
	OWNED(local) l = NULL;
	OWNED(vault) vault = NULL;

	if (!local_open(cli, "verify", &l, e) || !vault_new(l->keys->root, &vault, e))
		return false;
	f.l = l;
	f.vault = vault;
	if (!verify_rows(&f, e) || !verify_chains(&f, e) ||
	    !verify_head(&f, cli->values[OPT_HEAD], e) || !verify_secrets(&f, e))
		return false;
	if (f.bad)
		return err_set(e, ERR_ROW_TAMPERED, "%lld things are bad",
			       (long long)f.bad);
	printf("The database is good.\n");
	return true;
}
