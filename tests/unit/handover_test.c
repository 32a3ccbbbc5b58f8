/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/handover.h"
#include "tests/unit/check.h"

#define OTHERS HANDOVER_STATE_COUNT /* the word is refused there */

#define S(name) HANDOVER_##name
#define W(name) HANDOVER_SAYS_##name

/* clang-format off */
static const struct {
	const char *says;
	struct handover_facts f;
	enum handover_word word;
	enum handover_outcome want;
	enum handover_state next;
} rows[] = {
	{ "the source's consent makes an offer",
	  { .state = S(PREPARED) }, W(OFFER), HANDOVER_MOVES_ON, S(OFFERED) },
	{ "nothing is claimed before it is offered",
	  { .state = S(PREPARED) }, W(CLAIM), HANDOVER_NOT_NOW, OTHERS },
	{ "a start at the source ends what was only offered",
	  { .state = S(OFFERED) }, W(START), HANDOVER_MOVES_ON, S(ABORTED) },
	{ "a start at the source ends nothing that was claimed",
	  { .state = S(CLAIMED) }, W(START), HANDOVER_NOT_NOW, OTHERS },
	{ "the destination's claim that the guest runs commits a plain move",
	  { .state = S(CLAIMED) }, W(RUNNING), HANDOVER_MOVES_ON, S(COMMITTED) },
	{ "it does not commit a strict one: only gone does",
	  { .mode = S(STRICT), .state = S(CLAIMED) }, W(RUNNING), HANDOVER_NOT_NOW, OTHERS },
	{ "gone commits a strict one",
	  { .mode = S(STRICT), .state = S(CLAIMED) }, W(GONE), HANDOVER_MOVES_ON, S(COMMITTED) },
	{ "a guest that is off does not go by running away",
	  { .mode = S(COLD), .state = S(CLAIMED) }, W(GONE), HANDOVER_NOT_NOW, OTHERS },
	{ "a stored state commits a cold move",
	  { .mode = S(COLD), .state = S(CLAIMED) }, W(STORED), HANDOVER_MOVES_ON, S(COMMITTED) },
	{ "an order to abort does not end what was claimed",
	  { .state = S(CLAIMED) }, W(ABORT), HANDOVER_MOVES_ON, S(ABORTING) },
	{ "keep does not end a plain move: the destination may run it",
	  { .state = S(CLAIMED) }, W(KEEP), HANDOVER_MOVES_ON, S(ABORTING) },
	{ "keep ends a strict one: the destination waits for the commit",
	  { .mode = S(STRICT), .state = S(CLAIMED) }, W(KEEP), HANDOVER_MOVES_ON, S(ABORTED) },
	{ "in a cold one that is called off it ends nothing, and lets a person decide",
	  { .mode = S(COLD), .state = S(ABORTING) }, W(KEEP), HANDOVER_MOVES_ON, S(ABORTING) },
	{ "a guest that never left is the source's",
	  { .state = S(ABORTING) }, W(NEVER_LEFT), HANDOVER_MOVES_ON, S(ABORTED) },
	{ "a claim wins over an abort that is under way",
	  { .state = S(ABORTING) }, W(RUNNING), HANDOVER_MOVES_ON, S(COMMITTED) },
	{ "erased ends it",
	  { .state = S(ABORTING) }, W(ERASED), HANDOVER_MOVES_ON, S(ABORTED) },
	{ "cannot say ends nothing",
	  { .state = S(ABORTING) }, W(CANNOT_SAY), HANDOVER_MOVES_ON, S(ABORTING) },
	{ "after the commit nothing is aborted",
	  { .state = S(COMMITTED) }, W(ABORT), HANDOVER_NOT_NOW, OTHERS },
	{ "after the abort nothing is claimed",
	  { .state = S(ABORTED) }, W(RUNNING), HANDOVER_NOT_NOW, OTHERS },
	{ "a fence and an operator's word alone do not give it to the source",
	  { .state = S(ABORTING), .destination_is_off = true }, W(RUNS_ON_SOURCE),
	  HANDOVER_NOT_TOLD, OTHERS },
	{ "nor does the source's word alone",
	  { .state = S(ABORTING), .source_has_it = true }, W(RUNS_ON_SOURCE),
	  HANDOVER_NOT_FENCED, OTHERS },
	{ "both do",
	  { .state = S(ABORTING), .source_has_it = true, .destination_is_off = true },
	  W(RUNS_ON_SOURCE), HANDOVER_MOVES_ON, S(ABORTED) },
	{ "a destination that is not sure gets it only once the source is off",
	  { .state = S(ABORTING), .destination_unsure = true }, W(RUNS_ON_DESTINATION),
	  HANDOVER_NOT_FENCED, OTHERS },
	{ "and then it does",
	  { .state = S(ABORTING), .destination_unsure = true, .source_is_off = true },
	  W(RUNS_ON_DESTINATION), HANDOVER_MOVES_ON, S(COMMITTED) },
	{ "nothing is wiped before the destination has run the guest",
	  { .state = S(COMMITTED) }, W(WIPED), HANDOVER_NOT_PROVEN, OTHERS },
	{ "nothing is wiped once the guest is placed back",
	  { .state = S(COMMITTED), .ran_at_destination = true, .placed_at_source = true },
	  W(WIPED), HANDOVER_NOT_PROVEN, OTHERS },
	{ "the source's debt is paid once it wiped",
	  { .state = S(COMMITTED), .ran_at_destination = true }, W(WIPED),
	  HANDOVER_MOVES_ON, S(CLOSED) },
};
/* clang-format on */

/* What has ended stays so, but for the source's debt; and a word twice is as once. */
static bool ends_hold(enum handover_mode m, enum handover_word w)
{
	struct handover_facts f = { .mode = m,
				    .source_has_it = true,
				    .destination_unsure = true,
				    .source_is_off = true,
				    .destination_is_off = true,
				    .ran_at_destination = true };
	enum handover_state next, again;

	for (f.state = 0; f.state < HANDOVER_STATE_COUNT; f.state++) {
		enum handover_state was = f.state;

		if (handover_weigh(&f, w, &next) != HANDOVER_MOVES_ON)
			continue;
		if (!handover_is_open(was) && next != was &&
		    !(was == HANDOVER_COMMITTED && next == HANDOVER_CLOSED))
			return false;
		f.state = next;
		if (w != HANDOVER_SAYS_START &&
		    (handover_weigh(&f, w, &again) != HANDOVER_MOVES_ON || again != next))
			return false;
		f.state = was;
	}
	return true;
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum handover_state next = OTHERS;
		enum handover_outcome is =
			handover_weigh(&rows[i].f, rows[i].word, &next);

		check(rows[i].says, is == rows[i].want && next == rows[i].next);
	}
	for (enum handover_mode m = 0; m < HANDOVER_MODE_COUNT; m++) {
		bool hold = true;

		for (enum handover_word w = 0; w < HANDOVER_WORD_COUNT; w++)
			hold &= ends_hold(m, w);
		check(handover_mode_name(m), hold);
	}
	check("two who say that it is theirs are an alarm",
	      handover_is_alarm(HANDOVER_COMMITTED, HANDOVER_SAYS_KEEP) &&
		      handover_is_alarm(HANDOVER_ABORTED, HANDOVER_SAYS_RUNNING) &&
		      !handover_is_alarm(HANDOVER_CLAIMED, HANDOVER_SAYS_KEEP));
	return done();
}
