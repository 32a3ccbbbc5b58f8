/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a domain's XML: what is found is in the text, and nothing is read beyond it. */
#include "client/compute/domain_xml.h"
#include "tests/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

static bool holds(const char *text, size_t len, const char *part)
{
	return part[0] == '\0' ||
	       (strlen(part) == 36 && memmem(text, len, part, 36) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes;
	struct domain_facts f;

	if (!domain_xml_read(text, len, &f))
		return 0;
	assert(holds(text, len, f.uuid) && holds(text, len, f.secret));
	assert(f.secret[0] == '\0' || f.encrypted);
	assert(!f.encrypted || memmem(text, len, "<encryption", 11) != NULL);
	return 0;
}
