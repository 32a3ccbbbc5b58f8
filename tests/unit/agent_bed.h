/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_bed - as much of an agent as keeps records, in a directory of a test's own, without
 *             libvirt; its broker is that of config.url, or does not answer.
 *
 * Gives:   agent_bed_make, agent_bed_done; states of TPMs put where libvirt has them.
 */
#ifndef TESTS_UNIT_AGENT_BED_H
#define TESTS_UNIT_AGENT_BED_H

#include "client/compute/agent.h"
#include "client/compute/tpm_state.h"

#include <string.h>

struct agent_bed {
	struct config config;
	struct identity identity;
	struct agent agent;
};

UNUSED static bool agent_bed_make(const char *dir, struct agent_bed *b, struct err *e)
{
	static const char url[] = "https://127.0.0.1:1";
	static const char *const dirs[] = { "moves", "guests", "copies", "tpm" };
	struct agent *a = &b->agent;
	struct path path;

	if (b->config.url[0] == '\0')
		memcpy(b->config.url, url, sizeof(url));
	a->config = &b->config;
	a->clock = clock_system();
	a->id = &b->identity;
	a->wake = a->moved = -1;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (!path_set(&path, e, "%s/%s", dir, dirs[i]) ||
		    !file_make_dir(path.text, 0700, e))
			return false;
	return path_set(&b->config.at.state, e, "%s", dir) &&
	       path_set(&b->config.tpm_states, e, "%s/tpm", dir) &&
	       broker_open(&b->config, &b->identity, &a->broker, e) &&
	       turns_new(&a->turns, e) && watch_new(&a->watch, e) &&
	       marks_new(&a->asked, e);
}

UNUSED static void agent_bed_done(struct agent_bed *b)
{
	marks_free(b->agent.asked);
	watch_free(b->agent.watch);
	turns_free(b->agent.turns);
	broker_free(b->agent.broker);
}

/* text is written as the state of that guest; *ret is which it is then. */
UNUSED static bool agent_bed_put(const struct agent_bed *b, const struct uuid *id,
				 const char *text, struct tpm_state_id *ret)
{
	struct path dir, file;
	struct err e = { 0 };

	return tpm_state_dir(&b->config.tpm_states, id, &dir, &e) &&
	       file_make_dir(dir.text, 0700, &e) &&
	       path_set(&file, &e, "%s/tpm2-00.permall", dir.text) &&
	       file_write(file.text, (struct view){ (const uint8_t *)text, strlen(text) },
			  0600, &e) &&
	       tpm_state_look(dir.text, ret, &e);
}

UNUSED static bool agent_bed_has(const struct agent_bed *b, const struct uuid *id)
{
	struct tpm_state_id now;
	struct path dir;
	struct err e = { 0 };

	return tpm_state_dir(&b->config.tpm_states, id, &dir, &e) &&
	       tpm_state_look(dir.text, &now, &e) && now.present;
}

#endif
