# SPDX-License-Identifier: Apache-2.0
"""A value is nowhere but with those who may have it: no file, no log, no answer, no core dump."""
import base64
import os
import shutil
import subprocess
from pathlib import Path

import bed
import pytest
from bed import new_id
from test_release import started
from test_secrets import BYTES


def forms(value):
    """The value as it might turn up: itself, hex, base64 at each alignment."""
    yield value
    yield value.hex().encode()
    yield value.hex().upper().encode()
    for at in range(3):
        text = base64.b64encode(b"x" * at + value)
        whole = text[4 if at else 0:len(text) // 4 * 4 - 4]
        yield whole
        yield whole.replace(b"+", b"-").replace(b"/", b"_")


def files_of(b):
    for top, _, names in os.walk(b.dir):
        for name in names:
            yield Path(top) / name


def found_in(data, values):
    return [value for value in values if any(form in data for form in forms(value))]


def test_forms_are_found():
    value = os.urandom(48)
    for seen in (value, value.hex().encode(), base64.b64encode(value),
                 base64.b64encode(b"x" + value + b"yz"), base64.urlsafe_b64encode(b"xx" + value)):
        assert found_in(b"before" + seen + b"after", [value]) == [value]


def live(b, security, value):
    """Everything that happens to a value; gives every answer but the two that may hold it."""
    i = b.owner.create(security=security, secret="upload")
    told = [b.owner.put(f"/v1/instances/{i}/secret", data=value, headers=BYTES)]
    b.operator.place(i, "h1")
    b.owner.permit(i)
    attempt = new_id()
    released = b.h1.release(i, attempt=attempt, lease=True)
    assert b.h1.open(released.json()["jwe"])[1] == value
    told += [released, b.h1.release(i, attempt=attempt, lease=True), b.h1.release(i, holds_copy=1)]
    if security != "deployment":
        assert b.owner.get(f"/v1/instances/{i}/secret").content == value
    told += [who.get(f"/v1/instances/{i}/secret") for who in (b.member, b.operator, b.h1)]
    told += [b.owner.get(f"/v1/instances/{i}"), b.owner.get(f"/v1/instances/{i}/explain"),
             b.owner.put(f"/v1/instances/{i}/secret", data=value, headers=BYTES),
             b.owner.put(f"/v1/instances/{i}/secret", data=value, headers={
                 "Content-Type": "application/json"}),
             b.owner.put(f"/v1/instances/{i}", data=value),
             b.owner.get(f"/v1/instances/{i}/permits"), b.h1.get("/v1/hosts/self/instances")]
    return [r.content for r in told]


def test_value_is_in_no_file_log_or_answer():
    values = {s: b"MARK" + os.urandom(44) for s in ("user", "host", "deployment")}
    with bed.broker() as b:
        told = [t for s, value in values.items() for t in live(b, s, value)]
        told.append(b.auditor.get("/v1/audit", params={"limit": 500}).content)
        for path in files_of(b):
            assert not found_in(path.read_bytes(), values.values()), path
        b.stop()
        for path in files_of(b):
            assert not found_in(path.read_bytes(), values.values()), path
    for answer in told:
        assert not found_in(answer, values.values()), answer[:200]


def test_tokens_are_in_no_file_of_the_broker():
    with bed.broker() as b:
        tokens = [p.token.encode() for p in (b.owner, b.operator, b.host_admin, b.auditor)]
        enrol = b.host_admin.post("/v1/host-tokens", {"name": "h7"}).json()["token"].encode()
        b.stop()
        for path in [*b.state.rglob("*"), b.log]:
            if path.is_file():
                assert not found_in(path.read_bytes(), [*tokens, enrol]), path


def core_of(b, where):
    done = subprocess.run(["gcore", "-o", str(where / "core"), str(b.process.pid)],
                          capture_output=True, text=True, timeout=120, check=False)
    cores = list(where.glob("core.*"))
    assert cores, done.stdout + done.stderr
    return cores[0]


def in_core(core, values):
    """Whether one of them is in the file, in any form; all of these are text."""
    patterns = b"\n".join(form for value in values for form in forms(value))
    done = subprocess.run(["grep", "-a", "-c", "-F", "-f", "-", str(core)], input=patterns,
                          stdout=subprocess.PIPE, env={"LC_ALL": "C"}, timeout=120, check=False)
    assert done.returncode in (0, 1)
    return done.returncode == 0


def plain_program():
    """A broker without sanitizers: what they reserve makes a core dump of terabytes."""
    for program in (Path(bed.brokerd()), bed.TOP / "build/broker/daemon/vtpm-brokerd"):
        if program.exists() and b"__asan_init" not in program.read_bytes():
            return str(program)
    return None


needs_core = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to dump another process"),
    pytest.mark.skipif(shutil.which("gcore") is None, reason="gcore is not installed"),
]


@pytest.fixture
def dumped():
    """A broker of which a core can be taken."""
    program = plain_program()
    if program is None:
        pytest.skip("there is no build without sanitizers")
    with bed.broker(program=program) as b:
        yield b


class TestCore:
    """Taken as root: the process itself may not be dumped by its own user."""
    pytestmark = needs_core

    def test_after_a_thousand_releases_it_holds_none(self, dumped, tmp_path):
        b = dumped
        ids = [started(b, s) for s in ["deployment"] * 18 + ["user", "host"]]
        values = set()
        for n in range(1000):
            r = b.h1.release(ids[n % 18]) if n < 998 else b.h1.release(ids[n - 980], lease=True)
            assert r.status_code == 200, r.text
            if n < 18 or n >= 998:
                values.add(b.h1.open(r.json()["jwe"])[1])
        assert len(values) == 20
        core = core_of(b, tmp_path)
        assert in_core(core, [b.h1.fingerprint.encode()])
        assert not in_core(core, values)
        core.unlink()

    def test_after_uploads_and_read_backs_it_holds_at_most_the_last(self, dumped, tmp_path):
        """The libraries below may keep the end of a connection's last large message."""
        b = dumped
        i = b.owner.create(secret="upload")
        values = [base64.b64encode(os.urandom((36, 1000, 3000)[n % 3])) for n in range(150)]
        for value in values:
            assert b.owner.put(f"/v1/instances/{i}/secret", data=value, headers=BYTES).ok
            assert b.owner.get(f"/v1/instances/{i}/secret").content == value
        core = core_of(b, tmp_path)
        assert in_core(core, [b.h1.fingerprint.encode()])
        assert not in_core(core, [v[at:at + 48] for v in values[:-1]
                                  for at in range(0, len(v) - 47, 300)])
        core.unlink()
