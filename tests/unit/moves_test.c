/* SPDX-License-Identifier: Apache-2.0 */
/* What the store keeps of hand-overs: rows, asks, events, and who is woken by them. */
#include "broker/store/moves.h"
#include "tests/unit/store_bed.h"

static struct handover_row handover(int n, int64_t number, const char *state)
{
	struct handover_row h = { .instance = bed_uuid(n), .number = number };

	snprintf(h.source, sizeof(h.source), "aa");
	snprintf(h.destination, sizeof(h.destination), "bb");
	snprintf(h.state, sizeof(h.state), "%s", state);
	return h;
}

struct seen {
	int n;
	char what[512];
};

static bool see_handover(void *ctx, const struct handover_row *h, UNUSED struct err *e)
{
	struct seen *s = ctx;
	size_t at = strlen(s->what);

	s->n++;
	snprintf(s->what + at, sizeof(s->what) - at, "%s%lld", at ? " " : "",
		 (long long)h->number);
	return true;
}

static bool host_sees(struct bed *b, const char *host, enum handover_end end,
		      int64_t since, const char *numbers)
{
	struct host_filter f = { .host = host, .end = end, .since_us = since };
	struct seen s = { 0 };

	return list_host_handovers(b->reader, &f, see_handover, &s, &b->e) &&
	       strcmp(s.what, numbers) == 0;
}

static bool owes(struct bed *b, const char *host, int instance, const char *numbers)
{
	const struct uuid id = bed_uuid(instance);
	struct seen s = { 0 };

	return list_owed(b->reader, &id, host, see_handover, &s, &b->e) &&
	       strcmp(s.what, numbers) == 0;
}

static void put_all(struct bed *b)
{
	static const char *const states[] = { "prepared", "offered",   "claimed",
					      "aborting", "committed", "aborted",
					      "closed" };

	for (int64_t i = 0; i < (int64_t)ARRAY_LEN(states); i++) {
		struct handover_row h = handover(1, i + 1, states[i]);

		h.ended_us = i < 4 ? 0 : 1000 * (i + 1);
		need(b, bed_put(b, TABLE_HANDOVER, &h), "a hand-over");
	}
}

static bool has_part(struct bed *b, const struct handover_row *of, int64_t part)
{
	struct part_row p;

	need(b, read_part(b->reader, of, part, &p, &b->e), "read_part");
	return p.head.generation != 0 && p.bytes_len == 3 &&
	       memcmp(p.bytes, "abc", 3) == 0;
}

/* The TPM's state stays for as long as the hand-over is open, and not longer. */
static void parts(struct bed *b)
{
	struct handover_row h = handover(2, 5, "prepared");
	struct handover_row before = handover(2, 4, "aborted");
	struct handover_row other = handover(3, 5, "prepared");
	struct part_row p = { .bytes = "abc", .bytes_len = 3 };
	const struct handover_row *of[] = { &h, &h, &before, &other };

	snprintf(h.mode, sizeof(h.mode), "cold");
	need(b, bed_put(b, TABLE_HANDOVER, &h), "a hand-over");
	for (int64_t i = 0; i < 4; i++) {
		p.instance = of[i]->instance;
		p.number = of[i]->number;
		p.part = i;
		need(b, bed_put(b, TABLE_PART, &p), "a part");
	}
	h.head.generation = 1;
	snprintf(h.state, sizeof(h.state), "claimed");
	need(b, bed_put(b, TABLE_HANDOVER, &h), "a hand-over");
	check("parts are there while the hand-over is open",
	      has_part(b, &h, 0) && has_part(b, &h, 1) && has_part(b, &before, 2));
	h.head.generation = 2;
	h.ended_us = 77;
	need(b, bed_put(b, TABLE_HANDOVER, &h), "a hand-over");
	check("they go with its end, and what was left before it",
	      !has_part(b, &h, 0) && !has_part(b, &h, 1) && !has_part(b, &before, 2));
	check("another guest's stay", has_part(b, &other, 3));
}

/* A list has an end; what is owed may wait behind what is open. */
static void open_come_first(struct bed *b)
{
	struct handover_row owed = handover(2, 71, "committed");
	struct handover_row now = handover(2, 72, "claimed");

	owed.ended_us = 1;
	snprintf(owed.source, sizeof(owed.source), "dd");
	snprintf(now.source, sizeof(now.source), "dd");
	need(b, bed_put(b, TABLE_HANDOVER, &owed), "a hand-over");
	need(b, bed_put(b, TABLE_HANDOVER, &now), "a hand-over");
	check("open ones come before those that are owed",
	      host_sees(b, "dd", HANDOVERS_FROM, 9000, "72 71"));
}

static void handovers(struct bed *b)
{
	struct seen s = { 0 }, of_cc = { 0 };
	struct uuid id = bed_uuid(1);
	struct handover_filter f = { .instance = &id };
	struct handover_row h = handover(1, 8, "aborted");

	put_all(b);
	check("the source sees open ones, and those that it must still wipe after",
	      host_sees(b, "aa", HANDOVERS_FROM, 9000, "1 2 3 4 5"));
	check("the destination sees the open ones",
	      host_sees(b, "bb", HANDOVERS_TO, 9000, "1 2 3 4"));
	check("both see those that ended lately, the last one first",
	      host_sees(b, "aa", HANDOVERS_FROM, 5500, "1 2 3 4 5 7 6") &&
		      host_sees(b, "bb", HANDOVERS_TO, 4000, "1 2 3 4 7 6 5"));
	check("each its own alone", host_sees(b, "bb", HANDOVERS_FROM, 0, "") &&
					    host_sees(b, "cc", HANDOVERS_TO, 0, ""));
	check("what is still owed is known by its instance",
	      owes(b, "aa", 1, "5") && owes(b, "bb", 1, "") && owes(b, "aa", 2, ""));
	check("those of an instance come by number, page by page",
	      list_handovers(b->reader, &f, (struct page){ "2", 3 }, see_handover, &s,
			     &b->e) &&
		      strcmp(s.what, "3 4 5") == 0);
	snprintf(h.destination, sizeof(h.destination), "cc");
	need(b, bed_put(b, TABLE_HANDOVER, &h), "a hand-over");
	f.party = "cc";
	check("a host has its own on the first page, however many come before",
	      list_handovers(b->reader, &f, (struct page){ "", 3 }, see_handover, &of_cc,
			     &b->e) &&
		      strcmp(of_cc.what, "8") == 0);
	check("and a page begins at a number alone",
	      !list_handovers(b->reader, &f, (struct page){ "x", 3 }, see_handover, &s,
			      &b->e) &&
		      b->e.kind == ERR_BAD_VALUE);
}

static void put_ask(struct bed *b, int n, const char *answer, int64_t at_us)
{
	struct ask_row a = { .instance = bed_uuid(n), .host = "bb", .at_us = at_us };

	snprintf(a.answer, sizeof(a.answer), "%s", answer);
	need(b, bed_put(b, TABLE_ASK, &a), "an ask");
}

static bool see_ask(void *ctx, const struct ask_row *a, UNUSED struct err *e)
{
	struct seen *s = ctx;
	char which[8] = "";

	s->n++;
	for (int n = 1; n <= 4; n++)
		if (strcmp(a->instance.text, bed_uuid(n).text) == 0)
			snprintf(which, sizeof(which), "%d", n);
	text_cut(s->what, sizeof(s->what), which);
	return true;
}

/* The asks that wait for this host, of one instance or, with 0, of all. */
static bool waiting(struct bed *b, const char *host, int instance, int64_t since_us,
		    const char *what)
{
	const struct uuid id = bed_uuid(instance);
	const struct ask_filter f = { host, instance == 0 ? NULL : &id, since_us };
	struct seen s = { 0 };

	return list_waiting_asks(b->reader, &f, see_ask, &s, &b->e) &&
	       s.n == (int)strlen(what) && strcmp(s.what, what) == 0;
}

/* As many as a list has, before the one that is looked for. */
static void crowd(struct bed *b)
{
	struct ask_row a = { .instance = bed_uuid(1), .at_us = 500 };

	text_cut(a.answer, sizeof(a.answer), "waiting");
	for (int n = 0; n < HOST_MOVES_MAX; n++) {
		snprintf(a.host, sizeof(a.host), "a%03d", n);
		need(b, bed_put(b, TABLE_ASK, &a), "an ask");
	}
}

static void asks(struct bed *b)
{
	struct placement_row p = { .host = "aa" };

	for (int n = 1; n <= 4; n++) {
		p.instance = bed_uuid(n);
		if (n == 4)
			strcpy(p.host, "cc");
		need(b, bed_put(b, TABLE_PLACEMENT, &p), "a placement");
	}
	put_ask(b, 1, "waiting", 500);
	put_ask(b, 2, "refused", 500);
	put_ask(b, 3, "waiting", 100);
	put_ask(b, 4, "waiting", 500);
	check("a source sees the asks that wait for it and are not old",
	      waiting(b, "aa", 0, 200, "1"));
	check("one on which nothing is placed sees none", waiting(b, "bb", 0, 0, ""));
	check("those of one instance alone",
	      waiting(b, "aa", 3, 0, "3") && waiting(b, "aa", 2, 0, "") &&
		      waiting(b, "aa", 3, 200, "") && waiting(b, "aa", 4, 0, ""));
	crowd(b);
	check("whatever else waits for that source", waiting(b, "aa", 3, 0, "3"));
}

static void put_event(struct bed *b, const char *host, int64_t number)
{
	struct uuid id = bed_uuid(1);

	change_reset(b->change);
	change_event(b->change, host, "handover", &id, number);
	need(b, !change_is_empty(b->change) && store_commit(b->store, b->change, &b->e),
	     "an event");
}

static bool see_event(void *ctx, const struct event_row *v, UNUSED struct err *e)
{
	struct seen *s = ctx;
	size_t at = strlen(s->what);

	s->n++;
	snprintf(s->what + at, sizeof(s->what) - at, "%s%lld:%lld", at ? " " : "",
		 (long long)v->seq, (long long)v->number);
	return true;
}

static bool events_are(struct bed *b, const char *host, int64_t after, const char *what)
{
	struct seen s = { 0 };

	return list_events(b->reader, host, after, see_event, &s, &b->e) &&
	       strcmp(s.what, what) == 0;
}

static void events(struct bed *b)
{
	const struct uuid id = bed_uuid(1);
	int64_t first = -1, last = -1;

	check("there are no events at first",
	      read_event_ends(b->reader, &first, &last, &b->e) && first == 0 &&
		      last == 0);
	put_event(b, "aa", 7);
	put_event(b, "bb", 8);
	put_event(b, "aa", 9);
	check("a host reads its own, in order", events_are(b, "aa", 0, "1:7 3:9"));
	check("and goes on where it was", events_are(b, "aa", 1, "3:9") &&
						  events_are(b, "aa", 3, "") &&
						  events_are(b, "bb", 0, "2:8"));
	check("the ends are everybody's",
	      read_event_ends(b->reader, &first, &last, &b->e) && first == 1 &&
		      last == 3);
	raw(b, "UPDATE event SET at_us = 1");
	for (int i = 4; i <= 64; i++)
		put_event(b, "bb", i);
	check("old ones are removed in time",
	      read_event_ends(b->reader, &first, &last, &b->e) && first == 4 &&
		      last == 64);
	raw(b, "UPDATE event SET at_us = 9000000000000000 WHERE seq < 100");
	for (int i = 65; i <= 128; i++)
		put_event(b, "bb", i);
	check("so are those of a time that is to come",
	      read_event_ends(b->reader, &first, &last, &b->e) && first == 65 &&
		      last == 128);
	raw(b, "UPDATE event SET at_us = 1; DELETE FROM event WHERE seq < 128;"
	       "UPDATE event SET seq = 191");
	put_event(b, "bb", 1);
	check("a number is never used twice, whatever was removed",
	      read_event_ends(b->reader, &first, &last, &b->e) && first == 192 &&
		      last == 192);
	raw(b, "UPDATE event SET seq = 9223372036854775807");
	change_reset(b->change);
	change_event(b->change, "bb", "handover", &id, 1);
	check("a last number that was put there by hand is not counted on from",
	      !store_commit(b->store, b->change, &b->e) && b->e.kind == ERR_ROW_TAMPERED);
	raw(b, "DELETE FROM event");
}

static void note(void *ctx, const struct change *c)
{
	struct seen *s = ctx;
	const char *topic;

	s->n++;
	s->what[0] = '\0';
	for (size_t i = 0; (topic = change_topic(c, i)) != NULL; i++)
		snprintf(s->what + strlen(s->what), sizeof(s->what) - strlen(s->what),
			 "%.8s ", topic);
}

static void waking(struct bed *b)
{
	struct handover_row h = handover(2, 1, "prepared"), stale = h;
	struct seen s = { 0 };

	store_watch(b->store, note, &s);
	change_reset(b->change);
	change_put(b->change, TABLE_HANDOVER, &h);
	change_event(b->change, "aa", "handover", &h.instance, 1);
	change_event(b->change, "bb", "handover", &h.instance, 1);
	change_event(b->change, "bb", "ask", &h.instance, 1);
	need(b, store_commit(b->store, b->change, &b->e), "a change");
	check("a durable change wakes its instance and the hosts of its events, once "
	      "each",
	      s.n == 1 && strcmp(s.what, "00000002 aa bb ") == 0);
	change_reset(b->change);
	stale.head.generation = 9;
	change_put(b->change, TABLE_HANDOVER, &stale);
	check("one that was stale wakes nobody",
	      !store_commit(b->store, b->change, &b->e) && s.n == 1);
	need(b, bed_audit(b, "nothing"), "a record");
	check("nor does one without a topic", s.n == 1);
	store_watch(b->store, NULL, NULL);
	put_event(b, "aa", 1);
	check("once nobody watches, nobody is called", s.n == 1);
}

int main(void)
{
	struct bed b;

	bed_up(&b);
	for (int n = 1; n <= 4; n++) {
		struct instance_row i = bed_instance(n, "guest", "p");

		need(&b, bed_put(&b, TABLE_INSTANCE, &i), "an instance");
	}
	handovers(&b);
	open_come_first(&b);
	parts(&b);
	asks(&b);
	events(&b);
	waking(&b);
	bed_down(&b);
	return done();
}
