/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain_xml - the three facts that a hook needs of a libvirt domain's XML.
 *
 * Gives:   /domain/uuid, and of /domain/devices/tpm/backend/encryption whether it is there
 *          and its attribute `secret`.
 * Refuses: what is not well nested, attributes without quotes, nesting above 256 levels, a
 *          document type: false. Text, metadata, comments and CDATA may hold anything; a
 *          look-alike in them is not taken for the element.
 * Knows:   nothing of libvirt and no XML library: loading one takes longer than the scan.
 * Threads: pure.
 */
#ifndef CLIENT_COMPUTE_DOMAIN_XML_H
#define CLIENT_COMPUTE_DOMAIN_XML_H

#include "common/base.h"

struct domain_facts {
	char uuid[37];
	bool encrypted;  /* the TPM's backend has <encryption> */
	char secret[37]; /* its secret, "" when it names none */
};

MUST_CHECK bool domain_xml_read(const char *text, size_t len, struct domain_facts *ret);

#endif
