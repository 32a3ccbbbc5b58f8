/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table - prints policy/handover as a Promela include, so that the model moves by the same code.
 *
 * Every state, word and mode is put to handover_weigh with every combination of facts. What must
 * be true or false for the word to move the hand-over on is worked out from the answers; a rule
 * that is no such conjunction stops the build, because the model could not say the same.
 */
#include "policy/handover.h"

#include <stdio.h>
#include <stdlib.h>

enum { FACT_BITS = 6, COMBINATIONS = 1 << FACT_BITS };

struct rule {
	bool moves; /* with some combination of facts */
	enum handover_state next;
	unsigned must, must_not;
};

static struct handover_facts facts_of(unsigned bits, enum handover_mode mode,
				      enum handover_state state)
{
	return (struct handover_facts){
		.mode = mode,
		.state = state,
		.source_has_it = bits & 1,
		.destination_unsure = bits & 2,
		.source_is_off = bits & 4,
		.destination_is_off = bits & 8,
		.ran_at_destination = bits & 16,
		.placed_at_source = bits & 32,
	};
}

static bool weigh(unsigned bits, enum handover_mode mode, enum handover_state state,
		  enum handover_word word, enum handover_state *ret)
{
	struct handover_facts f = facts_of(bits, mode, state);

	return handover_weigh(&f, word, ret) == HANDOVER_MOVES_ON;
}

static bool agrees(const struct rule *r, unsigned bits)
{
	return r->moves && (bits & r->must) == r->must && (bits & r->must_not) == 0;
}

static struct rule rule_of(enum handover_mode mode, enum handover_state state,
			   enum handover_word word)
{
	struct rule r = { .must = COMBINATIONS - 1, .must_not = COMBINATIONS - 1 };

	for (unsigned bits = 0; bits < COMBINATIONS; bits++) {
		if (weigh(bits, mode, state, word, &r.next)) {
			r.moves = true;
			r.must &= bits;
			r.must_not &= ~bits;
		}
	}
	for (unsigned bits = 0; bits < COMBINATIONS; bits++) {
		enum handover_state next = r.next;

		if (weigh(bits, mode, state, word, &next) != agrees(&r, bits) ||
		    next != r.next) {
			fprintf(stderr, "table: %s in %s is no conjunction of facts\n",
				handover_word_name(word), handover_state_name(state));
			exit(1);
		}
	}
	return r;
}

static void print_rule(const struct rule *r, enum handover_state state,
		       enum handover_word word)
{
	unsigned at = (unsigned)state * HANDOVER_WORD_COUNT + (unsigned)word;

	printf("\tnext[%u] = %d;", at,
	       r->moves ? (int)r->next : (int)HANDOVER_STATE_COUNT);
	if (r->moves && (r->must | r->must_not) != 0)
		printf(" must[%u] = %u; must_not[%u] = %u;", at, r->must, at,
		       r->must_not);
	printf(" /* %s, %s */\n", handover_state_name(state), handover_word_name(word));
}

static void print_mode(enum handover_mode mode)
{
	printf("#if MODE == %d\ninline load_table()\n{\n", (int)mode);
	for (unsigned s = 0; s < HANDOVER_STATE_COUNT; s++) {
		for (unsigned w = 0; w < HANDOVER_WORD_COUNT; w++) {
			struct rule r = rule_of(mode, (enum handover_state)s,
						(enum handover_word)w);
			print_rule(&r, (enum handover_state)s, (enum handover_word)w);
		}
	}
	printf("}\n#endif\n");
}

#define NUMBER(name, text, ...) printf("#define %s %d\n", #name, number++);

int main(void)
{
	int number = 0;

	printf("/* Printed by tests/model/table.c from policy/handover; not to be "
	       "edited. */\n");
	HANDOVER_STATES(NUMBER)
	printf("#define NOWHERE %d\n", number);
	number = 0;
	HANDOVER_MODES(NUMBER)
	number = 0;
	HANDOVER_WORDS(NUMBER)
	printf("#define WORDS %d\n#define CELLS %d\n", number,
	       HANDOVER_STATE_COUNT * number);
	printf("hidden byte next[CELLS], must[CELLS], must_not[CELLS];\n");
	for (unsigned m = 0; m < HANDOVER_MODE_COUNT; m++)
		print_mode((enum handover_mode)m);
	return 0;
}
