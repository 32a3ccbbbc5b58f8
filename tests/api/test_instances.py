# SPDX-License-Identifier: Apache-2.0
"""Creating instances, who sees them, and which policy they get."""
import pytest
from bed import new_id, refused


def show(who, i):
    return who.get(f"/v1/instances/{i}")


def set_image(b, name, was=0, **body):
    r = b.operator.put(f"/v1/images/{name}", body, headers={"If-Match": f'"{was}"'})
    assert r.status_code in (200, 201), r.text
    return r.json()["generation"]


def test_create_is_repeatable(broker):
    i, body = new_id(), {"name": "Größe 日本", "image": "deb12", "security": "host",
                         "hosts": ["h1", "h2"]}
    first = broker.owner.put(f"/v1/instances/{i}", body)
    assert first.status_code == 201 and first.headers["Location"] == f"/v1/instances/{i}"
    assert first.headers["ETag"] == '"1"'
    again = broker.owner.put(f"/v1/instances/{i}", body)
    assert again.status_code == 200 and again.json() == first.json() == show(broker.owner, i).json()
    for other in ({"name": "x"}, {**body, "name": "x"}, {**body, "image": "x"},
                  {**body, "security": "user"}, {**body, "hosts": ["h1"]},
                  {**body, "flavor": "x"}, {**body, "secret": "upload"}):
        refused(broker.owner.put(f"/v1/instances/{i}", other), "exists_different")
    refused(broker.member.put(f"/v1/instances/{i}", body), "exists_different")


def test_create_with_upload_is_repeatable(broker):
    i, body = new_id(), {"name": "vm", "secret": "upload"}
    made = broker.owner.put(f"/v1/instances/{i}", body)
    assert made.status_code == 201
    assert made.json()["secret"] == {"id": made.json()["secret"]["id"], "version": 0,
                                     "origin": None, "weak": False}
    assert broker.owner.put(f"/v1/instances/{i}", body).status_code == 200
    broker.owner.put(f"/v1/instances/{i}/secret", data=b"u" * 40,
                     headers={"Content-Type": "application/octet-stream"})
    assert broker.owner.put(f"/v1/instances/{i}", body).status_code == 200
    refused(broker.owner.put(f"/v1/instances/{i}", {"name": "vm"}), "exists_different")


def test_creator_is_the_owner(broker):
    made = show(broker.owner, broker.owner.create()).json()
    assert (made["owner"], made["project"]) == ("alice", "p1")
    assert made["issuer"].startswith("broker:")
    assert made["state"] == "none" and made["placement"] is None
    assert made["secret"]["origin"] == "generated"


def test_foreign_project_is_not_there(broker):
    i = broker.owner.create()
    unknown = refused(show(broker.stranger, new_id()), "not_found")
    foreign = refused(show(broker.stranger, i), "not_found")
    assert {k: unknown[k] for k in ("title", "status", "field", "next")} == \
           {k: foreign[k] for k in ("title", "status", "field", "next")}
    assert unknown["detail"].split()[:-1] == foreign["detail"].split()[:-1]
    refused(broker.stranger.put(f"/v1/instances/{i}", {"name": "vm"}), "not_found")
    refused(broker.stranger.get(f"/v1/instances/{i}/secret"), "not_found")
    refused(broker.stranger.get(f"/v1/instances/{i}/explain"), "not_found")
    refused(broker.stranger.get(f"/v1/instances/{i}/permits"), "not_found")
    refused(broker.stranger.put(f"/v1/instances/{i}/permits/{new_id()}", {}), "not_found")
    refused(broker.stranger.post(f"/v1/instances/{i}/new-tpm"), "not_found")
    refused(broker.stranger.get("/v1/audit", params={"instance": i}), "not_found")
    listed = broker.stranger.get("/v1/instances", params={"match": i}).json()
    assert listed == {"items": [], "next": None}


def test_a_refusal_to_create_tells_nothing_of_a_foreign_instance(own_broker):
    b = own_broker
    foreign = b.owner.create()
    r = b.operator.put("/v1/deployment", {"allowed": ["user"]}, headers={"If-Match": '"0"'})
    assert r.status_code == 201
    for i in (foreign, new_id()):
        r = b.stranger.put(f"/v1/instances/{i}", {"name": "vm", "security": "host"})
        refused(r, "policy_conflict")


def test_who_sees_an_instance(broker):
    i = broker.owner.create()
    foreign = broker.stranger.create()
    for who in (broker.owner, broker.member, broker.operator, broker.orchestrator, broker.auditor):
        assert show(who, i).status_code == 200, who.name
    refused(show(broker.host_admin, i), "not_found")
    refused(show(broker.h1, i), "not_found")
    refused(show(broker.orchestrator, foreign), "not_found")
    assert show(broker.operator, foreign).status_code == 200
    broker.operator.place(i, "h1")
    assert show(broker.h1, i).json()["placement"] == {"host": "h1", "epoch": 1, "running": False}
    refused(show(broker.h2, i), "not_found")


def test_list_matches_name_and_uuid(own_broker):
    b = own_broker
    ids = sorted(b.owner.create(name=f"web-{n % 2}") for n in range(6))
    b.stranger.create(name="web-0")
    named = b.owner.get("/v1/instances", params={"match": "web-0"}).json()["items"]
    assert len(named) == 3 and {x["name"] for x in named} == {"web-0"}
    one = b.owner.get("/v1/instances", params={"match": ids[0][:13]}).json()["items"]
    assert [x["id"] for x in one] == [ids[0]]
    seen, after = [], ""
    while after is not None:
        page = b.owner.get("/v1/instances", params={"limit": 4, "after": after}).json()
        assert len(page["items"]) <= 4
        seen += [x["id"] for x in page["items"]]
        after = page["next"]
    assert seen == ids


def test_list_of_an_operator_of_some_projects(own_broker):
    b = own_broker
    mine = sorted(b.owner.create() for _ in range(3))
    for _ in range(7):
        b.stranger.create()
    seen, after = [], ""
    while after is not None:
        page = b.orchestrator.get("/v1/instances", params={"limit": 2, "after": after}).json()
        seen += [x["id"] for x in page["items"]]
        after = page["next"]
    assert seen == mine
    assert len(b.auditor.get("/v1/instances").json()["items"]) == 10
    refused(b.host_admin.get("/v1/instances"), "forbidden")


def test_policy_is_the_strongest_without_any_word(own_broker):
    made = show(own_broker.owner, own_broker.owner.create(image="plain")).json()
    assert (made["security"], made["requested"]) == ("user", None)
    assert made["provenance"] == "the built-in default"


def test_policy_follows_the_image_before_the_deployment(own_broker):
    b = own_broker
    b.operator.put("/v1/deployment", {"default": "host"}, headers={"If-Match": '"0"'})
    set_image(b, "win11", default="deployment")
    made = show(b.owner, b.owner.create(image="win11")).json()
    assert (made["security"], made["provenance"]) == ("deployment", "default of the image win11")
    made = show(b.owner, b.owner.create(image="other")).json()
    assert (made["security"], made["provenance"]) == ("host", "default of the deployment")
    made = show(b.owner, b.owner.create(image="win11", security="user")).json()
    assert (made["security"], made["requested"]) == ("user", "user")
    assert made["provenance"] == "the creator's request"


def test_policies_that_cannot_be_met_together_are_named(own_broker):
    b = own_broker
    b.operator.put("/v1/deployment", {"allowed": ["user", "host"]}, headers={"If-Match": '"0"'})
    set_image(b, "shared", allowed=["deployment"])
    r = b.owner.put(f"/v1/instances/{new_id()}", {"name": "vm", "image": "shared"})
    detail = refused(r, "policy_conflict", "security")["detail"]
    assert "deployment (user or host)" in detail and "image (deployment)" in detail
    r = b.owner.put(f"/v1/instances/{new_id()}", {"name": "vm", "security": "deployment"})
    detail = refused(r, "policy_conflict")["detail"]
    assert "request (deployment)" in detail and "image" not in detail


def test_choice_is_never_restamped(own_broker):
    b = own_broker
    generation = set_image(b, "deb", default="host")
    i = b.owner.create(image="deb")
    set_image(b, "deb", was=generation, allowed=["user"])
    assert show(b.owner, i).json()["security"] == "host"


def test_setting_needs_the_generation(own_broker):
    b = own_broker
    refused(b.operator.put("/v1/images/x", {"allowed": ["user"]}), "precondition_required")
    set_image(b, "x", allowed=["user"])
    r = b.operator.put("/v1/images/x", {"allowed": ["host"]}, headers={"If-Match": '"0"'})
    refused(r, "precondition_failed")
    refused(b.owner.put("/v1/images/x", {}, headers={"If-Match": '"1"'}), "forbidden")


@pytest.mark.parametrize("body,code,field", [
    ({}, "missing_field", "name"),
    ({"name": ""}, "bad_value", "name"),
    ({"name": "x" * 128}, "bad_value", "name"),
    ({"name": "a\nb"}, "bad_value", "name"),
    ({"name": "vm", "security": "weakest"}, "bad_value", "security"),
    ({"name": "vm", "security": "USER"}, "bad_value", "security"),
    ({"name": "vm", "secret": "mine"}, "bad_value", "secret"),
    ({"name": "vm", "hosts": []}, "bad_value", "hosts"),
    ({"name": "vm", "hosts": ["*"]}, "bad_value", "hosts"),
    ({"name": "vm", "hosts": ["h1", "h1"]}, "bad_value", "hosts"),
    ({"name": "vm", "hosts": [f"h{n}" for n in range(65)]}, "bad_value", "hosts"),
    ({"name": "vm", "hosts": "h1"}, "bad_type", "hosts"),
    ({"name": "vm", "owner": "bob"}, "unknown_field", "owner"),
])
def test_bad_create(broker, body, code, field):
    refused(broker.owner.put(f"/v1/instances/{new_id()}", body), code, field)


@pytest.mark.parametrize("who", ["operator", "orchestrator", "host_admin", "auditor"])
def test_only_members_create(broker, who):
    refused(getattr(broker, who).put(f"/v1/instances/{new_id()}", {"name": "vm"}), "forbidden")


def test_no_secret_before_the_root_key_has_a_backup(tmp_path):
    import bed
    b = bed.Broker(tmp_path).init(backup=False).start()
    try:
        refused(b.owner.put(f"/v1/instances/{new_id()}", {"name": "vm"}), "root_key_not_backed_up")
        b.run("backup", "--state", str(b.state), "--root-key", str(tmp_path / "elsewhere"))
        assert b.owner.put(f"/v1/instances/{new_id()}", {"name": "vm"}).status_code == 201
    finally:
        b.stop()
