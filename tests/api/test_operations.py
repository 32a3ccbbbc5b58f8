# SPDX-License-Identifier: Apache-2.0
"""Each operation of a guest's life under each policy: what a host gets without a further word of
the owner, and with one. doc/operations.md names these tests."""
import pytest
from bed import new_id, refused
from test_grants import granted
from test_release import started
from test_secrets import upload

POLICIES = ["user", "host", "deployment"]
ATTENDED = ["start", "restore", "unshelve", "evacuate", "rescue", "rebuild"]
UNATTENDED = ["reboot", "autostart", "resume"]
# Under host the sealed copy stands in for one more start of the same system on the same host.
COPY_SERVES = ["start", "reboot", "autostart", "resume", "restore", "unshelve"]


def ran(b, security):
    """An instance that started on h1 and stopped again; under host h1 keeps a copy."""
    i, attempt = started(b, security), new_id()
    assert b.h1.release(i, attempt=attempt, lease=True).status_code == 200
    b.h1.report("started", i, attempt)
    b.h1.report("stopped", i, attempt)
    return i


def asks(b, i, purpose, security):
    copy = {"lease": True, "holds_copy": 1} if security == "host" else {}
    return b.h1.release(i, purpose=purpose, **copy)


@pytest.mark.parametrize("security", POLICIES)
def test_owner_brings_a_value_and_the_host_gets_it(broker, security):
    i, value = broker.owner.create(security=security, secret="upload"), b"brought" * 9
    assert upload(broker.owner, i, value).status_code == 200
    broker.operator.place(i, "h1")
    if security != "deployment":
        broker.owner.permit(i)
    assert broker.h1.open(broker.h1.release(i).json()["jwe"])[1] == value


@pytest.mark.parametrize("purpose", ATTENDED + UNATTENDED)
def test_user_nothing_comes_without_the_owners_word(broker, purpose):
    i = ran(broker, "user")
    missing = "permit_used" if purpose == "start" else "permit_missing"
    refused(asks(broker, i, purpose, "user"), missing)


@pytest.mark.parametrize("purpose", ATTENDED + UNATTENDED)
def test_user_a_word_is_for_its_purpose(broker, purpose):
    i = ran(broker, "user")
    if purpose in UNATTENDED:
        granted(broker, i, purpose=purpose)
    else:
        broker.owner.permit(i, purpose=purpose)
    assert asks(broker, i, purpose, "user").json()["kind"] == "sealed"
    refused(asks(broker, i, purpose, "user"), "permit_used")


@pytest.mark.parametrize("purpose", COPY_SERVES)
def test_host_the_copy_serves(broker, purpose):
    i = ran(broker, "host")
    assert asks(broker, i, purpose, "host").json()["kind"] == "use_copy"


@pytest.mark.parametrize("purpose", ["evacuate", "rescue", "rebuild"])
def test_host_the_copy_does_not_serve(broker, purpose):
    i = ran(broker, "host")
    refused(asks(broker, i, purpose, "host"), "permit_missing")
    broker.owner.permit(i, purpose=purpose)
    assert asks(broker, i, purpose, "host").json()["kind"] == "sealed"


@pytest.mark.parametrize("purpose", ATTENDED + UNATTENDED)
def test_deployment_the_placed_host_gets_it(broker, purpose):
    i = ran(broker, "deployment")
    assert asks(broker, i, purpose, "deployment").json()["kind"] == "sealed"
    secret = broker.owner.get(f"/v1/instances/{i}").json()["secret"]["id"]
    refused(broker.h2.release(i, purpose=purpose, secret=secret), "not_placed_here")


@pytest.mark.parametrize("security", POLICIES)
def test_a_clone_has_no_record_and_gets_nothing(broker, security):
    i = ran(broker, security)
    broker.owner.permit(i, purpose="clone")
    refused(asks(broker, i, "clone", security), "not_a_release")


@pytest.mark.parametrize("security", POLICIES)
def test_evacuation_to_a_host_of_the_operators_choice(own_broker, security):
    b = own_broker
    i, attempt = started(b, security), new_id()
    assert b.h1.release(i, attempt=attempt, lease=True).status_code == 200
    b.h1.report("started", i, attempt)
    refused(b.operator.post(f"/v1/instances/{i}/place", {"host": "h2"}), "placed_elsewhere")
    b.host_admin.post("/v1/hosts/h1/fence")
    b.operator.place(i, "h2", host_is_off=True)
    if security != "deployment":
        assert b.h2.release(i).json()["code"] == "permit_foreign"
        b.owner.permit(i)
    assert b.h2.release(i).json()["kind"] == "sealed"
    refused(b.h1.release(i), "host_fenced")


@pytest.mark.parametrize("security", POLICIES)
def test_policy_stays_as_it_was_chosen(broker, security):
    """No route changes it, and asking for the instance under another is a conflict."""
    other = POLICIES[POLICIES.index(security) - 1]
    i = broker.owner.create(security=security)
    r = broker.owner.put(f"/v1/instances/{i}", {"name": "vm", "security": other})
    refused(r, "exists_different")
    shown = broker.owner.get(f"/v1/instances/{i}").json()
    assert shown["security"] == security


@pytest.mark.parametrize("security", POLICIES)
def test_no_route_deletes_an_instance(broker, security):
    i = ran(broker, security)
    for who in (broker.owner, broker.operator):
        refused(who.delete(f"/v1/instances/{i}"), "wrong_method")
    assert broker.owner.get(f"/v1/instances/{i}").json()["state"] == "expected"
