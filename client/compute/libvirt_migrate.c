/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/libvirt_migrate.h"

#include "client/compute/domain_xml.h"
#include "common/text.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct migration {
	virConnectPtr conn, second; /* owned */
	virDomainPtr domain, seen;  /* owned: the guest by the one, and by the other */
	char uri[256];
	struct migration_guest guest;
	const struct migration_how *how; /* borrowed */
	pthread_t thread;
	bool begun, joined;
	bool moved;     /* written by the thread, read once it has ended */
	struct err why; /* likewise */
};

static void conn_drop(virConnectPtr *c)
{
	if (*c)
		virConnectClose(*c);
}

static void domain_drop(virDomainPtr *d)
{
	if (*d)
		virDomainFree(*d);
}

static void text_drop(char **text)
{
	free(*text);
}

static void quiet(void *ctx, virErrorPtr e)
{
	(void)ctx;
	(void)e;
}

/* A hook's words come last, behind its path and exit status; ours are a whole sentence. */
static bool failed(struct err *e, enum err_kind kind, const char *what)
{
	static const char ours[] = "vtpm-client: ";
	const char *words = virGetLastErrorMessage();
	const char *hook = strstr(words, ours);

	if (hook)
		return err_set(e, kind, "%.*s",
			       (int)strcspn(hook + sizeof(ours) - 1, "\n"),
			       hook + sizeof(ours) - 1);
	return err_set(e, kind, "%s: %.*s", what, (int)strcspn(words, "\n"), words);
}

static bool connect_to(const char *uri, virConnectPtr *ret, struct err *e)
{
	virSetErrorFunc(NULL, quiet);
	*ret = virConnectOpen(uri);
	return *ret || failed(e, ERR_NO_LIBVIRT, uri);
}

/* ---- the guest ---- */

static bool read_xml(virDomainPtr d, struct migration_guest *ret)
{
	CLEANUP(text_drop) char *xml = virDomainGetXMLDesc(d, 0);
	struct domain_facts facts;

	if (!xml || !domain_xml_read(xml, strlen(xml), &facts))
		return false;
	ret->encrypted = facts.encrypted;
	return true;
}

static bool read_guest(virDomainPtr d, struct migration_guest *ret, struct err *e)
{
	const char *name = virDomainGetName(d);
	int active = virDomainIsActive(d);

	*ret = (struct migration_guest){ .active = active == 1 };
	if (!name || active < 0 || virDomainGetUUIDString(d, ret->id.text) != 0 ||
	    !read_xml(d, ret))
		return failed(e, ERR_NO_LIBVIRT, "cannot see what the guest is");
	text_cut(ret->name, sizeof(ret->name), name);
	ret->has_save = virDomainHasManagedSaveImage(d, 0) == 1;
	ret->has_points = virDomainSnapshotNum(d, 0) > 0 ||
			  virDomainListAllCheckpoints(d, NULL, 0) > 0;
	virResetLastError(); /* not every driver has those */
	return true;
}

static virDomainPtr find(virConnectPtr c, const char *guest)
{
	virDomainPtr d = virDomainLookupByUUIDString(c, guest);

	return d ? d : virDomainLookupByName(c, guest);
}

bool migration_open(const char *libvirt_uri, const char *guest, struct migration **ret,
		    struct err *e)
{
	OWNED(migration) m = calloc(1, sizeof(*m));

	if (!m)
		return err_set(e, ERR_NO_MEMORY, "no memory for a migration");
	if (!text_copy(m->uri, sizeof(m->uri), libvirt_uri))
		return err_set(e, ERR_NO_LIBVIRT, "libvirt's URI is too long");
	if (!connect_to(libvirt_uri, &m->conn, e))
		return false;
	m->domain = find(m->conn, guest);
	if (!m->domain)
		return virGetLastErrorCode() == VIR_ERR_NO_DOMAIN
			       ? err_set(e, ERR_NOT_FOUND, "no guest %.80s is here",
					 guest)
			       : failed(e, ERR_NO_LIBVIRT, "cannot look for the guest");
	if (!read_guest(m->domain, &m->guest, e))
		return false;
	*ret = migration_move(&m);
	return true;
}

static void join(struct migration *m)
{
	if (m->begun && !m->joined)
		m->joined = pthread_join(m->thread, NULL) == 0;
}

void migration_free(struct migration *m)
{
	if (!m)
		return;
	join(m);
	domain_drop(&m->domain);
	domain_drop(&m->seen);
	conn_drop(&m->conn);
	conn_drop(&m->second);
	free(m);
}

const struct migration_guest *migration_guest(const struct migration *m)
{
	return &m->guest;
}

/* ---- moving ---- */

static unsigned flags_of(const struct migration_how *how)
{
	const struct {
		bool set;
		unsigned flag;
	} rows[] = {
		{ true, VIR_MIGRATE_LIVE },
		{ !how->direct, VIR_MIGRATE_PEER2PEER },
		{ how->tunnelled, VIR_MIGRATE_TUNNELLED },
		{ how->paused, VIR_MIGRATE_PAUSED },
		{ !how->transient, VIR_MIGRATE_PERSIST_DEST },
		{ !how->keep_source, VIR_MIGRATE_UNDEFINE_SOURCE },
		{ how->auto_converge, VIR_MIGRATE_AUTO_CONVERGE },
		{ how->compressed, VIR_MIGRATE_COMPRESSED },
		{ how->tls, VIR_MIGRATE_TLS },
		{ how->unsafe, VIR_MIGRATE_UNSAFE },
		{ how->copy_all, VIR_MIGRATE_NON_SHARED_DISK },
		{ how->copy_inc, VIR_MIGRATE_NON_SHARED_INC },
	};
	unsigned flags = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		flags |= rows[i].set ? rows[i].flag : 0;
	return flags;
}

struct params {
	virTypedParameterPtr at; /* owned */
	int n, cap;
};

static void params_done(struct params *p)
{
	virTypedParamsFree(p->at, p->n);
}

static bool add_params(const struct migration_how *how, struct params *p)
{
	return (!how->migrate_uri ||
		virTypedParamsAddString(&p->at, &p->n, &p->cap, VIR_MIGRATE_PARAM_URI,
					how->migrate_uri) == 0) &&
	       (how->bandwidth == 0 ||
		virTypedParamsAddULLong(&p->at, &p->n, &p->cap,
					VIR_MIGRATE_PARAM_BANDWIDTH,
					(unsigned long long)how->bandwidth) == 0);
}

static bool move_direct(struct migration *m, const struct params *p, struct err *e)
{
	CLEANUP(conn_drop) virConnectPtr there = NULL;
	CLEANUP(domain_drop) virDomainPtr arrived = NULL;

	if (!connect_to(m->how->uri, &there, e))
		return false;
	arrived = virDomainMigrate3(m->domain, there, p->at, (unsigned)p->n,
				    flags_of(m->how));
	return arrived || failed(e, ERR_MIGRATION_FAILED, "libvirt");
}

static bool move(struct migration *m, struct err *e)
{
	CLEANUP(params_done) struct params p = { 0 };

	if (!add_params(m->how, &p))
		return failed(e, ERR_MIGRATION_FAILED, "libvirt");
	if (m->how->direct)
		return move_direct(m, &p, e);
	return virDomainMigrateToURI3(m->domain, m->how->uri, p.at, (unsigned)p.n,
				      flags_of(m->how)) == 0 ||
	       failed(e, ERR_MIGRATION_FAILED, "libvirt");
}

static void *run(void *ctx)
{
	struct migration *m = ctx;

	m->moved = move(m, &m->why);
	return NULL;
}

bool migration_begin(struct migration *m, const struct migration_how *how, struct err *e)
{
	m->how = how;
	m->second = virConnectOpen(m->uri);
	m->seen = m->second ? virDomainLookupByUUIDString(m->second, m->guest.id.text)
			    : NULL;
	if (!m->seen)
		return failed(e, ERR_NO_LIBVIRT, "a second connection");
	m->begun = pthread_create(&m->thread, NULL, run, m) == 0;
	return m->begun || err_set(e, ERR_NO_MEMORY, "no thread for a migration");
}

bool migration_is_over(struct migration *m)
{
	if (m->begun && !m->joined)
		m->joined = pthread_tryjoin_np(m->thread, NULL) == 0;
	return m->joined;
}

static uint64_t number_of(const struct params *p, const char *name)
{
	unsigned long long n = 0;

	(void)virTypedParamsGetULLong(p->at, p->n, name, &n);
	return n;
}

bool migration_look(struct migration *m, struct migration_progress *ret)
{
	CLEANUP(params_done) struct params p = { 0 };
	int type = VIR_DOMAIN_JOB_NONE;

	if (virDomainGetJobStats(m->seen, &type, &p.at, &p.n, 0) != 0 ||
	    (type != VIR_DOMAIN_JOB_UNBOUNDED && type != VIR_DOMAIN_JOB_BOUNDED))
		return false;
	*ret = (struct migration_progress){
		.total = number_of(&p, VIR_DOMAIN_JOB_DATA_TOTAL),
		.remaining = number_of(&p, VIR_DOMAIN_JOB_DATA_REMAINING),
		.rate = number_of(&p, VIR_DOMAIN_JOB_MEMORY_BPS),
	};
	return ret->total > 0;
}

void migration_call_off(struct migration *m)
{
	if (m->seen)
		(void)virDomainAbortJob(
			m->seen); /* over already: there is nothing to do */
}

bool migration_end(struct migration *m, struct err *e)
{
	join(m);
	if (!m->moved)
		*e = m->why;
	return m->moved;
}

/* ---- the definition alone ---- */

bool migration_define(struct migration *m, const char *uri, bool keep_source,
		      struct err *e)
{
	static const unsigned all = VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE;
	CLEANUP(conn_drop) virConnectPtr there = NULL;
	CLEANUP(domain_drop) virDomainPtr defined = NULL;
	CLEANUP(text_drop) char *xml = virDomainGetXMLDesc(m->domain, all);

	if (!xml)
		return failed(e, ERR_NO_LIBVIRT, "cannot read the guest's definition");
	if (!connect_to(uri, &there, e))
		return false;
	defined = virDomainDefineXML(there, xml);
	if (!defined)
		return failed(e, ERR_MIGRATION_FAILED, "cannot define the guest there");
	return keep_source ||
	       virDomainUndefineFlags(m->domain, VIR_DOMAIN_UNDEFINE_KEEP_NVRAM |
							 VIR_DOMAIN_UNDEFINE_KEEP_TPM) ==
		       0 ||
	       failed(e, ERR_MIGRATION_FAILED,
		      "defined there, but it cannot be undefined here");
}

/* ---- all of them ---- */

bool migration_each(const char *libvirt_uri,
		    void (*each)(void *ctx, const struct migration_guest *g), void *ctx,
		    struct err *e)
{
	CLEANUP(conn_drop) virConnectPtr c = NULL;
	virDomainPtr *all = NULL;
	bool ok = true;
	int n;

	if (!connect_to(libvirt_uri, &c, e))
		return false;
	n = virConnectListAllDomains(c, &all, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
	if (n < 0)
		return failed(e, ERR_NO_LIBVIRT, "cannot list the guests");
	for (int i = 0; i < n; i++) {
		struct migration_guest g;

		if (!read_guest(all[i], &g, e))
			ok = ok &&
			     virGetLastErrorCode() == VIR_ERR_NO_DOMAIN; /* it ended */
		else if (g.encrypted)
			each(ctx, &g);
		virDomainFree(all[i]);
	}
	free(all);
	return ok;
}
