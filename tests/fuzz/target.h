/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target - what a fuzz target gives; libFuzzer or replay.c calls it.
 *
 * Refuses: nothing; a target that does not like its input returns 0 like one that does.
 * Knows:   a broken promise is an assert, which ends the program.
 */
#ifndef TESTS_FUZZ_TARGET_H
#define TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#endif
