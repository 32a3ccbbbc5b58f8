/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/stale.h"

#include "client/compute/handovers.h"
#include "client/compute/moves.h"

#include <string.h>

/* What went and never ran elsewhere is as new here as there; what came, unless it was called off. */
static bool is_as_new(struct agent *a, const struct move *m)
{
	struct err unseen = { 0 };
	struct handover h;
	bool answered;

	if (!broker_handover(a->broker, &m->instance, m->left_by, &h, &answered, &unseen))
		return false;
	if (strcmp(h.source, a->id->hash) == 0)
		return !h.ran_there;
	return handover_is(&h, "committed") || handover_is(&h, "closed");
}

static bool find(struct agent *a, const struct uuid *instance, const char *which,
		 struct tpm_state_id *ret, struct err *e)
{
	struct path dir;

	if (which != NULL && which[0] != '\0')
		return tpm_state_id_parse(which, ret) ||
		       err_field(e, ERR_BAD_VALUE, "state", "this names no TPM state");
	return tpm_state_dir(&a->config->tpm_states, instance, &dir, e) &&
	       tpm_state_look(dir.text, ret, e);
}

bool stale_is_not_there(struct agent *a, const struct uuid *instance, const char *which,
			struct err *e)
{
	struct tpm_state_id left, now;
	struct move m;

	if (!move_load(agent_state_dir(a), instance, &m, e))
		return false;
	if (m.left[0] == '\0')
		return true;
	if (!tpm_state_id_parse(m.left, &left))
		return err_set(e, ERR_IO, "the record of %s names no TPM state",
			       instance->text);
	if (!find(a, instance, which, &now, e))
		return false;
	return !now.present || !tpm_state_same(&left, &now) || is_as_new(a, &m) ||
	       err_set(e, ERR_STATE_STALE,
		       "the TPM state here was left behind: the guest went on elsewhere");
}
