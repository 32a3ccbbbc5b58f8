# SPDX-License-Identifier: Apache-2.0
"""A move and the owner's word, a move and a host that drains: what each lets through, and when."""
import pytest
from bed import Host, new_id, refused
from walk import Walk
from test_release import race, started


def running(b, security="user"):
    i = started(b, security)
    assert b.h1.release(i).status_code == 200
    return i


def grant(b, i, hosts=("h2",), purpose="migrate-in", **fields):
    g = new_id()
    r = b.owner.put(f"/v1/instances/{i}/grants/{g}",
                    {"purpose": purpose, "hosts": list(hosts), **fields})
    assert r.status_code == 201, r.text
    return g


def shown(b, i, g):
    items = b.owner.get(f"/v1/instances/{i}/grants").json()["items"]
    return next(x for x in items if x["id"] == g)


def prepare(b, i, mode="plain", destination="h2"):
    return b.operator.post(f"/v1/instances/{i}/handovers", {"destination": destination, "mode": mode})


# ---- under user a move takes the owner's word ----

def test_user_guest_moves_under_a_grant(broker):
    i = running(broker)
    refused(prepare(broker, i), "permit_missing")
    g = grant(broker, i)
    move = Walk(broker, i).prepare().offer()
    assert shown(broker, i, g)["uses_left"] == 1
    reply = move.try_claim().json()
    assert broker.h2.open(reply["jwe"])[1] == broker.owner.get(f"/v1/instances/{i}/secret").content
    said = shown(broker, i, g)
    assert (said["state"], said["used_by"]) == ("used", move.attempt)
    assert move.try_claim().status_code == 200 and shown(broker, i, g)["uses_left"] == 0
    move.say(broker.h2, "running", "committed")
    refused(broker.h1.release(i), "not_found")
    refused(broker.h2.release(i), "permit_foreign")


@pytest.mark.parametrize("fields,code", [
    ({"hosts": ["h1"]}, "permit_foreign"), ({"purpose": "start"}, "permit_missing"),
    ({"purpose": "cold-migrate"}, "permit_missing")])
def test_grant_for_something_else_does_not_move_it(broker, fields, code):
    i = running(broker)
    grant(broker, i, **fields, uses=0)
    refused(prepare(broker, i), code)


def test_permit_does_not_move_it(broker):
    """It is for the placed host, and a move goes to another."""
    i = running(broker)
    broker.owner.permit(i, purpose="migrate-in")
    refused(prepare(broker, i), "permit_foreign")


def test_grant_taken_back_stops_the_claim(broker):
    i = running(broker)
    g = grant(broker, i, uses=0)
    move = Walk(broker, i).prepare().offer()
    assert broker.owner.delete(f"/v1/instances/{i}/grants/{g}").status_code == 204
    refused(move.try_claim(), "permit_missing")
    assert move.state() == "offered"
    broker.owner.permit(i)
    assert broker.h1.release(i).status_code == 200
    assert move.state() == "aborted"


def test_grant_taken_back_after_the_claim_stops_its_repeat(broker):
    i = running(broker)
    g = grant(broker, i, uses=0)
    move = Walk(broker, i).prepare().offer()
    move.claim()
    assert broker.owner.delete(f"/v1/instances/{i}/grants/{g}").status_code == 204
    refused(move.try_claim(), "permit_missing")
    move.say(broker.h2, "running", "committed")


def test_standing_grant_moves_it_to_and_fro(broker):
    i = running(broker)
    g = grant(broker, i, hosts=["h1", "h2"], uses=0)
    move = Walk(broker, i).prepare().offer()
    move.claim()
    move.say(broker.h2, "running", "committed")
    back = Walk(broker, i)
    back.a, back.to = broker.h2, broker.h1
    back.prepare(destination="h1").offer()
    assert back.try_claim().json()["epoch"] == 3
    back.say(broker.h1, "running", "committed")
    assert shown(broker, i, g)["state"] == "in_force"


def test_move_that_was_called_off_has_burnt_its_use_if_it_was_claimed(broker):
    i = running(broker)
    g = grant(broker, i)
    move = Walk(broker, i).prepare().offer()
    broker.operator.post(f"{move.url()}/abort")
    assert shown(broker, i, g)["uses_left"] == 1
    move = Walk(broker, i).prepare().offer()
    move.claim()
    move.say(broker.h1, "never_left", "aborted")
    assert shown(broker, i, g)["uses_left"] == 0
    refused(prepare(broker, i), "permit_used")


def test_claims_and_a_delete_at_once(broker):
    for _ in range(8):
        i = running(broker)
        g = grant(broker, i)
        move = Walk(broker, i).prepare().offer()
        path = f"/v1/instances/{i}/grants/{g}"
        got, deleted = race([lambda: move.try_claim(), lambda: broker.owner.delete(path)])
        assert deleted.status_code == 204
        said = shown(broker, i, g)
        if got.status_code == 200:
            assert said["state"] == "used" and move.state() == "claimed"
        else:
            refused(got, "permit_missing")
            assert said["uses_left"] == 1 and move.state() == "offered"


def test_claims_of_one_attempt_at_once_burn_one_use(broker):
    i = running(broker)
    g = grant(broker, i)
    move = Walk(broker, i).prepare().offer()
    got = race([lambda: move.try_claim() for _ in range(6)])
    codes = {r.json().get("code", "claimed") for r in got}
    assert "claimed" in codes and codes <= {"claimed", "conflict"}
    assert shown(broker, i, g)["uses_left"] == 0


# ---- a host that drains ----

def drain(b, host, verb="drain"):
    assert b.host_admin.post(f"/v1/hosts/{host}/{verb}").status_code == 200


def test_guests_leave_a_draining_host(own_broker):
    b = own_broker
    i = running(b, "deployment")
    drain(b, "h1")
    move = Walk(b, i).prepare().offer()
    move.claim()
    move.say(b.h2, "running", "committed")
    assert b.auditor.get("/v1/hosts/h1/instances").json()["items"] == []
    assert b.owner.get(f"/v1/instances/{i}").json()["placement"]["host"] == "h2"


def test_no_guest_comes_to_a_draining_host(own_broker):
    b = own_broker
    i = running(b, "deployment")
    drain(b, "h2")
    refused(prepare(b, i), "host_draining", "destination")
    for purpose in ("migrate-in", "cold-migrate"):
        said = b.owner.explain(i, purpose=purpose, host="h2")
        assert (said["verdict"], said["reason"]) == ("refused", "host_draining")
        fact = next(f for f in said["facts"] if f["decides"])
        assert fact["name"] == "host_takes_guests" and "vtpmctl host undrain" in fact["change"]
    assert b.owner.explain(i, host="h2")["reason"] == "not_placed_here"
    drain(b, "h2", "undrain")
    assert prepare(b, i).status_code == 201


def test_drain_stops_a_move_that_has_not_its_key(own_broker):
    b = own_broker
    i = running(b, "deployment")
    move = Walk(b, i).prepare().offer()
    drain(b, "h2")
    refused(move.try_claim(), "host_draining")
    assert move.state() == "offered"
    assert b.operator.post(f"{move.url()}/abort").json()["state"] == "aborted"


def test_drain_after_the_claim_lets_the_move_end(own_broker):
    b = own_broker
    i = running(b, "deployment")
    move = Walk(b, i).prepare().offer()
    move.claim()
    drain(b, "h2")
    move.say(b.h2, "running", "committed")
    attempt = new_id()
    assert b.h2.release(i, attempt=attempt).status_code == 200


def test_claim_and_drain_at_once(own_broker):
    b = own_broker
    for _ in range(5):
        i = running(b, "deployment")
        move = Walk(b, i).prepare().offer()
        got, _ = race([lambda move=move: move.try_claim(), lambda: drain(b, "h2")])
        state = move.state()
        if got.status_code == 200:
            assert state == "claimed"
            move.say(b.h2, "erased", "aborted")
        else:
            refused(got, "host_draining")
            assert state == "offered"
            b.operator.post(f"{move.url()}/abort")
        drain(b, "h2", "undrain")


def test_host_of_a_grant_that_enrolled_anew_takes_no_guest(own_broker):
    b = own_broker
    i = running(b)
    grant(b, i, uses=0)
    b.host_admin.post("/v1/hosts/h2/revoke")
    b.h2 = Host(b, "h2").enroll()
    refused(prepare(b, i), "permit_foreign")
    grant(b, i, uses=0)
    move = Walk(b, i).prepare().offer()
    move.claim()
    move.say(b.h2, "running", "committed")
