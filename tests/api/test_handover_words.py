# SPDX-License-Identifier: Apache-2.0
"""What is said of a hand-over, by whom, and what comes of it."""
import re

import bed
import pytest
from bed import new_id, refused
from moving import Move, at_once, events, listens

STATES = ("prepared", "offered", "claimed", "aborting", "committed", "aborted", "closed")
SOURCE = ("gone", "never_left", "keep", "wiped")
DESTINATION = ("running", "stored", "erased", "cannot_say")
LIVE = ("plain", "strict")


def moves():
    """The table of policy/handover_moves.h: (mode, state, word) -> next state."""
    text = (bed.TOP / "policy/handover_moves.h").read_text(encoding="utf-8")
    masks = {"ANY": ("plain", "strict", "cold"), "LIVE": LIVE, "ONLY_PLAIN": ("plain",),
             "ONLY_STRICT": ("strict",), "ONLY_COLD": ("cold",)}
    rows = re.findall(r"X\((\w+),\s*(\w+),\s*(\w+),\s*(\w+)\)", text)
    return {(mode, state.lower(), word.lower()): then.lower()
            for mask, state, word, then in rows if mask in masks for mode in masks[mask]}


MOVES = moves()


def is_alarm(state, word):
    if word in ("keep", "never_left"):
        return state in ("committed", "closed")
    return state == "aborted" and word in ("running", "gone")


@pytest.mark.parametrize("mode", LIVE + ("cold",))
@pytest.mark.parametrize("state", STATES)
def test_every_word_in_every_state(broker, mode, state):
    """As the table says; the words leave all else as it is."""
    for word in SOURCE + DESTINATION:
        m = Move(broker, mode=mode).reach(state)
        who = m.a if word in SOURCE else m.to
        other = m.to if word in SOURCE else m.a
        refused(m.try_say(other, word), "forbidden", "what")
        r = m.try_say(who, word)
        then = MOVES.get((mode, state, word))
        if is_alarm(state, word):
            assert r.status_code == 200 and r.json()["alarm"] and r.json()["state"] == state
            then = state
        elif word == "wiped" and state == "committed":
            ran = mode == "plain"  # it was committed by `running` there
            assert r.status_code == 200 if ran else refused(r, "not_proven")
            then = "closed" if ran else state
        elif then is None:
            refused(r, "handover_state")
            then = state
        else:
            assert r.status_code == 200 and "alarm" not in r.json(), (word, r.text)
            assert r.json()["source_said" if word in SOURCE else "destination_said"] == word
        assert m.state() == then, word
        placed = m.show()["placement"]
        there = then in ("committed", "closed")
        assert (placed["host"], placed["epoch"]) == (("h2", 2) if there else ("h1", 1)), word
        assert (m.show()["handover"] is None) == (then not in STATES[:4])


@pytest.mark.parametrize("mode", LIVE + ("cold",))
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("who", ("owner", "operator", "orchestrator", "h1", "h2"))
def test_every_abort(broker, mode, state, who):
    m = Move(broker, mode=mode).reach(state)
    r = m.try_abort(getattr(broker, who))
    then = MOVES.get((mode, state, "abort"))
    if then is None:
        refused(r, "handover_state")
    else:
        assert r.status_code == 200 and r.json()["state"] == then
    assert m.state() == (then or state)


def test_who_may_not_abort(broker):
    m = Move(broker).prepare()
    for who, code in (("member", "forbidden"), ("auditor", "forbidden"),
                      ("host_admin", "forbidden"), ("anybody", "unauthenticated"),
                      ("stranger", "not_found")):
        refused(m.try_abort(getattr(broker, who)), code)
    for hosts in ("h1", "h2", "h3"):
        near = broker.person("nadia", "operator", projects="p1", hosts=hosts)
        refused(m.try_abort(near), "forbidden")
    assert m.state() == "prepared"


def test_nobody_said_that_a_fenced_source_is_off(own_broker):
    b, m = own_broker, Move(own_broker, "host").claimed()
    assert b.host_admin.post("/v1/hosts/h1/fence").status_code == 200
    m.say(m.to, "running", "committed")
    facts = b.owner.explain(m.id)["facts"]
    assert not any(f["name"] == "earlier_host_is_off" for f in facts)


def test_who_may_not_say(broker):
    m = Move(broker).claimed()
    for who in ("owner", "member", "operator", "orchestrator", "host_admin", "auditor"):
        refused(m.try_say(getattr(broker, who), "gone"), "forbidden")
    for word in ("offer", "claim", "abort", "start", "runs_on_source", "runs_on_destination"):
        refused(m.try_say(m.a, word), "bad_value", "what")
    refused(m.try_say(m.a, "gone", text="x" * 161), "bad_value", "text")
    refused(m.try_say(m.a, "gone", text="a\nb"), "bad_value", "text")
    assert m.state() == "claimed"


def test_words_are_said_twice(broker):
    m = Move(broker).claimed()
    m.say(m.to, "running", "committed")
    trail = len(broker.audit())
    m.say(m.to, "running", "committed")
    assert len(broker.audit()) == trail
    m.say(m.a, "wiped", "closed")
    m.say(m.a, "wiped", "closed")


def test_a_keep_does_not_end_a_plain_one(broker):
    m = Move(broker).claimed()
    h = m.say(m.a, "keep", "aborting", text="job failed")
    assert h["source_said"] == "keep" and h["ended"] is None
    h = m.say(m.to, "cannot_say", "aborting")
    assert h["destination_said"] == "cannot_say"
    refused(m.a.release(m.id), "handover_open")
    h = m.say(m.to, "erased", "aborted")
    assert h["ended"] is not None
    assert m.a.release(m.id).status_code == 200
    said = [(a["reason"], a["target"]) for a in broker.audit()
            if a["verb"] == "handover.say" and a["instance"] == m.id]
    assert said[::-1] == [("keep", "job failed"), ("cannot_say", None), ("erased", None)]


def test_both_claim_the_guest(broker):
    m = Move(broker).claimed()
    m.say(m.to, "running", "committed")
    h = m.say(m.a, "never_left", "committed")
    assert h["alarm"] and h["source_said"] == "never_left"
    assert m.show()["placement"]["host"] == "h2"
    alarm = next(a for a in broker.audit() if a["verb"] == "handover.say")
    assert (alarm["reason"], alarm["subject"]) == ("two_claimants", "h1")
    assert "two_claimants" in broker.log.read_text()
    m = Move(broker).claimed()
    m.say(m.a, "never_left", "aborted")
    h = m.say(m.to, "running", "aborted")
    assert h["alarm"] and not h["ran_there"]
    assert m.show()["placement"]["host"] == "h1"


def test_a_commit_races_an_abort(broker):
    for _ in range(6):
        m = Move(broker).claimed()
        said, called_off = at_once(lambda: m.try_say(m.to, "running"),
                                   lambda: m.try_abort(broker.operator))
        assert said.status_code == 200 and said.json()["state"] == "committed", said.text
        assert called_off.status_code == 200 or \
            called_off.json()["code"] in ("handover_state", "conflict")
        assert m.state() == "committed" and m.show()["placement"]["host"] == "h2"


def test_two_claims_of_the_guest_race(broker):
    for _ in range(6):
        m = Move(broker).claimed()
        there, here = at_once(lambda: m.try_say(m.to, "running"),
                              lambda: m.try_say(m.a, "never_left"))
        assert there.status_code == here.status_code == 200, (there.text, here.text)
        state = m.state()
        lost, won = (here, there) if state == "committed" else (there, here)
        assert lost.json()["alarm"] and "alarm" not in won.json()
        assert m.show()["placement"]["host"] == ("h2" if state == "committed" else "h1")


def test_the_copy_of_the_destination_is_in_force_with_the_commit(broker):
    m = Move(broker, "host").claimed()
    lease = {"version": 1, "epoch": 2}
    refused(m.to.post(f"/v1/instances/{m.id}/lease", lease), "not_found")
    m.say(m.to, "running", "committed")
    assert m.to.post(f"/v1/instances/{m.id}/lease", lease).status_code == 200
    assert m.to.release(m.id, holds_copy=1).json()["kind"] == "use_copy"
    m = Move(broker, "host").prepare().offer()
    assert m.try_claim(lease=False).status_code == 200
    m.say(m.to, "running", "committed")
    refused(m.to.post(f"/v1/instances/{m.id}/lease", lease), "not_found")


# ---- what no host can tell any more ----


def resolve(m, runs_on, who=None, **more):
    return (who or m.b.operator).post(m.url("resolve"), {"runs_on": runs_on, **more})


@pytest.mark.parametrize("word,mode", [("keep", "plain"), ("never_left", "plain")])
def test_resolve_where_it_was(own_broker, word, mode):
    b, m = own_broker, Move(own_broker, mode=mode).claimed()
    refused(resolve(m, "h1", host_is_off=True), "handover_state")
    m.try_abort(b.operator)
    refused(resolve(m, "h1", host_is_off=True), "not_told")
    if word == "never_left":
        m.say(m.a, word, "aborted")
        return
    m.say(m.a, word, "aborting")
    refused(resolve(m, "h1", host_is_off=True), "host_not_off")
    b.host_admin.post("/v1/hosts/h2/fence")
    refused(resolve(m, "h1"), "host_not_off")
    refused(resolve(m, "h1", host_is_off=False), "host_not_off")
    assert m.state() == "aborting"
    r = resolve(m, "h1", host_is_off=True)
    assert r.status_code == 200 and r.json()["state"] == "aborted", r.text
    assert "h2" in r.json()["drops"]
    assert resolve(m, "h1", host_is_off=True).status_code == 200
    assert m.a.release(m.id).status_code == 200


def test_resolve_where_nothing_runs_any_more(own_broker):
    """The source lost its guest and knows no more; its disk has the state all the same."""
    b, m = own_broker, Move(own_broker).claimed()
    for who in (m.to, b.owner):
        refused(who.post(m.url("abort"), {"absent": True}), "forbidden", "absent")
    refused(m.a.post(m.url("abort"), {"absent": 1}), "bad_type", "absent")
    assert m.a.post(m.url("abort")).json()["source_said"] is None
    m.say(m.to, "cannot_say", "aborting")
    b.host_admin.post("/v1/hosts/h2/fence")
    refused(resolve(m, "h1", host_is_off=True), "not_told")
    for _ in range(2):
        assert m.a.post(m.url("abort"), {"absent": True}).json()["source_said"] == "absent"
    assert m.state() == "aborting", "it ends nothing by itself"
    assert resolve(m, "h1", host_is_off=True).json()["state"] == "aborted"


def test_resolve_where_it_went(own_broker):
    b, m = own_broker, Move(own_broker, "host").claimed()
    m.say(m.to, "cannot_say", "aborting")
    refused(resolve(m, "h2", host_is_off=True), "host_not_off")
    b.host_admin.post("/v1/hosts/h1/fence")
    refused(resolve(m, "h2"), "host_not_off")
    r = resolve(m, "h2", host_is_off=True)
    assert r.status_code == 200 and r.json()["state"] == "committed", r.text
    assert "h1" in r.json()["drops"]
    assert m.show()["placement"]["host"] == "h2"
    facts = b.owner.explain(m.id)["facts"]
    assert any(f["name"] == "earlier_host_is_off" for f in facts)
    attempt = new_id()
    got = m.to.release(m.id, attempt=attempt, holds_copy=1)
    assert got.json()["kind"] == "use_copy" and got.json()["epoch"] == 2


def test_who_may_resolve(broker):
    m = Move(broker).reach("aborting")
    for who in ("owner", "member", "orchestrator", "host_admin", "auditor", "h1", "h2"):
        refused(resolve(m, "h1", getattr(broker, who)), "forbidden")
    near = broker.person("nele", "operator", projects="p1", hosts="h1")
    refused(resolve(m, "h1", near), "forbidden")
    refused(resolve(m, "h3"), "bad_value", "runs_on")
    other = broker.person("nick", "operator", projects="p2", hosts="*")
    assert resolve(m, "h1", other).json()["code"] == "not_found"


def test_a_host_that_is_revoked_is_out_for_good(own_broker):
    b, m = own_broker, Move(own_broker).claimed()
    m.say(m.a, "keep", "aborting")
    b.host_admin.post("/v1/hosts/h2/revoke")
    r = resolve(m, "h2", host_is_off=True)
    refused(r, "not_told")
    assert resolve(m, "h1", host_is_off=True).json()["state"] == "aborted"


# ---- what agents are told ----


def test_both_agents_are_told_of_every_state(broker):
    m = Move(broker)
    after = {h: listens(h) for h in (m.a, m.to)}

    def told(state):
        for host in after:
            got = events(host, after[host])
            mine = [e for e in got["items"] if e["kind"] == "handover"
                    and e["handover"]["instance"] == m.id]
            assert mine and mine[-1]["handover"]["state"] == state, (host.name, state, got)
            after[host] = got["next"]
    m.prepare()
    told("prepared")
    m.offer()
    told("offered")
    m.claim()
    told("claimed")
    m.try_abort(broker.owner)
    told("aborting")
    m.say(m.to, "running", "committed")
    told("committed")
    m.say(m.a, "wiped", "closed")
    told("closed")


def test_what_is_not_over_for_a_host(broker):
    def own(host):
        r = host.get("/v1/hosts/self/handovers")
        assert r.status_code == 200, r.text
        return {(h["instance"], h["number"]): h["state"] for h in r.json()["items"]}
    for state in STATES:
        m = Move(broker).reach(state)
        for host in (m.a, m.to):
            assert own(host)[m.id, 1] == state
        assert (m.id, 1) not in own(bed.Host(broker, f"n-{state}").enroll())


# ---- what the source still owes ----


def turn(m):
    """The next move goes the other way."""
    m.a, m.to, m.attempt = m.to, m.a, new_id()
    return m


def test_nothing_is_wiped_where_the_guest_is_on_its_way_back(broker):
    m = Move(broker).committed()
    assert broker.operator.get(m.url(n=1)).json()["may_wipe"]
    turn(m).prepare(broker.operator, destination="h1")
    for step in (lambda: m, m.offer, m.claim, lambda: m.say(m.a, "keep", "aborting")):
        step()
        assert not broker.operator.get(m.url(n=1)).json()["may_wipe"]
        refused(m.to.post(m.url("say", n=1), {"what": "wiped"}), "not_proven")
    m.say(m.to, "erased", "aborted")
    assert broker.operator.get(m.url(n=1)).json()["may_wipe"]


def test_nothing_is_owed_once_the_guest_was_back(broker):
    m = Move(broker).committed()
    turn(m).prepare(broker.operator, destination="h1").offer().claim().commit()
    turn(m).prepare(broker.operator).offer().claim().commit()
    first, third = (broker.operator.get(m.url(n=n)).json() for n in (1, 3))
    assert (first["state"], first["may_wipe"]) == ("closed", False)
    assert (third["state"], third["may_wipe"]) == ("committed", True)


def test_nothing_is_owed_once_it_was_placed_back(broker):
    m = Move(broker).committed()
    after = listens(m.a)
    m.to.report("stopped", m.id, m.attempt)
    broker.operator.place(m.id, "h1")
    assert "closes=1" in next(a for a in broker.audit() if a["verb"] == "place")["weighed"]
    broker.operator.place(m.id, "h2")
    h = broker.operator.get(m.url()).json()
    assert (h["state"], h["may_wipe"], h["ran_there"]) == ("closed", False, True)
    assert [i["handover"]["state"] for i in events(m.a, after)["items"]] == ["closed"]
