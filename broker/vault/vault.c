/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/vault/vault.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"

enum { PROJECTS_CACHED = 64 };

/* A project key that is open; good for just that row's envelope. */
struct project {
	struct project_key_row row;
	struct wrap_key *key; /* owned; NULL: the slot is free */
};

struct vault {
	const struct wrap_key *root; /* borrowed from the daemon */
	pthread_mutex_t lock; /* over the cache, and while one of its keys is in use */
	struct project cache[PROJECTS_CACHED];
	size_t oldest; /* the slot to be used next */
};

bool vault_new(const struct wrap_key *root, struct vault **ret, struct err *e)
{
	struct vault *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return err_set(e, ERR_NO_MEMORY, "no memory for the vault");
	v->root = root;
	pthread_mutex_init(&v->lock, NULL);
	*ret = v;
	return true;
}

void vault_free(struct vault *v)
{
	if (v == NULL)
		return;
	for (size_t i = 0; i < PROJECTS_CACHED; i++)
		wrap_key_free(v->cache[i].key);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

static struct envelope_binding project_binding(const struct project_key_row *row)
{
	return (struct envelope_binding){
		.kind = "project-key",
		.id = "project",
		.version = 1,
		.instance = "",
		.issuer = row->issuer,
		.project = row->project,
		.owner = "",
		.security = "",
	};
}

static struct envelope_binding secret_binding(const struct instance_row *of,
					      int64_t version)
{
	return (struct envelope_binding){
		.kind = "secret",
		.id = of->secret.text,
		.version = version,
		.instance = of->id.text,
		.issuer = of->issuer,
		.project = of->project,
		.owner = of->owner,
		.security = of->security,
	};
}

/* Unwraps into the slot that has waited longest; called with the lock held. */
static bool cache_add(struct vault *v, const struct project_key_row *row,
		      const struct wrap_key **ret, struct err *e)
{
	struct envelope_binding b = project_binding(row);
	struct view sealed = { row->envelope, (size_t)row->envelope_len };
	struct wrap_key *key = NULL;
	struct project *slot = &v->cache[v->oldest];

	if (!envelope_unwrap(v->root, &b, sealed, &key, e))
		return err_wrap(e, "key of project %s", row->project);
	wrap_key_free(slot->key);
	*slot = (struct project){ .row = *row, .key = key };
	v->oldest = (v->oldest + 1) % PROJECTS_CACHED;
	*ret = key;
	return true;
}

static bool row_is(const struct project *p, const struct project_key_row *row)
{
	return p->key != NULL && p->row.envelope_len == row->envelope_len &&
	       memcmp(p->row.envelope, row->envelope, (size_t)row->envelope_len) == 0 &&
	       strcmp(p->row.project, row->project) == 0 &&
	       strcmp(p->row.issuer, row->issuer) == 0;
}

/* The key of a row that was read for this request: a row that was destroyed opens nothing,
 * whatever the cache still holds. Called with the lock held, which keeps *ret alive. */
static bool project_key(struct vault *v, const struct project_key_row *row,
			const struct wrap_key **ret, struct err *e)
{
	for (size_t i = 0; i < PROJECTS_CACHED; i++) {
		if (row_is(&v->cache[i], row)) {
			*ret = v->cache[i].key;
			return true;
		}
	}
	return cache_add(v, row, ret, e);
}

/* Reads the project's key, or stages a new one. */
static bool project_row(struct vault *v, struct reader *r, const struct instance_row *of,
			struct project_key_row *ret, struct change *c, struct err *e)
{
	struct envelope_binding b;
	OWNED(wrap_key) key = NULL;
	size_t len = 0;

	if (!read_project_key(r, of->issuer, of->project, ret, e))
		return false;
	if (ret->head.generation != 0) {
		change_guard(c, TABLE_PROJECT_KEY, ret);
		return true;
	}
	*ret = (struct project_key_row){ 0 };
	if (!text_copy(ret->issuer, sizeof(ret->issuer), of->issuer) ||
	    !text_copy(ret->project, sizeof(ret->project), of->project))
		return err_set(e, ERR_INTERNAL, "the project's name does not fit");
	b = project_binding(ret);
	if (!wrap_key_new(&key, e) || !envelope_wrap(v->root, &b, key, ret->envelope,
						     sizeof(ret->envelope), &len, e))
		return false;
	ret->envelope_len = (int64_t)len;
	change_put(c, TABLE_PROJECT_KEY, ret);
	return true;
}

static bool seal_version(struct vault *v, const struct project_key_row *project,
			 const struct deposit *d, struct err *e)
{
	struct version_row *row = d->version;
	struct envelope_binding b = secret_binding(d->of, row->version);
	const struct wrap_key *key = NULL;
	size_t len = 0;
	bool ok;

	pthread_mutex_lock(&v->lock);
	ok = project_key(v, project, &key, e) &&
	     envelope_seal(key, &b, d->value, row->envelope, sizeof(row->envelope), &len,
			   e);
	pthread_mutex_unlock(&v->lock);
	row->envelope_len = (int64_t)len;
	return ok;
}

bool vault_store(struct vault *v, struct reader *r, const struct deposit *d,
		 struct change *c, struct err *e)
{
	struct project_key_row project;

	d->version->secret = d->of->secret;
	if (!project_row(v, r, d->of, &project, c, e) || !seal_version(v, &project, d, e))
		return err_wrap(e, "store secret of %s", d->of->id.text);
	change_put(c, TABLE_VERSION, d->version);
	return true;
}

bool vault_generate(struct vault *v, struct reader *r, const struct instance_row *of,
		    struct version_row *version, struct change *c, struct err *e)
{
	OWNED(secret) value = NULL;

	if (!text_copy(version->origin, sizeof(version->origin), "generated"))
		return err_set(e, ERR_INTERNAL, "the origin does not fit");
	return random_passphrase(&value, e) &&
	       vault_store(v, r, &(struct deposit){ of, version, value }, c, e);
}

static bool is_of_project(const struct project_key_row *project,
			  const struct instance_row *of)
{
	return strcmp(project->issuer, of->issuer) == 0 &&
	       strcmp(project->project, of->project) == 0;
}

bool vault_open(struct vault *v, const struct project_key_row *project,
		const struct instance_row *of, const struct version_row *version,
		struct secret **ret, struct err *e)
{
	struct envelope_binding b = secret_binding(of, version->version);
	struct view sealed = { version->envelope, (size_t)version->envelope_len };
	const struct wrap_key *key = NULL;
	bool ok;

	if (version->head.generation == 0 || !uuid_equal(&version->secret, &of->secret))
		return err_set(e, ERR_INTERNAL, "no version of this secret was read");
	if (project->head.generation == 0 || !is_of_project(project, of))
		return err_set(e, ERR_ENVELOPE_TAMPERED,
			       "the key of this project is gone");
	pthread_mutex_lock(&v->lock);
	ok = project_key(v, project, &key, e) && envelope_open(key, &b, sealed, ret, e);
	pthread_mutex_unlock(&v->lock);
	return ok || err_wrap(e, "open secret of %s", of->id.text);
}
