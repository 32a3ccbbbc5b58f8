/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/domain_xml.h"

#include "common/text.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#define GUEST "11111111-2222-4333-8444-555555555555"
#define OURS "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
#define OTHER "99999999-9999-4999-8999-999999999999"
#define BACKEND(inside) \
	"<tpm model='tpm-crb'><backend type='emulator'>" inside "</backend></tpm>"
#define TPM BACKEND("<encryption secret='" OURS "'/>")
#define DOMAIN(meta, devices)                                                     \
	"<domain type='qemu'><name>g</name><uuid>" GUEST "</uuid><metadata>" meta \
	"</metadata><devices>" devices "</devices></domain>"

static const struct {
	const char *says;
	const char *xml;
	bool reads, encrypted;
	const char *secret;
} rows[] = {
	{ "an encrypted TPM is seen", DOMAIN("", TPM), true, true, OURS },
	{ "a domain without a TPM has none", DOMAIN("", ""), true, false, "" },
	{ "a TPM without encryption is none of ours",
	  DOMAIN("", "<tpm><backend type='emulator'/></tpm>"), true, false, "" },
	{ "an encrypted disk is no TPM",
	  DOMAIN("", "<disk><source><encryption><secret type='passphrase' uuid='" OTHER
		     "'/></encryption></source></disk>"),
	  true, false, "" },
	{ "metadata that looks like a TPM is metadata",
	  DOMAIN("<x:domain xmlns:x='u'><devices><tpm><backend><encryption secret='" OTHER
		 "'/></backend></tpm></devices></x:domain>",
		 ""),
	  true, false, "" },
	{ "a comment is a comment", DOMAIN("<!-- </metadata> -->", TPM "<!--" TPM "-->"),
	  true, true, OURS },
	{ "CDATA is text", DOMAIN("<n><![CDATA[</n></metadata><devices>]]></n>", TPM),
	  true, true, OURS },
	{ "a greater-than sign in an attribute ends no tag",
	  DOMAIN("<n a='>' b=\"'/>\"/>", TPM), true, true, OURS },
	{ "a processing instruction is passed over", DOMAIN("<?x </domain> ?>", TPM),
	  true, true, OURS },
	{ "bytes that are not UTF-8 are text", DOMAIN("<n>\xff\xfe</n>", TPM), true, true,
	  OURS },
	{ "encryption without a secret is encryption",
	  DOMAIN("", "<tpm><backend><encryption/></backend></tpm>"), true, true, "" },
	{ "a document type is refused", "<!DOCTYPE d [<!ENTITY u 'x'>]><domain/>", false,
	  false, "" },
	{ "double quotes, an end tag and other attributes are all the same",
	  DOMAIN("",
		 BACKEND("<encryption  a=\"1\" secret = \"" OURS "\" ></encryption>")),
	  true, true, OURS },
	{ "a secret of another length names none",
	  DOMAIN("", BACKEND("<encryption secret='123'/>")), true, true, "" },
	{ "an element one level too deep is another one",
	  DOMAIN("", BACKEND("<x><encryption secret='" OURS "'/></x>")), true, false,
	  "" },
	{ "so is the encryption of a disk itself",
	  DOMAIN("", "<disk><encryption secret='" OTHER "'/></disk>"), true, false, "" },
	{ "what stands in a comment is no element",
	  DOMAIN("", BACKEND("<!-- <encryption secret='" OURS "'/> -->")), true, false,
	  "" },
	{ "nor what stands in CDATA",
	  DOMAIN("", BACKEND("<![CDATA[<encryption secret='" OURS "'/>]]>")), true, false,
	  "" },
	{ "nor in a processing instruction",
	  DOMAIN("", BACKEND("<?x <encryption secret='" OURS "'/>?>")), true, false, "" },
	{ "nor in an attribute's value",
	  DOMAIN("", BACKEND("<x y='encryption secret=" OURS "'/>")), true, false, "" },
	{ "a domain in the metadata is not the domain",
	  DOMAIN("<domain><devices>" TPM "</devices></domain>", ""), true, false, "" },
	{ "a uuid elsewhere is not the domain's",
	  "<domain><metadata><uuid>" OTHER "</uuid></metadata><uuid> " GUEST
	  " </uuid></domain>",
	  true, false, "" },
	{ "an element that does not end is refused", "<domain><uuid>" GUEST "</uuid>",
	  false, false, "" },
	{ "an end without a beginning is refused", "</domain>", false, false, "" },
	{ "a tag that does not end is refused", "<domain", false, false, "" },
	{ "a '<' in a value is refused", "<domain a='<'/>", false, false, "" },
	{ "a comment that does not end is refused", "<domain><!-- </domain>", false,
	  false, "" },
	{ "tags that cross are refused", "<domain><a><b></a></b></domain>", false, false,
	  "" },
	{ "an attribute without quotes is refused", "<domain a=b/>", false, false, "" },
	{ "a tag that breaks off is refused", "<domain a='", false, false, "" },
};

static bool holds(size_t i)
{
	struct domain_facts f = { 0 };

	if (domain_xml_read(rows[i].xml, strlen(rows[i].xml), &f) != rows[i].reads)
		return false;
	return !rows[i].reads ||
	       (strcmp(f.uuid, GUEST) == 0 && f.encrypted == rows[i].encrypted &&
		strcmp(f.secret, rows[i].secret) == 0);
}

static bool reads_nested(size_t levels)
{
	CLEANUP(buf_done) struct buf xml = { 0 };
	struct domain_facts f = { 0 };

	buf_add(&xml, "<domain><uuid>" GUEST "</uuid><metadata>");
	for (size_t i = 0; i < levels; i++)
		buf_add(&xml, "<n>");
	for (size_t i = 0; i < levels; i++)
		buf_add(&xml, "</n>");
	buf_add(&xml, "</metadata><devices>" TPM "</devices></domain>");
	return !xml.failed && domain_xml_read(xml.at, xml.len, &f) && f.encrypted;
}

/* Each prefix, and each byte turned over: nothing may be read beyond the text (ASan sees). */
static void test_torn(void)
{
	static const char text[] = DOMAIN("", TPM);
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
			strcmp(f.secret, OURS) == 0 && strcmp(f.uuid, GUEST) != 0;
		free(copy);
	}
	check("a torn or flipped domain never crashes the scan", read < sizeof(text));
}

int main(void)
{
	struct domain_facts f = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(rows[i].says, holds(i));
	check("metadata may nest as deeply as libvirt's parser takes it",
	      reads_nested(250));
	check("what nests without end is refused", !reads_nested(100000));
	check("an empty text is no domain, and no error",
	      domain_xml_read("", 0, &f) && !f.encrypted && f.uuid[0] == '\0' &&
		      f.secret[0] == '\0');
	check("a NUL is refused", !domain_xml_read("<a>\0</a>", 8, &f));
	test_torn();
	return done();
}
