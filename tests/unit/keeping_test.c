/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/copies.h"
#include "client/compute/domain_xml.h"
#include "client/compute/spool.h"
#include "common/clock.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID "11111111-1111-4111-8111-111111111111"
#define OTHER "22222222-2222-4222-8222-222222222222"
#define TPM(inside)                                                             \
	"<domain><uuid>" ID                                                     \
	"</uuid><devices><tpm model='tpm-crb'><backend type='emulator'>" inside \
	"</backend></tpm></devices></domain>"

static const struct uuid id = { ID }, other = { OTHER };

/* ---- the domain's XML ---- */

static const struct {
	const char *says;
	const char *xml;
	bool reads, encrypted;
	const char *secret;
} domains[] = {
	{ "the secret of an encrypted TPM is found",
	  TPM("<encryption secret='" OTHER "'/>"), true, true, OTHER },
	{ "so it is in double quotes, with an end tag and other attributes",
	  TPM("<encryption  a=\"1\" secret = \"" OTHER "\" ></encryption>"), true, true,
	  OTHER },
	{ "a TPM without encryption is none of ours", TPM(""), true, false, "" },
	{ "encryption without a secret names none", TPM("<encryption/>"), true, true,
	  "" },
	{ "a secret of another length names none", TPM("<encryption secret='123'/>"),
	  true, true, "" },
	{ "an element one level too deep is another one",
	  TPM("<x><encryption secret='" OTHER "'/></x>"), true, false, "" },
	{ "so is the encryption of a disk",
	  "<domain><uuid>" ID "</uuid><devices><disk><encryption secret='" OTHER
	  "'/></disk></devices></domain>",
	  true, false, "" },
	{ "a comment is no element", TPM("<!-- <encryption secret='" OTHER "'/> -->"),
	  true, false, "" },
	{ "CDATA is no element", TPM("<![CDATA[<encryption secret='" OTHER "'/>]]>"),
	  true, false, "" },
	{ "a processing instruction is no element",
	  TPM("<?x <encryption secret='" OTHER "'/>?>"), true, false, "" },
	{ "an attribute's value is no element",
	  TPM("<x y='encryption secret=" OTHER "'/>"), true, false, "" },
	{ "a look-alike in the metadata is not taken",
	  "<domain><uuid>" ID
	  "</uuid><metadata><domain><devices><tpm><backend><encryption secret='" OTHER
	  "'/></backend></tpm></devices></domain></metadata></domain>",
	  true, false, "" },
	{ "a uuid elsewhere is not the domain's",
	  "<domain><metadata><uuid>" OTHER "</uuid></metadata><uuid> " ID
	  " </uuid></domain>",
	  true, false, "" },
	{ "an empty text is no domain, and no error", "", true, false, "" },
	{ "elements that do not nest are refused", "<domain><a></domain></a>", false,
	  false, "" },
	{ "an element that does not end is refused", "<domain><uuid>" ID "</uuid>", false,
	  false, "" },
	{ "a tag that does not end is refused", "<domain", false, false, "" },
	{ "an attribute without quotes is refused", "<domain a=b/>", false, false, "" },
	{ "a '<' in a value is refused", "<domain a='<'/>", false, false, "" },
	{ "a comment that does not end is refused", "<domain><!-- </domain>", false,
	  false, "" },
	{ "a document type is refused", "<!DOCTYPE d [<!ENTITY x 'y'>]><domain/>", false,
	  false, "" },
	{ "an end without a beginning is refused", "</domain>", false, false, "" },
};

static void test_domain_xml(void)
{
	char deep[64 * 1024] = "";
	struct domain_facts f;

	for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
		bool reads = domain_xml_read(domains[i].xml, strlen(domains[i].xml), &f);

		check(domains[i].says,
		      reads == domains[i].reads &&
			      (!reads || (f.encrypted == domains[i].encrypted &&
					  strcmp(f.secret, domains[i].secret) == 0)));
	}
	check("the domain's uuid is found",
	      domain_xml_read(TPM(""), strlen(TPM("")), &f) && strcmp(f.uuid, ID) == 0);
	for (int i = 0; i < 5000; i++)
		strcat(deep, "<a>");
	check("nesting has an end", !domain_xml_read(deep, strlen(deep), &f));
	check("a NUL is refused", !domain_xml_read("<a>\0</a>", 8, &f));
}

/* Each prefix, and each byte turned over: nothing may be read beyond the text (ASan sees). */
static void test_domain_xml_torn(void)
{
	static const char text[] = TPM("<encryption secret='" OTHER "'/>");
	struct domain_facts f;
	size_t read = 0;

	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		char *copy = malloc(len + 1);

		memcpy(copy, text, len);
		read += domain_xml_read(copy, len, &f);
		free(copy);
	}
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		char *copy = malloc(sizeof(text) - 1);

		memcpy(copy, text, sizeof(text) - 1);
		copy[i] ^= 0x2;
		read += domain_xml_read(copy, sizeof(text) - 1, &f) && f.encrypted &&
			strcmp(f.secret, OTHER) == 0 && strcmp(f.uuid, ID) != 0;
		free(copy);
	}
	check("a torn or flipped domain never crashes the scan", read < sizeof(text));
}

static bool make_dir(const char *dir, const char *name)
{
	struct path path;
	struct err e = { 0 };

	return path_set(&path, &e, "%s/%s", dir, name) &&
	       file_make_dir(path.text, 0700, &e);
}

/* ---- copies and leases ---- */

struct world {
	struct pkey *statement, *foreign, *identity;
	char host[PKI_HASH_HEX];
};

static bool sign(const struct pkey *key, const struct lease *l, struct copy *c)
{
	struct err e = { 0 };

	buf_done(&c->lease);
	c->lease = (struct buf){ 0 };
	return lease_sign(key, l, &c->lease, &e);
}

static enum err_kind usable(const char *dir, const struct copy *c, const struct world *w,
			    int64_t now_us)
{
	struct lease_holder me = { w->statement, w->host };
	struct err e = { 0 };

	return copy_is_usable(dir, c, &me, now_us, &e) ? ERR_NONE : e.kind;
}

static void test_leases(const char *dir, struct world *w)
{
	const int64_t now = INT64_C(1800000000) * US_PER_S, day = 86400 * US_PER_S;
	CLEANUP(copy_done)
	struct copy c = { .instance = id, .secret = other, .version = 2, .epoch = 5 };
	struct lease good = { .instance = id,
			      .version = 2,
			      .epoch = 5,
			      .issued_us = now,
			      .ends_us = now + 7 * day };
	struct lease bad;
	struct err e = { 0 };

	memcpy(good.host, w->host, sizeof(good.host));
	check("a copy is usable while its lease lasts",
	      sign(w->statement, &good, &c) && usable(dir, &c, w, now + day) == ERR_NONE);
	check("also a moment before its end",
	      usable(dir, &c, w, good.ends_us - 1) == ERR_NONE);
	check("not from its end on", usable(dir, &c, w, good.ends_us) == ERR_LEASE_ENDED);
	check("not before it was issued, beyond two minutes",
	      usable(dir, &c, w, now - 60 * US_PER_S) == ERR_NONE &&
		      usable(dir, &c, w, now - 121 * US_PER_S) == ERR_CLOCK);
	check("not while the clock is behind the latest time stored",
	      copy_note_time(dir, now + 2 * day, &e) &&
		      usable(dir, &c, w, now + day) == ERR_CLOCK &&
		      usable(dir, &c, w, now + 2 * day - 60 * US_PER_S) == ERR_NONE);
	check("the latest time does not go back by itself",
	      copy_note_time(dir, now, &e) && usable(dir, &c, w, now + day) == ERR_CLOCK);
	check("a fresh lease that agrees with the clock puts it right",
	      copy_note_lease(dir, &good, now + US_PER_S, &e) &&
		      usable(dir, &c, w, now + day) == ERR_NONE);
	check("one that does not agree does not",
	      !copy_note_lease(dir, &good, now + 2 * day, &e) && e.kind == ERR_CLOCK);
	bad = good;
	bad.host[0] = bad.host[0] == 'a' ? 'b' : 'a';
	check("another host's lease is refused",
	      sign(w->statement, &bad, &c) && usable(dir, &c, w, now) == ERR_BAD_SEALED);
	bad = good;
	bad.instance = other;
	check("another instance's lease is refused",
	      sign(w->statement, &bad, &c) && usable(dir, &c, w, now) == ERR_BAD_SEALED);
	bad = good;
	bad.version = 3;
	check("another version's lease is refused",
	      sign(w->statement, &bad, &c) && usable(dir, &c, w, now) == ERR_BAD_SEALED);
	bad = good;
	bad.epoch = 4;
	check("an earlier placement's lease is refused",
	      sign(w->statement, &bad, &c) && usable(dir, &c, w, now) == ERR_BAD_SEALED);
	check("a lease that somebody else signed is refused",
	      sign(w->foreign, &good, &c) && usable(dir, &c, w, now) == ERR_BAD_SEALED);
}

static void test_copies(const char *dir)
{
	CLEANUP(copy_done)
	struct copy c = { .instance = id, .secret = other, .version = 2, .epoch = 5 };
	CLEANUP(copy_done) struct copy back = { 0 };
	struct path path;
	struct stat st;
	struct err e = { 0 };
	bool found = true, was = false;

	buf_add(&c.jwe, "a.b.c.d.e");
	buf_add(&c.lease, "f.g.h");
	check("without a copy there is none",
	      copy_load(dir, &id, &back, &found, &e) && !found);
	check("a copy comes back as it was",
	      copy_save(dir, &c, &e) && copy_load(dir, &id, &back, &found, &e) && found &&
		      strcmp(back.jwe.at, "a.b.c.d.e") == 0 &&
		      strcmp(back.lease.at, "f.g.h") == 0 && back.version == 2 &&
		      back.epoch == 5 && uuid_equal(&back.secret, &other));
	check("in a file that only its owner reads",
	      path_set(&path, &e, "%s/copies/" ID ".json", dir) &&
		      stat(path.text, &st) == 0 && (st.st_mode & 0777) == 0600);
	check("erasing it says that it was there", copy_erase(dir, &id, &was, &e) && was);
	check("and then that it was not", copy_erase(dir, &id, &was, &e) && !was);
	copy_done(&back);
	check("a damaged copy is an error, not a copy",
	      file_write(path.text, (struct view){ (const uint8_t *)"{\"jwe\":1}", 9 },
			 0600, &e) &&
		      !copy_load(dir, &id, &back, &found, &e));
}

/* ---- the spool ---- */

static bool add(struct spool *s, const char *kind)
{
	struct err e = { 0 };

	return spool_add(s, kind, &id, &other, INT64_C(1800000000) * US_PER_S, &e);
}

static size_t batch(struct spool *s, struct buf *text)
{
	struct spool_count n = { 0 };
	struct err e = { 0 };

	buf_done(text);
	*text = (struct buf){ 0 };
	return spool_batch(s, text, &n, &e) ? n.reports : SIZE_MAX;
}

static void test_spool(const char *dir)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	OWNED(spool) s = NULL;
	struct err e = { 0 };
	char first_id[64];

	check("a new spool is empty",
	      spool_open(dir, &s, &e) && spool_waiting(s) == 0 && batch(s, &text) == 0);
	check("reports come out in order, from 1",
	      add(s, "started") && add(s, "stopped") && batch(s, &text) == 2 &&
		      strstr(text.at, "\"seq\":1}") != NULL &&
		      strstr(text.at, "started") < strstr(text.at, "stopped"));
	check("and with the time in RFC 3339",
	      strstr(text.at, "\"at\":\"2027-01-15T08:00:00Z\"") != NULL);
	memcpy(first_id, text.at, 60);
	check("what was taken is gone", spool_taken(s, 1, &e) && spool_waiting(s) == 1 &&
						batch(s, &text) == 1 &&
						strstr(text.at, "\"seq\":2}") != NULL);
	check("taking it twice changes nothing",
	      spool_taken(s, 1, &e) && spool_waiting(s) == 1);
	check("what was never made cannot be taken", !spool_taken(s, 3, &e));
	spool_free(spool_move(&s));
	err_clear(&e);
	check("after a restart the same report waits, in the same spool",
	      spool_open(dir, &s, &e) && spool_waiting(s) == 1 && batch(s, &text) == 1 &&
		      strstr(text.at, "\"seq\":2}") != NULL &&
		      memcmp(first_id, text.at, 60) == 0);
	check("numbers go on after all was taken and the agent restarted",
	      spool_taken(s, 2, &e) &&
		      (spool_free(spool_move(&s)), spool_open(dir, &s, &e)) &&
		      add(s, "used_copy") && batch(s, &text) == 1 &&
		      strstr(text.at, "\"seq\":3}") != NULL);
	for (int i = 0; i < SPOOL_BATCH + 20; i++)
		if (!add(s, "started"))
			break;
	check("a batch has an end", batch(s, &text) == SPOOL_BATCH);
}

int main(void)
{
	char dir[] = "/tmp/keeping-test-XXXXXX";
	struct world w = { 0 };
	struct err e = { 0 };
	char command[64];

	if (mkdtemp(dir) == NULL || !make_dir(dir, "copies") ||
	    !pkey_new(&w.statement, &e) || !pkey_new(&w.foreign, &e) ||
	    !pkey_new(&w.identity, &e) || !pkey_hash(w.identity, w.host, &e))
		return 99;
	test_domain_xml();
	test_domain_xml_torn();
	test_copies(dir);
	test_leases(dir, &w);
	test_spool(dir);
	pkey_free(w.statement);
	pkey_free(w.foreign);
	pkey_free(w.identity);
	return text_format(command, sizeof(command), "rm -r %s", dir) &&
			       system(command) == 0
		       ? done()
		       : 99;
}
