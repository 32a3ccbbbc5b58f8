/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-keys - the keys of a host that exists only to be measured.
 *
 * Usage: bench-keys NAME TOKEN_ID DIR    writes identity.pem, sealing.pem and host.csr there.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "crypto/pki.h"

static bool write_file(const char *dir, const char *name, struct view bytes,
		       struct err *e)
{
	char path[512];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(e, ERR_IO, "%s", path);
	n = write(fd, bytes.at, bytes.len);
	close(fd);
	return n == (ssize_t)bytes.len || err_set(e, ERR_IO, "%s", path);
}

static bool write_key(const char *dir, const char *name, const struct pkey *key,
		      struct err *e)
{
	OWNED(secret) pem = NULL;

	return pkey_private_pem(key, &pem, e) &&
	       write_file(dir, name, secret_view(pem), e);
}

static bool make(char **words, struct err *e)
{
	OWNED(pkey) identity = NULL;
	OWNED(pkey) sealing = NULL;
	CLEANUP(buf_done) struct buf csr = { 0 };
	struct uuid token;

	return secret_slab_open(64 * 1024, e) &&
	       uuid_parse(words[1], "token", &token, e) && pkey_new(&identity, e) &&
	       pkey_new(&sealing, e) &&
	       csr_make(identity, sealing, words[0], &token, &csr, e) &&
	       write_key(words[2], "identity.pem", identity, e) &&
	       write_key(words[2], "sealing.pem", sealing, e) &&
	       write_file(words[2], "host.csr",
			  (struct view){ (uint8_t *)csr.at, csr.len }, e);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };

	if (argc != 4)
		return 2;
	if (make(argv + 1, &e))
		return 0;
	fprintf(stderr, "bench-keys: %s (%s)\n", e.detail, e.trail);
	return 1;
}
