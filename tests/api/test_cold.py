# SPDX-License-Identifier: Apache-2.0
"""A guest that moves while it is off: its TPM's state goes with the hand-over, in parts."""
import pytest
from bed import new_id, refused
from walk import Walk
from test_release import started

BYTES = {"Content-Type": "application/octet-stream"}
PARTS = [b"one" * 5000, bytes(range(256)) * 64, b"\0three\n"]


def put(who, move, k, data):
    return who.put(f"{move.url()}/parts/{k}", data=data, headers=BYTES)


def get(who, move, k):
    return who.get(f"{move.url()}/parts/{k}")


def stopped(b, security="deployment"):
    """A guest that ran on h1, and is off."""
    i, attempt = started(b, security), new_id()
    assert b.h1.release(i, attempt=attempt).status_code == 200
    b.h1.report("started", i, attempt)
    b.h1.report("stopped", i, attempt)
    return i


def cold(b, mode="cold"):
    return Walk(b, stopped(b), mode).prepare()


def offered(b, parts=PARTS):
    move = cold(b)
    for k, data in enumerate(parts):
        assert put(b.h1, move, k, data).status_code == 204
    return move.offer(parts=len(parts))


def stored_rows(b, move):
    return b.sql("SELECT count(*) FROM part WHERE instance = ?", move.id)[0][0]


def test_state_arrives_as_it_left(broker):
    move = offered(broker)
    refused(get(broker.h2, move, 0), "handover_state")
    assert move.try_claim().json()["parts"] == len(PARTS)
    for _ in range(2):
        assert [get(broker.h2, move, k).content for k in range(len(PARTS))] == PARTS
    refused(get(broker.h2, move, len(PARTS)), "not_found")
    assert stored_rows(broker, move) == len(PARTS)
    move.say(broker.h2, "stored", "committed")
    refused(get(broker.h2, move, 0), "handover_state")
    assert stored_rows(broker, move) == 0
    assert broker.h2.release(move.id).status_code == 200


def test_parts_of_a_move_that_was_called_off_are_gone(broker):
    move = offered(broker)
    assert broker.operator.post(f"{move.url()}/abort").json()["state"] == "aborted"
    assert stored_rows(broker, move) == 0
    refused(put(broker.h1, move, 0, b"late"), "handover_state")
    refused(get(broker.h2, move, 0), "handover_state")


def test_part_may_be_put_again_until_it_is_offered(broker):
    move = cold(broker)
    assert put(broker.h1, move, 0, b"first").status_code == 204
    assert put(broker.h1, move, 0, b"first").status_code == 204
    assert put(broker.h1, move, 0, b"second").status_code == 204
    move.offer(parts=1)
    refused(put(broker.h1, move, 0, b"third"), "handover_state")
    refused(put(broker.h1, move, 1, b"more"), "handover_state")
    move.claim()
    assert get(broker.h2, move, 0).content == b"second"


def test_part_beyond_the_offer_is_none(broker):
    move = cold(broker)
    for k in range(3):
        put(broker.h1, move, k, b"x%d" % k)
    move.offer(parts=2)
    move.claim()
    assert get(broker.h2, move, 1).content == b"x1"
    refused(get(broker.h2, move, 2), "not_found")


def test_offer_needs_its_parts(broker):
    move = cold(broker).ask()
    put(broker.h1, move, 0, b"x")
    put(broker.h1, move, 2, b"x")
    r = broker.h1.post(f"{move.url()}/offer", {"attempt": move.attempt, "parts": 3})
    refused(r, "bad_value", "parts")


def test_32_parts_of_16_kib(broker):
    parts = [bytes([k]) * 16384 for k in range(32)]
    move = offered(broker, parts)
    move.claim()
    assert [get(broker.h2, move, k).content for k in range(32)] == parts
    refused(get(broker.h2, move, 32), "bad_value", "part")


@pytest.mark.parametrize("who,code", [
    ("h2", "forbidden"), ("owner", "forbidden"), ("member", "forbidden"), ("operator", "forbidden"),
    ("orchestrator", "forbidden"), ("auditor", "forbidden"), ("anybody", "unauthenticated")])
def test_only_the_source_puts(broker, who, code):
    move, caller = cold(broker), getattr(broker, who)
    got = put(caller, move, 0, b"x").json()["code"]
    assert got == code or (code == "forbidden" and got == "unauthenticated"), got
    assert stored_rows(broker, move) == 0


@pytest.mark.parametrize("who", ["h1", "owner", "member", "operator", "orchestrator", "auditor",
                                 "anybody"])
def test_only_the_destination_gets(broker, who):
    move = offered(broker)
    move.claim()
    assert get(getattr(broker, who), move, 0).json()["code"] in ("forbidden", "unauthenticated")


def test_third_host_learns_nothing(own_broker):
    from bed import Host
    b = own_broker
    h3 = Host(b, "h3").enroll()
    move = offered(b)
    move.claim()
    refused(put(h3, move, 0, b"x"), "not_found")
    refused(get(h3, move, 0), "not_found")
    b.host_admin.post("/v1/hosts/h2/fence")
    refused(get(b.h2, move, 0), "host_fenced")


def test_bad_parts(broker):
    move = cold(broker)
    refused(put(broker.h1, move, 0, b""), "bad_value", "part")
    refused(put(broker.h1, move, 0, b"x" * 16385), "bad_value", "part")
    refused(put(broker.h1, move, 0, b"x" * 40000), "too_large")
    for k in ("32", "-1", "x", "1.0"):
        refused(put(broker.h1, move, k, b"x"), "bad_value", "part")
    refused(broker.h1.put(f"{move.url()}/parts/0", {"a": 1}), "bad_content_type")
    other = Walk(broker, move.id)
    for n, code in (("9", "not_found"), ("0", "bad_value"), ("x", "bad_value")):
        other.n = n
        refused(put(broker.h1, other, 0, b"x"), code)


def test_a_live_move_carries_no_parts(broker):
    i = started(broker, "deployment")
    assert broker.h1.release(i).status_code == 200
    move = Walk(broker, i).prepare()
    refused(put(broker.h1, move, 0, b"x"), "handover_state")
    refused(get(broker.h2, move, 0), "handover_state")


def test_tpm_is_not_given_up_while_it_moves(broker):
    move = cold(broker)
    refused(broker.owner.post(f"/v1/instances/{move.id}/new-tpm"), "handover_open")
    broker.operator.post(f"{move.url()}/abort")
    assert broker.owner.post(f"/v1/instances/{move.id}/new-tpm").status_code == 200


# ---- what is told of an open one ----

def test_instance_and_explain_tell_of_it(broker):
    move = Walk(broker, stopped(broker, "user"), "cold")

    def explained(**query):
        said = broker.owner.explain(move.id, **query)
        return said["reason"], {f["name"]: f["says"] for f in said["facts"]}

    def handover():
        return broker.owner.get(f"/v1/instances/{move.id}").json()["handover"]
    assert handover() is None and "handover_open" not in explained()[1]
    refused(broker.operator.post(f"/v1/instances/{move.id}/handovers",
                                 {"destination": "h2", "mode": "cold"}), "permit_missing")
    r = broker.owner.put(f"/v1/instances/{move.id}/grants/{new_id()}",
                         {"purpose": "cold-migrate", "hosts": ["h2"]})
    assert r.status_code == 201, r.text
    broker.owner.permit(move.id)
    move.prepare()
    assert handover() == {"number": 1, "mode": "cold", "state": "prepared", "destination": "h2"}
    reason, facts = explained()
    assert reason == "allowed" and facts["handover_open"] == \
        "hand-over 1 to h2 is open: prepared, mode cold"
    assert explained(purpose="cold-migrate", host="h2")[0] == "not_a_release"
    put(broker.h1, move, 0, b"x")
    move.offer(parts=1)
    assert explained(purpose="cold-migrate", host="h2")[0] == "allowed"
    assert explained(purpose="migrate-in", host="h2")[0] == "not_a_release"
    move.claim()
    assert handover()["state"] == "claimed"
    said = broker.owner.explain(move.id)
    assert said["reason"] == "handover_open"
    fact = next(f for f in said["facts"] if f["decides"])
    assert fact["name"] == "not_held" and "vtpmctl handover show ID" in fact["change"]
    refused(broker.h1.release(move.id), "handover_open")
    move.say(broker.h2, "stored", "committed")
    assert handover() is None
    assert explained()[0] == "permit_foreign"
