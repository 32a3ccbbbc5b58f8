# SPDX-License-Identifier: Apache-2.0
"""What a host gets, when, and in which form."""
import http.client
import json
import ssl
import threading
import uuid

import pytest
from bed import NIL, new_id, refused


def started(b, security, **fields):
    """An instance placed on h1, with a permit where it needs one; its id."""
    i = b.owner.create(security=security, **fields)
    b.operator.place(i, "h1")
    if security != "deployment":
        b.owner.permit(i)
    return i


@pytest.mark.parametrize("security", ["user", "host", "deployment"])
def test_placed_host_gets_the_value_sealed_to_its_key(broker, security):
    i = started(broker, security)
    attempt, nonce = new_id(), "n" * 40
    reply = broker.h1.release(i, attempt=attempt, nonce=nonce).json()
    header, value = broker.h1.open(reply["jwe"])
    shown = broker.owner.get(f"/v1/instances/{i}").json()
    assert (header["instance"], header["secret"]) == (i, shown["secret"]["id"])
    assert (header["attempt"], header["nonce"], header["purpose"]) == (attempt, nonce, "start")
    assert (header["version"], header["epoch"]) == (1, 1)
    assert len(value) == 64
    assert (reply["state_before"], reply["state"]) == ("none", "possible")
    assert shown["state"] == "possible" and shown["placement"]["running"]
    if security != "deployment":
        assert broker.owner.get(f"/v1/instances/{i}/secret").content == value


def test_other_host_gets_nothing(broker):
    i = started(broker, "deployment")
    refused(broker.h2.release(i), "not_found")
    secret = broker.owner.get(f"/v1/instances/{i}").json()["secret"]["id"]
    refused(broker.h2.release(i, secret=secret), "not_placed_here")


def test_unknown_instance_is_like_a_foreign_one(broker):
    i = started(broker, "deployment")
    unknown = refused(broker.h2.release(new_id()), "not_found")
    foreign = refused(broker.h2.release(i), "not_found")
    for said in ("title", "detail", "field", "next", "status"):
        assert unknown[said] == foreign[said]


def test_domain_with_another_secret_is_told_so(broker):
    i = started(broker, "deployment")
    refused(broker.h1.release(i, secret=new_id()), "secret_mismatch")


def test_permit_is_for_one_use(broker):
    i = started(broker, "user")
    assert broker.h1.release(i).status_code == 200
    refused(broker.h1.release(i), "permit_used")
    assert broker.owner.get(f"/v1/instances/{i}/permits").json()["items"][0]["state"] == "used"


def test_permit_is_for_one_purpose(broker):
    i = started(broker, "user")
    refused(broker.h1.release(i, purpose="autostart"), "permit_missing")
    assert broker.h1.release(i).status_code == 200


def test_permit_is_for_one_host_and_placement(broker):
    i = started(broker, "user")
    broker.operator.place(i, "h2")
    refused(broker.h2.release(i), "permit_foreign")
    refused(broker.h1.release(i), "not_found")


def test_new_permit_replaces_an_unused_one(broker):
    i = started(broker, "user")
    broker.owner.permit(i)
    states = [p["state"] for p in broker.owner.get(f"/v1/instances/{i}/permits").json()["items"]]
    assert sorted(states) == ["unused", "withdrawn"]
    assert broker.h1.release(i).status_code == 200
    refused(broker.h1.release(i), "permit_used")


def test_deleted_permit_is_none(broker):
    i = broker.owner.create(security="user")
    broker.operator.place(i, "h1")
    permit = broker.owner.permit(i)
    assert broker.owner.delete(f"/v1/instances/{i}/permits/{permit}").status_code == 204
    assert broker.owner.delete(f"/v1/instances/{i}/permits/{permit}").status_code == 204
    refused(broker.h1.release(i), "permit_missing")


def test_lost_reply_is_asked_for_again(broker):
    i = started(broker, "user")
    attempt = new_id()
    first = broker.h1.release(i, attempt=attempt, nonce="a" * 32).json()
    second = broker.h1.release(i, attempt=attempt, nonce="b" * 32).json()
    assert (first["redelivered"], second["redelivered"]) == (False, True)
    header, value = broker.h1.open(second["jwe"])
    assert header["nonce"] == "b" * 32 and value == broker.h1.open(first["jwe"])[1]
    verdicts = [a["verdict"] for a in broker.audit(instance=i) if a["verb"] == "release"]
    assert verdicts == ["redelivered", "allowed"]
    refused(broker.h1.release(i), "permit_used")


def test_attempt_is_for_one_start(broker):
    i, other = started(broker, "deployment"), started(broker, "deployment")
    attempt = new_id()
    assert broker.h1.release(i, attempt=attempt).status_code == 200
    refused(broker.h1.release(other, attempt=attempt), "attempt_mismatch")
    refused(broker.h1.release(i, attempt=attempt, purpose="autostart"), "attempt_mismatch")
    broker.h1.report("stopped", i, attempt)
    refused(broker.h1.release(i, attempt=attempt), "attempt_mismatch")


def test_fenced_host_gets_no_redelivery(own_broker):
    b = own_broker
    i = started(b, "user")
    attempt = new_id()
    assert b.h1.release(i, attempt=attempt).status_code == 200
    b.host_admin.post("/v1/hosts/h1/fence")
    refused(b.h1.release(i, attempt=attempt), "host_fenced")
    b.host_admin.post("/v1/hosts/h1/unfence")
    assert b.h1.release(i, attempt=attempt).json()["redelivered"]


def race(calls):
    """Runs all at once; what each gave."""
    gate, out = threading.Barrier(len(calls)), [None] * len(calls)

    def one(n):
        gate.wait()
        out[n] = calls[n]()

    threads = [threading.Thread(target=one, args=(n,)) for n in range(len(calls))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return out


def test_twenty_attempts_burn_one_permit_once(broker):
    i = started(broker, "user")
    got = race([lambda: broker.h1.release(i) for _ in range(20)])
    codes = sorted(r.json().get("code", "released") for r in got)
    assert codes.count("released") == 1, codes
    assert set(codes) <= {"released", "permit_used", "conflict"}
    assert broker.owner.get(f"/v1/instances/{i}/permits").json()["items"][0]["uses_left"] == 0
    records = [a for a in broker.audit(instance=i)
               if a["verb"] == "release" and a["verdict"] == "allowed"]
    assert len(records) == 1


def test_one_attempt_sent_twenty_times_burns_one_permit(broker):
    i = started(broker, "user")
    attempt = new_id()
    got = race([lambda: broker.h1.release(i, attempt=attempt) for _ in range(20)])
    fine = [r.json() for r in got if r.status_code == 200]
    assert len(fine) >= 1 and sum(not r["redelivered"] for r in fine) == 1
    assert len({broker.h1.open(r["jwe"])[1] for r in fine}) == 1
    assert broker.owner.get(f"/v1/instances/{i}/permits").json()["items"][0]["uses_left"] == 0


def send_and_hang_up(host, i, attempt):
    """The request arrives whole; nobody waits for the answer."""
    context = ssl.create_default_context(cafile=host.session.verify)
    context.load_cert_chain(host.session.cert)
    c = http.client.HTTPSConnection("localhost", host.broker.port, context=context, timeout=10)
    c.request("POST", f"/v1/instances/{i}/release", headers={"Content-Type": "application/json"},
              body=json.dumps({"attempt": attempt, "nonce": "n" * 20, "purpose": "start"}))
    c.close()


def test_lost_replies_cost_one_permit_and_no_value(broker):
    for _ in range(5):
        i, attempt = started(broker, "user"), new_id()
        for _ in range(4):
            send_and_hang_up(broker.h1, i, attempt)
        value = broker.h1.open(broker.h1.release(i, attempt=attempt).json()["jwe"])[1]
        assert value == broker.owner.get(f"/v1/instances/{i}/secret").content
        refused(broker.h1.release(i), "permit_used")
        burnt = [a for a in broker.audit(instance=i)
                 if a["verb"] == "release" and a["verdict"] == "allowed"]
        assert len(burnt) == 1


def test_nothing_is_released_once_fence_has_answered(own_broker):
    b = own_broker
    i = started(b, "deployment")
    fenced, late = threading.Event(), []

    def release_on():
        for _ in range(40):
            after = fenced.is_set()
            if b.h1.release(i).status_code == 200 and after:
                late.append(i)

    threads = [threading.Thread(target=release_on) for _ in range(4)]
    for t in threads:
        t.start()
    assert b.host_admin.post("/v1/hosts/h1/fence").status_code == 200
    fenced.set()
    for t in threads:
        t.join()
    assert not late
    records = b.audit(limit=500)
    fence = next(a["seq"] for a in records if a["verb"] == "host.fence")
    assert not [a for a in records if a["seq"] > fence and a["verb"] == "release"
                and a["verdict"] in ("allowed", "redelivered")]


def test_host_policy_keeps_a_copy(broker):
    i = started(broker, "host")
    attempt = new_id()
    first = broker.h1.release(i, attempt=attempt, lease=True).json()
    assert first["kind"] == "sealed" and first["lease"] and first["lease_ends"]
    again = broker.h1.release(i, purpose="autostart", holds_copy=1, lease=True).json()
    assert again["kind"] == "use_copy" and again["lease"] and "jwe" not in again
    refused(broker.h1.release(i, lease=True), "permit_used")
    listed = broker.h1.get("/v1/hosts/self/instances").json()["items"]
    assert [x["copy"] for x in listed if x["id"] == i] == [True]


def test_lease_is_renewed_for_the_copy_in_force_alone(broker):
    i = started(broker, "host")
    assert broker.h1.release(i, lease=True).status_code == 200
    lease = f"/v1/instances/{i}/lease"
    assert broker.h1.post(lease, {"version": 1, "epoch": 1}).json()["lease_ends"]
    refused(broker.h1.post(lease, {"version": 2, "epoch": 1}), "not_found")
    refused(broker.h1.post(lease, {"version": 1, "epoch": 2}), "not_found")
    refused(broker.h2.post(lease, {"version": 1, "epoch": 1}), "not_found")
    user = started(broker, "user")
    refused(broker.h1.post(f"/v1/instances/{user}/lease", {"version": 1, "epoch": 1}), "forbidden")


def test_no_copy_without_leases():
    import bed
    with bed.broker("--lease-days", "0") as b:
        i = started(b, "host")
        first = b.h1.release(i, lease=True).json()
        assert (first["kind"], first["lease"], first["lease_ends"]) == ("sealed", None, None)
        refused(b.h1.release(i, holds_copy=1, lease=True), "permit_used")
        refused(b.h1.post(f"/v1/instances/{i}/lease", {"version": 1, "epoch": 1}), "forbidden")


def test_started_makes_the_state_expected(broker):
    i = started(broker, "deployment")
    attempt = new_id()
    broker.h1.release(i, attempt=attempt)
    broker.h2.report("started", i, attempt)
    assert broker.owner.get(f"/v1/instances/{i}").json()["state"] == "possible"
    broker.h1.report("started", i, attempt)
    assert broker.owner.get(f"/v1/instances/{i}").json()["state"] == "expected"
    reply = broker.h1.release(i).json()
    assert (reply["state_before"], reply["state"]) == ("expected", "expected")


def test_instance_without_a_value(broker):
    i = broker.owner.create(security="deployment", secret="upload")
    broker.operator.place(i, "h1")
    refused(broker.h1.release(i), "no_value")


@pytest.mark.parametrize("purpose", ["migrate-in", "cold-migrate", "clone"])
def test_purpose_whose_record_does_not_exist(broker, purpose):
    i = started(broker, "deployment")
    refused(broker.h1.release(i, purpose=purpose), "not_a_release")


@pytest.mark.parametrize("nonce,code", [
    ("short", "bad_value"), ("n" * 64, "bad_value"), ("n" * 20 + "+", "bad_value"),
    ("n" * 20 + "=", "bad_value"), (7, "bad_type"), (None, "bad_type")])
def test_nonce_is_base64url(broker, nonce, code):
    i = started(broker, "deployment")
    r = broker.h1.post(f"/v1/instances/{i}/release",
                       {"attempt": new_id(), "purpose": "start", "nonce": nonce})
    refused(r, code, "nonce")


@pytest.mark.parametrize("attempt", ["", "x", NIL, str(uuid.uuid4())[:-1]])
def test_attempt_is_a_uuid(broker, attempt):
    i = started(broker, "deployment")
    r = broker.h1.post(f"/v1/instances/{i}/release",
                       {"attempt": attempt, "purpose": "start", "nonce": "n" * 20})
    refused(r, "bad_uuid", "attempt")
