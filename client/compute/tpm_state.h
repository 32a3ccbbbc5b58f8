/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpm_state - the file of a TPM that is switched off: known, read, replaced, wiped.
 *
 * Where:   DIR is libvirt's UUID/tpm2 or that of `vtpm-client run`: tpm2-00.permall and, now and
 *          then, tpm2-00.volatilestate, which belongs to the same moment and goes with it.
 * Lock:    all but tpm_state_look hold swtpm's own lock (DIR/.lock, fcntl(2)) and the one of
 *          `run` (flock(2) of DIR): while an emulator runs they are ERR_STATE_BUSY, and none
 *          starts meanwhile. The lock's file stays behind; without it a lock has no meaning.
 * Whole:   a write is there as a whole or not at all, also after a power cut: it has a hidden
 *          name until it is complete and synced (libvirt takes a directory without visible names
 *          for empty). Owner and group are the directory's; a directory that has to be made
 *          belongs to `user`, as libvirt would make it.
 * Refuses: symbolic links; what is no encrypted state (its header says so) or above
 *          TPM_STATE_MAX: ERR_IO. No state, or an empty one: ERR_STATE_MISSING.
 * Knows:   no key. The directory belongs to the emulator's user: it is opened once, and nothing
 *          in it is followed.
 * Threads: no state; one at a time per directory (see turns).
 */
#ifndef CLIENT_COMPUTE_TPM_STATE_H
#define CLIENT_COMPUTE_TPM_STATE_H

#include "client/compute/files.h"
#include "common/uuid.h"

#define TPM_STATE_USER "tss" /* libvirt's default for swtpm_user */
enum { TPM_STATE_MAX = 256 * 1024, TPM_STATE_ID_TEXT = 72 };

/* Where libvirt keeps the state of a guest, below config's tpm_states. */
MUST_CHECK bool tpm_state_dir(const struct path *states, const struct uuid *instance,
			      struct path *ret, struct err *e);

/* Which state it is: each write by anybody gives another one. Not the device's number: that may
 * change with a reboot, and a state must not be taken for another one then. */
struct tpm_state_id {
	bool present;
	int64_t inode, mtime_ns, size;
};

struct stat;
struct tpm_state_id tpm_state_of(const struct stat *st);
bool tpm_state_same(const struct tpm_state_id *a, const struct tpm_state_id *b);
/* "absent", or three numbers with dots; for a record. */
void tpm_state_id_text(const struct tpm_state_id *id, char ret[TPM_STATE_ID_TEXT]);
MUST_CHECK bool tpm_state_id_parse(const char *text, struct tpm_state_id *ret);

/* Without a lock. No directory is no state. */
MUST_CHECK bool tpm_state_look(const char *dir, struct tpm_state_id *ret, struct err *e);
/* Appends to ret. */
MUST_CHECK bool tpm_state_read(const char *dir, struct buf *ret,
			       struct tpm_state_id *ret_id, struct err *e);
MUST_CHECK bool tpm_state_write(const char *dir, const char *user, struct view bytes,
				struct tpm_state_id *ret_id, struct err *e);

enum tpm_state_when {
	TPM_STATE_IS,    /* only this very state */
	TPM_STATE_IS_NOT /* any but this one */
};
/* Otherwise nothing happens, and *ret_wiped is false; also when there is no state. Gone is gone
 * from the directory first; then its bytes are overwritten, as far as the disk does that. */
MUST_CHECK bool tpm_state_wipe(const char *dir, enum tpm_state_when when,
			       const struct tpm_state_id *id, bool *ret_wiped,
			       struct err *e);

#endif
