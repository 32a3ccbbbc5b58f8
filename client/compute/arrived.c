/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/arrived.h"

#include "client/compute/handovers.h"

#include <string.h>

enum { PLACED_MS = 2000 };

static bool parse(const struct move *m, const char *text, struct tpm_state_id *ret,
		  struct err *e)
{
	return tpm_state_id_parse(text, ret) ||
	       err_set(e, ERR_IO, "the record of %s names no TPM state",
		       m->instance.text);
}

/* What is there, if it is another one than before the arrival; else not present. */
static bool look(struct agent *a, const struct move *m, struct tpm_state_id *ret,
		 struct err *e)
{
	struct tpm_state_id before, now;
	struct path dir;

	if (!parse(m, m->state, &before, e) ||
	    !tpm_state_dir(&a->config->tpm_states, &m->instance, &dir, e) ||
	    !tpm_state_look(dir.text, &now, e))
		return false;
	if (tpm_state_same(&before, &now))
		now = (struct tpm_state_id){ 0 };
	*ret = now;
	return true;
}

static void remember(struct move *m, const struct tpm_state_id *came)
{
	tpm_state_id_text(came, m->left);
	m->left_by = m->number;
}

static bool is_known(const struct move *m)
{
	return m->left_by == m->number && m->left[0] != '\0';
}

bool arrived_destroyed(struct agent *a, struct move *m, struct err *e)
{
	struct tpm_state_id now;

	if (!look(a, m, &now, e))
		return false;
	if (now.present)
		remember(m, &now);
	return true;
}

bool arrived_ended(struct agent *a, struct move *m, struct err *e)
{
	struct tpm_state_id now;
	struct handover h;
	bool answered;

	if (is_known(m))
		return true;
	if (!look(a, m, &now, e))
		return false;
	if (!now.present)
		return true;
	if (!broker_handover(a->broker, &m->instance, m->number, &h, &answered, e))
		return false;
	if (handover_is(&h, "claimed") || handover_is(&h, "aborting"))
		remember(m, &now);
	return true;
}

/* Only an answer tells. */
static bool is_placed_here(struct agent *a, const struct move *m, bool *ret,
			   struct err *e)
{
	bool answered = false;
	char state[16];

	*ret = broker_state_of(a->broker, &m->instance, PLACED_MS, state, &answered, e);
	if (!*ret && (!answered || e->kind != ERR_NOT_FOUND))
		return false;
	err_clear(e);
	return true;
}

static bool wipe(struct agent *a, struct move *m, struct err *e)
{
	struct tpm_state_id came;
	bool wiped = false;
	struct path dir;

	if (!parse(m, m->left, &came, e) ||
	    !tpm_state_dir(&a->config->tpm_states, &m->instance, &dir, e) ||
	    !tpm_state_wipe(dir.text, TPM_STATE_IS, &came, &wiped, e))
		return false;
	if (!wiped)
		return true; /* somebody has brought another one since */
	m->left[0] = '\0';
	log_event(a->log, LOG_LEVEL_INFO, "arrived TPM state wiped", "instance",
		  m->instance.text, NULL);
	return true;
}

bool arrived_wipe(struct agent *a, struct move *m, struct err *e)
{
	struct tpm_state_id now;
	bool placed;

	if (!look(a, m, &now, e))
		return false;
	if (!now.present)
		return true;
	if (!is_placed_here(a, m, &placed, e))
		return false;
	if (placed)
		return true;
	if (is_known(m))
		return wipe(a, m, e);
	remember(m, &now);
	log_event(a->log, LOG_LEVEL_WARN, "a TPM state of unknown origin is left",
		  "instance", m->instance.text, NULL);
	return true;
}
