# SPDX-License-Identifier: Apache-2.0
"""`vtpm-client run`: a TPM without libvirt, and without root."""
import json
import os
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

import pytest

import world as bed


@pytest.fixture(scope="module")
def world(small_world):
    return small_world


def free_ports():
    """Two in a row."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
                return port
            except OSError:
                continue


class Tpm:
    """One `vtpm-client run`."""

    def __init__(self, guest, *options, tcp=False):
        self.guest, self.world = guest, guest.world
        self.port = free_ports() if tcp else None
        self.dir = self.world.folder / "h1/tpm" / guest.id
        self.words = [bed.CLIENT, "run", *self.world.state_dir(), guest.id, *options,
                      *(["--port", self.port] if tcp else [])]
        self.process = None

    def start(self):
        self.process = subprocess.Popen([str(w) for w in self.words], env=self.world.env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("ready"), self.process.communicate()[1]
        return self

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        return self.process.wait(bed.SECONDS)

    def refused(self):
        done = bed.run(*self.words, check=False, env=self.world.env)
        assert done.returncode != 0 and "ready" not in done.stdout
        return done.stderr

    @property
    def state(self):
        return self.dir / "tpm2-00.permall"

    def swtpm(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text().split()[0])

    def talk(self):
        """A TPM2_GetRandom of 8 bytes over the unix socket."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(bed.SECONDS)
            s.connect(str(self.dir / "swtpm.sock"))
            s.sendall(bytes.fromhex("80010000000c0000017b0008"))
            answer = s.recv(100)
        return struct.unpack(">I", answer[6:10])[0] == 0 and len(answer) == 20


def test_a_tpm_on_a_socket_of_its_own(world):
    tpm = Tpm(world.guest("deployment")).start()
    assert (tpm.dir / "swtpm.sock").stat().st_mode & 0o777 == 0o600
    assert (tpm.dir / "swtpm.sock.ctrl").stat().st_mode & 0o777 == 0o600
    assert tpm.dir.stat().st_mode & 0o777 == 0o700
    assert tpm.state.stat().st_mode & 0o077 == 0
    assert tpm.talk() and tpm.talk()
    assert tpm.stop() == 0
    assert not (tpm.dir / "swtpm.sock").exists() and not (tpm.dir / "swtpm.sock.ctrl").exists()
    tpm.guest.became("expected")
    bed.until(lambda: not tpm.guest.show()["placement"]["running"], "it was reported stopped")


def test_the_passphrase_is_in_no_argument_environment_or_file(world):
    guest = world.guest("user", permit=True)
    value = world.folder / "value"
    world.ctl("owner", "secret", "read", guest.id, "--out", value)
    secret = value.read_bytes().strip()
    value.unlink()
    tpm = Tpm(guest).start()
    for pid in (tpm.process.pid, tpm.swtpm(), world.agent.pid):
        for what in ("cmdline", "environ"):
            try:
                assert secret not in Path(f"/proc/{pid}/{what}").read_bytes()
            except PermissionError:
                pass
    found = subprocess.run(["grep", "-rlF", secret.decode(), world.folder], capture_output=True,
                           text=True, check=False)
    assert found.stdout == ""
    assert tpm.stop() == 0


def test_a_running_tpm_is_not_started_twice(world):
    guest = world.guest("user", permit=True)
    tpm = Tpm(guest).start()
    guest.permit()
    assert "in use" in Tpm(guest).refused() or "uses the TPM state" in Tpm(guest).refused()
    other = Tpm(guest, "--tpm-state", world.folder / "elsewhere").refused()
    assert "runs already" in other
    assert tpm.stop() == 0
    # Neither refusal burnt the permit.
    assert Tpm(guest).start().stop() == 0


def test_a_state_that_is_gone_is_not_replaced(world):
    guest = world.guest("user", permit=True)
    tpm = Tpm(guest).start()
    assert tpm.stop() == 0
    guest.became("expected")
    kept = tpm.state.read_bytes()
    guest.permit()
    for damage in (tpm.state.unlink, lambda: tpm.state.write_bytes(b"")):
        damage()
        assert "vtpmctl instance new-tpm" in tpm.refused()
        assert not bed.run("find", tpm.dir, "-size", "+0", "-name", "*.permall").stdout
    tpm.state.write_bytes(kept)
    assert tpm.start().stop() == 0


def test_a_state_of_another_secret_is_refused_and_left_alone(world):
    mine, theirs = world.guest("deployment"), world.guest("deployment")
    for guest in (mine, theirs):
        assert Tpm(guest).start().stop() == 0
    tpm = Tpm(mine)
    tpm.state.write_bytes(Tpm(theirs).state.read_bytes())
    before = tpm.state.read_bytes()
    said = tpm.refused()
    assert "does not open" in said
    assert tpm.state.read_bytes() == before
    tpm.state.write_bytes(before[:100])
    assert "vtpm-client: " in tpm.refused()
    bed.until(lambda: not mine.show()["placement"]["running"], "it was reported stopped")


def test_ports_in_use_are_found_before_a_permit_is_burnt(world):
    guest = world.guest("user", permit=True)
    tpm = Tpm(guest, tcp=True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", tpm.port + 1))
        taken.listen()
        assert "cannot be used" in tpm.refused()
    tpm.start()
    with socket.create_connection(("127.0.0.1", tpm.port), bed.SECONDS) as s:
        s.sendall(bytes.fromhex("80010000000c0000017b0008"))
        assert len(s.recv(100)) == 20
    assert tpm.stop() == 0


def test_a_killed_run_takes_its_emulator_along_and_is_reported(world):
    tpm = Tpm(world.guest("deployment")).start()
    swtpm = tpm.swtpm()
    tpm.process.kill()
    tpm.process.wait()
    bed.until(lambda: not Path(f"/proc/{swtpm}").exists(), "the emulator is gone")
    bed.until(lambda: not tpm.guest.show()["placement"]["running"], "the agent reports it")
    assert tpm.start().stop() == 0


def test_an_emulator_that_dies_ends_the_run(world):
    tpm = Tpm(world.guest("deployment")).start()
    os.kill(tpm.swtpm(), signal.SIGKILL)
    assert tpm.process.wait(bed.SECONDS) != 0
    bed.until(lambda: not tpm.guest.show()["placement"]["running"], "it was reported stopped")


def test_a_restart_of_the_agent_does_not_end_a_run(world):
    tpm = Tpm(world.guest("deployment")).start()
    tpm.guest.became("expected")
    world.kill_agent()
    assert tpm.talk()
    world.start_agent()
    assert tpm.guest.show()["placement"]["running"]
    assert tpm.stop() == 0
    bed.until(lambda: not tpm.guest.show()["placement"]["running"], "it was reported stopped")


def test_a_run_that_ends_while_the_agent_is_away_is_reported_later(world):
    tpm = Tpm(world.guest("deployment")).start()
    tpm.guest.became("expected")
    world.kill_agent()
    assert tpm.stop() == 0
    assert "no agent answers" in tpm.refused()
    world.start_agent()
    bed.until(lambda: not tpm.guest.show()["placement"]["running"], "it was reported stopped")


def write_record(world, phase="", pid=0, since=0):
    """Of a guest that ran here and that the broker does not place here."""
    record = {"instance": bed.new_id(), "secret": bed.new_id(), "version": 1, "epoch": 1,
              "security": "deployment", "state": "expected", "attempt": bed.new_id(),
              "phase": phase, "run_pid": pid, "run_since": since}
    path = world.client_file(f"guests/{record['instance']}.json")
    path.write_text(json.dumps(record))
    return path


def is_at_rest(pid, reads=300):
    """It reads less than that in two seconds."""
    def count():
        io = Path(f"/proc/{pid}/io").read_text()
        return int(io.split("syscr:")[1].split()[0])
    before = count()
    time.sleep(2)
    return count() - before < reads


def test_records_are_read_when_something_is_due_and_go_with_the_guest(world):
    tpm = Tpm(world.guest("deployment")).start()
    tpm.guest.became("expected")
    world.kill_agent("TERM")
    world.stop_broker()
    since = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    lives = write_record(world, "started", os.getpid(), since)
    gone = [write_record(world) for _ in range(1000)]
    world.start_agent()
    try:
        bed.until(lambda: is_at_rest(world.agent.pid), "nothing is read while nothing is due")
        assert all(path.exists() for path in gone)
    finally:
        world.start_broker()
    world.kill_agent("TERM")
    world.start_agent()
    bed.until(lambda: not any(path.exists() for path in gone), "their records are removed")
    assert lives.exists() and world.client_file(f"guests/{tpm.guest.id}.json").exists()
    lives.unlink()
    # What was watched meanwhile is still seen to end.
    tpm.process.kill()
    bed.until(lambda: not tpm.guest.show()["placement"]["running"], "the agent reports it")


def test_waiting_reports_are_part_of_the_three_seconds(world):
    tpm = Tpm(world.guest("host", permit=True)).start()
    tpm.guest.became("expected")
    world.no_reports_wait()
    world.broker.send_signal(signal.SIGSTOP)
    try:
        assert tpm.stop() == 0
        assert world.status()["waiting"] > 0
        before = time.monotonic()
        tpm.start()
        # The emulator itself needs some of it.
        assert time.monotonic() - before < 4.5
    finally:
        world.broker.send_signal(signal.SIGCONT)
    world.no_reports_wait()
    assert ("report.used_copy", "taken") in world.audit(tpm.guest.id)
    assert tpm.stop() == 0


def test_status_shows_what_there_is(world):
    guest = world.guest("host", permit=True)
    tpm = Tpm(guest).start()
    status = world.status()
    assert status["name"] == "h1" and status["libvirt"] == "off" and status["broker"] == "answers"
    row = [g for g in status["guests"] if g["instance"] == guest.id][0]
    assert row["security"] == "host" and row["copy"] and row["running"] and row["lease_ends"]
    table = world.client("status", *world.state_dir()).stdout
    assert guest.id in table and "host         h1" in table
    assert tpm.stop() == 0


def test_forget_erases_the_copy_and_the_owner_is_asked_again(world):
    guest = world.guest("host", permit=True)
    assert Tpm(guest).start().stop() == 0
    assert guest.copy().exists()
    world.client("forget", *world.state_dir(), guest.id)
    assert not guest.copy().exists()
    world.no_reports_wait()
    assert "report.copy_erased" in [verb for verb, _ in world.audit(guest.id)]
    assert "vtpmctl permit" in Tpm(guest).refused()


@pytest.mark.parametrize("words, code, says", [
    (["run"], 2, "INSTANCE"), (["run", "not-a-uuid"], 2, "UUID"), (["nonsense"], 2, "no command"),
    (["run", "--port", "70000", bed.new_id()], 2, "number"), (["status", "more"], 2, "no argument"),
    (["agent", "--what"], 2, "option"), (["run", bed.new_id(), "two"], 2, "too many"),
    (["run", "--purpose", "dance", bed.new_id()], 2, ""),
    (["run", "--tpm-state", "/tmp/a,b", bed.new_id()], 2, "comma"),
    (["run", "--socket", "/tmp/a,b", bed.new_id()], 2, "comma"),
    (["run", bed.new_id()], 5, "not yours to see"), (["deliver", bed.new_id()], 1, "libvirt")])
def test_wrong_words_have_their_exit_code(world, words, code, says):
    done = world.client(words[0], *world.state_dir(), *words[1:], check=False)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("vtpm-client: ") and says in done.stderr


def test_a_host_that_is_not_enrolled_says_so(world):
    done = world.client("agent", "--state-dir", world.folder / "nowhere", check=False)
    assert done.returncode == 2 and "enroll this host first" in done.stderr


@pytest.mark.parametrize("text", ["", "x", "vtpm-enroll:1:https://127.0.0.1:1#h#x#y#z",
                                  "vtpm-enroll:2:a#b#c#d#e\n", "vtpm-enroll:1:" + "a" * 5000])
def test_a_damaged_enrolment_token_is_refused(world, text):
    ticket = world.folder / "ticket"
    ticket.write_text(text)
    done = world.client("enroll", "--state-dir", world.folder / "h9", ticket, check=False)
    assert done.returncode == 4 and "vtpmctl host token" in done.stderr


def test_an_enrolment_trusts_only_the_ca_in_its_token(world):
    ticket = world.folder / "h3.enroll"
    world.ctl("host-admin", "host", "token", "h3", "--out", ticket)
    text = ticket.read_text()
    parts = text.split("#")
    parts[3] = ("0" if parts[3][0] != "0" else "1") + parts[3][1:]
    ticket.write_text("#".join(parts))
    done = world.client("enroll", "--state-dir", world.folder / "h3", ticket, check=False)
    assert done.returncode == 8 and not (world.folder / "h3/client.conf").exists()
    # Nothing was sent: the token is still good.
    ticket.write_text(text)
    said = world.client("enroll", "--state-dir", world.folder / "h3", "--no-wait", ticket).stdout
    assert "fingerprint" in said
    for key in ("identity.key", "sealing.key"):
        assert (world.folder / "h3" / key).stat().st_mode & 0o777 == 0o600
    # It was used, and the host waits for its approval: it gets nothing.
    done = world.client("enroll", "--state-dir", world.folder / "h4", "--no-wait", ticket,
                        check=False)
    assert done.returncode == 4 and "enroll_token_used" in done.stderr


def test_enroll_waits_for_the_approval(world):
    ticket = world.folder / "h5.enroll"
    world.ctl("host-admin", "host", "token", "h5", "--out", ticket)
    with subprocess.Popen([str(w) for w in (bed.CLIENT, "enroll", "--state-dir",
                                            world.folder / "h5", ticket)], env=world.env,
                          stdout=subprocess.PIPE, text=True) as waiting:
        lines = [waiting.stdout.readline() for _ in range(3)]
        fingerprint = lines[1].split()[1]
        assert "waiting for approval" in lines[2] and waiting.poll() is None
        world.ctl("host-admin", "host", "approve", "h5", "--fingerprint", fingerprint)
        assert "approved" in waiting.stdout.readline()
        assert waiting.wait(bed.SECONDS) == 0
