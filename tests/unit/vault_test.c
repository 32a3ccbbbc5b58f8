/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/vault/vault.h"
#include "tests/unit/broker_world.h"

struct bed {
	struct world w;
	struct wrap_key *root;
	struct vault *vault;
	struct reader *r;
	struct change *c;
};

static void bed_open(struct bed *b)
{
	world_open(&b->w);
	must(&b->w, wrap_key_new(&b->root, &b->w.e), "root key");
	must(&b->w, vault_new(b->root, &b->vault, &b->w.e), "vault");
	must(&b->w, reader_open(b->w.store, &b->r, &b->w.e), "reader");
	must(&b->w, change_new(&b->c, &b->w.e), "change");
}

static void bed_close(struct bed *b)
{
	change_free(b->c);
	reader_free(b->r);
	vault_free(b->vault);
	wrap_key_free(b->root);
	world_close(&b->w);
}

static struct instance_row an_instance(struct bed *b, const char *project)
{
	struct instance_row i = { .version = 1 };

	must(&b->w, uuid_random(&i.id, &b->w.e) && uuid_random(&i.secret, &b->w.e),
	     "uuid");
	snprintf(i.issuer, sizeof i.issuer, "broker:test");
	snprintf(i.project, sizeof i.project, "%s", project);
	snprintf(i.owner, sizeof i.owner, "alice");
	snprintf(i.security, sizeof i.security, "user");
	return i;
}

static struct version_row stored(struct bed *b, const struct instance_row *i,
				 const struct secret *value)
{
	struct version_row v = { .version = i->version, .created_us = WORLD_BEGIN_US };
	struct version_row read;

	snprintf(v.state, sizeof v.state, "active");
	snprintf(v.origin, sizeof v.origin, "uploaded");
	change_reset(b->c);
	must(&b->w,
	     vault_store(b->vault, b->r, &(struct deposit){ i, &v, value }, b->c,
			 &b->w.e),
	     "vault_store");
	must(&b->w, store_commit(b->w.store, b->c, &b->w.e), "store_commit");
	must(&b->w, read_version(b->r, &i->secret, i->version, &read, &b->w.e),
	     "read_version");
	return read;
}

static struct secret *marked(struct bed *b, const char *text)
{
	struct secret *s = NULL;

	must(&b->w,
	     secret_from((struct view){ (const uint8_t *)text, strlen(text) }, &s,
			 &b->w.e),
	     "secret");
	return s;
}

/* As the gate does: with the row of the project that the instance says it is of. */
static bool opens(struct bed *b, const struct instance_row *i,
		  const struct version_row *v, struct secret **ret, struct err *e)
{
	struct project_key_row project;

	return read_project_key(b->r, i->issuer, i->project, &project, e) &&
	       vault_open(b->vault, &project, i, v, ret, e);
}

static bool opens_as(struct bed *b, const struct instance_row *i,
		     const struct version_row *v, const struct secret *want,
		     enum err_kind *why)
{
	OWNED(secret) got = NULL;
	struct err e = { 0 };
	bool ok = opens(b, i, v, &got, &e);

	*why = e.kind;
	return ok && secret_equal(got, want);
}

static void test_round_trip(struct bed *b)
{
	static const char mark[] = "MARKED-VALUE-0123456789-0123456789";
	OWNED(secret) value = marked(b, mark);
	struct instance_row i = an_instance(b, "p1");
	struct version_row v = stored(b, &i, value);
	enum err_kind why;

	check("a stored value is opened again", opens_as(b, &i, &v, value, &why));
	check("the row holds nothing of it",
	      memmem(&v, sizeof v, mark, sizeof mark - 1) == NULL);
	i = an_instance(b, "p1");
	v = stored(b, &i, value);
	check("a second secret of the project uses the same key",
	      opens_as(b, &i, &v, value, &why));
}

static void test_generated(struct bed *b)
{
	struct instance_row i = an_instance(b, "p1");
	struct version_row v = { .version = 1 };
	OWNED(secret) value = NULL;
	struct err e = { 0 };

	snprintf(v.state, sizeof v.state, "active");
	change_reset(b->c);
	must(&b->w, vault_generate(b->vault, b->r, &i, &v, b->c, &e), "vault_generate");
	must(&b->w, store_commit(b->w.store, b->c, &b->w.e), "store_commit");
	must(&b->w, read_version(b->r, &i.secret, 1, &v, &b->w.e), "read_version");
	check("a generated value is recorded as such",
	      strcmp(v.origin, "generated") == 0);
	check("it has 64 characters",
	      opens(b, &i, &v, &value, &e) && secret_len(value) == 64);
}

/* Each is the same row under another story; none of them may open. */
static void test_bindings(struct bed *b)
{
	OWNED(secret) value = marked(b, "a value that is bound to its place");
	struct instance_row i = an_instance(b, "p1"), other = an_instance(b, "p2");
	struct version_row v = stored(b, &i, value), moved;
	struct instance_row lie;
	enum err_kind why;

	(void)stored(b, &other, value);
#define REFUSED(says, change)                                          \
	do {                                                           \
		lie = i;                                               \
		moved = v;                                             \
		change;                                                \
		check(says, !opens_as(b, &lie, &moved, value, &why) && \
				    why == ERR_ENVELOPE_TAMPERED);     \
	} while (0)
	REFUSED("not for another instance", lie.id = other.id);
	REFUSED("not as another secret", lie.secret = moved.secret = other.secret);
	REFUSED("not for another project",
		snprintf(lie.project, sizeof lie.project, "p2"));
	REFUSED("not for a project without a key",
		snprintf(lie.project, sizeof lie.project, "nobody"));
	REFUSED("not for another owner", snprintf(lie.owner, sizeof lie.owner, "bob"));
	REFUSED("not under a weaker policy",
		snprintf(lie.security, sizeof lie.security, "deployment"));
	REFUSED("not as another version", moved.version = 2);
	REFUSED("not when cut short", moved.envelope_len--);
#undef REFUSED
}

static void test_flips(struct bed *b)
{
	OWNED(secret) value = marked(b, "a value of which no bit may change");
	struct instance_row i = an_instance(b, "p1");
	struct version_row v = stored(b, &i, value);
	int opened = 0;
	enum err_kind why;

	for (int64_t at = 0; at < v.envelope_len; at++) {
		v.envelope[at] ^= 1;
		opened += opens_as(b, &i, &v, value, &why);
		v.envelope[at] ^= 1;
	}
	check("no flipped byte of an envelope opens", opened == 0 && v.envelope_len > 60);
}

static void test_other_root(struct bed *b)
{
	OWNED(secret) value = marked(b, "a value under the first root key");
	struct instance_row i = an_instance(b, "p1");
	struct version_row v = stored(b, &i, value);
	OWNED(wrap_key) root = NULL;
	struct bed other = { .r = b->r };
	enum err_kind why;

	must(&b->w,
	     wrap_key_new(&root, &b->w.e) && vault_new(root, &other.vault, &b->w.e),
	     "vault");
	check("another root key opens nothing",
	      !opens_as(&other, &i, &v, value, &why) && why == ERR_ENVELOPE_TAMPERED);
	vault_free(other.vault);
}

enum { MANY = 150 };

static void test_many_projects(struct bed *b)
{
	OWNED(secret) value = marked(b, "a value for each of many projects");
	struct instance_row i[MANY];
	struct version_row *v = calloc(MANY, sizeof *v);
	int opened = 0;
	enum err_kind why;

	must(&b->w, v != NULL, "memory");
	for (int n = 0; n < MANY; n++) {
		char project[16];

		snprintf(project, sizeof project, "many-%d", n);
		i[n] = an_instance(b, project);
		v[n] = stored(b, &i[n], value);
	}
	for (int n = 0; n < MANY; n++)
		opened += opens_as(b, &i[n], &v[n], value, &why);
	free(v);
	check("more projects than the cache holds all open", opened == MANY);
}

static void test_first_of_two(struct bed *b)
{
	OWNED(secret) value = marked(b, "a value that two workers store at once");
	struct instance_row i[2] = { an_instance(b, "race"), an_instance(b, "race") };
	struct change *c[2] = { NULL, NULL };
	struct err e = { 0 };
	enum err_kind why;

	for (int n = 0; n < 2; n++) {
		struct version_row v = { .version = 1,
					 .state = "active",
					 .origin = "uploaded" };

		must(&b->w, change_new(&c[n], &b->w.e), "change");
		must(&b->w,
		     vault_store(b->vault, b->r, &(struct deposit){ &i[n], &v, value },
				 c[n], &b->w.e),
		     "vault_store");
	}
	check("the first secret of a project makes its key",
	      store_commit(b->w.store, c[0], &e));
	check("the second, made at the same moment, has to begin again",
	      !store_commit(b->w.store, c[1], &e) && e.kind == ERR_CONFLICT);
	struct version_row v = stored(b, &i[1], value);
	check("and then stands under the first one's key",
	      opens_as(b, &i[1], &v, value, &why));
	change_free(c[0]);
	change_free(c[1]);
}

int main(void)
{
	struct bed b = { 0 };

	bed_open(&b);
	test_round_trip(&b);
	test_generated(&b);
	test_bindings(&b);
	test_flips(&b);
	test_other_root(&b);
	test_many_projects(&b);
	test_first_of_two(&b);
	bed_close(&b);
	return done();
}
