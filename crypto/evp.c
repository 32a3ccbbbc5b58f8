/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/evp.h"

#include <openssl/err.h>
#include <string.h>

bool evp_failed(struct err *e, enum err_kind kind, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	err_set(e, kind, "%s", what);
	if (reason) {
		struct err cause;

		err_set(&cause, kind, "%s", reason);
		err_wrap(&cause, "%s", what);
		memcpy(e->trail, cause.trail, sizeof(e->trail));
	}
	ERR_clear_error();
	return false;
}

int evp_no_password(UNUSED char *to, UNUSED int size, UNUSED int writing,
		    UNUSED void *ctx)
{
	return -1;
}
