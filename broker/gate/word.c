/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/gate/word.h"

#include <string.h>

static bool is_for_this(const struct verdict *v, const struct permit_row *p)
{
	return gate_lines_hold(p->hosts, v->host.key_hash) &&
	       (p->epoch == 0 || p->epoch == v->placement.epoch) &&
	       strcmp(p->issuer, v->instance.issuer) == 0 &&
	       strcmp(p->owner, v->instance.owner) == 0;
}

static enum permit_found judge(const struct verdict *v, const struct permit_row *p)
{
	if (!is_for_this(v, p))
		return PERMIT_OF_OTHER;
	if (p->uses != 0 && p->uses_left < 1)
		return PERMIT_SPENT;
	if (v->now_us < p->from_us || v->now_us >= p->until_us)
		return PERMIT_LATE;
	return PERMIT_GOOD;
}

/* What is for another host tells least; what has ended and what was used tell alike. */
static int telling(enum permit_found f)
{
	switch (f) {
	case PERMIT_GOOD:
	case PERMIT_OF_THIS_ATTEMPT:
		return 3;
	case PERMIT_LATE:
	case PERMIT_SPENT:
		return 2;
	case PERMIT_OF_OTHER:
		return 1;
	case PERMIT_NONE:
		break;
	}
	return 0;
}

/* The narrower word first: what is left for later then lets through the more. */
static int width(const struct permit_row *p)
{
	if (p->epoch != 0)
		return 0;
	return p->uses != 0 ? 1 : 2;
}

/* Of refusals the newer word's, which the caller meets first. */
static bool is_better(const struct verdict *v, enum permit_found f,
		      const struct permit_row *p)
{
	const struct permit_row *best = &v->permit;

	if (telling(f) != telling(v->ask.permit))
		return telling(f) > telling(v->ask.permit);
	if (f != PERMIT_GOOD)
		return false;
	if (width(p) != width(best))
		return width(p) < width(best);
	return p->until_us < best->until_us;
}

static bool take_better(void *ctx, const struct permit_row *p, struct err *e)
{
	struct verdict *v = ctx;
	enum permit_found f = judge(v, p);

	(void)e;
	if (!is_better(v, f, p))
		return true;
	v->permit = *p;
	v->ask.permit = f;
	return true;
}

/* A word that this very attempt has used already: neither uses nor time count again. */
static bool is_of_attempt(const struct verdict *v, const struct permit_row *p)
{
	bool taken_back = p->epoch == 0 && p->withdrawn != 0;

	return p->head.generation != 0 && !taken_back && is_for_this(v, p);
}

bool word_find(struct reader *r, struct verdict *v, struct err *e)
{
	const char *purpose = purpose_name(v->question.purpose);

	v->ask.permit = PERMIT_NONE;
	if (v->redelivered && uuid_is_set(&v->release.permit)) {
		if (!read_permit(r, &v->release.permit, &v->permit, e))
			return false;
		if (is_of_attempt(v, &v->permit)) {
			v->ask.permit = PERMIT_OF_THIS_ATTEMPT;
			return true;
		}
		v->permit = (struct permit_row){ 0 };
	}
	return list_words(r, &v->question.instance, purpose, take_better, v, e);
}
