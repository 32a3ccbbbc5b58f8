/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/api/api.h"
#include "broker/api/v1/handlers.h"
#include "broker/api/v1/handover.h"

/*
 * A host's reports come in order from a spool that it numbers. Each is a change of its own,
 * with its own record in the audit trail and the spool's new number in the same transaction,
 * so that a batch that breaks off is taken up where it ended.
 */
enum { REPORTS_MAX = 100, REPORTS_STALE = 3 };

struct report {
	char kind[WORD_SIZE];
	struct uuid instance;
	struct uuid attempt;
	char at[32];
};

static const struct json_field report_fields[] = {
	{ .name = "kind",
	  .type = FIELD_NAME,
	  API_AT(struct report, kind),
	  .min = 1,
	  .max = WORD_SIZE - 1,
	  .required = true },
	{ .name = "instance",
	  .type = FIELD_UUID,
	  API_AT(struct report, instance),
	  .required = true },
	{ .name = "attempt",
	  .type = FIELD_UUID,
	  API_AT(struct report, attempt),
	  .required = true },
	{ .name = "at",
	  .type = FIELD_TEXT,
	  API_AT(struct report, at),
	  .min = 20,
	  .max = 31,
	  .required = true },
};

enum report_kind { STARTED, STOPPED, USED_COPY, COPY_ERASED, REPORT_KINDS };

/* What a report rests on; absent rows have generation 0. */
struct seen {
	struct instance_row instance;
	struct placement_row placement;
	struct copy_row copy;
	struct handover_row handover; /* the newest */
	struct handover_row arrival;  /* an earlier one that brought the guest here */
	enum report_kind kind;
};

static bool is_placed_here(const struct exchange *x, const struct seen *s)
{
	return s->placement.head.generation != 0 &&
	       strcmp(s->placement.host, x->who.host.key_hash) == 0;
}

/* The release that this report speaks of is the newest one of the placement here. */
static bool is_newest(const struct exchange *x, const struct seen *s,
		      const struct report *r)
{
	return is_placed_here(x, s) && uuid_equal(&s->placement.attempt, &r->attempt);
}

/* A copy of this placement, not one left over from an earlier. */
static bool has_copy(const struct seen *s)
{
	return s->copy.head.generation != 0 && s->copy.epoch == s->placement.epoch;
}

static bool handover_is(const struct seen *s, enum handover_state is)
{
	return s->handover.head.generation != 0 &&
	       strcmp(s->handover.state, handover_state_name(is)) == 0;
}

/* A start on the host that a hand-over has brought the guest to, by a release of its own, proves
 * that the guest ran there: the source may wipe what it has left. */
static void note_ran_there(struct exchange *x, struct seen *s, const struct report *r)
{
	struct handover_row *h =
		handover_is(s, HANDOVER_COMMITTED) ? &s->handover : &s->arrival;

	if (h->head.generation == 0 || h->ran_there != 0 ||
	    !handover_asker_is(x, h->destination) || s->placement.epoch <= h->epoch ||
	    uuid_equal(&h->attempt, &r->attempt))
		return;
	h->ran_there = 1;
	change_put(x->change, TABLE_HANDOVER, h);
	change_event(x->change, h->source, "handover", &h->instance, h->number);
}

/* The guest runs: from now on its state is expected to be there. */
static bool take_started(struct exchange *x, struct seen *s, const struct report *r)
{
	if (!is_newest(x, s, r))
		return false;
	change_guard(x->change, TABLE_PLACEMENT, &s->placement);
	note_ran_there(x, s, r);
	if (strcmp(s->instance.state, "possible") != 0)
		return true;
	text_cut(s->instance.state, sizeof(s->instance.state), "expected");
	change_put(x->change, TABLE_INSTANCE, &s->instance);
	return true;
}

/* The attempt is over: the placement may move. */
static bool take_stopped(struct exchange *x, struct seen *s, const struct report *r)
{
	if (!is_newest(x, s, r))
		return false;
	if (s->placement.stopped)
		return true;
	s->placement.stopped = 1;
	change_put(x->change, TABLE_PLACEMENT, &s->placement);
	return true;
}

/* A start from the host's own copy while the broker did not answer: a release of its own, which
 * calls a hand-over off that nobody has claimed, as any does. */
static bool take_used_copy(struct exchange *x, struct seen *s, const struct report *r,
			   int64_t now_us)
{
	if (!is_placed_here(x, s) || !has_copy(s))
		return false;
	change_guard(x->change, TABLE_COPY, &s->copy);
	if (handover_is(s, HANDOVER_PREPARED) || handover_is(s, HANDOVER_OFFERED)) {
		handover_end_by_start(x->change, &s->handover, now_us);
		s->placement.moving = 0;
	}
	s->placement.attempt = r->attempt;
	s->placement.stopped = 0;
	change_put(x->change, TABLE_PLACEMENT, &s->placement);
	return true;
}

/*
 * The report may have waited in the spool while a later release brought the copy anew. It
 * counts for a copy of this placement where it names the newest release, or comes after the
 * report that this one's guest has stopped: the spool is in order.
 */
static bool take_copy_erased(struct exchange *x, struct seen *s, const struct report *r,
			     int64_t now_us)
{
	if (s->copy.head.generation == 0)
		return false;
	if (is_placed_here(x, s) && has_copy(s) && !is_newest(x, s, r) &&
	    !s->placement.stopped)
		return false;
	if (s->copy.erased_us)
		return true;
	s->copy.erased_us = now_us;
	change_put(x->change, TABLE_COPY, &s->copy);
	return true;
}

static const struct {
	const char *kind, *verb, *verdict;
} kinds[REPORT_KINDS] = {
	[STARTED] = { "started", "report.started", "allowed" },
	[STOPPED] = { "stopped", "report.stopped", "allowed" },
	[USED_COPY] = { "used_copy", "report.used_copy", "used_copy" },
	[COPY_ERASED] = { "copy_erased", "report.copy_erased", "allowed" },
};

static bool kind_of(const struct report *r, enum report_kind *ret, struct err *e)
{
	for (enum report_kind k = STARTED; k < REPORT_KINDS; k++) {
		if (strcmp(r->kind, kinds[k].kind) == 0) {
			*ret = k;
			return true;
		}
	}
	return err_field(e, ERR_BAD_VALUE, "kind",
			 "a report is started, stopped, used_copy or copy_erased");
}

/* Digits and what stands between them: it goes into the trail as it is. */
static bool time_is_good(const struct report *r, struct err *e)
{
	return r->at[strspn(r->at, "0123456789-:.TZ+")] == '\0' ||
	       err_field(e, ERR_BAD_VALUE, "at", "at is a time (RFC 3339)");
}

static bool see(struct exchange *x, const struct report *r, struct seen *ret,
		struct err *e)
{
	const char *host = x->who.host.key_hash;

	ret->arrival = (struct handover_row){ 0 };
	return read_instance(x->db, &r->instance, &ret->instance, e) &&
	       read_placement(x->db, &r->instance, &ret->placement, e) &&
	       read_handover(x->db, &r->instance, ret->placement.number, &ret->handover,
			     e) &&
	       read_copy(x->db, &r->instance, host, &ret->copy, e) &&
	       (ret->kind != STARTED || ret->placement.number < 2 ||
		read_arrival(x->db, &ret->placement, &ret->arrival, e));
}

/* False: it is about nothing of this host's, and changes nothing. */
static bool apply(struct exchange *x, struct seen *s, const struct report *r,
		  int64_t now_us)
{
	if (s->instance.head.generation == 0)
		return false;
	switch (s->kind) {
	case STARTED:
		return take_started(x, s, r);
	case STOPPED:
		return take_stopped(x, s, r);
	case USED_COPY:
		return take_used_copy(x, s, r, now_us);
	case COPY_ERASED:
		return take_copy_erased(x, s, r, now_us);
	case REPORT_KINDS:
		break;
	}
	return false;
}

static void record(struct api *api, struct exchange *x, const struct seen *s,
		   const struct report *r, bool counts)
{
	struct audit_record *a = api_allowed(api, x);

	text_cut(a->verb, sizeof(a->verb), kinds[s->kind].verb);
	text_cut(a->verdict, sizeof(a->verdict), kinds[s->kind].verdict);
	text_cut(a->reason, sizeof(a->reason), counts ? "taken" : "passed_over");
	text_cut(a->host, sizeof(a->host), x->who.host.name);
	text_cut(a->target, sizeof(a->target), r->at);
	a->instance = r->instance;
	a->attempt = r->attempt;
	a->epoch = s->placement.epoch;
	a->version = s->instance.version;
	api_weigh(a, "instance", s->instance.head.generation);
	api_weigh(a, "placement", s->placement.head.generation);
	api_weigh(a, "copy", s->copy.head.generation);
	api_weigh(a, "handover", s->handover.head.generation);
	api_weigh(a, "host", x->who.host.head.generation);
}

/* Stages one report: what it changes, the spool's number, the record. */
static bool stage(struct api *api, struct exchange *x, const struct report *r,
		  const struct spool_row *spool, struct err *e)
{
	int64_t now_us = clock_wall_us(api->clock);
	bool counts;
	struct seen s;

	if (!kind_of(r, &s.kind, e) || !see(x, r, &s, e))
		return false;
	change_reset(x->change);
	counts = apply(x, &s, r, now_us);
	record(api, x, &s, r, counts);
	change_guard(x->change, TABLE_HOST, &x->who.host);
	change_put(x->change, TABLE_SPOOL, spool);
	return change_ok(x->change, e);
}

struct reports {
	const struct json *body; /* borrowed */
	struct uuid spool;
	int64_t seq, n;
};

static const struct json_field reports_fields[] = {
	{ .name = "spool",
	  .type = FIELD_UUID,
	  API_AT(struct reports, spool),
	  .required = true },
	{ .name = "seq",
	  .type = FIELD_INTEGER,
	  API_AT(struct reports, seq),
	  .min = 1,
	  .max = INT64_MAX - REPORTS_MAX,
	  .required = true },
	{ .name = "reports",
	  .type = FIELD_OBJECTS,
	  API_AT(struct reports, n),
	  .min = 1,
	  .max = REPORTS_MAX,
	  .required = true },
};

static bool item_parse(const struct json *body, size_t i, struct report *ret,
		       struct err *e)
{
	return json_read_fields(json_item(body, "reports", i), report_fields,
				ARRAY_LEN(report_fields), ret, e);
}

/* The whole batch is looked at before any of it is taken. */
static bool reports_parse(const struct json *body, struct reports *ret, struct err *e)
{
	if (!json_read_fields(body, reports_fields, ARRAY_LEN(reports_fields), ret, e))
		return false;
	ret->body = body;
	for (int64_t i = 0; i < ret->n; i++) {
		struct report r = { 0 };
		enum report_kind kind;

		if (!item_parse(body, (size_t)i, &r, e) || !kind_of(&r, &kind, e) ||
		    !time_is_good(&r, e))
			return false;
	}
	return true;
}

/*
 * A host that lost its spool starts a new one. One that is further than this database knows was
 * heard by a later one, which is lost: the host cannot tell those reports again, and goes on.
 */
static bool spool_of(struct exchange *x, const struct reports *all, struct spool_row *ret,
		     struct err *e)
{
	if (!read_spool(x->db, x->who.host.key_hash, ret, e))
		return false;
	if (!ret->head.generation || !uuid_equal(&ret->spool, &all->spool)) {
		memcpy(ret->host, x->who.host.key_hash, sizeof(ret->host));
		ret->spool = all->spool;
		ret->seq = 0;
	}
	if (ret->seq < all->seq - 1)
		ret->seq = all->seq - 1;
	return true;
}

static bool take_one(struct api *api, struct exchange *x, const struct reports *all,
		     struct spool_row *spool, struct err *e)
{
	struct report r = { 0 };

	if (!spool_of(x, all, spool, e) ||
	    !item_parse(all->body, (size_t)(spool->seq + 1 - all->seq), &r, e))
		return false;
	spool->seq++;
	return stage(api, x, &r, spool, e);
}

/*
 * All but the last are committed here, one by one; the last is staged, as everywhere. After a
 * crash, or when run again, what was taken before is passed over by its number.
 */
static bool take_all(struct api *api, struct exchange *x, const struct reports *all,
		     int64_t *ret_seq, struct err *e)
{
	const int64_t last = all->seq + all->n - 1;
	struct spool_row spool;

	if (!spool_of(x, all, &spool, e))
		return false;
	*ret_seq = spool.seq;
	if (spool.seq >= last)
		return true;
	for (int stale = 0; spool.seq < last; *ret_seq = spool.seq) {
		if (!take_one(api, x, all, &spool, e))
			return false;
		if (spool.seq < last && !store_commit(api->store, x->change, e) &&
		    (e->kind != ERR_CONFLICT || ++stale > REPORTS_STALE))
			return false;
	}
	err_clear(e);
	return true;
}

/* POST /v1/hosts/self/reports */
bool api_host_reports(struct api *api, struct exchange *x, struct err *e)
{
	struct reports all = { 0 };
	struct json_writer w;
	int64_t seq = 0;
	OWNED(json) body = NULL;

	if (!json_parse(x->body, &body, e) || !reports_parse(body, &all, e) ||
	    !take_all(api, x, &all, &seq, e))
		return false;
	exchange_json(x, 200, &w);
	json_open(&w, NULL);
	json_put_integer(&w, "seq", seq);
	json_close(&w);
	return true;
}
