/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool - what the programs of the interop tests share: files, keys and values in hexadecimal.
 */
#ifndef TESTS_INTEROP_TOOL_H
#define TESTS_INTEROP_TOOL_H

#include "crypto/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 100000 };

static const struct uuid instance = { "2f1b2c3d-0001-4000-8000-00000000000a" };
static const struct uuid secret_id = { "2f1b2c3d-0001-4000-8000-00000000000b" };
static const struct uuid attempt = { "2f1b2c3d-0001-4000-8000-00000000000c" };

static char *read_all(FILE *f)
{
	char *text = calloc(1, TEXT_MAX);
	size_t len = text && f ? fread(text, 1, TEXT_MAX - 1, f) : 0;

	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	return text;
}

static bool load_key(const char *path, struct pkey **ret, struct err *e)
{
	FILE *f = fopen(path, "re");
	char *text = read_all(f);
	OWNED(secret) pem = NULL;
	bool ok = f && text &&
		  secret_from((struct view){ (uint8_t *)text, strlen(text) }, &pem, e) &&
		  pkey_from_private_pem(pem, ret, e);

	if (f)
		fclose(f);
	free(text);
	return ok || err_wrap(e, "%s", path);
}

static bool read_value(struct secret **ret, struct err *e)
{
	char *hex = read_all(stdin);
	uint8_t bytes[SECRET_MAX];
	size_t len = hex ? strlen(hex) / 2 : 0;
	bool ok = len <= sizeof(bytes) && text_unhex(hex, bytes, len) &&
		  secret_from((struct view){ bytes, len }, ret, e);

	free(hex);
	return ok || err_wrap(e, "the value");
}

static void print_value(struct view value)
{
	for (size_t i = 0; i < value.len; i++)
		printf("%02x", value.at[i]);
	printf("\n");
}

#endif
