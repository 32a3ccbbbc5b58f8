/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/v1/handlers.h"
#include "broker/api/v1/handover.h"
#include "broker/api/v1/show.h"

/* What hosts and people say of a hand-over that is under way. */

enum { TEXT_MAX = 160 };

struct say_body {
	char what[WORD_SIZE];
	char text[TEXT_MAX + 1];
};

static const struct json_field say_fields[] = {
	{ .name = "what",
	  .type = FIELD_TEXT,
	  API_AT(struct say_body, what),
	  .min = 1,
	  .max = WORD_SIZE - 1,
	  .required = true },
	{ .name = "text",
	  .type = FIELD_TEXT,
	  API_AT(struct say_body, text),
	  .min = 0,
	  .max = TEXT_MAX },
};

/* The words that hosts say here; the others have routes of their own. */
#define SAID_BY_HOSTS                                              \
	(BIT(HANDOVER_SAYS_GONE) | BIT(HANDOVER_SAYS_NEVER_LEFT) | \
	 BIT(HANDOVER_SAYS_KEEP) | BIT(HANDOVER_SAYS_RUNNING) |    \
	 BIT(HANDOVER_SAYS_STORED) | BIT(HANDOVER_SAYS_ERASED) |   \
	 BIT(HANDOVER_SAYS_CANNOT_SAY) | BIT(HANDOVER_SAYS_WIPED))

static bool say_parse(const struct exchange *x, struct say_body *ret,
		      enum handover_word *ret_word, struct err *e)
{
	if (!API_BODY(x, say_fields, ret, e))
		return false;
	if (ret->text[0] != '\0' && !text_is_display(ret->text, TEXT_MAX))
		return err_field(e, ERR_BAD_VALUE, "text",
				 "text has no control "
				 "characters");
	return (handover_word_parse(ret->what, ret_word) &&
		(BIT(*ret_word) & SAID_BY_HOSTS) != 0) ||
	       err_field(e, ERR_BAD_VALUE, "what", "no host says this word");
}

/* Each end says what it alone has seen. */
static bool is_its_word(const struct exchange *x, const struct handover_view *v,
			enum handover_word w, struct err *e)
{
	bool source = handover_speaker_of(w) == HANDOVER_SOURCE;

	return handover_asker_is(x, source ? v->row.source : v->row.destination) ||
	       err_field(e, ERR_FORBIDDEN, "what", "that is for the %s to say",
			 source ? "source" : "destination");
}

static bool note_word(struct handover_row *h, enum handover_word w)
{
	bool source = handover_speaker_of(w) == HANDOVER_SOURCE;
	char *said = source ? h->source_said : h->destination_said;
	bool news = strcmp(said, handover_word_name(w)) != 0;

	text_cut(said, WORD_SIZE, handover_word_name(w));
	if (w == HANDOVER_SAYS_RUNNING) {
		news = news || h->ran_there == 0;
		h->ran_there = 1;
	}
	return news;
}

/* Both ends have said that the guest is theirs. The first word stands, and its loser learns from
 * the answer that it lost; somebody must look. */
static bool alarm(struct api *api, struct exchange *x, struct handover_view *v,
		  enum handover_word w, struct err *e)
{
	const struct handover_note note = { .alarm = true };
	struct handover_row *h = &v->row;
	struct audit_record *a = change_audit(x->change);
	int64_t ran_there = h->ran_there;
	struct json_writer writer;

	(void)api;
	text_cut(a->reason, sizeof(a->reason), "two_claimants");
	(void)note_word(h, w);
	h->ran_there = ran_there;
	change_put(x->change, TABLE_HANDOVER, h);
	change_guard(x->change, TABLE_HOST, &x->who.host);
	exchange_json(x, 200, &writer);
	json_open(&writer, NULL);
	handover_write(&writer, v, &note);
	json_close(&writer);
	err_set(&x->failed, ERR_HANDOVER_STATE, "two hosts claim the guest");
	err_wrap(&x->failed, "two_claimants: %s says %s, %s is %s of hand-over %lld",
		 x->who.host.name, handover_word_name(w), h->instance.text, h->state,
		 (long long)h->number);
	return change_ok(x->change, e);
}

static void say_audit(struct api *api, struct exchange *x, const struct handover_view *v,
		      const struct say_body *b)
{
	struct audit_record *a = handover_audit(api, x, v);

	text_cut(a->reason, sizeof(a->reason), b->what);
	text_cut(a->target, sizeof(a->target), b->text);
	api_weigh(a, "host", x->who.host.head.generation);
}

/* POST /v1/instances/{id}/handovers/{n}/say */
bool api_handover_say(struct api *api, struct exchange *x, struct err *e)
{
	enum handover_word word = HANDOVER_WORD_COUNT;
	enum handover_state next = HANDOVER_PREPARED;
	struct handover_view v;
	struct say_body b = { 0 };
	bool news;

	if (!say_parse(x, &b, &word, e) || !handover_of_path(api, x, &v, e))
		return false;
	say_audit(api, x, &v, &b);
	if (!is_its_word(x, &v, word, e))
		return false;
	if (handover_is_alarm(v.state, word))
		return alarm(api, x, &v, word, e);
	if (!handover_weighs(&v, word, false, &next, e))
		return false;
	news = note_word(&v.row, word) || next != v.state;
	if (!news)
		change_reset(x->change);
	else if (!handover_enter(api, x, &v, next, e))
		return false;
	handover_reply(x, 200, &v);
	return true;
}

static bool reaches_both(const struct exchange *x, const struct handover_view *v,
			 struct err *e)
{
	return (gate_reaches_host(&x->who.token, v->source.name) &&
		gate_reaches_host(&x->who.token, v->destination.name)) ||
	       err_set(e, ERR_FORBIDDEN,
		       "the token does not reach both hosts of the hand-over");
}

/* Whoever may call it off: both hosts, the owner, and those who may prepare it. */
static bool may_abort(const struct exchange *x, const struct handover_view *v,
		      struct err *e)
{
	if (x->who.kind == PRINCIPAL_HOST || gate_is_owner(&x->who, &v->instance))
		return true;
	if (x->who.role == ROLE_OPERATOR || x->who.role == ROLE_ORCHESTRATOR)
		return reaches_both(x, v, e);
	return err_set(e, ERR_FORBIDDEN,
		       "owner, operator, orchestrator or its hosts may abort it");
}

struct abort_body {
	bool absent;
};

static const struct json_field abort_fields[] = {
	{ .name = "absent", .type = FIELD_BOOLEAN, API_AT(struct abort_body, absent) },
};

/* Nothing of the guest runs on the source, which does not know why: it is no word that ends the
 * hand-over, but one that an operator's decision may rest on. */
static bool note_absent(const struct exchange *x, struct handover_view *v,
			const struct abort_body *b, bool *ret_news, struct err *e)
{
	*ret_news = false;
	if (!b->absent)
		return true;
	if (!handover_asker_is(x, v->row.source))
		return err_field(e, ERR_FORBIDDEN, "absent",
				 "that is for the source to say");
	if (v->row.source_said[0] == '\0' && handover_holds(v->state)) {
		text_cut(v->row.source_said, WORD_SIZE, HANDOVER_ABSENT);
		*ret_news = true;
	}
	return true;
}

/* POST /v1/instances/{id}/handovers/{n}/abort */
bool api_handover_abort(struct api *api, struct exchange *x, struct err *e)
{
	enum handover_state next = HANDOVER_PREPARED;
	struct abort_body b = { 0 };
	struct handover_view v;
	bool news;

	if (!API_BODY(x, abort_fields, &b, e) || !handover_of_path(api, x, &v, e))
		return false;
	(void)handover_audit(api, x, &v);
	if (!may_abort(x, &v, e) ||
	    !handover_weighs(&v, HANDOVER_SAYS_ABORT, false, &next, e) ||
	    !note_absent(x, &v, &b, &news, e))
		return false;
	if (next == v.state && !news)
		change_reset(x->change);
	else if (!handover_enter(api, x, &v, next, e))
		return false;
	handover_reply(x, 200, &v);
	return true;
}

struct resolve_body {
	char runs_on[NAME_SIZE];
	bool host_is_off;
};

static const struct json_field resolve_fields[] = {
	{ .name = "runs_on",
	  .type = FIELD_NAME,
	  API_AT(struct resolve_body, runs_on),
	  .min = 1,
	  .max = NAME_SIZE - 1,
	  .required = true },
	{ .name = "host_is_off",
	  .type = FIELD_BOOLEAN,
	  API_AT(struct resolve_body, host_is_off) },
};

static bool resolve_word(const struct exchange *x, const struct handover_view *v,
			 const char *runs_on, enum handover_word *ret, struct err *e)
{
	if (!reaches_both(x, v, e))
		return false;
	if (strcmp(runs_on, v->source.name) == 0)
		*ret = HANDOVER_SAYS_RUNS_ON_SOURCE;
	else if (strcmp(runs_on, v->destination.name) == 0)
		*ret = HANDOVER_SAYS_RUNS_ON_DESTINATION;
	else
		return err_field(e, ERR_BAD_VALUE, "runs_on",
				 "the hand-over is from %s to %s", v->source.name,
				 v->destination.name);
	return true;
}

static bool resolve_reply(struct exchange *x, const struct handover_view *v,
			  const struct host_row *other, struct err *e)
{
	char drops[3 * NAME_SIZE];
	const struct handover_note note = { .drops = drops };
	struct json_writer w;

	if (!text_format(drops, sizeof(drops),
			 "what the guest may have done on %s since it was suspended "
			 "is given up",
			 other->name))
		return err_set(e, ERR_INTERNAL, "a host's name is too long");
	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	handover_write(&w, v, &note);
	json_close(&w);
	return true;
}

/* The decision rests on the other host's fence. */
static bool resolve_stage(struct api *api, struct exchange *x, struct handover_view *v,
			  enum handover_state next, struct err *e)
{
	if (next == v->state) {
		change_reset(x->change);
		return true;
	}
	change_guard(x->change, TABLE_HOST, &v->source);
	change_guard(x->change, TABLE_HOST, &v->destination);
	return handover_enter(api, x, v, next, e);
}

/* POST /v1/instances/{id}/handovers/{n}/resolve - what no host can tell any more. */
bool api_handover_resolve(struct api *api, struct exchange *x, struct err *e)
{
	enum handover_word word = HANDOVER_WORD_COUNT;
	enum handover_state next = HANDOVER_PREPARED;
	struct resolve_body b = { 0 };
	struct handover_view v;
	struct audit_record *a;

	if (!API_BODY(x, resolve_fields, &b, e) || !handover_of_path(api, x, &v, e))
		return false;
	a = handover_audit(api, x, &v);
	if (!resolve_word(x, &v, b.runs_on, &word, e))
		return false;
	text_cut(a->target, sizeof(a->target), b.runs_on);
	api_weigh(a, "source", v.source.head.generation);
	api_weigh(a, "destination", v.destination.head.generation);
	if (!handover_weighs(&v, word, b.host_is_off, &next, e) ||
	    !resolve_stage(api, x, &v, next, e))
		return false;
	return resolve_reply(
		x, &v, word == HANDOVER_SAYS_RUNS_ON_SOURCE ? &v.destination : &v.source,
		e);
}
