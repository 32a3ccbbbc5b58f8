# SPDX-License-Identifier: Apache-2.0
"""A host that is emptied: it keeps what it has, starts it as before, and gets nothing new."""
import pytest
from bed import Host, new_id, refused
from test_place import place
from test_release import race, started


def verb(b, what, host="h1", who=None):
    return (who or b.host_admin).post(f"/v1/hosts/{host}/{what}")


def state_of(b, host="h1"):
    return b.auditor.get(f"/v1/hosts/{host}").json()["state"]


@pytest.fixture(name="b")
def drained(own_broker):
    """h1 drains, with one guest of each policy on it."""
    own_broker.guests = {s: started(own_broker, s) for s in ("user", "host", "deployment")}
    assert verb(own_broker, "drain").json()["state"] == "draining"
    return own_broker


def test_states_of_a_drain(own_broker):
    b = own_broker
    for _ in range(2):
        r = verb(b, "drain")
        assert r.status_code == 200 and r.json()["state"] == state_of(b) == "draining"
    refused(b.host_admin.post("/v1/hosts/h1/approve", {"fingerprint": b.h1.fingerprint}),
            "host_draining")
    refused(verb(b, "unfence"), "host_draining")
    for _ in range(2):
        assert verb(b, "undrain").json()["state"] == "approved"
    verb(b, "drain")
    assert verb(b, "fence").json()["state"] == "fenced"
    refused(verb(b, "drain"), "host_fenced")
    refused(verb(b, "undrain"), "host_fenced")
    assert verb(b, "unfence").json()["state"] == "approved"
    verb(b, "drain")
    assert verb(b, "revoke").json()["state"] == "revoked"
    refused(verb(b, "drain"), "host_revoked")
    refused(verb(b, "undrain"), "host_revoked")
    Host(b, "h9").enroll(approve=False)
    refused(verb(b, "drain", "h9"), "host_pending")
    refused(verb(b, "undrain", "h9"), "host_pending")
    refused(verb(b, "drain", "nowhere"), "not_found")
    refused(b.host_admin.post("/v1/hosts/h2/drain", {"until": 1}), "unknown_field", "until")


@pytest.mark.parametrize("who", ["owner", "member", "stranger", "operator", "orchestrator",
                                 "auditor", "h1", "h2", "anybody"])
def test_only_a_host_admin_drains(broker, who):
    caller = getattr(broker, who)
    for what in ("drain", "undrain"):
        assert verb(broker, what, who=caller).json()["code"] in ("forbidden", "unauthenticated")
    assert state_of(broker) == "approved"


def test_guests_start_as_before(b):
    for security, i in b.guests.items():
        r = b.h1.release(i, lease=True)
        assert r.status_code == 200, (security, r.text)
    i = b.guests["host"]
    assert b.h1.release(i, lease=True, holds_copy=1).json()["kind"] == "use_copy"
    r = b.h1.post(f"/v1/instances/{i}/lease", {"version": 1, "epoch": 1})
    assert r.status_code == 200, r.text
    assert b.owner.explain(i)["verdict"] == "allowed"
    assert len(b.h1.get("/v1/hosts/self/instances").json()["items"]) == 3
    b.h1.report("stopped", b.guests["user"], new_id())


def test_nothing_new_is_placed_there(b):
    i = b.owner.create()
    for who in (b.operator, b.orchestrator):
        refused(place(who, i, "h1"), "host_draining", "host")
    assert b.operator.place(i, "h2")["moved"]
    refused(place(b.operator, i, "h1"), "host_draining", "host")
    for guest in b.guests.values():
        assert not b.operator.place(guest, "h1")["moved"]
    assert b.operator.place(b.guests["deployment"], "h2")["moved"]
    refused(place(b.operator, b.guests["deployment"], "h1"), "host_draining", "host")
    assert verb(b, "undrain").status_code == 200
    assert b.operator.place(b.guests["deployment"], "h1")["moved"]


def test_placements_and_a_drain_at_once(own_broker):
    b = own_broker
    for _ in range(5):
        ids = [b.owner.create() for _ in range(6)]
        race([lambda: verb(b, "drain"), *[lambda i=i: place(b.operator, i, "h1") for i in ids]])
        there = {g["id"] for g in b.auditor.get("/v1/hosts/h1/instances").json()["items"]}
        for i in ids:
            again = place(b.operator, i, "h1")
            if i in there:
                assert again.json()["moved"] is False
            else:
                refused(again, "host_draining")
        verb(b, "undrain")


def test_same_keys_enroll_anew_and_drain_on(b):
    assert b.h1.enroll(approve=False).enrolled["state"] == "draining"


# ---- who is on it ----

def guests(who, host="h1", **query):
    r = who.get(f"/v1/hosts/{host}/instances", params=query)
    assert r.status_code == 200, r.text
    return r.json()["items"]


def test_guests_are_listed_to_those_who_see_them(b):
    assert b.h1.release(b.guests["deployment"]).status_code == 200
    for who in (b.operator, b.orchestrator, b.auditor):
        found = {g["id"]: g for g in guests(who)}
        assert set(found) == set(b.guests.values()), who.name
        one = found[b.guests["deployment"]]
        assert (one["name"], one["project"], one["running"], one["epoch"]) == ("vm", "p1", True, 1)
        assert not found[b.guests["user"]]["running"]
    assert guests(b.auditor, "h2") == []


def test_host_admin_sees_which_but_not_whose(b):
    found = guests(b.host_admin)
    assert {g["id"] for g in found} == set(b.guests.values())
    assert {(g["name"], g["project"]) for g in found} == {(None, None)}


def test_other_projects_are_not_told(b):
    narrow = b.person("olaf", "operator", projects="p2", hosts="*")
    assert guests(narrow) == []
    i = b.stranger.create()
    b.operator.place(i, "h2")
    assert [g["id"] for g in guests(narrow, "h2")] == [i]
    assert guests(b.orchestrator, "h2") == []
    for who in (b.owner, b.member, b.stranger, b.h1, b.h2):
        refused(who.get("/v1/hosts/h1/instances"), "forbidden")
    refused(b.anybody.get("/v1/hosts/h1/instances"), "unauthenticated")
    refused(b.auditor.get("/v1/hosts/nowhere/instances"), "not_found")


def test_guests_come_in_pages(own_broker):
    b = own_broker
    mine = []
    for n in range(7):
        who = b.stranger if n % 2 else b.owner
        mine.append(who.create(security="deployment"))
        b.operator.place(mine[-1], "h1")
    narrow = b.person("olaf", "operator", projects="p2", hosts="*")
    for who, want in ((b.operator, sorted(mine)), (narrow, sorted(mine[1::2]))):
        seen, after = [], None
        while True:
            r = who.get("/v1/hosts/h1/instances",
                        params={"limit": 2, **({"after": after} if after else {})}).json()
            seen += [g["id"] for g in r["items"]]
            after = r["next"]
            if after is None:
                break
        assert seen == want
