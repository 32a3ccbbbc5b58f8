# SPDX-License-Identifier: Apache-2.0
"""Placement: which host is entitled, and when that may move."""
import pytest
from bed import Host, new_id, refused
from test_release import started


def place(who, i, host, **more):
    return who.post(f"/v1/instances/{i}/place", {"host": host, **more})


def test_first_placement(broker):
    i = broker.owner.create()
    assert broker.operator.place(i, "h1") == {"host": "h1", "epoch": 1, "moved": True,
                                              "off_until": None}


def test_same_host_again_is_harmless(broker):
    i = started(broker, "deployment")
    broker.h1.release(i)
    assert broker.operator.place(i, "h1") == {"host": "h1", "epoch": 1, "moved": False,
                                              "off_until": None}


def test_moves_while_nothing_was_released(broker):
    i = broker.owner.create()
    broker.operator.place(i, "h1")
    assert broker.operator.place(i, "h2")["epoch"] == 2
    assert broker.operator.place(i, "h1")["epoch"] == 3


def test_stays_until_the_guest_stopped(broker):
    i = started(broker, "deployment")
    attempt = new_id()
    broker.h1.release(i, attempt=attempt)
    refused(place(broker.operator, i, "h2"), "placed_elsewhere", "host")
    broker.h1.report("stopped", i, new_id())
    refused(place(broker.operator, i, "h2"), "placed_elsewhere")
    broker.h2.report("stopped", i, attempt)
    refused(place(broker.operator, i, "h2"), "placed_elsewhere")
    broker.h1.report("stopped", i, attempt)
    assert broker.operator.place(i, "h2") == {"host": "h2", "epoch": 2, "moved": True,
                                              "off_until": None}


def test_only_the_newest_start_counts(broker):
    i = started(broker, "deployment")
    first, second = new_id(), new_id()
    broker.h1.release(i, attempt=first)
    broker.h1.release(i, attempt=second)
    broker.h1.report("stopped", i, first)
    refused(place(broker.operator, i, "h2"), "placed_elsewhere")
    broker.h1.report("stopped", i, second)
    assert broker.operator.place(i, "h2")["moved"]


def test_a_copy_must_be_erased_first(broker):
    i = started(broker, "host")
    attempt = new_id()
    broker.h1.release(i, attempt=attempt, lease=True)
    broker.h1.report("stopped", i, attempt)
    detail = refused(place(broker.operator, i, "h2"), "placed_elsewhere")["detail"]
    assert "copy" in detail
    broker.h1.report("copy_erased", i, attempt)
    assert broker.operator.place(i, "h2")["moved"]


def test_fenced_host_lets_go(own_broker):
    b = own_broker
    user, deployment = started(b, "user"), started(b, "deployment")
    for i in (user, deployment):
        assert b.h1.release(i).status_code == 200
    b.host_admin.post("/v1/hosts/h1/fence")
    for i in (user, deployment):
        assert b.operator.place(i, "h2")["moved"]
    refused(b.h2.release(user), "permit_foreign")
    b.owner.permit(user)
    assert b.h2.release(user).status_code == 200
    assert b.h2.release(deployment).status_code == 200


def test_fenced_host_with_a_copy_lets_go_when_it_is_off(own_broker):
    b = own_broker
    i = started(b, "host")
    b.h1.release(i, lease=True)
    b.host_admin.post("/v1/hosts/h1/fence")
    detail = refused(place(b.operator, i, "h2"), "placed_elsewhere")["detail"]
    assert "host_is_off" in detail
    moved = b.operator.place(i, "h2", host_is_off=True)
    assert moved["epoch"] == 2 and moved["off_until"] is not None
    facts = {f["name"]: f for f in b.owner.explain(i)["facts"]}
    assert moved["off_until"] in facts["earlier_host_is_off"]["says"]
    refused(b.h2.release(i), "permit_foreign")
    assert b.operator.place(i, "h2")["off_until"] == moved["off_until"]


def test_host_is_off_is_no_word_about_a_host_in_service(broker):
    i = started(broker, "host")
    broker.h1.release(i, lease=True)
    refused(place(broker.operator, i, "h2", host_is_off=True), "placed_elsewhere")


def test_revoked_host_lets_go(own_broker):
    b = own_broker
    i = started(b, "deployment")
    b.h1.release(i)
    b.host_admin.post("/v1/hosts/h1/revoke")
    refused(place(b.operator, i, "h1"), "not_found", "host")
    assert b.operator.place(i, "h2")["moved"]


def test_host_of_the_same_name_with_new_keys_is_another_host(own_broker):
    b = own_broker
    i = started(b, "deployment")
    b.h1.release(i)
    b.host_admin.post("/v1/hosts/h1/revoke")
    again = Host(b, "h1").enroll()
    refused(again.release(i), "not_found")
    assert b.operator.place(i, "h1")["epoch"] == 2
    assert again.release(i).status_code == 200


def test_host_must_be_fit(own_broker):
    b = own_broker
    Host(b, "pending").enroll(approve=False)
    Host(b, "fenced").enroll()
    b.host_admin.post("/v1/hosts/fenced/fence")
    Host(b, "plain").enroll(policies=["user"])
    i = b.owner.create(security="deployment")
    refused(place(b.operator, i, "nowhere"), "not_found", "host")
    refused(place(b.operator, i, "pending"), "host_pending", "host")
    refused(place(b.operator, i, "fenced"), "host_fenced", "host")
    refused(place(b.operator, i, "plain"), "host_unsupported", "host")
    pinned = b.owner.create(hosts=["h2"])
    refused(place(b.operator, pinned, "h1"), "host_not_in_set", "host")
    assert b.operator.place(pinned, "h2")["moved"]


def test_image_must_agree(broker):
    i = broker.owner.create(image="win11")
    refused(place(broker.operator, i, "h1", image="deb12"), "image_mismatch", "image")
    assert place(broker.operator, i, "h1", image="win11").status_code == 200
    none = broker.owner.create()
    refused(place(broker.operator, none, "h1", image="win11"), "image_mismatch")


def test_scope_of_the_token_holds(own_broker):
    b = own_broker
    narrow = b.person("nick", "operator", projects="p1", hosts="h2")
    i, foreign = b.owner.create(), b.stranger.create()
    refused(place(narrow, i, "h1"), "forbidden", "host")
    refused(place(narrow, foreign, "h2"), "not_found")
    assert narrow.place(i, "h2")["moved"]
    assert b.operator.place(foreign, "h1")["moved"]


@pytest.mark.parametrize("who", ["owner", "member", "host_admin", "auditor", "h1"])
def test_who_may_not_place(broker, who):
    i = broker.owner.create()
    r = place(getattr(broker, who), i, "h1")
    assert r.json()["code"] in ("forbidden", "unauthenticated")


def test_place_and_release_race(own_broker):
    """Whoever comes second sees the first: never a release to a host that was just relieved."""
    from test_release import race
    b = own_broker
    for _ in range(10):
        i = b.owner.create(security="deployment")
        b.operator.place(i, "h1")
        moved, released = race([lambda i=i: place(b.operator, i, "h2"),
                                lambda i=i: b.h1.release(i)])
        if released.status_code == 200:
            assert moved.json().get("code") == "placed_elsewhere", moved.text
        else:
            assert moved.status_code == 200 and released.json()["code"] == "not_found"
