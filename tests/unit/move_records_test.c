/* SPDX-License-Identifier: Apache-2.0 */
#include "client/compute/job_xml.h"
#include "client/compute/moves.h"
#include "client/compute/own_copy.h"
#include "client/compute/watch.h"
#include "tests/unit/agent_bed.h"
#include "tests/unit/check.h"
#include "tests/unit/state_dir.h"

#include <string.h>

static const struct uuid id = { "11111111-1111-4111-8111-111111111111" };
static const struct uuid other = { "22222222-2222-4222-8222-222222222222" };

/* ---- records ---- */

static void count(void *ctx, const struct uuid *instance)
{
	(void)instance;
	++*(int *)ctx;
}

static void test_records(const char *dir)
{
	struct move m = { .instance = id }, back;
	struct err e = { 0 };
	int n = 0;

	check("without a record nothing has ended and nothing is marked",
	      move_load(dir, &id, &back, &e) && back.ended == 0 && back.marked == 0 &&
		      back.side[0] == '\0');
	move_begin(&m, 3);
	m.marked = 3;
	m.attempt = other;
	m.epoch = 9;
	m.held = true;
	memcpy(m.side, MOVE_SOURCE, sizeof(MOVE_SOURCE));
	memcpy(m.phase, MOVE_CONSENTED, sizeof(MOVE_CONSENTED));
	memcpy(m.state, "absent", sizeof("absent"));
	memcpy(m.left, "1.2.3", sizeof("1.2.3"));
	m.left_by = 2;
	check("a record comes back as it was, to the byte",
	      move_save(dir, &m, &e) && move_load(dir, &id, &back, &e) &&
		      memcmp(&m, &back, sizeof(m)) == 0);
	check("what is on record can be walked", move_each(dir, count, &n, &e) && n == 1);
	check("its own number has not ended, older ones have",
	      !move_has_ended(&m, 3) && !move_has_ended(&m, 4));
	move_begin(&m, 5);
	check("a newer one ends it, and its mark stays",
	      move_has_ended(&m, 3) && !move_has_ended(&m, 5) && m.marked == 3 &&
		      m.side[0] == '\0');
	move_begin(&m, 5);
	check("begun again, a number has not ended by that", !move_has_ended(&m, 5));
	move_end(&m);
	check("what stayed behind is remembered beyond the hand-over",
	      strcmp(m.left, "1.2.3") == 0 && m.left_by == 2);
	check("an end is remembered for good",
	      move_has_ended(&m, 5) && move_save(dir, &m, &e) &&
		      move_load(dir, &id, &back, &e) && move_has_ended(&back, 5));
	n = 0;
	check("and is no longer walked", move_each(dir, count, &n, &e) && n == 0);
}

/* A departure or an arrival on record, with a sealed secret beside it. */
static void keep(const char *dir, const char *side, const char *phase, int64_t ended)
{
	struct move m = { .instance = id, .ended = ended, .number = 7, .epoch = 5 };
	struct buf jwe = { 0 };
	struct err e = { 0 };

	m.marked = strcmp(side, MOVE_SOURCE) == 0 ? 7 : 0;
	buf_add(&jwe, "x");
	if (!text_copy(m.side, sizeof(m.side), side) ||
	    !text_copy(m.phase, sizeof(m.phase), phase) || !move_save(dir, &m, &e) ||
	    !move_keep_jwe(dir, &id, &jwe, &e))
		check("the record is made", false);
	buf_done(&jwe);
}

static bool is_left(const char *dir, const char *side, int64_t marked, int64_t ended)
{
	struct buf jwe = { 0 };
	struct move m;
	struct err e = { 0 };
	bool found = false;
	bool ok = move_load(dir, &id, &m, &e) && strcmp(m.side, side) == 0 &&
		  m.marked == marked && m.ended == ended &&
		  move_take_jwe(dir, &id, &jwe, &found, &e) && found == (side[0] != '\0');

	buf_done(&jwe);
	return ok;
}

static bool releases(struct agent *a, int64_t number, int64_t epoch)
{
	const struct own_copy_release r = { id, number, epoch };
	struct err e = { 0 };

	return own_copy_unblock(a, &r, &e);
}

static bool is_watched(const struct agent *a)
{
	struct watch_seen s;

	watch_get(a->watch, &id, &s);
	return s.unbroken;
}

static void test_release(struct agent *a)
{
	const char *dir = agent_state_dir(a);

	keep(dir, MOVE_SOURCE, MOVE_OWES, 0);
	check("a guest that was placed back and starts here owes nothing of its "
	      "departure",
	      releases(a, 7, 6) && is_left(dir, "", 0, 7));
	keep(dir, MOVE_SOURCE, MOVE_GONE, 0);
	check("nor is anything done about one that was not settled yet",
	      releases(a, 7, 6) && is_left(dir, "", 0, 7));
	keep(dir, MOVE_SOURCE, MOVE_CONSENTED, 0);
	check("a start before the key was taken has called it off",
	      releases(a, 7, 4) && is_left(dir, "", 0, 7));
	keep(dir, MOVE_SOURCE, MOVE_KEEP, 0);
	check("a broker that has lost the number lifts the mark all the same",
	      releases(a, 2, 6) && is_left(dir, "", 0, 7));
	keep(dir, MOVE_DESTINATION, MOVE_COMMITTED, 0);
	check("an arrival that brought this placement is still to be settled",
	      releases(a, 7, 5) && is_left(dir, MOVE_DESTINATION, 0, 7));
	/* Place after an abort brings the very epoch that the commit would have brought. */
	keep(dir, MOVE_DESTINATION, MOVE_ERASED, 7);
	check("an arrival that was called off is over once the guest was placed here by "
	      "hand",
	      releases(a, 7, 5) && is_left(dir, "", 0, 7));
	keep(dir, MOVE_DESTINATION, MOVE_KEYED, 0);
	watch_begin(a->watch, &id);
	check("also one that this host knows no end of: nobody gets a release before",
	      releases(a, 7, 5) && is_left(dir, "", 0, 7));
	check("and is watched no longer", !is_watched(a));
	keep(dir, MOVE_DESTINATION, MOVE_CANNOT_SAY, 7);
	check("one of an earlier placement is over",
	      releases(a, 7, 6) && is_left(dir, "", 0, 7));
}

static void test_damage(const char *dir)
{
	struct path path;
	struct move back;
	struct err e = { 0 };
	int n = 0;

	check("a damaged record is refused, not taken for none",
	      path_set(&path, &e, "%s/moves/%s.json", dir, id.text) &&
		      file_write(path.text, (struct view){ (const uint8_t *)"{", 1 },
				 0600, &e) &&
		      !move_load(dir, &id, &back, &e) && e.kind == ERR_IO);
	check("and named on a walk", !move_each(dir, count, &n, &e) && n == 0);
}

/* ---- events ---- */

static void test_watch(void)
{
	OWNED(watch) w = NULL;
	struct watch_seen s;
	struct err e = { 0 };

	check("a watch is made", watch_new(&w, &e));
	watch_event(w, &id, LIBVIRT_SUSPENDED);
	watch_get(w, &id, &s);
	check("what nobody watches is not known, and not unbroken",
	      !s.unbroken && !s.suspended);
	watch_begin(w, &id);
	watch_event(w, &id, LIBVIRT_RESUMED_MIGRATED);
	watch_event(w, &other, LIBVIRT_STOPPED_MIGRATED);
	watch_get(w, &id, &s);
	check("its own events are kept, others' are not",
	      s.unbroken && s.resumed_migrated && !s.stopped_migrated && !s.suspended);
	watch_break(w);
	watch_get(w, &id, &s);
	check("a break is remembered, and what was seen as well",
	      !s.unbroken && s.resumed_migrated);
	watch_begin(w, &id);
	watch_get(w, &id, &s);
	check("a new hand-over begins with nothing seen",
	      s.unbroken && !s.resumed_migrated);
	watch_end(w, &id);
	watch_get(w, &id, &s);
	check("and ends with nothing", !s.unbroken);
	watch_resume(w, &id);
	watch_event(w, &id, LIBVIRT_RESUMED_MIGRATED);
	watch_get(w, &id, &s);
	check("what comes after a restart is seen, but not taken for all",
	      !s.unbroken && s.resumed_migrated);
	watch_begin(w, &id);
	watch_resume(w, &id);
	watch_get(w, &id, &s);
	check("a watch that never broke stays so", s.unbroken);
}

/* Found still incoming: nothing of it can have been missed, from the look on. */
static void test_mended_watch(void)
{
	OWNED(watch) w = NULL;
	struct watch_seen s;
	struct err e = { 0 };
	uint64_t breaks;

	if (!watch_new(&w, &e))
		return;
	breaks = watch_resume(w, &id);
	watch_mend(w, &id, breaks);
	watch_get(w, &id, &s);
	check("what is watched since it was found incoming is watched without a break",
	      s.unbroken);
	watch_break(w);
	watch_get(w, &id, &s);
	check("until libvirt is lost", !s.unbroken);
	watch_mend(w, &id, breaks);
	watch_get(w, &id, &s);
	check("which a look from before does not mend", !s.unbroken);
	watch_event(w, &id, LIBVIRT_RESUMED_MIGRATED);
	watch_mend(w, &id, watch_resume(w, &id));
	watch_get(w, &id, &s);
	check("what was seen stays", s.unbroken && s.resumed_migrated);
	watch_mend(w, &other, breaks + 1);
	watch_get(w, &other, &s);
	check("what is not watched is not mended", !s.unbroken);
}

static void test_full_watch(void)
{
	OWNED(watch) w = NULL;
	struct watch_seen s;
	struct err e = { 0 };
	struct uuid u = id;

	if (!watch_new(&w, &e))
		return;
	for (int i = 0; i <= WATCH_MAX; i++) {
		u.text[0] = (char)('0' + i % 10);
		u.text[1] = (char)('0' + i / 10 % 10);
		u.text[2] = (char)('0' + i / 100);
		watch_begin(w, &u);
	}
	watch_get(w, &u, &s);
	check("one too many is as one that was never watched", !s.unbroken);
}

/* ---- libvirt's status file ---- */

#define STATUS(job) \
	"<domstatus state='running'>\n" job "\n<domain type='qemu'><name>x</name>"

static void test_status(void)
{
	static const char out[] =
		STATUS("<job type='none' async='migration out' phase='begin3' "
		       "flags='0x1b' asyncStarted='1795354073665'/>");
	static const char direct[] = STATUS(
		"<job type='none' async='migration out' phase='begin3' flags='0x119'/>");
	static const char in[] =
		STATUS("<job type='none' async='migration in' flags='0x2'/>");
	static const char none[] = STATUS("<job type='none' async='none'/>");
	static const char forged[] = STATUS(
		"") "<metadata><job async='migration out' flags='0x2'/></metadata>";
	struct domain_job j;

	check("a peer-to-peer migration out is seen",
	      job_xml_read(out, &j) && j.outgoing && j.peer_to_peer);
	check("a direct one is told from it",
	      job_xml_read(direct, &j) && j.outgoing && !j.peer_to_peer);
	check("a migration in is none out", job_xml_read(in, &j) && !j.outgoing);
	check("nor is none", job_xml_read(none, &j) && !j.outgoing);
	check("what the domain's owner wrote is not looked at",
	      !job_xml_read(forged, &j));
	check("nor is a file that is cut",
	      !job_xml_read("<job async='migration out'", &j));
}

int main(void)
{
	CLEANUP(state_dir_done) struct state_dir dir = state_dir_make();
	CLEANUP(agent_bed_done) struct agent_bed b = { 0 };
	struct err e = { 0 };

	check("a directory of its own", agent_bed_make(dir.path, &b, &e));
	test_records(dir.path);
	test_release(&b.agent);
	test_damage(dir.path);
	test_watch();
	test_mended_watch();
	test_full_watch();
	test_status();
	return done();
}
