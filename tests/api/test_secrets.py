# SPDX-License-Identifier: Apache-2.0
"""Uploading, reading back and giving up the value."""
import os

import pytest
from bed import new_id, refused
from test_release import started

BYTES = {"Content-Type": "application/octet-stream"}


def upload(who, i, value, **query):
    return who.put(f"/v1/instances/{i}/secret", data=value, headers=BYTES, params=query)


def read(who, i):
    return who.get(f"/v1/instances/{i}/secret")


@pytest.mark.parametrize("length", [32, 33, 64, 4095, 4096])
def test_uploaded_value_comes_back_bit_for_bit(broker, length):
    i, value = broker.owner.create(secret="upload"), os.urandom(length)
    said = upload(broker.owner, i, value).json()
    assert (said["version"], said["origin"], said["weak"]) == (1, "uploaded", False)
    r = read(broker.owner, i)
    assert r.content == value and r.headers["Content-Type"] == "application/octet-stream"
    broker.operator.place(i, "h1")
    broker.owner.permit(i)
    assert broker.h1.open(broker.h1.release(i).json()["jwe"])[1] == value


@pytest.mark.parametrize("value", [b"\0" * 40, b"\r\n" * 20, bytes(range(256)), b"{}" * 20])
def test_any_bytes_are_a_value(broker, value):
    i = broker.owner.create(secret="upload")
    assert upload(broker.owner, i, value).status_code == 200
    assert read(broker.owner, i).content == value


@pytest.mark.parametrize("length,code", [(0, "bad_secret_length"), (1, "bad_secret_length"),
                                         (31, "bad_secret_length"), (4097, "bad_secret_length"),
                                         (8192, "bad_secret_length"), (8193, "too_large"),
                                         (1 << 20, "too_large")])
def test_bad_length(broker, length, code):
    i = broker.owner.create(secret="upload")
    refused(upload(broker.owner, i, b"x" * length), code)


def test_weak_value_is_recorded_as_such(broker):
    i = broker.owner.create(secret="upload")
    refused(upload(broker.owner, i, b"abc", weak="false"), "bad_secret_length")
    refused(upload(broker.owner, i, b"abc", weak="maybe"), "bad_value", "weak")
    assert upload(broker.owner, i, b"abc", weak="true").json()["weak"]
    assert broker.owner.get(f"/v1/instances/{i}").json()["secret"]["weak"]
    assert not upload(broker.owner, i, b"x" * 32, weak="true").json()["weak"]
    refused(upload(broker.owner, i, b"", weak="true"), "bad_secret_length")


def test_upload_replaces_while_nothing_rests_on_it(broker):
    i = broker.owner.create()
    assert upload(broker.owner, i, b"n" * 40).json()["version"] == 2
    assert read(broker.owner, i).content == b"n" * 40


def test_upload_does_not_lock_a_guest_out(broker):
    i = started(broker, "user")
    attempt = new_id()
    broker.h1.release(i, attempt=attempt)
    refused(upload(broker.owner, i, b"n" * 40), "state_exists")
    refused(broker.owner.post(f"/v1/instances/{i}/new-tpm"), "state_busy")
    broker.h1.report("stopped", i, attempt)
    assert broker.owner.post(f"/v1/instances/{i}/new-tpm").json()["state"] == "none"
    assert upload(broker.owner, i, b"n" * 40).status_code == 200


def test_upload_waits_for_a_copy_of_the_old_value(broker):
    i, attempt = started(broker, "host"), new_id()
    broker.h1.release(i, attempt=attempt, lease=True)
    broker.h1.report("stopped", i, attempt)
    assert broker.owner.post(f"/v1/instances/{i}/new-tpm").json()["state"] == "none"
    detail = refused(upload(broker.owner, i, b"n" * 40), "state_exists")["detail"]
    assert "copy" in detail
    broker.h1.report("copy_erased", i, attempt)
    assert upload(broker.owner, i, b"n" * 40).json()["version"] == 2


def test_deployment_has_no_reader(broker):
    i = broker.owner.create(security="deployment")
    refused(read(broker.owner, i), "no_reader")


@pytest.mark.parametrize("security", ["user", "host", "deployment"])
@pytest.mark.parametrize("who", ["member", "operator", "orchestrator", "host_admin", "auditor",
                                 "stranger", "h1", "anybody"])
def test_nobody_else_reads_or_writes(broker, who, security):
    i, caller = broker.owner.create(security=security), getattr(broker, who)
    broker.operator.place(i, "h1")
    assert read(caller, i).json()["code"] in ("forbidden", "not_found", "unauthenticated")
    r = upload(caller, i, b"x" * 40)
    assert r.json()["code"] in ("forbidden", "not_found", "unauthenticated")
    r = caller.post(f"/v1/instances/{i}/new-tpm")
    assert r.json()["code"] in ("forbidden", "not_found", "unauthenticated")


def test_read_back_is_audited(broker):
    i = broker.owner.create()
    read(broker.owner, i)
    newest = broker.audit(instance=i)[0]
    assert (newest["verb"], newest["purpose"], newest["subject"]) == \
        ("secret.read", "read-back", "alice")


def test_nothing_to_read(broker):
    i = broker.owner.create(secret="upload")
    refused(read(broker.owner, i), "no_value")


def test_upload_is_not_json(broker):
    i = broker.owner.create(secret="upload")
    r = broker.owner.put(f"/v1/instances/{i}/secret", data=b"x" * 40,
                         headers={"Content-Type": "application/json"})
    refused(r, "bad_content_type")
