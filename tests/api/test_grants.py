# SPDX-License-Identifier: Apache-2.0
"""The owner's word given beforehand: for which hosts, how often, how long, and which one counts."""
import threading

import pytest
from bed import NIL, Host, new_id, refused
from test_release import race, started


def grant(who, i, g=None, purpose="autostart", hosts=("h1",), **fields):
    return who.put(f"/v1/instances/{i}/grants/{g or new_id()}",
                   {"purpose": purpose, "hosts": hosts if isinstance(hosts, str) else list(hosts), **fields})


def granted(b, i, **fields):
    r = grant(b.owner, i, **fields)
    assert r.status_code == 201, r.text
    return r.json()["id"]


def placed(b, security="user", host="h1"):
    i = b.owner.create(security=security)
    b.operator.place(i, host)
    return i


def shown(b, i, g):
    items = b.owner.get(f"/v1/instances/{i}/grants").json()["items"]
    return next(x for x in items if x["id"] == g)


# ---- making one ----

def test_grant_is_repeatable_and_says_what_it_is(broker):
    i, g = broker.owner.create(), new_id()
    first = grant(broker.owner, i, g, hosts=["h2", "h1"], uses=3, days=7)
    assert first.status_code == 201, first.text
    said = first.json()
    assert (said["purpose"], said["uses"], said["uses_left"], said["state"]) == \
        ("autostart", 3, 3, "in_force")
    assert {(h["name"], h["fingerprint"], h["state"]) for h in said["hosts"]} == \
        {(h.name, h.fingerprint, "approved") for h in (broker.h1, broker.h2)}
    again = grant(broker.owner, i, g, hosts=["h1", "h2"], uses=3, days=7)
    assert again.status_code == 200 and again.json() == said
    for other in ({"uses": 4}, {"days": 8}, {"purpose": "start"}, {"hosts": ["h1"]}, {"uses": 0}):
        body = {"hosts": ["h1", "h2"], "uses": 3, "days": 7, **other}
        refused(grant(broker.owner, i, g, **body), "exists_different")
    refused(grant(broker.owner, broker.owner.create(), g, hosts=["h1", "h2"], uses=3, days=7),
            "exists_different")
    assert shown(broker, i, g) == said


@pytest.mark.parametrize("who", ["member", "operator", "orchestrator", "host_admin", "auditor",
                                 "stranger", "h1", "anybody"])
def test_only_the_owner_grants(broker, who):
    i, caller = placed(broker), getattr(broker, who)
    codes = ("forbidden", "not_found", "unauthenticated")
    assert grant(caller, i).json()["code"] in codes
    g = granted(broker, i)
    assert caller.delete(f"/v1/instances/{i}/grants/{g}").json()["code"] in codes
    assert broker.h1.release(i, purpose="autostart").status_code == 200


def test_who_lists_grants(broker):
    i = placed(broker)
    granted(broker, i)
    path = f"/v1/instances/{i}/grants"
    for who in (broker.owner, broker.operator, broker.auditor):
        assert len(who.get(path).json()["items"]) == 1
    for who in (broker.member, broker.orchestrator):
        refused(who.get(path), "forbidden")
    for who in (broker.stranger, broker.host_admin):
        refused(who.get(path), "not_found")
    refused(broker.h1.get(path), "forbidden")


@pytest.mark.parametrize("fields,code,field", [
    ({"purpose": "party"}, "bad_value", "purpose"), ({"purpose": 1}, "bad_type", "purpose"),
    ({"purpose": "read-back"}, "bad_value", "purpose"), ({"purpose": "rescue"}, "bad_value", "purpose"),
    ({"purpose": "evacuate"}, "bad_value", "purpose"), ({"purpose": "clone"}, "bad_value", "purpose"),
    ({"purpose": None}, "bad_type", "purpose"),
    ({"hosts": []}, "bad_value", "hosts"), ({"hosts": "h1"}, "bad_type", "hosts"),
    ({"hosts": ["*"]}, "bad_value", "hosts"), ({"hosts": ["h1", "h1"]}, "bad_value", "hosts"),
    ({"hosts": ["h1", "nowhere"]}, "not_found", "hosts"),
    ({"hosts": [f"n{n}" for n in range(65)]}, "bad_value", "hosts"),
    ({"uses": -1}, "bad_value", "uses"), ({"uses": 1000001}, "bad_value", "uses"),
    ({"uses": "2"}, "bad_type", "uses"), ({"days": 0}, "bad_value", "days"),
    ({"days": 367}, "bad_value", "days"), ({"days": 1.5}, "bad_type", None),
    ({"epoch": 1}, "unknown_field", "epoch"), ({"minutes": 5}, "unknown_field", "minutes")])
def test_bad_grant(broker, fields, code, field):
    i = placed(broker)
    refused(grant(broker.owner, i, **fields), code, field)
    assert broker.owner.get(f"/v1/instances/{i}/grants").json()["items"] == []


def test_missing_fields_are_named(broker):
    path = f"/v1/instances/{placed(broker)}/grants/{new_id()}"
    refused(broker.owner.put(path, {"purpose": "start"}), "missing_field", "hosts")
    refused(broker.owner.put(path, {"hosts": ["h1"]}), "missing_field", "purpose")


def test_64_hosts_are_taken(own_broker):
    b = own_broker
    for n in range(62):
        Host(b, f"n{n}").enroll(approve=False)
    i = b.owner.create()
    g = granted(b, i, hosts=["h1", "h2"] + [f"n{n}" for n in range(62)])
    assert len(shown(b, i, g)["hosts"]) == 64
    b.operator.place(i, "h2")
    assert b.h2.release(i, purpose="autostart").status_code == 200


# ---- what it lets through ----

@pytest.mark.parametrize("purpose", ["start", "autostart", "restore"])
def test_grant_is_good_at_any_placement_on_its_hosts(broker, purpose):
    i = broker.owner.create(security="user")
    granted(broker, i, purpose=purpose, hosts=["h1", "h2"], uses=2)
    for host in ("h1", "h2"):
        attempt, there = new_id(), getattr(broker, host)
        broker.operator.place(i, host)
        assert there.release(i, purpose=purpose, attempt=attempt).status_code == 200
        there.report("stopped", i, attempt)
    refused(broker.h2.release(i, purpose=purpose), "permit_used")


def test_user_guest_comes_back_after_a_reboot(broker):
    i = started(broker, "user")
    assert broker.h1.release(i).status_code == 200
    for purpose in ("reboot", "autostart", "resume"):
        refused(broker.h1.release(i, purpose=purpose), "permit_missing")
        granted(broker, i, purpose=purpose, uses=0)
        assert broker.h1.release(i, purpose=purpose).status_code == 200


def test_host_policy_takes_a_grant_for_the_first_start(broker):
    i = placed(broker, "host")
    refused(broker.h1.release(i, purpose="autostart", lease=True), "permit_missing")
    g = granted(broker, i)
    assert broker.h1.release(i, purpose="autostart", lease=True).json()["kind"] == "sealed"
    assert shown(broker, i, g)["state"] == "used"
    reply = broker.h1.release(i, purpose="autostart", lease=True, holds_copy=1).json()
    assert reply["kind"] == "use_copy"


def test_grant_is_for_its_hosts_and_purpose(broker):
    i = placed(broker)
    g = granted(broker, i, hosts=["h2"])
    refused(broker.h1.release(i, purpose="autostart"), "permit_foreign")
    refused(broker.h1.release(i, purpose="start"), "permit_missing")
    broker.operator.place(i, "h2")
    refused(broker.h1.release(i, purpose="autostart"), "not_found")
    assert broker.h2.release(i, purpose="autostart").status_code == 200
    assert shown(broker, i, g)["state"] == "used"


def test_counted_uses_are_counted(broker):
    i = placed(broker)
    g = granted(broker, i, uses=2)
    for left in (1, 0):
        attempt = new_id()
        assert broker.h1.release(i, purpose="autostart", attempt=attempt).status_code == 200
        said = shown(broker, i, g)
        assert (said["uses_left"], said["used_by"]) == (left, attempt) and said["used"]
        r = broker.h1.release(i, purpose="autostart", attempt=attempt)
        assert r.json()["redelivered"] and shown(broker, i, g)["uses_left"] == left
    refused(broker.h1.release(i, purpose="autostart"), "permit_used")
    assert broker.owner.explain(i, purpose="autostart")["reason"] == "permit_used"


def test_standing_grant_is_never_used_up(broker):
    i = placed(broker)
    g = granted(broker, i, uses=0)
    first = new_id()
    for attempt in (first, new_id(), new_id()):
        assert broker.h1.release(i, purpose="autostart", attempt=attempt).status_code == 200
        said = shown(broker, i, g)
        assert (said["uses"], said["uses_left"], said["state"]) == (0, None, "in_force")
        assert said["used_by"] == first and said["used"]
    assert broker.owner.explain(i, purpose="autostart")["verdict"] == "allowed"


def test_grant_is_one_of_those_who_may_place(broker):
    i = broker.owner.create(security="user")
    granted(broker, i, hosts=["h1"], uses=0)
    refused(broker.h1.release(i, purpose="autostart"), "not_found")
    assert broker.owner.explain(i, purpose="autostart", host="h1")["reason"] == "not_placed_here"


def test_the_host_set_stays_above_a_grant(broker):
    i = broker.owner.create(security="user", hosts=["h1"])
    granted(broker, i, hosts=["h2"], uses=0)
    assert broker.owner.explain(i, purpose="autostart", host="h2")["verdict"] == "refused"
    refused(broker.operator.post(f"/v1/instances/{i}/place", {"host": "h2"}), "host_not_in_set")


def test_fenced_host_has_no_use_of_a_grant(own_broker):
    b = own_broker
    i = placed(b)
    granted(b, i, uses=0)
    b.host_admin.post("/v1/hosts/h1/fence")
    refused(b.h1.release(i, purpose="autostart"), "host_fenced")
    b.host_admin.post("/v1/hosts/h1/unfence")
    assert b.h1.release(i, purpose="autostart").status_code == 200


def test_host_that_enrolled_anew_with_another_key_is_another(own_broker):
    b = own_broker
    i, old = broker_grant(b)
    b.host_admin.post("/v1/hosts/h1/revoke")
    new = Host(b, "h1").enroll()
    b.operator.place(i, "h1", host_is_off=True)
    refused(new.release(i, purpose="autostart"), "permit_foreign")
    (host,) = shown(b, i, old)["hosts"]
    assert (host["name"], host["fingerprint"], host["state"]) == ("h1", b.h1.fingerprint, "revoked")
    assert grant(b.owner, i, old, uses=0).json()["code"] == "exists_different"
    granted(b, i, uses=0)
    assert new.release(i, purpose="autostart").status_code == 200


def broker_grant(b):
    i = placed(b)
    return i, granted(b, i, uses=0)


# ---- several words ----

def test_permit_is_used_before_grants_and_counted_ones_before_standing(broker):
    i = placed(broker)
    standing = granted(broker, i, purpose="start", uses=0)
    counted = granted(broker, i, purpose="start", uses=1, days=9)
    sooner = granted(broker, i, purpose="start", uses=1, days=8)
    broker.owner.permit(i)
    permits = f"/v1/instances/{i}/permits"

    def states():
        return ([p["state"] for p in broker.owner.get(permits).json()["items"]],
                [shown(broker, i, g)["used"] is not None for g in (sooner, counted, standing)])
    assert broker.h1.release(i).status_code == 200
    assert states() == (["used"], [False, False, False])
    assert broker.h1.release(i).status_code == 200
    assert states() == (["used"], [True, False, False])
    assert broker.h1.release(i).status_code == 200
    assert states() == (["used"], [True, True, False])
    assert broker.h1.release(i).status_code == 200
    assert states() == (["used"], [True, True, True])
    broker.owner.delete(f"/v1/instances/{i}/grants/{standing}")
    refused(broker.h1.release(i), "permit_used")


def test_new_permit_leaves_grants_alone(broker):
    i = placed(broker)
    g = granted(broker, i, purpose="start")
    broker.owner.permit(i)
    broker.owner.permit(i)
    assert shown(broker, i, g)["state"] == "in_force"
    assert len(broker.owner.get(f"/v1/instances/{i}/permits").json()["items"]) == 2


def test_refusal_that_tells_most_is_told(broker):
    i = placed(broker)
    granted(broker, i, hosts=["h2"])
    refused(broker.h1.release(i, purpose="autostart"), "permit_foreign")
    granted(broker, i, hosts=["h1"])
    assert broker.h1.release(i, purpose="autostart").status_code == 200
    granted(broker, i, hosts=["h2"])
    refused(broker.h1.release(i, purpose="autostart"), "permit_used")


def test_permits_and_grants_are_two_kinds(broker):
    i = placed(broker)
    g, p = granted(broker, i, purpose="start", uses=1), broker.owner.permit(i)
    refused(broker.owner.delete(f"/v1/instances/{i}/permits/{g}"), "not_found")
    refused(broker.owner.delete(f"/v1/instances/{i}/grants/{p}"), "not_found")
    refused(broker.owner.delete(f"/v1/instances/{i}/grants/{NIL}"), "bad_uuid")
    refused(broker.owner.delete(f"/v1/instances/{i}/grants/{new_id()}"), "not_found")
    refused(broker.owner.put(f"/v1/instances/{i}/permits/{g}", {"minutes": 10}), "exists_different")
    refused(grant(broker.owner, i, p, purpose="start"), "exists_different")
    assert [x["id"] for x in broker.owner.get(f"/v1/instances/{i}/permits").json()["items"]] == [p]
    assert [x["id"] for x in broker.owner.get(f"/v1/instances/{i}/grants").json()["items"]] == [g]


def test_grants_are_listed_in_pages(broker):
    i = placed(broker)
    ids = sorted(granted(broker, i, purpose=p) for p in ("start", "reboot", "autostart"))
    broker.owner.permit(i)
    path, seen, after = f"/v1/instances/{i}/grants", [], None
    while True:
        page = broker.owner.get(path, params={"limit": 1, **({"after": after} if after else {})}).json()
        seen += [x["id"] for x in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == ids


def test_grants_in_force_are_bounded(broker):
    i = placed(broker)
    ids = [granted(broker, i) for _ in range(32)]
    refused(grant(broker.owner, i), "conflict")
    assert grant(broker.owner, i, purpose="reboot").status_code == 201
    assert broker.owner.delete(f"/v1/instances/{i}/grants/{ids[7]}").status_code == 204
    assert grant(broker.owner, i).status_code == 201


# ---- taking it back ----

def test_deleted_grant_lets_nothing_through(broker):
    i = placed(broker)
    g = granted(broker, i, uses=0)
    attempt = new_id()
    assert broker.h1.release(i, purpose="autostart", attempt=attempt).status_code == 200
    for _ in range(2):
        assert broker.owner.delete(f"/v1/instances/{i}/grants/{g}").status_code == 204
    assert shown(broker, i, g)["state"] == "withdrawn"
    refused(broker.h1.release(i, purpose="autostart"), "permit_missing")
    refused(broker.h1.release(i, purpose="autostart", attempt=attempt), "permit_missing")
    assert grant(broker.owner, i, g, uses=0).json()["state"] == "withdrawn"


def test_another_window_takes_another_grant(broker):
    i = placed(broker)
    g = granted(broker, i, uses=0, days=1)
    refused(grant(broker.owner, i, g, uses=0, days=30), "exists_different")
    longer = granted(broker, i, uses=0, days=30)
    assert broker.owner.delete(f"/v1/instances/{i}/grants/{g}").status_code == 204
    assert broker.h1.release(i, purpose="autostart").status_code == 200
    assert shown(broker, i, longer)["used"] and not shown(broker, i, g)["used"]


def test_last_use_is_taken_once(broker):
    i = placed(broker)
    granted(broker, i, uses=3)
    got = race([lambda: broker.h1.release(i, purpose="autostart") for _ in range(8)])
    codes = sorted(r.json().get("code", "allowed") for r in got)
    assert codes.count("allowed") == 3, codes
    assert set(codes) <= {"allowed", "permit_used", "conflict"}, codes


def test_grant_deleted_during_releases_ends_them(broker):
    """A host that asks without end cannot hold the owner up, and the delete's answer is the end."""
    for _ in range(10):
        i = placed(broker)
        g = granted(broker, i, uses=0)
        ended, late = threading.Event(), []

        def ask(i=i, ended=ended, late=late):
            over = False
            while not over:
                over = ended.is_set()
                got = broker.h1.release(i, purpose="autostart").json().get("code", "allowed")
            late.append(got)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for t in threads:
            t.start()
        deleted = broker.owner.delete(f"/v1/instances/{i}/grants/{g}")
        ended.set()
        for t in threads:
            t.join()
        assert deleted.status_code == 204, deleted.text
        assert late == ["permit_missing"] * 3


# ---- what is told of it ----

def test_explain_tells_of_the_word(broker):
    i = broker.owner.create(security="user")
    said = broker.owner.explain(i, purpose="migrate-in", host="h2")
    fact = next(f for f in said["facts"] if f["name"] == "permit")
    assert not fact["holds"] and "vtpmctl grant create ID" in fact["change"]
    granted(broker, i, purpose="migrate-in", hosts=["h2"])
    said = broker.owner.explain(i, purpose="migrate-in", host="h2")
    assert next(f for f in said["facts"] if f["name"] == "permit")["holds"]
    said = broker.owner.explain(i, purpose="migrate-in", host="h1")
    assert not next(f for f in said["facts"] if f["name"] == "permit")["holds"]


def test_grants_are_in_the_trail(broker):
    i = placed(broker)
    g = granted(broker, i, uses=0)
    broker.h1.release(i, purpose="autostart")
    broker.owner.delete(f"/v1/instances/{i}/grants/{g}")
    items = broker.owner.get("/v1/audit", params={"instance": i}).json()["items"]
    told = [(a["verb"], a["purpose"], a["target"], a["verdict"]) for a in items[2:]]
    assert told == [("grant.create", "autostart", g, "allowed"), ("release", "autostart", None, "allowed"),
                    ("grant.delete", "autostart", g, "allowed")]
    assert "permit=1" in items[3]["weighed"]


def test_changed_grant_row_is_refused(own_broker):
    b = own_broker
    i = placed(b)
    g = granted(b, i, uses=1)
    assert b.sql("UPDATE permit SET uses = 0 WHERE id = ?", g) == 1
    refused(b.h1.release(i, purpose="autostart"), "row_tampered")
