/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "broker/api/api.h"

/*
 * One place per bucket: a host whose bucket is taken by another is parsed again. Parsing costs
 * about as much as one seal, so a miss is slow, not wrong.
 */
enum { WORKER_SEALERS = 1024 };

struct place {
	char kid[PKI_KID];     /* of the sealing key: names exactly one key */
	struct sealer *sealer; /* owned */
};

struct worker {
	struct place places[WORKER_SEALERS];
};

bool worker_new(struct worker **ret, struct err *e)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return err_set(e, ERR_NO_MEMORY, "no memory for a worker");
	*ret = w;
	return true;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < ARRAY_LEN(w->places); i++)
		sealer_free(w->places[i].sealer);
	free(w);
}

static size_t bucket_of(const char *kid)
{
	uint32_t h = 2166136261u; /* FNV-1a; kids are hashes already */

	for (; *kid; kid++)
		h = (h ^ (uint8_t)*kid) * 16777619u;
	return h % WORKER_SEALERS;
}

static bool sealer_of(const struct host_row *host, struct sealer **ret, struct err *e)
{
	struct view spki = { host->sealing_spki, (size_t)host->sealing_len };
	OWNED(pkey) key = NULL;

	return pkey_from_spki(spki, &key, e) && sealer_new(key, ret, e);
}

bool worker_sealer(struct worker *w, const struct host_row *host, struct sealer **ret,
		   struct err *e)
{
	struct place *p = &w->places[bucket_of(host->sealing_kid)];
	OWNED(sealer) fresh = NULL;

	if (!p->sealer || strcmp(p->kid, host->sealing_kid) != 0) {
		if (!sealer_of(host, &fresh, e))
			return err_wrap(e, "sealing key of host %s", host->name);
		sealer_free(p->sealer);
		p->sealer = sealer_move(&fresh);
		memcpy(p->kid, host->sealing_kid, sizeof(p->kid));
	}
	*ret = p->sealer;
	return true;
}
