/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay_sample - the header under which the interop tests and the fuzzer relay; test_relay.py
 *                and the fuzzer's corpus say the same.
 */
#ifndef TESTS_INTEROP_RELAY_SAMPLE_H
#define TESTS_INTEROP_RELAY_SAMPLE_H

#include "crypto/seal.h"

static const struct seal_header relay_sample = {
	.instance = { "2f1b2c3d-0001-4000-8000-00000000000a" },
	.secret = { "2f1b2c3d-0001-4000-8000-00000000000b" },
	.attempt = { "2f1b2c3d-0001-4000-8000-00000000000c" },
	.version = 3,
	.purpose = "migrate-in",
	.epoch = 7,
	.nonce = "0123456789abcdef",
	.handover = 5,
};

#endif
