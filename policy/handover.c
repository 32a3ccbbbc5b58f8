/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/handover.h"

#include <string.h>

enum {
	ONLY_PLAIN = BIT(HANDOVER_PLAIN),
	ONLY_STRICT = BIT(HANDOVER_STRICT),
	ONLY_COLD = BIT(HANDOVER_COLD),
	LIVE = ONLY_PLAIN | ONLY_STRICT,
	ANY = LIVE | ONLY_COLD,
};

#define MOVE(modes, state, word, next) \
	{ modes, HANDOVER_##state, HANDOVER_SAYS_##word, HANDOVER_##next },
static const struct {
	unsigned modes;
	enum handover_state state;
	enum handover_word word;
	enum handover_state next;
} moves[] = { HANDOVER_MOVES(MOVE) };

#define NAME(name, text) text,
static const char *const states[] = { HANDOVER_STATES(NAME) };
static const char *const modes[] = { HANDOVER_MODES(NAME) };

#define WORD(name, text, who) { text, HANDOVER_##who },
static const struct {
	const char *name;
	enum handover_speaker who;
} words[] = { HANDOVER_WORDS(WORD) };

const char *handover_state_name(enum handover_state s)
{
	return (unsigned)s < HANDOVER_STATE_COUNT ? states[s] : "unknown";
}

const char *handover_mode_name(enum handover_mode m)
{
	return (unsigned)m < HANDOVER_MODE_COUNT ? modes[m] : "unknown";
}

const char *handover_word_name(enum handover_word w)
{
	return (unsigned)w < HANDOVER_WORD_COUNT ? words[w].name : "unknown";
}

enum handover_speaker handover_speaker_of(enum handover_word w)
{
	return (unsigned)w < HANDOVER_WORD_COUNT ? words[w].who : HANDOVER_OPERATOR;
}

bool handover_state_parse(const char *text, enum handover_state *ret)
{
	for (unsigned i = 0; i < HANDOVER_STATE_COUNT; i++) {
		if (strcmp(text, states[i]) == 0) {
			*ret = (enum handover_state)i;
			return true;
		}
	}
	return false;
}

bool handover_mode_parse(const char *text, enum handover_mode *ret)
{
	for (unsigned i = 0; i < HANDOVER_MODE_COUNT; i++) {
		if (strcmp(text, modes[i]) == 0) {
			*ret = (enum handover_mode)i;
			return true;
		}
	}
	return false;
}

bool handover_word_parse(const char *text, enum handover_word *ret)
{
	for (unsigned i = 0; i < HANDOVER_WORD_COUNT; i++) {
		if (strcmp(text, words[i].name) == 0) {
			*ret = (enum handover_word)i;
			return true;
		}
	}
	return false;
}

bool handover_holds(enum handover_state s)
{
	return s == HANDOVER_CLAIMED || s == HANDOVER_ABORTING;
}

bool handover_is_open(enum handover_state s)
{
	return handover_holds(s) || s == HANDOVER_PREPARED || s == HANDOVER_OFFERED;
}

static bool find_next(const struct handover_facts *f, enum handover_word word,
		      enum handover_state *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
		if (moves[i].state == f->state && moves[i].word == word &&
		    (moves[i].modes & BIT(f->mode)) != 0) {
			*ret = moves[i].next;
			return true;
		}
	}
	return false;
}

/* What else must hold for the words that end what no host can end alone. */
static enum handover_outcome condition(const struct handover_facts *f,
				       enum handover_word word)
{
	switch (word) {
	case HANDOVER_SAYS_RUNS_ON_SOURCE:
		if (!f->source_has_it)
			return HANDOVER_NOT_TOLD;
		return f->destination_is_off ? HANDOVER_MOVES_ON : HANDOVER_NOT_FENCED;
	case HANDOVER_SAYS_RUNS_ON_DESTINATION:
		if (!f->destination_unsure)
			return HANDOVER_NOT_TOLD;
		return f->source_is_off ? HANDOVER_MOVES_ON : HANDOVER_NOT_FENCED;
	case HANDOVER_SAYS_WIPED:
		return f->ran_at_destination && !f->placed_at_source
			       ? HANDOVER_MOVES_ON
			       : HANDOVER_NOT_PROVEN;
	case HANDOVER_SAYS_OFFER:
	case HANDOVER_SAYS_CLAIM:
	case HANDOVER_SAYS_GONE:
	case HANDOVER_SAYS_NEVER_LEFT:
	case HANDOVER_SAYS_KEEP:
	case HANDOVER_SAYS_RUNNING:
	case HANDOVER_SAYS_STORED:
	case HANDOVER_SAYS_ERASED:
	case HANDOVER_SAYS_CANNOT_SAY:
	case HANDOVER_SAYS_ABORT:
	case HANDOVER_SAYS_START:
	case HANDOVER_WORD_COUNT:
		break;
	}
	return HANDOVER_MOVES_ON;
}

enum handover_outcome handover_weigh(const struct handover_facts *f,
				     enum handover_word word,
				     enum handover_state *ret_next)
{
	enum handover_outcome outcome;
	enum handover_state next;

	if (!find_next(f, word, &next))
		return HANDOVER_NOT_NOW;
	outcome = next == f->state ? HANDOVER_MOVES_ON : condition(f, word);
	if (outcome == HANDOVER_MOVES_ON)
		*ret_next = next;
	return outcome;
}

bool handover_is_alarm(enum handover_state s, enum handover_word w)
{
	bool has_gone = s == HANDOVER_COMMITTED || s == HANDOVER_CLOSED;

	if (w == HANDOVER_SAYS_KEEP || w == HANDOVER_SAYS_NEVER_LEFT)
		return has_gone;
	return s == HANDOVER_ABORTED &&
	       (w == HANDOVER_SAYS_RUNNING || w == HANDOVER_SAYS_GONE);
}
