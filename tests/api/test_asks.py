# SPDX-License-Identifier: Apache-2.0
"""A hook of the destination asks, the source answers, and events wake both."""
import time

import bed
import pytest
from bed import new_id, refused
from moving import Later, Move, events, listens, not_found


@pytest.fixture(scope="module", autouse=True)
def more_hosts(broker):
    broker.h3 = bed.Host(broker, "h3").enroll()


def asks(host, after):
    return [e for e in events(host, after)["items"] if e["kind"] == "ask"]


def test_an_ask_reaches_the_placed_host(broker):
    m = Move(broker, "host")
    after = listens(m.a)
    poll = Later(lambda: events(m.a, after, wait=30))
    time.sleep(0.2)
    since = time.monotonic()
    assert m.try_ask(nonce="n" * 22).json() == {
        "attempt": m.attempt, "answer": "waiting", "number": 0, "text": ""}
    got = poll.get()
    assert time.monotonic() - since < 5
    e, = got["items"]
    assert (e["kind"], e["instance"], e["secret"], e["name"]) == ("ask", m.id, m.secret, "vm")
    assert (e["number"], e["mode"], e["by"]) == (0, None, None)
    assert (e["attempt"], e["nonce"], e["answer"]) == (m.attempt, "n" * 22, "waiting")
    assert e["destination"] == {"name": "h2", "fingerprint": m.to.fingerprint,
                                "address": e["destination"]["address"]}
    assert (e["security"], e["version"], e["epoch"]) == ("host", 1, 1)
    assert got["next"] == e["seq"] and not got["reset"]
    waiting = m.a.get("/v1/hosts/self/handovers").json()["asks"]
    assert [a["attempt"] for a in waiting if a["instance"] == m.id] == [m.attempt]
    assert m.id not in [a["instance"] for a in m.to.get("/v1/hosts/self/handovers").json()["asks"]]


def test_the_answer_wakes_whoever_asks(broker):
    m = Move(broker).prepare().ask()
    poll = Later(lambda: m.asked(wait=30))
    time.sleep(0.2)
    assert poll.thread.is_alive()
    since = time.monotonic()
    assert m.try_offer().status_code == 200
    got = poll.get().json()
    assert (got["attempt"], got["answer"], got["number"]) == (m.attempt, "consented", 1)
    assert got["handover"] == m.to.get(m.url()).json() and got["handover"]["state"] == "offered"
    assert time.monotonic() - since < 5
    assert m.asked(wait=30).json() == got == m.try_ask().json()
    m.claim()
    assert m.try_ask().json()["handover"]["state"] == "claimed"


def test_a_refusal_reaches_whoever_asks_in_words(broker):
    m = Move(broker).prepare().ask()
    poll = Later(lambda: m.asked(wait=30))
    time.sleep(0.1)
    r = m.try_refuse(text="the guest has no outgoing job")
    assert r.status_code == 200 and r.json()["answer"] == "refused"
    said = refused(poll.get(), "consent_refused")
    assert said["detail"] == "the guest has no outgoing job"
    refused(m.asked(), "consent_refused")
    refused(m.try_ask(), "consent_refused")
    refused(m.try_offer(), "handover_state", "attempt")
    assert m.try_refuse(text="again").status_code == 200
    assert m.state() == "prepared"
    m.attempt = new_id()
    m.offer().claim()


def test_who_may_refuse(broker):
    m = Move(broker).prepare().ask()
    for who in ("h2", "h3"):
        not_found(m.try_refuse(getattr(broker, who)))
    for who in ("owner", "operator"):
        refused(m.try_refuse(getattr(broker, who)), "forbidden")
    refused(m.try_refuse(attempt=new_id()), "handover_state", "attempt")
    refused(m.try_refuse(destination=broker.h3.fingerprint), "handover_state", "attempt")
    assert m.asked().json()["answer"] == "waiting"


def test_a_cold_move_is_not_asked_for_as_a_live_one(broker):
    """Nor the other way round: libvirt would leave the TPM of a guest that is off behind."""
    cold = Move(broker, mode="cold").prepare()
    refused(cold.try_ask(purpose="migrate-in"), "handover_state", "purpose")
    assert cold.try_ask().status_code == 200
    for live in (Move(broker), Move(broker).prepare()):
        refused(live.try_ask(purpose="cold-migrate"), "handover_state", "purpose")


def test_what_is_refused_before_the_source_is_woken(broker):
    m = Move(broker, hosts=["h1", "h2"])
    weak = bed.Host(broker, "weak").enroll(policies=("user",))
    drained = bed.Host(broker, "drained").enroll()
    broker.host_admin.post("/v1/hosts/drained/drain")
    fenced = bed.Host(broker, "fenced").enroll()
    broker.host_admin.post("/v1/hosts/fenced/fence")
    words = Move(broker, "user")
    broker.owner.delete(f"/v1/instances/{words.id}/grants/" + broker.owner.get(
        f"/v1/instances/{words.id}/grants").json()["items"][0]["id"])
    nowhere = Move(broker)
    nowhere.id = broker.owner.create(security="deployment")
    nowhere.secret = nowhere.show()["secret"]["id"]
    open_to = Move(broker)
    open_to.try_prepare(broker.operator, destination="h3")
    after = listens(m.a)
    not_found(m.try_ask(secret=new_id()))
    not_found(m.try_ask(broker.h3, secret=m.id))
    refused(m.try_ask(broker.h3), "host_not_in_set")
    refused(Move(broker).try_ask(weak), "host_unsupported")
    refused(m.try_ask(drained), "host_draining")
    refused(m.try_ask(fenced), "host_fenced")
    refused(m.try_ask(m.a), "handover_state")
    refused(words.try_ask(), "permit_missing")
    refused(nowhere.try_ask(), "not_placed")
    refused(open_to.try_ask(), "handover_open")
    refused(m.try_ask(broker.operator), "forbidden")
    refused(m.try_ask(nonce="x" * 15), "bad_value", "nonce")
    refused(m.try_ask(nonce="x" * 20 + "!"), "bad_value", "nonce")
    refused(m.try_ask(statement="no statement"), "bad_value", "statement")
    refused(m.try_ask(purpose="start"), "bad_value", "purpose")
    assert asks(m.a, after) == []
    assert m.asked().json()["code"] == "not_found"


def test_a_source_that_does_not_listen(own_broker):
    m = Move(own_broker)
    body = {"attempt": m.attempt, "purpose": "migrate-in", "nonce": "n" * 20,
            "secret": m.secret, "statement": "a.b.c"}
    since = time.monotonic()
    refused(m.to.post(f"/v1/instances/{m.id}/ask", body), "source_silent")
    assert time.monotonic() - since < 5
    listens(m.a)
    assert m.to.post(f"/v1/instances/{m.id}/ask", body).status_code == 200
    own_broker.host_admin.post("/v1/hosts/h1/fence")
    body["attempt"] = new_id()
    refused(m.to.post(f"/v1/instances/{m.id}/ask", body), "source_silent")


def test_one_hand_over_serves_one_ask(broker):
    m = Move(broker).prepare().offer()
    first, m.attempt = m.attempt, new_id()
    refused(m.try_ask(), "handover_open")
    m.attempt = first
    m.claim()
    m.attempt = new_id()
    refused(m.try_ask(), "handover_open")
    m.say(m.to, "erased", "aborted")
    m.ask()
    assert m.asked().json() == {"attempt": m.attempt, "answer": "waiting", "number": 0, "text": ""}


def test_a_newer_ask_takes_the_place_of_an_older(broker):
    m = Move(broker).prepare().ask()
    first, m.attempt = m.attempt, new_id()
    m.ask()
    second, m.attempt = m.attempt, first
    not_found(m.asked())
    refused(m.try_offer(), "handover_state", "attempt")
    m.attempt = second
    assert m.try_offer().status_code == 200


def test_the_same_ask_again_is_one(broker):
    m = Move(broker)
    after = listens(m.a)
    m.ask().ask().ask()
    assert len(asks(m.a, after)) == 1


def test_only_its_own_asks(broker):
    m = Move(broker).ask()
    not_found(broker.h3.get(f"/v1/instances/{m.id}/ask", params={"attempt": m.attempt}))
    refused(m.to.get(f"/v1/instances/{m.id}/ask"), "missing_field", "attempt")
    refused(m.to.get(f"/v1/instances/{m.id}/ask", params={"attempt": "x"}), "bad_uuid", "attempt")
    refused(broker.owner.get(f"/v1/instances/{m.id}/ask", params={"attempt": m.attempt}),
            "forbidden")


# ---- events ----


def test_events_are_told_once(broker):
    m = Move(broker)
    after = listens(m.a)
    m.prepare()
    got = events(m.a, after)
    assert [e["handover"]["instance"] for e in got["items"]] == [m.id]
    assert events(m.a, got["next"]) == {"items": [], "next": got["next"], "reset": False}
    assert events(m.a, after)["items"] == got["items"]
    m.try_abort(broker.operator)
    told = events(m.a, after)["items"]
    assert [e["handover"]["state"] for e in told] == ["aborted"]  # the newest, once
    assert events(broker.h3, after)["items"] == []


def test_a_poll_ends_in_time(broker):
    after = listens(broker.h3)
    since = time.monotonic()
    assert events(broker.h3, after, wait=1) == {"items": [], "next": after, "reset": False}
    assert 0.9 < time.monotonic() - since < 10
    refused(broker.h3.get("/v1/hosts/self/events?wait=31"), "bad_value", "wait")
    refused(broker.h3.get("/v1/hosts/self/events?after=-1"), "bad_value", "after")
    refused(broker.owner.get("/v1/hosts/self/events"), "forbidden")
    refused(broker.owner.get("/v1/hosts/self/handovers"), "forbidden")


def test_a_poll_moves_on_past_the_events_of_others(broker):
    after = listens(broker.h3)
    Move(broker).prepare()
    got = events(broker.h3, after, wait=0)
    assert got["items"] == [] and got["next"] > after and not got["reset"]


def test_events_that_may_be_gone(own_broker):
    b, m = own_broker, Move(own_broker).prepare()
    after = listens(m.a)
    assert events(m.a, after + 5) == {"items": [], "next": after, "reset": True}
    m.try_abort(b.operator)
    m.prepare()
    b.sql("DELETE FROM event WHERE seq <= ?", after + 1)
    got = events(m.a, 0)
    assert got["reset"] and got["items"] == [] and got["next"] > after
    assert not events(m.a, got["next"])["reset"]


def test_polls_survive_a_restart(own_broker):
    b, m = own_broker, Move(own_broker)
    after = listens(m.a)
    parked = [Later(lambda: events(m.a, after, wait=30)) for _ in range(3)]
    parked.append(Later(lambda: events(m.to, after, wait=30)))
    time.sleep(0.3)
    since = time.monotonic()
    assert b.stop() == 0
    for poll in parked:
        assert poll.get() == {"items": [], "next": after, "reset": False}
    assert time.monotonic() - since < 10
    b.start()
    poll = Later(lambda: events(m.a, after, wait=30))
    time.sleep(0.2)
    m.prepare()
    assert [e["handover"]["number"] for e in poll.get()["items"]] == [1]


def test_no_more_than_some_polls_of_one_host(own_broker):
    b, m = own_broker, Move(own_broker)
    after = listens(m.to)
    polls = [Later(lambda: m.to.get("/v1/hosts/self/events",
                                    params={"after": after, "wait": 20})) for _ in range(17)]
    first = bed.until(lambda: [p for p in polls if not p.thread.is_alive()], "one too many")
    refused(first[0].got, "rate_limited")
    m.prepare()
    assert sorted(p.get().status_code for p in polls) == [200] * 16 + [429]
    assert b.owner.get(m.url()).status_code == 200


def test_a_host_that_is_fenced_polls_no_more(own_broker):
    m = Move(own_broker)
    after = listens(m.to)
    poll = Later(lambda: m.to.get("/v1/hosts/self/events", params={"after": after, "wait": 30}))
    time.sleep(0.2)
    own_broker.host_admin.post("/v1/hosts/h2/fence")
    own_broker.host_admin.post("/v1/hosts/h2/unfence")
    m.prepare()
    own_broker.host_admin.post("/v1/hosts/h2/fence")
    assert poll.get().status_code in (200, 403)
    refused(m.to.get("/v1/hosts/self/events", params={"after": after}), "host_fenced")
