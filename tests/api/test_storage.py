# SPDX-License-Identifier: Apache-2.0
"""A database that was tampered with, is locked, or has no room; nothing leaks, all resumes."""
import os
import subprocess
import sys
from contextlib import contextmanager

import bed
import pytest
from bed import new_id, refused
from moving import Move
from test_release import started


def alter(b, table, column, value, where):
    """Changes one column by hand."""
    assert b.sql(f"UPDATE {table} SET {column} = ? WHERE {where}", value) == 1


# What one who can write the database would like to say, for each table that confers authority.
LIES = [
    ("host", "state", "approved", "fenced"),
    ("host", "policies", 1, None),
    ("instance", "security", "deployment", None),
    ("instance", "owner", "mallory", None),
    ("instance", "project", "p2", None),
    ("instance", "state", "expected", None),
    ("placement", "host", "{h2}", None),
    ("placement", "epoch", 7, None),
    ("placement", "stopped", 1, None),
    ("permit", "uses_left", 5, None),
    ("permit", "until_us", 1 << 60, None),
    ("permit", "purpose", "start", None),
    ("version", "state", "retired", None),
    ("version", "weak", 1, None),
]


@pytest.mark.parametrize("table,column,value,state", LIES, ids=[f"{t}-{c}" for t, c, *_ in LIES])
def test_row_changed_by_hand_is_refused_and_named(own_broker, table, column, value, state):
    b = own_broker
    i = started(b, "user")
    where = {"host": "name = 'h1'", "permit": f"instance = '{i}'", "instance": f"id = '{i}'",
             "placement": f"instance = '{i}'"}.get(table, "1")
    if state == "fenced":
        b.host_admin.post("/v1/hosts/h1/fence")
    if (table, column) == ("permit", "purpose"):
        b.owner.delete(f"/v1/instances/{i}/permits/" + b.sql("SELECT id FROM permit")[0][0])
        p = b.owner.permit(i, purpose="reboot")
        where = f"id = '{p}'"
    alter(b, table, column, b.h2.fingerprint if value == "{h2}" else value, where)
    r = b.h1.release(i)
    assert r.json()["code"] in ("row_tampered", "permit_missing"), r.text
    if r.json()["code"] == "permit_missing":
        refused(b.owner.get(f"/v1/instances/{i}/permits"), "row_tampered")
    assert "jwe" not in r.text
    bed.until(lambda: table in b.log.read_text(), "the log names the table")
    assert any(a["reason"] == "row_tampered" and a["verdict"] == "failed" for a in b.audit())


def test_token_row_changed_by_hand(own_broker):
    b = own_broker
    assert b.member.get("/v1/whoami").status_code == 200
    b.sql("UPDATE token SET role = 'operator' WHERE subject = 'bob'")
    refused(b.member.get("/v1/whoami"), "row_tampered")


def test_setting_row_changed_by_hand(own_broker):
    b = own_broker
    b.operator.put("/v1/deployment", {"allowed": ["user"]}, headers={"If-Match": '"0"'})
    b.sql("UPDATE setting SET allowed = 7")
    refused(b.owner.put(f"/v1/instances/{new_id()}", {"name": "vm"}), "row_tampered")


def test_copy_row_changed_by_hand(own_broker):
    b = own_broker
    i = started(b, "host")
    b.h1.release(i, lease=True)
    b.sql("UPDATE copy SET lease_ends_us = lease_ends_us + 1")
    refused(b.h1.release(i, holds_copy=1, lease=True), "row_tampered")


def test_release_row_changed_by_hand(own_broker):
    b = own_broker
    i, attempt = started(b, "user"), new_id()
    b.h1.release(i, attempt=attempt)
    b.sql("UPDATE release SET at_us = at_us + 1")
    refused(b.h1.release(i, attempt=attempt), "row_tampered")


def test_enrolment_token_row_changed_by_hand(own_broker):
    b = own_broker
    token = b.host_admin.post("/v1/host-tokens", {"name": "h5"}).json()
    b.sql("UPDATE enroll SET name = 'h6' WHERE name = 'h5'")
    h = bed.Host(b, "h6")
    refused(h.ask_to_enroll(token, h.csr(token["id"])), "row_tampered")


def flip(b, table, column, where):
    """One bit in the middle of a blob."""
    b.sql(f"UPDATE {table} SET {column} = CAST(substr({column}, 1, 20) || "
          f"CASE substr({column}, 21, 1) WHEN x'00' THEN x'01' ELSE x'00' END || "
          f"substr({column}, 22) AS BLOB) WHERE {where}")


@pytest.mark.parametrize("table", ["version", "project_key"])
def test_flipped_envelope(own_broker, table):
    b = own_broker
    i = b.owner.create()
    flip(b, table, "envelope", "1")
    r = b.owner.get(f"/v1/instances/{i}/secret")
    assert r.json()["code"] in ("row_tampered", "envelope_tampered")


def test_envelope_moved_to_another_secret(own_broker):
    b = own_broker
    mine, other = b.owner.create(), b.owner.create()
    secret = {i: b.owner.get(f"/v1/instances/{i}").json()["secret"]["id"] for i in (mine, other)}
    b.sql("UPDATE version SET (envelope, mac, generation) = (SELECT envelope, mac, generation FROM "
          "version WHERE secret = ?) WHERE secret = ?", secret[mine], secret[other])
    r = b.owner.get(f"/v1/instances/{other}/secret")
    assert r.json()["code"] in ("row_tampered", "envelope_tampered")
    assert b.owner.get(f"/v1/instances/{mine}/secret").status_code == 200


def test_project_key_of_another_project(own_broker):
    b = own_broker
    mine = b.owner.create()
    b.stranger.create()
    b.sql("UPDATE project_key SET (envelope, mac, generation) = (SELECT envelope, mac, generation "
          "FROM project_key WHERE project = 'p2') WHERE project = 'p1'")
    assert b.owner.get(f"/v1/instances/{mine}/secret").json()["code"] in ("row_tampered",
                                                                          "envelope_tampered")


def test_lost_project_key_erases_the_project_and_no_other(own_broker):
    b = own_broker
    mine, other = b.owner.create(), b.stranger.create()
    assert b.owner.get(f"/v1/instances/{mine}/secret").status_code == 200
    b.sql("DELETE FROM project_key WHERE project = 'p1'")
    refused(b.owner.get(f"/v1/instances/{mine}/secret"), "envelope_tampered")
    assert b.stranger.get(f"/v1/instances/{other}/secret").status_code == 200


@contextmanager
def locked(b):
    code = ("import sqlite3,sys;d=sqlite3.connect(sys.argv[1],timeout=10,isolation_level=None);"
            "d.execute('BEGIN IMMEDIATE');print('held',flush=True);sys.stdin.read()")
    p = subprocess.Popen([sys.executable, "-c", code, str(b.database)], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE)
    try:
        assert p.stdout.readline() == b"held\n"
        yield
    finally:
        p.stdin.close()
        p.wait(10)
        p.stdout.close()


def test_locked_database_releases_nothing_and_resumes(own_broker):
    b = own_broker
    i = started(b, "user")
    with locked(b):
        r = b.h1.release(i)
        refused(r, "database_locked")
        assert "jwe" not in r.text
        assert b.owner.get(f"/v1/instances/{i}").json()["state"] == "none"
    assert b.h1.release(i).status_code == 200
    assert b.auditor.get("/v1/audit/verify").json()["ok"]


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")


@pytest.fixture
def small_disk(tmp_path):
    where = tmp_path / "disk"
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "vtpm-test", str(where)], check=True)
    b = bed.Broker(where)
    try:
        b.init().start().hosts()
        yield b
    finally:
        b.stop()
        subprocess.run(["umount", str(where)], check=True)


def leave_free(b, mebibytes):
    """A file beside the database that leaves just so much."""
    filler = b.dir / "filler"
    filler.unlink(missing_ok=True)
    if mebibytes is None:
        return
    disk = os.statvfs(b.dir)
    size = disk.f_bavail * disk.f_frsize - (mebibytes << 20)
    with open(filler, "wb") as f:
        os.posix_fallocate(f.fileno(), 0, size)


@needs_root
def test_low_disk_stops_creates_then_changes_then_releases(small_disk):
    b = small_disk
    i, other = started(b, "deployment"), started(b, "deployment")
    leave_free(b, 20)
    refused(b.owner.put(f"/v1/instances/{new_id()}", {"name": "vm"}), "audit_unavailable")
    assert b.operator.place(other, "h2")["moved"]
    leave_free(b, 10)
    refused(b.operator.post(f"/v1/instances/{other}/place", {"host": "h1"}), "audit_unavailable")
    assert b.h1.release(i).status_code == 200
    leave_free(b, 4)
    r = b.h1.release(i)
    refused(r, "audit_unavailable")
    assert "jwe" not in r.text
    leave_free(b, 0)
    refused(b.h1.release(i), "audit_unavailable")
    leave_free(b, None)
    assert b.h1.release(i).status_code == 200
    assert b.owner.create()
    assert b.auditor.get("/v1/audit/verify").json()["ok"]


@needs_root
def test_low_disk_lets_a_move_that_was_begun_end(small_disk):
    b = small_disk
    gone, back = Move(b).prepare().offer(), Move(b).prepare().offer()
    leave_free(b, 10)
    refused(Move.try_prepare(gone), "handover_open")
    gone.claim().commit()
    back.claim()
    assert back.try_abort(b.operator).json()["state"] == "aborting"
    back.say(b.h2, "erased", "aborted")
    refused(back.try_prepare(), "audit_unavailable")
    leave_free(b, None)
    assert b.auditor.get("/v1/audit/verify").json()["ok"]


@needs_root
def test_full_disk_reads_nothing_back(small_disk):
    b = small_disk
    i = b.owner.create()
    value = b.owner.get(f"/v1/instances/{i}/secret").content
    leave_free(b, 0)
    r = b.owner.get(f"/v1/instances/{i}/secret")
    refused(r, "audit_unavailable")
    assert value not in r.content
    leave_free(b, None)
    assert b.owner.get(f"/v1/instances/{i}/secret").content == value


@needs_root
def test_read_only_disk(small_disk):
    b = small_disk
    b.stop()
    port_file = b.dir.parent / "port"
    subprocess.run(["mount", "-o", "remount,ro", str(b.dir)], check=True)
    try:
        done = b.run("serve", "--state", str(b.state), "--listen", "127.0.0.1:0", "--health", "none",
                     "--port-file", str(port_file), check=False)
        assert done.returncode != 0 and done.stderr.startswith("vtpm-brokerd: "), done.stderr
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(b.dir)], check=True)
    assert b.start().owner.get("/v1/whoami").status_code == 200
