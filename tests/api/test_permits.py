# SPDX-License-Identifier: Apache-2.0
"""The owner's word: who gives it, for how long, and what explain says of it."""
import pytest
from bed import NIL, new_id, refused
from test_release import started


def permit(who, i, p=None, **fields):
    return who.put(f"/v1/instances/{i}/permits/{p or new_id()}", fields)


def placed(b, security="user"):
    i = b.owner.create(security=security)
    b.operator.place(i, "h1")
    return i


def test_permit_is_repeatable(broker):
    i, p = placed(broker), new_id()
    first = permit(broker.owner, i, p, minutes=5)
    assert first.status_code == 201
    said = first.json()
    assert (said["purpose"], said["host"], said["epoch"], said["state"], said["uses_left"]) == \
        ("start", "h1", 1, "unused", 1)
    again = permit(broker.owner, i, p, minutes=5)
    assert again.status_code == 200 and again.json() == said
    refused(permit(broker.owner, i, p, minutes=6), "exists_different")
    refused(permit(broker.owner, i, p, minutes=5, purpose="reboot"), "exists_different")
    refused(permit(broker.owner, placed(broker), p, minutes=5), "exists_different")
    assert broker.h1.release(i).status_code == 200
    assert permit(broker.owner, i, p, minutes=5).json()["state"] == "used"


def test_permit_needs_a_placement(broker):
    refused(permit(broker.owner, broker.owner.create()), "not_placed")


@pytest.mark.parametrize("who", ["member", "operator", "orchestrator", "host_admin", "auditor",
                                 "stranger", "h1", "anybody"])
def test_only_the_owner_permits(broker, who):
    i, caller = placed(broker), getattr(broker, who)
    codes = ("forbidden", "not_found", "unauthenticated")
    assert permit(caller, i).json()["code"] in codes
    p = broker.owner.permit(i)
    assert caller.delete(f"/v1/instances/{i}/permits/{p}").json()["code"] in codes
    assert broker.h1.release(i).status_code == 200


@pytest.mark.parametrize("fields,code,field", [
    ({"minutes": 0}, "bad_value", "minutes"), ({"minutes": 1441}, "bad_value", "minutes"),
    ({"minutes": 1.5}, "bad_type", None), ({"minutes": "10"}, "bad_type", "minutes"),
    ({"minutes": True}, "bad_type", "minutes"), ({"minutes": 1 << 70}, "bad_value", None),
    ({"purpose": "party"}, "bad_value", "purpose"),
    ({"purpose": "read-back"}, "bad_value", "purpose"),
    ({"host": "h2"}, "unknown_field", "host"), ({"uses": 2}, "unknown_field", "uses")])
def test_bad_permit(broker, fields, code, field):
    refused(permit(broker.owner, placed(broker), **fields), code, field)


def test_who_lists_permits(broker):
    i = started(broker, "user")
    path = f"/v1/instances/{i}/permits"
    for who in (broker.owner, broker.operator, broker.auditor):
        assert len(who.get(path).json()["items"]) == 1
    for who in (broker.member, broker.orchestrator):
        refused(who.get(path), "forbidden")
    refused(broker.stranger.get(path), "not_found")


def test_foreign_permit_cannot_be_deleted(broker):
    mine, other = started(broker, "user"), placed(broker)
    p = broker.owner.get(f"/v1/instances/{mine}/permits").json()["items"][0]["id"]
    refused(broker.owner.delete(f"/v1/instances/{other}/permits/{p}"), "not_found")
    refused(broker.owner.delete(f"/v1/instances/{other}/permits/{new_id()}"), "not_found")
    refused(broker.owner.delete(f"/v1/instances/{other}/permits/{NIL}"), "bad_uuid")


def test_permits_made_at_once_leave_one_unused(broker):
    from test_release import race
    i = placed(broker)
    race([lambda: permit(broker.owner, i) for _ in range(8)])
    states = [p["state"] for p in broker.owner.get(f"/v1/instances/{i}/permits").json()["items"]]
    assert states.count("unused") == 1, states


def deciding(explained):
    return [f["name"] for f in explained["facts"] if f["decides"]]


def test_explain_follows_a_start(broker):
    i = broker.owner.create(security="user")
    said = broker.owner.explain(i)
    assert (said["verdict"], said["reason"], said["host"]) == ("refused", "not_placed_here", None)
    assert deciding(said) == ["placed_here"] and said["facts"][-1]["change"]
    broker.operator.place(i, "h1")
    said = broker.owner.explain(i)
    assert (said["reason"], said["host"]) == ("permit_missing", "h1")
    assert deciding(said) == ["permit"]
    broker.owner.permit(i)
    assert broker.owner.explain(i)["verdict"] == "allowed"
    broker.h1.release(i)
    assert broker.owner.explain(i)["reason"] == "permit_used"
    assert broker.owner.explain(i, purpose="autostart")["reason"] == "permit_missing"
    assert broker.owner.explain(i, host="h2")["reason"] == "not_placed_here"


def test_explain_says_what_the_release_then_says(broker):
    for security in ("user", "host", "deployment"):
        for purpose in ("start", "reboot", "autostart", "resume", "restore", "migrate-in", "clone",
                        "evacuate", "unshelve", "rescue", "rebuild", "cold-migrate"):
            i = started(broker, security)
            said = broker.owner.explain(i, purpose=purpose)
            got = broker.h1.release(i, purpose=purpose)
            assert got.json().get("code", "allowed") == said["reason"], (security, purpose)


def test_explain_knows_the_copy(broker):
    i = started(broker, "host")
    broker.h1.release(i, lease=True)
    assert broker.owner.explain(i)["reason"] == "use_copy"
    r = broker.h1.get(f"/v1/instances/{i}/explain")
    assert r.json()["verdict"] == "allowed"


def test_explain_read_back(broker):
    user, deployment = broker.owner.create(security="user"), broker.owner.create(
        security="deployment")
    assert broker.owner.explain(user, purpose="read-back")["verdict"] == "allowed"
    assert broker.owner.explain(deployment, purpose="read-back")["reason"] == "no_reader"
    assert broker.operator.explain(user, purpose="read-back")["reason"] == "forbidden"


def test_who_may_ask(broker):
    i = started(broker, "user")
    path = f"/v1/instances/{i}/explain"
    for who in (broker.owner, broker.operator, broker.orchestrator, broker.auditor, broker.h1):
        assert who.get(path).status_code == 200, who.name
    refused(broker.member.get(path), "forbidden")
    refused(broker.host_admin.get(path), "not_found")
    refused(broker.h2.get(path), "not_found")
    refused(broker.h1.get(path, params={"host": "h2"}), "forbidden", "host")
    refused(broker.owner.get(path, params={"purpose": "party"}), "bad_value", "purpose")
    refused(broker.owner.get(path, params={"host": "nowhere"}), "not_found", "host")


def test_explain_of_a_fenced_host(own_broker):
    b = own_broker
    i = started(b, "deployment")
    b.host_admin.post("/v1/hosts/h1/fence")
    said = b.owner.explain(i)
    assert said["reason"] == "host_fenced" and deciding(said) == ["not_fenced"]


def test_owner_reads_what_happened_to_the_instance(broker):
    i = started(broker, "user")
    broker.h1.release(i)
    broker.h1.release(i)
    r = broker.owner.get("/v1/audit", params={"instance": i}).json()["items"]
    told = [(a["verb"], a["verdict"], a["reason"]) for a in r]
    assert told == [("instance.create", "allowed", "allowed"), ("place", "allowed", "allowed"),
                    ("permit.create", "allowed", "allowed"), ("release", "allowed", "allowed"),
                    ("release", "refused", "permit_used")]
    assert all(a["address"] is None and a["credential"] is None for a in r)
    release = r[3]
    assert release["host"] == "h1" and release["purpose"] == "start" and release["epoch"] == 1
    assert "placement=" in release["weighed"] and "host=" in release["weighed"]
    refused(broker.member.get("/v1/audit", params={"instance": i}), "forbidden")
    refused(broker.owner.get("/v1/audit"), "missing_field", "instance")
    assert broker.auditor.get("/v1/audit/verify").json()["ok"]
