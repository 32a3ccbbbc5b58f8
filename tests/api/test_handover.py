# SPDX-License-Identifier: Apache-2.0
"""A guest is handed over: who may, when, and that nothing moves by halves."""
import time

import bed
import pytest
from bed import new_id, refused
from moving import JWE, Later, Move, at_once, events, listens, not_found

POLICIES = ("user", "host", "deployment")


@pytest.fixture(scope="module", autouse=True)
def more_hosts(broker):
    broker.h3 = bed.Host(broker, "h3").enroll()
    broker.h4 = bed.Host(broker, "h4").enroll()
    r = broker.host_admin.post("/v1/hosts/h4/fence")
    assert r.status_code == 200


# ---- the whole way ----


@pytest.mark.parametrize("security", POLICIES)
@pytest.mark.parametrize("mode", ("plain", "strict"))
def test_a_guest_moves(broker, security, mode):
    m = Move(broker, security, mode)
    h = m.try_prepare().json()
    assert (h["number"], h["state"], h["mode"], h["by"]) == (1, "prepared", mode, "orchestrator")
    assert (h["source"]["name"], h["destination"]["name"]) == ("h1", "h2")
    assert h["source"]["fingerprint"] == m.a.fingerprint and h["epoch"] == 1
    asked = m.try_ask().json()
    assert asked == {"attempt": m.attempt, "answer": "waiting", "number": 1, "text": ""}
    assert m.try_offer().json()["state"] == "offered"
    assert m.asked().json()["answer"] == "consented"
    nonce = "n" * 22
    got = m.try_claim(nonce=nonce).json()
    assert (got["kind"], got["epoch"], got["number"]) == ("sealed", 2, 1)
    assert got["relayed"] == (security == "host") and not got["redelivered"]
    if security == "host":
        assert got["jwe"] == JWE
    else:
        header, value = m.to.open(got["jwe"])
        assert header["handover"] == 1 and header["epoch"] == 2 and header["nonce"] == nonce
        assert header["purpose"] == "migrate-in" and header["attempt"] == m.attempt
        assert len(value) == 64
    assert m.show()["placement"]["host"] == "h1"
    if mode == "plain":
        h = m.say(m.to, "running", "committed")
        assert h["ran_there"] and h["may_wipe"]
    else:
        h = m.say(m.a, "gone", "committed")
        assert not h["ran_there"] and not h["may_wipe"]
        h = m.say(m.to, "running", "committed")
        assert h["ran_there"] and h["may_wipe"]
    placed = m.show()["placement"]
    assert (placed["host"], placed["epoch"], placed["running"]) == ("h2", 2, True)
    assert m.show()["state"] == "expected" and m.show()["handover"] is None
    r = m.to.post(f"/v1/instances/{m.id}/lease", {"version": 1, "epoch": 2})
    assert (r.status_code == 200) == (security == "host"), r.text
    m.say(m.a, "wiped", "closed")
    verbs = [a["verb"] for a in reversed(broker.audit()) if a["instance"] == m.id
             and a["verdict"] == "allowed" and a["verb"].startswith(("handover", "ask"))]
    assert verbs[:4] == ["handover.prepare", "ask", "handover.offer", "handover.claim"]
    assert set(verbs[4:]) == {"handover.say"}


def test_it_moves_on_and_back(broker):
    m = Move(broker).committed()
    m.a, m.to = m.to, m.a
    m.attempt = new_id()
    r = m.try_prepare(destination="h1")
    assert r.status_code == 201 and r.json()["number"] == 2 and r.json()["epoch"] == 2
    m.n = 2
    m.offer().claim()
    m.say(m.to, "running", "committed")
    assert m.show()["placement"] == {"host": "h1", "epoch": 3, "running": True}
    m.n = 1  # h1 owed a wipe; the guest is back
    assert m.state() == "closed"
    assert not broker.operator.get(m.url()).json()["may_wipe"]


def test_the_numbers_reach_the_agents(broker):
    m = Move(broker).reach("aborted")
    own = m.a.get("/v1/hosts/self/instances", params={"limit": 500}).json()["items"]
    assert next(i for i in own if i["id"] == m.id)["number"] == 1
    assert m.a.release(m.id).json()["number"] == 1


# ---- prepare ----


def test_who_may_prepare(broker):
    m = Move(broker)
    for who in ("owner", "member", "stranger", "host_admin", "auditor"):
        refused(m.try_prepare(getattr(broker, who)), "forbidden")
    not_found(m.try_prepare(broker.h2))
    not_found(m.try_prepare(broker.h3))
    refused(m.try_prepare(broker.h4), "host_fenced")
    refused(m.try_prepare(broker.anybody), "unauthenticated")
    other = broker.person("otto", "operator", projects="p2", hosts="*")
    not_found(m.try_prepare(other))
    near = broker.person("nina", "operator", projects="p1", hosts="h1")
    refused(m.try_prepare(near), "forbidden", "destination")
    far = broker.person("nora", "operator", projects="p1", hosts="h2")
    refused(m.try_prepare(far), "forbidden", "source")
    refused(m.try_prepare(broker.orchestrator, destination="h3"), "forbidden", "destination")
    assert m.show()["handover"] is None
    for who in ("operator", "orchestrator", "h1"):
        m.prepare(getattr(broker, who))
        assert broker.auditor.get(m.url()).json()["by"] == ("host" if who == "h1" else who)
        m.try_abort(broker.operator)
    assert m.n == 3


@pytest.mark.parametrize("state,code", [("draining", "host_draining"), ("fenced", "host_fenced"),
                                        ("pending", "host_pending"), ("revoked", "not_found")])
def test_a_destination_that_takes_no_guest(broker, state, code):
    m = Move(broker)
    host = bed.Host(broker, f"d-{state}").enroll(approve=state != "pending")
    verb = {"draining": "drain", "fenced": "fence", "revoked": "revoke"}.get(state)
    if verb:
        assert broker.host_admin.post(f"/v1/hosts/{host.name}/{verb}").status_code == 200
    refused(m.try_prepare(broker.operator, destination=host.name), code)
    assert m.show()["handover"] is None


def test_what_a_destination_must_be(broker):
    m = Move(broker)
    refused(m.try_prepare(broker.operator, destination="nowhere"), "not_found", "destination")
    refused(m.try_prepare(destination="h1"), "bad_value", "destination")
    weak = bed.Host(broker, "weak").enroll(policies=("user",))
    refused(m.try_prepare(broker.operator, destination=weak.name), "host_unsupported")
    m = Move(broker, hosts=["h1", "h3"])
    refused(m.try_prepare(), "host_not_in_set")
    nowhere = broker.owner.create(security="deployment")
    r = broker.operator.post(f"/v1/instances/{nowhere}/handovers", {"destination": "h2"})
    refused(r, "not_placed")


def test_a_source_that_drains_gives_its_guests_away(own_broker):
    m = Move(own_broker)
    own_broker.host_admin.post("/v1/hosts/h1/drain")
    m.committed()
    assert m.show()["placement"]["host"] == "h2"


def test_a_fenced_source_hands_nothing_over(own_broker):
    m = Move(own_broker)
    own_broker.host_admin.post("/v1/hosts/h1/fence")
    refused(m.try_prepare(), "host_fenced", "source")


def test_user_needs_the_owners_word_before_anything(broker):
    m = Move(broker, "user")
    grant = broker.owner.get(f"/v1/instances/{m.id}/grants").json()["items"][0]["id"]
    broker.owner.delete(f"/v1/instances/{m.id}/grants/{grant}")
    refused(m.try_prepare(), "permit_missing")
    refused(m.try_ask(), "permit_missing")
    m.grant("h1")
    refused(m.try_prepare(), "permit_foreign")
    m.grant("h2")
    m.prepare()


def test_prepare_again(broker):
    m = Move(broker).prepare()
    r = m.try_prepare(broker.operator)
    assert r.status_code == 200 and r.json()["number"] == 1
    assert m.try_prepare(broker.h1).status_code == 200
    refused(m.try_prepare(mode="strict"), "handover_open")
    refused(m.try_prepare(broker.operator, destination="h3"), "handover_open")
    m.offer()
    refused(m.try_prepare(), "handover_open")
    m.claim()
    refused(m.try_prepare(), "handover_open")


def test_two_prepare_at_once(broker):
    for _ in range(5):
        m = Move(broker)
        got = at_once(*[lambda d=d: m.try_prepare(broker.operator, destination=d)
                        for d in ("h2", "h3") * 4])
        made = [r for r in got if r.status_code == 201]
        assert len(made) == 1 and made[0].json()["number"] == 1
        same = [r for r in got if r.status_code == 200]
        assert {r.json()["destination"]["name"] for r in same} <= \
            {made[0].json()["destination"]["name"]}
        for r in got:
            if r.status_code not in (200, 201):
                assert r.json()["code"] in ("handover_open", "conflict")
        h = broker.operator.get(f"/v1/instances/{m.id}/handovers").json()["items"]
        assert [x["state"] for x in h] == ["prepared"]


def test_an_attempt_that_is_named_must_be_asked_with(broker):
    m = Move(broker)
    refused(m.try_prepare(broker.h1, attempt=m.attempt), "handover_state", "attempt")
    m.ask()
    refused(m.try_prepare(broker.h1, attempt=new_id()), "handover_state", "attempt")
    m.prepare(broker.h1, attempt=m.attempt)
    assert m.asked().json()["number"] == 1
    assert m.try_offer().json()["state"] == "offered"


# ---- sight ----


def test_who_sees_it(broker):
    m = Move(broker).claimed()
    for path in (m.url(), f"/v1/instances/{m.id}/handovers"):
        for who in ("owner", "member", "operator", "orchestrator", "auditor", "h1", "h2"):
            r = getattr(broker, who).get(path)
            assert r.status_code == 200, who
        for who in ("stranger", "host_admin", "h3"):
            not_found(getattr(broker, who).get(path))
    listed = broker.h2.get(f"/v1/instances/{m.id}/handovers").json()
    assert [h["number"] for h in listed["items"]] == [1] and listed["next"] is None
    not_found(broker.owner.get(m.url(n=2)))
    refused(broker.owner.get(m.url(n="x")), "bad_value", "number")
    for verb, who in (("abort", "stranger"), ("abort", "h3"), ("say", "h3"), ("offer", "h3"),
                      ("claim", "h3")):
        body = {"say": {"what": "gone"}, "offer": {"attempt": m.attempt}, "abort": {},
                "claim": {"attempt": m.attempt, "nonce": "n" * 20, "secret": m.secret}}[verb]
        not_found(getattr(broker, who).post(m.url(verb), body))


def test_hosts_see_those_in_which_they_have_a_part(broker):
    m = Move(broker).reach("aborted")
    m.try_prepare(broker.operator, destination="h3")
    assert [h["number"] for h in broker.operator.get(
        f"/v1/instances/{m.id}/handovers").json()["items"]] == [1, 2]
    for host, numbers in (("h1", [1, 2]), ("h2", [1]), ("h3", [2])):
        got = getattr(broker, host).get(f"/v1/instances/{m.id}/handovers").json()["items"]
        assert [h["number"] for h in got] == numbers
    page = broker.operator.get(f"/v1/instances/{m.id}/handovers", params={"limit": 1}).json()
    assert page["next"] == "1"
    page = broker.operator.get(f"/v1/instances/{m.id}/handovers", params={"after": "1"}).json()
    assert [h["number"] for h in page["items"]] == [2]


def test_a_wait_for_the_next_state(broker):
    m = Move(broker).prepare()
    query = {"wait": 30, "state": "prepared"}
    polls = [Later(lambda w=w: getattr(broker, w).get(m.url(), params=query))
             for w in ("owner", "operator", "h2")]
    time.sleep(0.2)
    assert all(p.thread.is_alive() for p in polls)
    since = time.monotonic()
    m.try_abort(broker.orchestrator)
    assert [p.get().json()["state"] for p in polls] == ["aborted"] * 3
    assert time.monotonic() - since < 5
    since = time.monotonic()
    assert broker.owner.get(m.url(), params=query).json()["state"] == "aborted"
    query = {"wait": 1, "state": "aborted"}
    assert broker.owner.get(m.url(), params=query).json()["state"] == "aborted"
    assert 0.9 < time.monotonic() - since < 10
    refused(broker.owner.get(m.url(), params={"wait": 31}), "bad_value", "wait")
    refused(broker.owner.get(m.url(), params={"state": "x"}), "bad_value", "state")


# ---- offer and claim ----


def test_only_the_source_offers_and_only_to_one_ask(broker):
    m = Move(broker).prepare()
    refused(m.try_offer(), "handover_state", "attempt")
    m.ask()
    refused(m.try_offer(broker.h2), "forbidden")
    refused(m.try_offer(attempt=new_id()), "handover_state", "attempt")
    refused(m.try_offer(jwe=JWE), "bad_value", "jwe")
    refused(m.try_offer(parts=1), "bad_value", "parts")
    assert m.try_offer().status_code == 200
    assert m.try_offer().status_code == 200
    refused(m.try_offer(attempt=new_id()), "handover_state", "attempt")
    m = Move(broker, "host").prepare().ask()
    for jwe, code in ((None, "missing_field"), ("a.b.c", "bad_value"), ("a.b.c.d.e.f", "bad_value"),
                      ("a.b.c.d.=", "bad_value"), ("....x y", "bad_value")):
        body = {"attempt": m.attempt, **({"jwe": jwe} if jwe else {})}
        refused(m.a.post(m.url("offer"), body), code, "jwe")
    assert m.state() == "prepared"


def test_a_cold_move_carries_parts(broker):
    m = Move(broker, mode="cold").prepare().ask()
    refused(m.try_offer(), "missing_field", "parts")
    refused(m.try_offer(parts=2), "bad_value", "parts")
    assert m.state() == "prepared"


def test_claims(broker):
    m = Move(broker, "user").prepare()
    refused(m.try_claim(), "handover_state")
    m.offer()
    refused(m.try_claim(m.a), "forbidden")
    refused(m.try_claim(attempt=new_id()), "handover_state", "attempt")
    not_found(m.try_claim(secret=new_id()))
    assert m.state() == "offered"
    first = m.try_claim().json()
    again = m.try_claim().json()
    assert again["redelivered"] and not first["redelivered"] and again["jwe"] != first["jwe"]
    assert m.to.open(again["jwe"])[1] == m.to.open(first["jwe"])[1]
    refused(m.try_claim(attempt=new_id()), "handover_state", "attempt")
    grants = broker.owner.get(f"/v1/instances/{m.id}/grants").json()["items"]
    assert [g["uses_left"] for g in grants] == [0] and grants[0]["used_by"] == m.attempt
    m.say(m.to, "running", "committed")
    refused(m.try_claim(), "handover_state")
    verdicts = [a["verdict"] for a in broker.audit() if a["verb"] == "handover.claim"
                and a["instance"] == m.id and a["verdict"] != "refused"]
    assert verdicts == ["redelivered", "allowed"]


def test_one_claim_of_many_at_once(broker):
    for _ in range(3):
        m = Move(broker, "user").prepare().offer()
        got = at_once(*[m.try_claim] * 6)
        assert all(r.status_code in (200, 409) for r in got), [r.text for r in got]
        fresh = [r for r in got if r.status_code == 200 and not r.json()["redelivered"]]
        assert len(fresh) == 1
        grants = broker.owner.get(f"/v1/instances/{m.id}/grants").json()["items"]
        assert [g["uses_left"] for g in grants] == [0]


def test_the_owners_word_is_asked_for_again_at_the_claim(broker):
    m = Move(broker, "user").prepare().offer()
    grant = broker.owner.get(f"/v1/instances/{m.id}/grants").json()["items"][0]["id"]
    broker.owner.delete(f"/v1/instances/{m.id}/grants/{grant}")
    refused(m.try_claim(), "permit_missing")
    assert m.state() == "offered"


def test_no_other_purpose_leads_around_the_claim(broker):
    m = Move(broker).prepare().offer()
    for purpose in ("migrate-in", "cold-migrate"):
        refused(m.to.release(m.id, purpose, attempt=m.attempt, secret=m.secret), "not_a_release")
    refused(m.to.release(m.id, "start", secret=m.secret), "not_placed_here")
    refused(m.a.release(m.id, "migrate-in"), "not_a_release")
    assert m.state() == "offered"


def test_an_attempt_serves_once(broker):
    m = Move(broker)
    m.attempt = m.start
    m.prepare().offer()
    refused(m.try_claim(), "attempt_mismatch", "attempt")


def test_a_fence_between_offer_and_claim(own_broker):
    m = Move(own_broker).prepare().offer()
    own_broker.host_admin.post("/v1/hosts/h2/fence")
    refused(m.try_claim(), "host_fenced")
    own_broker.host_admin.post("/v1/hosts/h2/unfence")
    own_broker.host_admin.post("/v1/hosts/h2/drain")
    refused(m.try_claim(), "host_draining")
    own_broker.host_admin.post("/v1/hosts/h2/undrain")
    own_broker.host_admin.post("/v1/hosts/h1/fence")
    refused(m.try_claim(), "handover_state")
    own_broker.host_admin.post("/v1/hosts/h1/unfence")
    assert m.state() == "offered"
    m.claim()


def test_a_fence_races_a_claim(own_broker):
    """Whichever comes first: once the fence is acknowledged no key leaves."""
    for _ in range(4):
        m = Move(own_broker).prepare().offer()
        claim, fence = at_once(m.try_claim,
                               lambda: own_broker.host_admin.post("/v1/hosts/h2/fence"))
        assert fence.status_code == 200
        assert claim.status_code == 200 or claim.json()["code"] == "host_fenced", claim.text
        refused(m.try_claim(), "host_fenced")
        assert m.state() == ("claimed" if claim.status_code == 200 else "offered")
        own_broker.host_admin.post("/v1/hosts/h2/unfence")


# ---- the placed host, meanwhile ----


@pytest.mark.parametrize("security", POLICIES)
@pytest.mark.parametrize("state", ("prepared", "offered"))
def test_a_start_where_it_is_placed_calls_it_off(broker, security, state):
    m = Move(broker, security).reach(state)
    if security == "user":
        broker.owner.permit(m.id)
    attempt = new_id()
    got = m.a.release(m.id, attempt=attempt, holds_copy=1)
    assert got.status_code == 200, got.text
    assert got.json()["kind"] == ("use_copy" if security == "host" else "sealed")
    assert got.json()["number"] == 1 and m.state() == "aborted"
    trail = next(a for a in broker.audit() if a["verb"] == "release" and a["instance"] == m.id)
    assert trail["target"] == "hand-over 1 is called off"
    refused(m.try_claim(), "handover_state")
    m.attempt = new_id()
    m.prepare()
    assert m.n == 2


@pytest.mark.parametrize("security", POLICIES)
@pytest.mark.parametrize("state", ("claimed", "aborting"))
def test_nobody_starts_it_while_it_is_held(broker, security, state):
    m = Move(broker, security).reach(state)
    if security == "user":
        broker.owner.permit(m.id)
    for purpose in ("start", "reboot", "resume", "restore", "autostart"):
        refused(m.a.release(m.id, purpose, holds_copy=1), "handover_open")
        refused(m.to.release(m.id, purpose, secret=m.secret), "not_placed_here")
    refused(m.a.release(m.id, attempt=m.start), "handover_open")
    assert m.state() == state
    if security == "host":  # the copy outlasts a hand-over that is called off
        r = m.a.post(f"/v1/instances/{m.id}/lease", {"version": 1, "epoch": 1})
        assert r.status_code == 200, r.text


@pytest.mark.parametrize("state", ("prepared", "offered", "claimed", "aborting"))
def test_nobody_places_it_meanwhile(broker, state):
    m = Move(broker).reach(state)
    m.a.report("stopped", m.id, m.start)
    r = broker.operator.post(f"/v1/instances/{m.id}/place", {"host": "h3"})
    refused(r, "handover_open", "host")
    r = broker.operator.post(f"/v1/instances/{m.id}/place", {"host": "h1"})
    assert r.status_code == 200 and not r.json()["moved"]
    assert m.state() == state


def test_reports_meanwhile(broker):
    m = Move(broker, "host").reach("offered")
    m.a.report("used_copy", m.id, new_id())
    assert m.state() == "aborted"
    m.attempt = new_id()
    m.claimed()
    m.a.report("stopped", m.id, m.start)
    m.a.report("used_copy", m.id, new_id())
    assert m.state() == "claimed"
    m.say(m.to, "running", "committed")
    m.a.report("used_copy", m.id, new_id())
    assert m.show()["placement"] == {"host": "h2", "epoch": 2, "running": True}
    m.to.report("stopped", m.id, m.attempt)
    assert not m.show()["placement"]["running"]


def test_a_start_of_its_own_proves_that_it_ran_there(broker):
    m = Move(broker, mode="strict").committed()
    m.to.report("started", m.id, m.attempt)  # the incoming guest: it need not have run
    assert not broker.operator.get(m.url()).json()["ran_there"]
    refused(m.try_say(m.a, "wiped"), "not_proven")
    after = listens(m.a)
    attempt = new_id()
    assert m.to.release(m.id, attempt=attempt).status_code == 200
    assert not broker.operator.get(m.url()).json()["ran_there"]
    m.to.report("started", m.id, attempt)
    told = [e["handover"] for e in events(m.a, after)["items"] if e["kind"] == "handover"]
    assert [h["may_wipe"] for h in told if h["instance"] == m.id] == [True]
    m.say(m.a, "wiped", "closed")


# ---- rows ----


def test_a_start_proves_it_whatever_was_called_off_since(broker):
    m = Move(broker, mode="cold").committed()
    r = broker.operator.post(f"/v1/instances/{m.id}/handovers", {"destination": "h3"})
    assert r.status_code == 201 and r.json()["number"] == 2
    assert not broker.operator.get(m.url()).json()["ran_there"]
    m.ran_there()
    assert broker.operator.get(m.url(n=2)).json()["state"] == "aborted"
    h = broker.operator.get(m.url()).json()
    assert h["ran_there"] and h["may_wipe"]
    m.say(m.a, "wiped", "closed")


def test_a_row_changed_by_hand_is_refused(own_broker):
    m = Move(own_broker).prepare().offer()
    own_broker.sql("UPDATE handover SET destination = ?", own_broker.h1.fingerprint)
    refused(m.try_claim(), "row_tampered")
    refused(m.a.release(m.id), "row_tampered")
    own_broker.sql("UPDATE handover SET destination = ?", own_broker.h2.fingerprint)
    own_broker.sql("UPDATE handover SET state = 'claimed'")
    refused(m.try_say(m.to, "running"), "row_tampered")
    own_broker.sql("UPDATE handover SET state = 'offered'")
    own_broker.sql("UPDATE placement SET moving = 0")
    refused(m.a.release(m.id), "row_tampered")
    own_broker.sql("UPDATE placement SET moving = 1")
    own_broker.sql("DELETE FROM handover")
    refused(m.a.release(m.id), "row_tampered")


def test_what_was_answered_is_there_after_a_kill(own_broker):
    b = own_broker
    m = Move(b, "host").prepare().offer().claim()
    b.stop(bed.signal.SIGKILL)
    b.start()
    assert m.state() == "claimed"
    got = m.try_claim().json()
    assert got["redelivered"] and got["jwe"] == JWE
    m.say(m.to, "running", "committed")
    b.stop(bed.signal.SIGKILL)
    b.start()
    assert m.show()["placement"]["host"] == "h2" and m.state() == "committed"
