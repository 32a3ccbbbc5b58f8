/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value - the value of a secret, on its way to the broker or back from it.
 *
 * Gives:   the read of a file with a word about a line's end in it, and the upload.
 * Knows:   values travel as octets and live in struct secret only.
 * Threads: one.
 */
#ifndef CLIENT_CTL_VALUE_H
#define CLIENT_CTL_VALUE_H

#include "client/ctl/ctl.h"

/* weak: fewer than 32 bytes will do. Refused here, before anything is asked of the broker. */
MUST_CHECK bool value_read_file(const char *path, bool weak, struct secret **ret,
				struct err *e);
/* c is empty, or has its method only; option --weak is looked at. */
MUST_CHECK bool value_put(struct ctl *ctl, struct call *c, const struct uuid *instance,
			  const struct secret *value, struct err *e);

#endif
