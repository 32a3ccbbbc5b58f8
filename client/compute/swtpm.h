/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swtpm - one TPM emulator as a child process (swtpm(8), swtpm_setup(8)).
 *
 * Keys:    come as pipes that are already written, for --key and --migration-key both: the
 *          passphrase is never in an argument, a file or this process.
 * Sockets: are bound here first, so a port in use is known before anything is asked: either a
 *          unix socket of mode 0600 and its twin PATH.ctrl, or 127.0.0.1:PORT and PORT + 1.
 * Refuses: a state that is locked by another emulator (ERR_STATE_BUSY), one that does not open
 *          with this passphrase (ERR_BAD_PASSPHRASE); all else is ERR_EMULATOR_FAILED.
 *          A path with a comma: ERR_USAGE.
 * Child:   dies with this process; dumps no core.
 * Threads: one.
 */
#ifndef CLIENT_COMPUTE_SWTPM_H
#define CLIENT_COMPUTE_SWTPM_H

#include "client/compute/tpm_state.h"

struct swtpm {
	struct path dir;       /* of the state */
	struct path unix_path; /* "" for TCP */
	int data_fd, ctrl_fd;  /* owned: listening */
	int64_t port;
	pid_t pid;    /* 0: not started or gone */
	int words_fd; /* owned: what the child said */
	int dir_fd;   /* owned: locked for as long as this process uses the state */
};

/* Locks the state against its like, looks at swtpm's own lock, binds the sockets. */
MUST_CHECK bool swtpm_open(struct swtpm *s, const char *dir, const char *unix_path,
			   int64_t port, struct err *e);
bool swtpm_has_state(const struct swtpm *s);
struct tpm_state_id swtpm_state(const struct swtpm *s); /* by whatever name it has here */
/* Makes a new TPM with an endorsement key; key_fd is read. */
MUST_CHECK bool swtpm_make(struct swtpm *s, int key_fd, struct err *e);
/* Returns when the emulator answers. */
MUST_CHECK bool swtpm_start(struct swtpm *s, int key_fd, int migration_fd, struct err *e);
/* Until it ended by itself, or one of the (blocked) signals stop came, which ends it. */
MUST_CHECK bool swtpm_wait(struct swtpm *s, const int *stop, size_t n, struct err *e);
void swtpm_done(struct swtpm *s); /* ends what still runs; for CLEANUP(swtpm_done) */

#endif
