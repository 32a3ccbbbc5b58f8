# SPDX-License-Identifier: Apache-2.0
"""Who is asking: tokens and certificates that are not good."""
import datetime

import pytest
from bed import Caller, Host, new_id, refused, until
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import pkcs10

DAY = datetime.timedelta(days=1)


def with_header(broker, value):
    c = Caller(broker, "someone")
    c.session.headers["Authorization"] = value
    return c


@pytest.mark.parametrize("value,code", [
    ("", "bad_token"), ("Bearer", "bad_token"), ("Bearer ", "bad_token"),
    ("Bearer vtpm_short", "bad_token"), ("Bearer vtpm_" + "A" * 43, "bad_token"),
    ("Basic YWxpY2U6eA==", "bad_token"), ("Bearer xtpm_" + "A" * 43, "bad_token"),
    ("Bearer vtpm_" + "A" * 42 + "=", "bad_token"), ("Bearer " + "A" * 2000, "bad_token")])
def test_token_that_is_none(broker, value, code):
    refused(with_header(broker, value).get("/v1/whoami"), code)


def test_no_identity(broker):
    refused(broker.anybody.get("/v1/whoami"), "unauthenticated")
    refused(broker.anybody.get("/v1/instances"), "unauthenticated")
    refused(broker.anybody.get("/v1/hosts/self"), "unauthenticated")
    refused(broker.owner.get("/v1/hosts/self"), "forbidden")


def test_token_of_another_broker(broker, own_broker):
    refused(with_header(broker, f"Bearer {own_broker.owner.token}").get("/v1/whoami"), "bad_token")


def test_revoked_token_ends_at_once(broker):
    p = broker.person("rita", "member")
    assert p.get("/v1/whoami").status_code == 200
    listed = broker.run("token", "list", "--state", str(broker.state)).stdout
    line = next(line for line in listed.splitlines() if "rita" in line)
    broker.run("token", "revoke", "--state", str(broker.state), line.split()[0])
    refused(p.get("/v1/whoami"), "token_revoked")


def test_roles_do_what_their_routes_say(broker):
    refused(broker.owner.get("/v1/hosts"), "forbidden")
    refused(broker.host_admin.get("/v1/deployment"), "forbidden")
    refused(broker.operator.post("/v1/host-tokens", {"name": "h9"}), "forbidden")
    refused(broker.operator.post("/v1/hosts/h1/fence"), "forbidden")
    refused(broker.operator.get("/v1/audit"), "forbidden")
    refused(broker.h1.get("/v1/instances"), "forbidden")
    refused(broker.auditor.put("/v1/deployment", {}, headers={"If-Match": '"0"'}), "forbidden")


def test_certificate_wins_on_host_routes_and_token_on_the_others(broker):
    broker.h1.session.headers["Authorization"] = f"Bearer {broker.owner.token}"
    try:
        assert broker.h1.get("/v1/hosts/self").json()["name"] == "h1"
        assert broker.h1.get("/v1/whoami").json()["subject"] == "alice"
    finally:
        del broker.h1.session.headers["Authorization"]


def certificate(issuer_key, issuer_name, key, name, begins=-DAY, ends=DAY):
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(name).issuer_name(issuer_name)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now + begins).not_valid_after(now + ends)
               .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False))
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(
        serialization.Encoding.PEM).decode()


def common_name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def imposter(broker, name, pem_of):
    h = Host(broker, name)
    h.identity = broker.h1.identity
    h.use_certificate(pem_of(h.identity))
    return h


def test_certificate_of_a_foreign_ca(broker):
    """The right name, even the right key; another signature."""
    key = pkcs10.key()
    h = imposter(broker, "h1", lambda k: certificate(key, common_name("another CA"), k,
                                                     common_name("h1")))
    refused(h.get("/v1/hosts/self"), "bad_certificate")


def test_certificate_of_a_ca_with_our_name(broker):
    ca = x509.load_pem_x509_certificate((broker.state / "ca.pem").read_bytes())
    h = imposter(broker, "h1", lambda k: certificate(pkcs10.key(), ca.subject, k,
                                                     common_name("h1")))
    refused(h.get("/v1/hosts/self"), "bad_certificate")


def test_self_signed_certificate(broker):
    h = imposter(broker, "h1", lambda k: certificate(k, common_name("h1"), k, common_name("h1")))
    refused(h.get("/v1/hosts/self"), "bad_certificate")


def test_states_of_a_host(own_broker):
    b = own_broker
    i = b.owner.create(security="deployment")
    b.operator.place(i, "h1")
    assert b.h1.release(i).status_code == 200
    b.host_admin.post("/v1/hosts/h1/fence")
    refused(b.h1.release(i), "host_fenced")
    refused(b.h1.get("/v1/hosts/self/instances"), "host_fenced")
    assert b.h1.get("/v1/hosts/self").json()["state"] == "fenced"
    b.host_admin.post("/v1/hosts/h1/unfence")
    assert b.h1.release(i).status_code == 200
    b.host_admin.post("/v1/hosts/h1/revoke")
    refused(b.h1.release(i), "host_revoked")
    refused(b.h1.get("/v1/hosts/self"), "host_revoked")
    waiting = Host(b, "h3").enroll(approve=False)
    refused(waiting.release(i), "host_pending")
    assert waiting.get("/v1/hosts/self").json()["state"] == "pending"


def test_open_connection_gives_no_grace(own_broker):
    """The fence holds on the very connection on which releases went before."""
    b = own_broker
    i = b.owner.create(security="deployment")
    b.operator.place(i, "h1")
    for _ in range(3):
        assert b.h1.release(i).status_code == 200
    b.host_admin.post("/v1/hosts/h1/fence")
    refused(b.h1.release(i), "host_fenced")


def test_refusals_of_one_kind_become_one_record_with_a_count(own_broker):
    b = own_broker
    i = b.owner.create(security="deployment")
    for _ in range(30):
        refused(b.h1.release(i), "not_found")
    records = [a for a in b.audit(instance=i) if a["verb"] == "release"]
    assert len(records) == 1
    assert b.stop() == 0
    b.start()
    records = [a for a in b.audit(instance=i) if a["verb"] == "release"]
    assert sorted(a["count"] for a in records) == [1, 29]


def test_unauthenticated_failures_are_limited_and_leave_no_record(own_broker):
    b = own_broker
    before = len(b.audit())
    bad, codes = with_header(b, "Bearer x"), set()
    until(lambda: codes.add(bad.get("/v1/whoami").json()["code"]) or "rate_limited" in codes,
          "the limit")
    assert codes == {"bad_token", "rate_limited"}
    assert len(b.audit()) == before
    assert b.owner.get("/v1/whoami").status_code == 200


def test_no_certificate_names_another_host(broker):
    """What counts is the key that enrolled, not a name in a request."""
    i = broker.owner.create(security="deployment")
    broker.operator.place(i, "h1")
    r = broker.h2.post(f"/v1/instances/{i}/release",
                       {"attempt": new_id(), "nonce": "n" * 20, "purpose": "start", "host": "h1"})
    refused(r, "unknown_field", "host")
    assert broker.h2.post(f"/v1/instances/{i}/release",
                          {"attempt": new_id(), "nonce": "n" * 20, "purpose": "start"}
                          ).json()["code"] == "not_found"
