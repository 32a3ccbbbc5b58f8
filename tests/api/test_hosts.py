# SPDX-License-Identifier: Apache-2.0
"""Hosts enrol, are approved, fenced, revoked; they report; operators set policies."""
import base64
import hashlib
import threading

import pkcs10
import pytest
from bed import NIL, Host, new_id, refused


def token_for(b, name):
    r = b.host_admin.post("/v1/host-tokens", {"name": name})
    assert r.status_code == 201, r.text
    return r.json()


def state_of(b, name):
    return b.auditor.get(f"/v1/hosts/{name}").json()["state"]


def verb(b, name, what, **body):
    return b.host_admin.post(f"/v1/hosts/{name}/{what}", body)


def name():
    return f"n{new_id()[:8]}"


# ---- enrolment ----

def test_an_enrolled_host_waits_for_approval_and_knows_it(broker):
    h = Host(broker, name()).enroll(approve=False)
    mine = h.get("/v1/hosts/self").json()
    assert (mine["name"], mine["state"], mine["key_hash"]) == (h.name, "pending", h.fingerprint)
    assert h.enrolled["fingerprint"] == h.fingerprint
    refused(h.get("/v1/hosts/self/instances"), "host_pending")
    refused(h.release(new_id()), "host_pending")
    refused(h.post("/v1/hosts/self/renew", {"csr": h.csr(NIL)}), "host_pending")


def test_approval_is_by_the_fingerprint(broker):
    h = Host(broker, name()).enroll(approve=False)
    refused(verb(broker, h.name, "approve", fingerprint="0" * 64), "bad_value", "fingerprint")
    refused(verb(broker, h.name, "approve"), "missing_field", "fingerprint")
    assert state_of(broker, h.name) == "pending"
    for _ in range(2):
        r = verb(broker, h.name, "approve", fingerprint=h.fingerprint)
        assert r.status_code == 200 and r.json()["state"] == "approved"
    assert h.get("/v1/hosts/self/instances").json() == {"items": [], "next": None}


def test_the_enrolment_string_pins_the_ca(broker):
    token = token_for(broker, name())
    assert token["ca"] == broker.anybody.get("/v1").json()["ca"]
    assert len(token["token"]) == 43


def test_an_enrolment_token_is_for_one_use(broker):
    first, second = Host(broker, "one-use"), Host(broker, "one-use")
    token = token_for(broker, "one-use")
    assert first.ask_to_enroll(token).status_code == 201
    refused(second.ask_to_enroll(token), "enroll_token_used")
    refused(first.ask_to_enroll(token), "enroll_token_used")


def test_one_token_and_many_hosts_at_once_make_one_host(broker):
    token = token_for(broker, "crowd")
    codes = []

    def enroll():
        codes.append(Host(broker, "crowd").ask_to_enroll(token).status_code)

    threads = [threading.Thread(target=enroll) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(codes) == [201] + [403] * 7


def test_two_tokens_of_one_name_at_once_make_one_host(broker):
    tokens = [token_for(broker, "twins") for _ in range(2)]
    codes = []
    threads = [threading.Thread(target=lambda t=t: codes.append(
        Host(broker, "twins").ask_to_enroll(t).status_code)) for t in tokens]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(codes) == [201, 409]


def test_a_token_is_for_its_name_and_its_holder(broker):
    h = Host(broker, "right-name")
    token = token_for(broker, "right-name")
    csr = h.csr(token["id"], name="other-name")
    refused(h.ask_to_enroll(token, csr=csr), "enroll_token_invalid", "csr")
    refused(h.ask_to_enroll({**token, "token": "A" * 43}), "enroll_token_invalid")
    other = token_for(broker, "else")
    refused(h.ask_to_enroll({**token, "id": other["id"]}, csr=h.csr(other["id"])),
            "enroll_token_invalid")
    refused(h.ask_to_enroll({**token, "id": new_id()}), "enroll_token_invalid")
    assert h.ask_to_enroll(token).status_code == 201


def test_both_keys_are_proven_for_this_token(broker):
    h = Host(broker, "proof")
    token, other = token_for(broker, "proof"), token_for(broker, "proof")
    refused(h.ask_to_enroll(token, csr=h.csr(other["id"])), "bad_csr")
    refused(h.ask_to_enroll(token, csr="-----BEGIN CERTIFICATE REQUEST-----\n"), "bad_csr")
    refused(h.ask_to_enroll(token, csr="x" * 4096), "bad_value", "csr")
    assert h.ask_to_enroll(token).status_code == 201


@pytest.mark.parametrize("change, code, field", [
    ({"policies": []}, "bad_value", "policies"),
    ({"policies": ["user", "root"]}, "bad_value", "policies"),
    ({"policies": "user"}, "bad_type", "policies"),
    ({"protocol": 0}, "bad_value", "protocol"),
    ({"protocol": "1"}, "bad_type", "protocol"),
    ({"features": ["a b"]}, "bad_value", "features"),
    ({"address": ""}, "bad_value", "address"),
    ({"address": "\x1b[2J"}, "bad_value", "address"),
    ({"extra": 1}, "unknown_field", "extra"),
    ({"token_id": "x"}, "bad_uuid", "token_id"),
    ({"token": "short"}, "bad_value", "token"),
    ({"csr": None}, "bad_type", "csr"),
])
def test_a_bad_enrolment_names_the_field_and_costs_no_token(broker, change, code, field):
    h = Host(broker, name())
    token = token_for(broker, h.name)
    body = {"token_id": token["id"], "token": token["token"], "csr": h.csr(token["id"]),
            "policies": ["user"], "protocol": 1, "features": []}
    refused(broker.anybody.post("/v1/enroll", {**body, **change}), code, field)
    assert broker.anybody.post("/v1/enroll", body).status_code == 201


@pytest.mark.parametrize("bad", ["", "-a", "a b", "a/b", "a" * 64, "ä", "self"])
def test_a_name_that_is_none(broker, bad):
    refused(broker.host_admin.post("/v1/host-tokens", {"name": bad}), "bad_value", "name")


def test_a_name_belongs_to_its_key(broker):
    mine = name()
    h = Host(broker, mine).enroll()
    refused(Host(broker, mine).ask_to_enroll(token_for(broker, mine)), "host_name_taken")
    assert h.enroll(approve=False).enrolled["state"] == "approved"
    elsewhere = Host(broker, name())
    elsewhere.identity = h.identity
    refused(elsewhere.ask_to_enroll(token_for(broker, elsewhere.name)), "host_name_taken")


def test_another_sealing_key_needs_another_approval(broker):
    h = Host(broker, name()).enroll()
    h.sealing = pkcs10.key()
    assert h.enroll(approve=False).enrolled["state"] == "pending"


def test_enrolling_again_does_not_lift_a_fence(broker):
    h = Host(broker, name()).enroll()
    verb(broker, h.name, "fence")
    assert h.enroll(approve=False).enrolled["state"] == "fenced"
    refused(h.get("/v1/hosts/self/instances"), "host_fenced")
    h.sealing = pkcs10.key()
    h.enroll(approve=False)
    assert verb(broker, h.name, "unfence").json()["state"] == "pending"


def test_what_an_enrolled_host_is_given(broker):
    h = Host(broker, name()).enroll()
    e = h.enrolled
    assert e["ca"] == (broker.state / "ca.pem").read_text()
    assert e["broker"] == broker.anybody.get("/v1").json()["broker"]
    for key in ("statement_key", "recovery_key"):
        der = base64.urlsafe_b64decode(e[key] + "=" * (-len(e[key]) % 4))
        assert len(der) == 91  # a P-256 SubjectPublicKeyInfo
    assert e["statement_key"] != e["recovery_key"]


# ---- certificates ----

def test_renewal_keeps_name_and_keys(broker):
    h = Host(broker, name()).enroll()
    r = h.post("/v1/hosts/self/renew", {"csr": h.csr(NIL)})
    assert r.status_code == 200
    h.use_certificate(r.json()["certificate"])
    assert h.get("/v1/hosts/self").json()["state"] == "approved"
    foreign = Host(broker, h.name)
    refused(h.post("/v1/hosts/self/renew", {"csr": foreign.csr(NIL)}), "bad_csr", "csr")
    refused(h.post("/v1/hosts/self/renew", {"csr": h.csr(NIL, name="other")}), "bad_csr", "csr")
    foreign.identity = h.identity
    refused(h.post("/v1/hosts/self/renew", {"csr": foreign.csr(NIL)}), "bad_csr", "csr")
    refused(h.post("/v1/hosts/self/renew", {"csr": h.csr(new_id())}), "bad_csr")


# ---- states ----

def test_fence_and_unfence(broker):
    h = Host(broker, name()).enroll()
    for what, state in (("fence", "fenced"), ("fence", "fenced"), ("unfence", "approved"),
                        ("unfence", "approved")):
        r = verb(broker, h.name, what)
        assert r.status_code == 200 and r.json()["state"] == state
    verb(broker, h.name, "fence")
    refused(h.get("/v1/hosts/self/instances"), "host_fenced")
    assert h.get("/v1/hosts/self").json()["state"] == "fenced"
    refused(verb(broker, h.name, "approve", fingerprint=h.fingerprint), "host_fenced")


def test_a_fence_does_not_approve(broker):
    h = Host(broker, name()).enroll(approve=False)
    assert verb(broker, h.name, "fence").json()["state"] == "fenced"
    assert verb(broker, h.name, "unfence").json()["state"] == "pending"
    refused(h.get("/v1/hosts/self/instances"), "host_pending")


def test_revoked_is_for_good_and_frees_the_name(broker):
    h = Host(broker, name()).enroll()
    for _ in range(2):
        assert verb(broker, h.name, "revoke").json()["state"] == "revoked"
    refused(h.get("/v1/hosts/self"), "host_revoked")
    refused(verb(broker, h.name, "unfence"), "host_revoked")
    refused(verb(broker, h.name, "approve", fingerprint=h.fingerprint), "host_revoked")
    again = Host(broker, h.name).enroll()
    assert again.get("/v1/hosts/self").json()["state"] == "approved"
    assert state_of(broker, h.name) == "approved"
    refused(h.get("/v1/hosts/self"), "host_revoked")
    listed = broker.auditor.get("/v1/hosts?limit=500").json()["items"]
    assert sorted(i["state"] for i in listed if i["name"] == h.name) == ["approved", "revoked"]


def test_a_revoked_key_may_enrol_again_but_needs_approval(broker):
    h = Host(broker, name()).enroll()
    verb(broker, h.name, "revoke")
    assert h.enroll(approve=False).enrolled["state"] == "pending"
    refused(h.get("/v1/hosts/self/instances"), "host_pending")


@pytest.mark.parametrize("what", ["approve", "fence", "unfence", "revoke"])
def test_only_a_host_admin_changes_hosts(broker, what):
    body = {"fingerprint": broker.h1.fingerprint} if what == "approve" else {}
    for who in (broker.owner, broker.operator, broker.orchestrator, broker.auditor):
        refused(who.post(f"/v1/hosts/h1/{what}", body), "forbidden")
    refused(broker.anybody.post(f"/v1/hosts/h1/{what}", body), "unauthenticated")
    refused(broker.owner.post("/v1/host-tokens", {"name": "x"}), "forbidden")
    assert state_of(broker, "h1") == "approved"


def test_unknown_host(broker):
    refused(broker.host_admin.get("/v1/hosts/nobody"), "not_found")
    refused(verb(broker, "nobody", "fence"), "not_found")
    refused(broker.host_admin.get("/v1/hosts/-x"), "bad_value", "name")


def test_hosts_are_listed_page_by_page(broker):
    seen, after = [], ""
    while after is not None:
        page = broker.auditor.get("/v1/hosts", params={"limit": 3, "after": after}).json()
        assert len(page["items"]) <= 3
        seen += [(h["name"], h["fingerprint"]) for h in page["items"]]
        after = page["next"]
    assert len(seen) == len(set(seen)) and seen == sorted(seen)
    whole = broker.auditor.get("/v1/hosts?limit=500").json()["items"]
    assert seen == [(h["name"], h["fingerprint"]) for h in whole]
    for bad in ("0", "501", "x", "-1"):
        refused(broker.auditor.get(f"/v1/hosts?limit={bad}"), "bad_value", "limit")


# ---- reports ----

def released(b, security="deployment", host=None, **more):
    """An instance on h1 after its first release: (id, attempt)."""
    host = host or b.h1
    i = b.owner.create(security=security)
    b.operator.place(i, host.name)
    if security != "deployment":
        b.owner.permit(i)
    attempt = new_id()
    r = host.release(i, attempt=attempt, **more)
    assert r.status_code == 200, r.text
    return i, attempt


def shown(b, i):
    return b.owner.get(f"/v1/instances/{i}").json()


def test_started_makes_the_state_expected(broker):
    i, attempt = released(broker)
    broker.h1.report("started", i, attempt)
    assert shown(broker, i)["state"] == "expected" and shown(broker, i)["placement"]["running"]


def test_stopped_counts_for_the_newest_release_alone(broker):
    i, first = released(broker)
    second = new_id()
    assert broker.h1.release(i, attempt=second).status_code == 200
    broker.h1.report("stopped", i, first)
    assert shown(broker, i)["placement"]["running"]
    broker.h1.report("stopped", i, second)
    assert not shown(broker, i)["placement"]["running"]


@pytest.mark.parametrize("kind", ["started", "stopped", "used_copy", "copy_erased"])
def test_a_report_about_what_is_not_ones_own_is_recorded_and_changes_nothing(broker, kind):
    i, attempt = released(broker)
    before = shown(broker, i)
    broker.h2.report(kind, i, attempt)
    broker.h2.report(kind, new_id(), new_id())
    assert shown(broker, i) == before
    record = broker.audit(instance=i)[0]
    assert (record["verb"], record["reason"], record["host"]) == (f"report.{kind}", "passed_over", "h2")


def test_reports_repeated_after_a_lost_reply_count_once(broker):
    i, attempt = released(broker)
    h = Host(broker, name()).enroll()
    spool = new_id()
    reports = [{"kind": k, "instance": i, "attempt": attempt, "at": "2026-01-31T12:00:00Z"}
               for k in ("started", "used_copy", "stopped")]
    before = len(broker.audit(instance=i))
    for _ in range(3):
        r = h.post("/v1/hosts/self/reports", {"spool": spool, "seq": 1, "reports": reports})
        assert r.json() == {"seq": 3}
    assert len(broker.audit(instance=i)) == before + 3
    r = h.post("/v1/hosts/self/reports", {"spool": spool, "seq": 2, "reports": reports})
    assert r.json() == {"seq": 4}
    assert len(broker.audit(instance=i)) == before + 4
    r = h.post("/v1/hosts/self/reports", {"spool": new_id(), "seq": 1, "reports": reports[:1]})
    assert r.json() == {"seq": 1}


def test_a_host_goes_on_when_an_older_database_was_put_back(broker):
    i, attempt = released(broker)
    h = Host(broker, name()).enroll()
    spool = new_id()
    report = {"kind": "stopped", "instance": i, "attempt": attempt, "at": "2026-01-31T12:00:00Z"}
    for seq in (7, 12):
        body = {"spool": spool, "seq": seq, "reports": [report]}
        assert h.post("/v1/hosts/self/reports", body).json() == {"seq": seq}
    body = {"spool": spool, "seq": 7, "reports": [report]}
    assert h.post("/v1/hosts/self/reports", body).json() == {"seq": 12}


def test_a_hundred_reports_at_once(broker):
    h = Host(broker, name()).enroll()
    reports = [{"kind": "stopped", "instance": new_id(), "attempt": new_id(),
                "at": "2026-01-31T12:00:00Z"}] * 101
    body = {"spool": new_id(), "seq": 1, "reports": reports[:100]}
    assert h.post("/v1/hosts/self/reports", body).json() == {"seq": 100}
    refused(h.post("/v1/hosts/self/reports", {**body, "reports": reports}), "bad_value", "reports")


@pytest.mark.parametrize("change, code, field", [
    ({"kind": "exploded"}, "bad_value", "kind"),
    ({"kind": None}, "bad_type", "kind"),
    ({"at": "now"}, "bad_value", "at"),
    ({"at": "\x1b[2J2026-01-31T12:00Z"}, "bad_value", "at"),
    ({"instance": "x"}, "bad_uuid", "instance"),
    ({"attempt": 1}, "bad_type", "attempt"),
    ({"more": True}, "unknown_field", "more"),
])
def test_a_batch_with_a_bad_report_is_refused_whole(broker, change, code, field):
    i, attempt = released(broker)
    good = {"kind": "started", "instance": i, "attempt": attempt, "at": "2026-01-31T12:00:00Z"}
    refused(broker.h1.post("/v1/hosts/self/reports", {
        "spool": broker.h1.spool, "seq": broker.h1.seq + 1, "reports": [good, {**good, **change}]}),
        code, field)
    assert shown(broker, i)["state"] == "possible"


@pytest.mark.parametrize("body, code", [
    ({}, "missing_field"),
    ({"spool": "x", "seq": 1, "reports": [{}]}, "bad_uuid"),
    ({"spool": NIL.replace("0", "a"), "seq": 0, "reports": [{}]}, "bad_value"),
    ({"spool": NIL.replace("0", "a"), "seq": 1, "reports": []}, "bad_value"),
    ({"spool": NIL.replace("0", "a"), "seq": 1, "reports": [1]}, "bad_type"),
    ({"spool": NIL.replace("0", "a"), "seq": 1, "reports": [{}], "more": 1}, "unknown_field"),
])
def test_a_batch_that_is_none(broker, body, code):
    refused(broker.h1.post("/v1/hosts/self/reports", body), code)


def test_a_start_from_the_copy_is_recorded_and_is_the_newest_attempt(broker):
    i, attempt = released(broker, "host", lease=True)
    broker.h1.report("started", i, attempt)
    broker.h1.report("stopped", i, attempt)
    offline = new_id()
    broker.h1.report("used_copy", i, offline)
    assert shown(broker, i)["placement"]["running"]
    assert broker.audit(instance=i)[0]["verdict"] == "used_copy"
    broker.h1.report("stopped", i, attempt)
    assert shown(broker, i)["placement"]["running"]
    broker.h1.report("stopped", i, offline)
    assert not shown(broker, i)["placement"]["running"]


def test_an_erased_copy_counts_only_after_the_newest_release(broker):
    i, first = released(broker, "host", lease=True)
    own = lambda: [e for e in broker.h1.get("/v1/hosts/self/instances?limit=500").json()["items"]
                   if e["id"] == i][0]["copy"]
    assert own()
    second = new_id()
    broker.owner.permit(i)
    assert broker.h1.release(i, attempt=second, lease=True).status_code == 200
    broker.h1.report("copy_erased", i, first)
    assert own()
    broker.h1.report("copy_erased", i, second)
    assert not own()


def test_a_copy_erased_after_a_refused_attempt_counts_once_the_guest_has_stopped(broker):
    i, attempt = released(broker, "host", lease=True)
    copy = lambda: [e for e in broker.h1.get("/v1/hosts/self/instances?limit=500").json()["items"]
                    if e["id"] == i][0]["copy"]
    broker.h1.report("copy_erased", i, new_id())
    assert copy()
    broker.h1.report("stopped", i, attempt)
    broker.h1.report("copy_erased", i, new_id())
    assert not copy()


# ---- policies ----

def put_image(b, image, generation, **body):
    return b.operator.put(f"/v1/images/{image}", body, headers={"If-Match": f'"{generation}"'})


def test_a_policy_edit_names_the_generation_it_read(broker):
    image = name()
    refused(broker.operator.put(f"/v1/images/{image}", {}), "precondition_required")
    refused(put_image(broker, image, 1), "precondition_failed")
    r = put_image(broker, image, 0, allowed=["host", "user"], default="host")
    assert r.status_code == 201 and r.headers["ETag"] == '"1"'
    assert r.json() == {"name": image, "allowed": ["user", "host"], "default": "host",
                        "generation": 1}
    refused(put_image(broker, image, 0), "precondition_failed")
    assert put_image(broker, image, 1, allowed=["user"]).json()["default"] is None
    read = broker.owner.get(f"/v1/images/{image}")
    assert read.json()["generation"] == 2 and read.headers["ETag"] == '"2"'
    assert image in [i["name"] for i in broker.owner.get("/v1/images?limit=500").json()["items"]]


@pytest.mark.parametrize("body, code, field", [
    ({"allowed": ["root"]}, "bad_value", "allowed"),
    ({"allowed": "user"}, "bad_type", "allowed"),
    ({"allowed": ["user", "user"]}, "bad_value", "allowed"),
    ({"default": "root"}, "bad_value", "default"),
    ({"allowed": ["user"], "default": "host"}, "bad_value", "default"),
    ({"forbidden": []}, "unknown_field", "forbidden"),
])
def test_a_policy_that_is_none(broker, body, code, field):
    refused(put_image(broker, name(), 0, **body), code, field)


def test_only_an_operator_sets_policies_and_an_image_without_one_is_not_found(broker):
    image = name()
    for who in (broker.owner, broker.orchestrator, broker.host_admin, broker.auditor):
        refused(who.put(f"/v1/images/{image}", {}, headers={"If-Match": '"0"'}), "forbidden")
        refused(who.put("/v1/deployment", {}, headers={"If-Match": '"0"'}), "forbidden")
    refused(broker.owner.get(f"/v1/images/{image}"), "not_found")
    refused(broker.h1.get("/v1/deployment"), "forbidden")


def test_the_deployment_has_a_policy_from_the_start(own_broker):
    b = own_broker
    assert b.owner.get("/v1/deployment").json() == {"name": "-", "allowed": [], "default": None,
                                                    "generation": 0}
    r = b.operator.put("/v1/deployment", {"allowed": ["deployment"]}, headers={"If-Match": '"0"'})
    assert r.status_code == 201
    i = b.owner.create()
    assert b.owner.get(f"/v1/instances/{i}").json()["security"] == "deployment"


# ---- audit ----

def test_an_owner_reads_the_records_of_an_own_instance(broker):
    i, _ = released(broker)
    mine = broker.owner.get(f"/v1/audit?instance={i}").json()["items"]
    assert [a["verb"] for a in mine] == ["instance.create", "place", "release"]
    assert all(a["address"] is None and a["credential"] is None for a in mine)
    assert all(a["instance"] == i for a in mine)
    refused(broker.owner.get("/v1/audit"), "missing_field", "instance")
    refused(broker.member.get(f"/v1/audit?instance={i}"), "forbidden")
    refused(broker.stranger.get(f"/v1/audit?instance={i}"), "not_found")
    refused(broker.stranger.get(f"/v1/audit?instance={new_id()}"), "not_found")
    for who in (broker.operator, broker.orchestrator, broker.host_admin, broker.h1):
        refused(who.get(f"/v1/audit?instance={i}"), "forbidden")


def test_an_auditor_reads_all_with_address_and_credential(broker):
    i, _ = released(broker)
    release = broker.audit(instance=i)[0]
    assert release["address"] and release["credential"] == broker.h1.fingerprint
    assert release["kind"] == "host" and release["verdict"] == "allowed"


def test_pages_of_the_trail_join_without_gap(broker):
    whole = broker.auditor.get("/v1/audit?limit=500").json()["items"]
    seen, after = [], None
    while len(seen) < 20:
        page = broker.auditor.get("/v1/audit", params={"limit": 3, "after": after}).json()
        seen += [a["seq"] for a in page["items"]]
        after = page["next"]
    assert seen == [a["seq"] for a in whole][:len(seen)]
    newest = broker.auditor.get("/v1/audit?limit=2&newest=true").json()
    older = broker.auditor.get(f"/v1/audit?limit=2&newest=true&after={newest['next']}").json()
    numbers = [a["seq"] for a in newest["items"] + older["items"]]
    assert numbers == sorted(numbers, reverse=True) and len(set(numbers)) == 4
    refused(broker.auditor.get("/v1/audit?after=x"), "bad_value", "after")
    refused(broker.auditor.get("/v1/audit?instance=x"), "bad_uuid", "instance")


def test_verification_finds_a_changed_record(own_broker):
    b = own_broker
    i, _ = released(b)
    assert b.auditor.get("/v1/audit/verify").json()["ok"]
    refused(b.owner.get("/v1/audit/verify"), "forbidden")
    b.sql("UPDATE audit SET verdict = 'refused' WHERE verb = 'release'")
    found = b.auditor.get("/v1/audit/verify").json()
    assert not found["ok"] and found["bad"]["writer"].startswith("broker:")


def test_a_refusal_is_recorded(broker):
    r = broker.owner.post("/v1/hosts/h1/fence", {})
    refused(r, "forbidden")
    assert any(a["verb"] == "host.fence" and a["verdict"] == "refused" and a["subject"] == "alice"
               for a in broker.audit())


def test_the_fingerprint_is_the_hash_of_the_identity_key(broker):
    assert hashlib.sha256(pkcs10.spki(broker.h1.identity)).hexdigest() == broker.h1.fingerprint
    assert broker.auditor.get("/v1/hosts/h1").json()["fingerprint"] == broker.h1.fingerprint
