/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - where this host keeps its things, and client.conf.
 *
 * Root:    keys and client.conf in /etc/vtpm-client, records in /var/lib/vtpm-client, the
 *          socket in /run/vtpm-client. Others: all of it in $XDG_STATE_HOME/vtpm-client
 *          (~/.local/state). With --state-dir DIR: all of it in DIR.
 * Refuses: unknown sections, keys and values in client.conf, naming the line.
 * Threads: read once by main, then constant.
 */
#ifndef CLIENT_COMPUTE_CONFIG_H
#define CLIENT_COMPUTE_CONFIG_H

#include "client/compute/files.h"

struct places {
	struct path conf;  /* directory of keys, certificates and client.conf */
	struct path state; /* directory of records, copies, reports */
	struct path socket;
};

struct config {
	struct places at;
	char url[256];
	char name[64]; /* of this host, as enrolled */
	bool use_libvirt;
	char libvirt_uri[256];
	struct path tpm_states; /* of libvirt: holds UUID/tpm2/tpm2-00.permall */
	struct path saves;      /* of libvirt: holds NAME.save, the managed saves */
	struct path statuses;   /* of libvirt: holds NAME.xml of what runs */
	struct path libvirt_socket;
};

/* state_dir: of --state-dir, or NULL. */
MUST_CHECK bool config_places(const char *state_dir, struct places *ret, struct err *e);
/* Reads client.conf; ERR_CONFIG with the next step when the host is not enrolled. */
MUST_CHECK bool config_load(const struct places *at, struct config *ret, struct err *e);
/* Writes client.conf as enrolment knows it, keeping what else is in it. */
MUST_CHECK bool config_save(const struct config *c, struct err *e);

#endif
