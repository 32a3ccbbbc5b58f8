# SPDX-License-Identifier: Apache-2.0
"""vtpm-brokerd on its own machine: init, serve, tokens, the root key, and what they refuse."""
import json
import os
import pwd
import resource
import shutil
import signal
import socket
import sqlite3
import ssl
import stat
import subprocess
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import bed
import pytest
import requests
from bed import Broker, Person, new_id, refused, until
from cryptography import x509

COMMANDS = ("init", "serve", "check-config", "token create", "token list", "token revoke", "backup",
            "verify-db")


@pytest.fixture
def fresh(tmp_path):
    """A broker after init, not serving, whose root key has no backup."""
    b = Broker(tmp_path)
    b.init(backup=False)
    yield b
    if b.process is not None:
        b.stop()


def for_any_user(b, folder):
    """The program where every user may run it, wherever the tree lies."""
    folder.chmod(0o755)
    b.program = shutil.copy(b.program, folder / "vtpm-brokerd")


def fails(b, *words, code, says, **more):
    """The command ends with this exit code and says this, in the form that every error has."""
    done = b.run(*words, check=False, **more)
    assert done.returncode == code, (done.returncode, done.stderr)
    assert says in done.stderr, done.stderr
    lines = [line for line in done.stderr.splitlines() if " audit_head " not in line]
    assert lines[0].startswith("vtpm-brokerd: ") and len(lines) <= 2, done.stderr
    assert len(lines) == 1 or lines[1].startswith("next: "), done.stderr
    return done


def serve_fails(b, *options, **more):
    return fails(b, "serve", "--state", str(b.state), "--listen", "127.0.0.1:0", "--health", "none",
                 *options, **more)


def check_fails(b, *options, **more):
    return fails(b, "check-config", "--state", str(b.state), "--listen", "127.0.0.1:0",
                 "--health", "none", *options, **more)


def both_refuse(b, *options, **more):
    """check-config says what serve would refuse."""
    serve_fails(b, *options, **more)
    check_fails(b, *options, **more)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def files(directory):
    return {p.relative_to(directory): p.read_bytes() for p in Path(directory).rglob("*")
            if p.is_file()}


def profile(b, name):
    return Person(b, name, (b.dir / f"{name}.token").read_text().strip(), "default")


@contextmanager
def listening():
    with closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        yield f"127.0.0.1:{s.getsockname()[1]}"


# ---- init ----

def test_init_makes_files_for_one_user_alone(fresh):
    assert mode(fresh.state) == 0o700
    assert mode(fresh.state / "root.key") == 0o400
    for file in fresh.state.iterdir():
        assert mode(file) & 0o077 == 0, file
    for name in ("owner", "operator", "host-admin", "auditor"):
        assert mode(fresh.dir / f"{name}.token") == 0o600
        assert f"[{name}]" in (fresh.dir / "profiles").read_text()


def test_init_tells_the_next_commands_and_no_token(tmp_path):
    b = Broker(tmp_path)
    said = b.run("init", "--state", str(b.state), "--profiles", str(tmp_path / "profiles")).stdout
    for word in ("backup", "serve", "host token", str(b.state)):
        assert word in said
    for token in tmp_path.glob("*.token"):
        assert token.read_text().strip() not in said


def test_second_init_replaces_nothing(fresh):
    before = files(fresh.dir)
    fails(fresh, "init", "--state", str(fresh.state), "--profiles", str(fresh.dir / "other"),
          code=6, says="is not empty")
    assert files(fresh.dir) == before


def test_init_that_cannot_write_the_profiles_leaves_nothing(tmp_path):
    (tmp_path / "profiles").write_text("mine\n")
    b = Broker(tmp_path)
    fails(b, "init", "--state", str(b.state), "--profiles", str(tmp_path / "profiles"), code=6,
          says="--profiles")
    assert [p.name for p in tmp_path.iterdir()] == ["profiles"]
    assert (tmp_path / "profiles").read_text() == "mine\n"


def test_init_that_is_killed_leaves_no_half_broker(tmp_path):
    b = Broker(tmp_path)
    words = ["init", "--state", str(b.state), "--profiles", str(tmp_path / "profiles")]
    process = subprocess.Popen([b.program, *words], stdout=subprocess.DEVNULL)
    until(lambda: list(tmp_path.iterdir()) or process.poll() is not None, "init has begun")
    process.kill()
    process.wait()
    if b.state.exists():  # it was quicker
        b.run("check-config", "--state", str(b.state), "--listen", "127.0.0.1:0", "--health", "none")
    else:
        b.run(*words)
        assert (tmp_path / "profiles").exists()


def test_init_with_the_root_key_elsewhere_takes_it_back_when_it_fails(tmp_path):
    (tmp_path / "auditor.token").write_text("mine\n")
    b = Broker(tmp_path)
    fails(b, "init", "--state", str(b.state), "--root-key", str(tmp_path / "root"), "--profiles",
          str(tmp_path / "profiles"), code=6, says="exists")
    assert [p.name for p in tmp_path.iterdir()] == ["auditor.token"]


def test_root_key_may_lie_elsewhere(tmp_path):
    b = Broker(tmp_path, "--root-key", str(tmp_path / "keys/root"))
    (tmp_path / "keys").mkdir()
    b.run("init", "--state", str(b.state), "--root-key", str(tmp_path / "keys/root"), "--profiles",
          str(tmp_path / "profiles"))
    assert not (b.state / "root.key").exists()
    b.start()
    assert profile(b, "auditor").get("/v1/audit").status_code == 200
    assert b.stop() == 0


def test_init_for_another_user(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    for parent in tmp_path.parents:
        if parent.stat().st_uid == 0 and parent != Path("/") and not parent.stat().st_mode & 1:
            parent.chmod(parent.stat().st_mode | 0o111)
    b = Broker(tmp_path)
    for_any_user(b, tmp_path)
    b.run("init", "--state", str(b.state), "--user", "nobody", "--profiles", str(tmp_path / "p"))
    nobody = pwd.getpwnam("nobody")
    for file in (b.state, *b.state.iterdir()):
        assert file.stat().st_uid == nobody.pw_uid, file
    done = b.run("check-config", "--state", str(b.state), "--listen", "127.0.0.1:0", "--health",
                 "none", check=False, user="nobody", group=nobody.pw_gid, extra_groups=[])
    assert "good" in done.stdout, done.stderr


# ---- the command line ----

@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(tmp_path, command):
    b = Broker(tmp_path)
    said = b.run(*command.split(), "--help").stdout
    assert said.startswith(f"usage: vtpm-brokerd {command} ")
    assert "--state DIR" in said
    assert all(len(line) <= 90 and line == line.rstrip() for line in said.splitlines())
    assert command in b.run("--help").stdout
    group = b.run(command.split()[0], "--help").stdout
    assert f"usage: vtpm-brokerd {command} " in group


@pytest.mark.parametrize("words", [["bogus"], ["token"], ["token", "make"], ["serve", "--bogus"],
                                   ["serve", "--listen"], ["serve", "again"], ["token", "revoke"],
                                   ["serve", "--workers", "1", "--workers", "2"], ["backup"],
                                   ["token", "create", "--subject", "a"]])
def test_words_that_are_off_end_with_2(tmp_path, words):
    fails(Broker(tmp_path), *words, "--state", str(tmp_path / "none"), code=2, says="words are off")


def test_a_value_where_none_belongs_is_not_repeated(tmp_path):
    done = Broker(tmp_path).run("serve", "--token=vtpm_hush", check=False)
    assert done.returncode == 2 and "hush" not in done.stderr + done.stdout


def test_serve_before_init_says_so(tmp_path):
    both_refuse(Broker(tmp_path), code=2, says="run vtpm-brokerd init")


# ---- configuration ----

def config(b, *lines):
    path = b.dir / "brokerd.conf"
    path.write_text("\n".join(lines) + "\n")
    return ["--config", str(path)]


@pytest.mark.parametrize("lines, says", [
    (["[broker]", "# fine", "lisen = 127.0.0.1:1"], "line 3: key lisen is not known"),
    (["[server]", "listen = 127.0.0.1:1"], "line 2: section [server] is not known"),
    (["[broker]", "workers = 0"], "line 2: workers is from 1 to"),
    (["[broker]", "workers = many"], "line 2: workers is from 1 to"),
    (["[broker]", "lease_days = -1"], "line 2: lease_days is from 0 to"),
    (["[broker]", "log = xml"], "line 2: log is text or json"),
    (["[broker]", "listen = 7443"], "line 2: an address is"),
    (["[broker]", "listen = example.org:1"], "line 2: example.org is no numeric address"),
    (["[broker]", "listen = 127.0.0.1:65536"], "line 2: an address is"),
    (["[broker]", "name = a_b"], "line 2: a server's name is"),
    (["[broker]", "listen"], "line 2"),
])
def test_a_bad_line_is_named_with_its_number(fresh, lines, says):
    done = fails(fresh, "serve", *config(fresh, *lines), code=2, says=says)
    assert "brokerd.conf" in done.stderr
    fails(fresh, "check-config", *config(fresh, *lines), code=2, says=says)


def test_a_configuration_file_that_is_named_must_be_there(fresh):
    both_refuse(fresh, "--config", str(fresh.dir / "none"), code=2, says="No such file")


def test_the_command_line_wins_over_the_file(fresh):
    words = config(fresh, "[broker]", f"state = {fresh.state}", "listen = 127.0.0.1:1",
                   "lease_days = 3", "health = none")
    said = fresh.run("check-config", *words, "--listen", "127.0.0.1:0").stdout
    assert "127.0.0.1:0" in said and "3 days" in said and "none" in said


def test_defaults_work_for_any_user(tmp_path):
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    b = Broker(tmp_path)
    words = [] if os.geteuid() else ["--state", str(tmp_path / ".local/state/vtpm-broker")]
    b.run("init", *words, env=env)
    assert (tmp_path / ".local/state/vtpm-broker/broker.db").exists()
    assert (tmp_path / ".config/vtpmctl/config").exists()


# ---- the root key ----

def test_root_key_missing(fresh):
    (fresh.state / "root.key").unlink()
    both_refuse(fresh, code=1, says="The root key is missing")


@pytest.mark.parametrize("bits", [0o404, 0o440, 0o604])
def test_root_key_that_others_may_read(fresh, bits):
    (fresh.state / "root.key").chmod(bits)
    both_refuse(fresh, code=1, says="others may read it")


@pytest.mark.parametrize("text", ["", "vtpm-broker-root-1 AAAA\n", "x" * 63, "x" * 64])
def test_root_key_of_the_wrong_form(fresh, text):
    key = fresh.state / "root.key"
    key.chmod(0o600)
    key.write_text(text)
    key.chmod(0o400)
    both_refuse(fresh, code=1, says="The root key is not usable")


def test_root_key_of_another_installation(fresh):
    with tempfile.TemporaryDirectory() as d:
        other = Broker(d).init()
        key = (other.state / "root.key").read_bytes()
    (fresh.state / "root.key").unlink()
    (fresh.state / "root.key").write_bytes(key)
    (fresh.state / "root.key").chmod(0o400)
    both_refuse(fresh, code=1, says="another installation")


def test_no_secret_is_made_before_the_root_key_has_a_backup(fresh):
    fresh.start()
    owner, auditor = profile(fresh, "owner"), profile(fresh, "auditor")
    refused(owner.put(f"/v1/instances/{new_id()}", {"name": "vm"}), "root_key_not_backed_up")
    copy = fresh.dir / "copy"
    fresh.run("backup", "--state", str(fresh.state), "--root-key", str(copy))
    assert copy.read_bytes() == (fresh.state / "root.key").read_bytes()
    assert mode(copy) == 0o400
    owner.create()
    verbs = [a["verb"] for a in auditor.get("/v1/audit").json()["items"]]
    assert "rootkey.backup" in verbs
    assert auditor.get("/v1/audit/verify").json()["ok"]


def test_backup_overwrites_nothing(fresh):
    copy = fresh.dir / "copy"
    copy.write_text("mine")
    fails(fresh, "backup", "--state", str(fresh.state), "--root-key", str(copy), code=6,
          says=str(copy))
    assert copy.read_text() == "mine"
    fresh.start()
    refused(profile(fresh, "owner").put(f"/v1/instances/{new_id()}", {"name": "vm"}),
            "root_key_not_backed_up")


def test_a_broker_restored_from_the_copy_serves(fresh):
    copy = fresh.dir / "copy"
    fresh.run("backup", "--state", str(fresh.state), "--root-key", str(copy))
    (fresh.state / "root.key").unlink()
    fresh.run("check-config", "--state", str(fresh.state), "--root-key", str(copy), "--listen",
              "127.0.0.1:0", "--health", "none")


# ---- tokens ----

def make_token(b, *words, out="new.token", check=True):
    return b.run("token", "create", "--state", str(b.state), "--out", str(b.dir / out), *words,
                 check=check)


def test_a_token_works_until_it_is_revoked(fresh):
    fresh.start()
    made = make_token(fresh, "--subject", "alice", "--project", "p1", "--role", "member")
    text = (fresh.dir / "new.token").read_text().strip()
    alice = Person(fresh, "alice", text)
    who = alice.get("/v1/whoami").json()
    assert (who["subject"], who["project"], who["role"]) == ("alice", "p1", "member")
    assert who["issuer"].startswith("broker:")
    token = made.stdout.strip()
    listed = fresh.run("token", "list", "--state", str(fresh.state)).stdout
    assert f"{token}  member        good" in listed and "alice in p1" in listed
    for _ in range(2):
        fresh.run("token", "revoke", token, "--state", str(fresh.state))
    refused(alice.get("/v1/whoami"), "token_revoked")
    listed = fresh.run("token", "list", "--state", str(fresh.state)).stdout
    assert f"{token}  member        revoked" in listed
    verbs = [a["verb"] for a in profile(fresh, "auditor").get("/v1/audit").json()["items"]]
    assert verbs.count("token.create") == 1 and verbs.count("token.revoke") == 1


def test_a_token_is_in_its_file_and_nowhere_else(fresh):
    fresh.start()
    made = make_token(fresh, "--subject", "alice", "--project", "p1", "--role", "member")
    text = (fresh.dir / "new.token").read_text().strip()
    assert mode(fresh.dir / "new.token") == 0o600
    assert text.startswith("vtpm_") and len(text) == 48
    Person(fresh, "alice", text).get("/v1/whoami")
    listed = fresh.run("token", "list", "--state", str(fresh.state)).stdout
    assert text not in made.stdout + made.stderr + listed
    fresh.stop()
    for path, data in files(fresh.dir).items():
        assert text.encode() not in data or path.name == "new.token", path


def test_an_existing_file_gets_no_token_and_none_is_made(fresh):
    (fresh.dir / "new.token").write_text("mine")
    before = fresh.run("token", "list", "--state", str(fresh.state)).stdout
    assert make_token(fresh, "--subject", "a", "--project", "p", "--role", "member",
                      check=False).returncode == 6
    assert (fresh.dir / "new.token").read_text() == "mine"
    assert fresh.run("token", "list", "--state", str(fresh.state)).stdout == before


@pytest.mark.parametrize("words", [
    ["--subject", "a", "--project", "p", "--role", "root"],
    ["--subject", "a", "--project", "p"],
    ["--project", "p", "--role", "member"],
    ["--subject", "a", "--role", "member"],
    ["--subject", "", "--project", "p", "--role", "member"],
    ["--subject", "a\nb", "--project", "p", "--role", "member"],
    ["--subject", "a" * 256, "--project", "p", "--role", "member"],
    ["--subject", "a", "--project", "p", "--role", "member", "--projects", "*"],
    ["--subject", "a", "--project", "p", "--role", "host-admin", "--hosts", "*"],
    ["--subject", "a", "--project", "p", "--role", "operator", "--projects", "a,,b"],
    ["--subject", "a", "--project", "p", "--role", "member", "--ttl", "0d"],
    ["--subject", "a", "--project", "p", "--role", "member", "--ttl", "30"],
    ["--subject", "a", "--project", "p", "--role", "member", "--ttl", "forever"],
])
def test_a_token_that_cannot_be_is_refused(fresh, words):
    assert make_token(fresh, *words, check=False).returncode == 2
    assert not (fresh.dir / "new.token").exists()


def test_a_token_on_standard_output_only_when_asked(fresh):
    text = fresh.run("token", "create", "--state", str(fresh.state), "--subject", "a", "--project",
                     "p", "--role", "auditor", "--out", "-").stdout.strip()
    fresh.start()
    assert Person(fresh, "a", text).get("/v1/audit").status_code == 200


def test_revoking_an_unknown_token(fresh):
    fails(fresh, "token", "revoke", new_id(), "--state", str(fresh.state), code=5, says="no token")
    fails(fresh, "token", "revoke", "x", "--state", str(fresh.state), code=2, says="UUID")


# ---- serving ----

def test_port_in_use_is_named(fresh):
    with listening() as taken:
        both_refuse(Broker(fresh.dir), "--health", taken, code=2, says="there twice")
        for words in (["--listen", taken, "--health", "none"],
                      ["--listen", "127.0.0.1:0", "--health", taken]):
            for command in ("serve", "check-config"):
                fails(fresh, command, "--state", str(fresh.state), *words, code=1, says=taken)


def test_one_broker_at_a_time(fresh):
    fresh.start()
    serve_fails(fresh, code=1, says="another vtpm-brokerd serves")
    said = fresh.run("check-config", "--state", str(fresh.state), "--listen",
                     f"127.0.0.1:{fresh.port}", "--health", "none").stdout
    assert "serving now" in said


def test_the_real_port_is_told(fresh):
    fresh.start()
    assert fresh.port > 0
    log = fresh.log.read_text()
    assert f"port={fresh.port}" in log and "listening" in log
    fresh.stop()
    assert not (fresh.dir / "port").exists()


def test_readiness_on_a_descriptor(fresh):
    reader, writer = os.pipe()
    with open(reader) as ready:
        process = subprocess.Popen(
            [fresh.program, "serve", "--state", str(fresh.state), "--listen", "127.0.0.1:0",
             "--health", "none", "--ready-fd", str(writer)], pass_fds=[writer],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        os.close(writer)
        assert ready.readline().split()[0] == "ready" and ready.readline() == ""
        process.terminate()
        assert process.communicate(timeout=bed.DEADLINE_S)[0] == "" and process.returncode == 0


def test_the_service_manager_is_told(fresh):
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as s:
        with tempfile.TemporaryDirectory() as d:
            s.bind(d + "/notify")
            s.settimeout(bed.DEADLINE_S)
            os.environ["NOTIFY_SOCKET"] = d + "/notify"
            try:
                fresh.start()
            finally:
                del os.environ["NOTIFY_SOCKET"]
            assert s.recv(100) == b"READY=1"
            fresh.stop()
            assert s.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(fresh, how):
    fresh.start()
    profile(fresh, "owner").get("/v1/whoami")
    assert fresh.stop(how) == 0
    assert "stopped" in fresh.log.read_text().splitlines()[-1]
    fresh.start()
    assert fresh.stop() == 0


def test_what_was_acknowledged_survives_kill_9(fresh):
    kept = []
    for turn in range(3):
        fresh.start()
        operator = profile(fresh, "operator")
        for n in range(10):
            name = f"image-{turn}-{n}"
            r = operator.put(f"/v1/images/{name}", {"allowed": ["user"]}, headers={"If-Match": '"0"'})
            assert r.status_code == 201
            kept.append(name)
        fresh.stop(signal.SIGKILL)
    fresh.start()
    listed = profile(fresh, "auditor").get("/v1/images?limit=500").json()["items"]
    assert {i["name"] for i in listed} == set(kept)
    assert profile(fresh, "auditor").get("/v1/audit/verify").json()["ok"]


def test_health(fresh):
    fresh.start()
    port = fresh.log.read_text().split("health_port=")[1].split()[0]
    r = requests.get(f"http://127.0.0.1:{port}/health", timeout=bed.DEADLINE_S)
    assert r.status_code == 200
    assert r.json()["status"] == r.json()["database"] == r.json()["disk"] == "ok"


def test_the_log_may_be_json(fresh):
    fresh.start("--log", "json")
    profile(fresh, "owner").get("/v1/whoami")
    fresh.stop()
    events = [json.loads(line)["event"] for line in fresh.log.read_text().splitlines()]
    assert "listening" in events and "request" in events and events[-1] == "stopped"


def test_server_names_are_in_its_certificate(fresh):
    fresh.start("--name", "broker.example.org,192.0.2.7")
    pem = ssl.get_server_certificate(("127.0.0.1", fresh.port))
    names = x509.load_pem_x509_certificate(pem.encode()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value
    dns = names.get_values_for_type(x509.DNSName)
    assert {"broker.example.org", "localhost"} <= set(dns)
    assert {"192.0.2.7", "127.0.0.1"} <= {str(a) for a in names.get_values_for_type(x509.IPAddress)}


def test_command_line_and_environment_hold_no_token(fresh):
    fresh.start()
    texts = [t.read_text().strip().encode() for t in fresh.dir.glob("*.token")]
    for file in ("cmdline", "environ"):
        try:
            seen = Path(f"/proc/{fresh.process.pid}/{file}").read_bytes()
        except PermissionError:  # the process is not dumpable: better still
            continue
        assert not any(t in seen for t in texts)
    log = fresh.log.read_bytes()
    assert not any(t in log for t in texts)


# ---- the database ----

def test_a_newer_schema_is_refused(fresh):
    with closing(sqlite3.connect(fresh.database)) as db:
        db.execute("UPDATE meta SET value = value + 1 WHERE name = 'schema'")
        db.commit()
    both_refuse(fresh, code=1, says="made by a newer release")


def test_nothing_is_migrated_underneath_a_broker_that_serves(fresh):
    fresh.start()
    fresh.sql("UPDATE meta SET value = 1 WHERE name = 'schema'")
    for words in (["token", "list"], ["verify-db"]):
        done = fresh.run(*words, "--state", str(fresh.state), check=False)
        assert done.returncode != 0 and "restart it first" in done.stderr, done.stderr
    assert fresh.sql("SELECT value FROM meta WHERE name = 'schema'") == [[1]]


def test_a_locked_database_is_named(fresh):
    with closing(sqlite3.connect(fresh.database)) as db:
        db.execute("BEGIN IMMEDIATE")
        done = make_token(fresh, "--subject", "a", "--project", "p", "--role", "member", check=False)
        assert done.returncode == 1 and "locked by another program" in done.stderr
        assert not (fresh.dir / "new.token").exists()
        db.rollback()
    make_token(fresh, "--subject", "a", "--project", "p", "--role", "member")


@pytest.mark.parametrize("damage", [b"", b"not a database, not at all" * 100])
def test_a_file_that_is_no_database(fresh, damage):
    fresh.database.write_bytes(damage)
    done = fresh.run("serve", "--state", str(fresh.state), check=False)
    assert done.returncode != 0 and done.stderr.startswith("vtpm-brokerd: ")


def test_a_token_row_changed_by_hand_is_refused(fresh):
    fresh.start()
    owner = profile(fresh, "owner")
    assert owner.get("/v1/whoami").status_code == 200
    fresh.sql("UPDATE token SET role = 'auditor' WHERE role = 'member'")
    refused(owner.get("/v1/whoami"), "row_tampered")
    until(lambda: "row_tampered" in fresh.log.read_text(), "the log names it")


def verify(b, *words, code=0):
    done = b.run("verify-db", "--state", str(b.state), *words, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_verify_db_finds_nothing_wrong_while_serving(own_broker):
    b = own_broker
    for security in ("user", "host", "deployment"):
        b.owner.create(security=security)
    said = verify(b)
    assert "good  3 secrets open" in said and "bad" not in said and "is good" in said


@pytest.mark.parametrize("change, says", [
    ("UPDATE host SET state = 'fenced' WHERE name = 'h1'", "host"),
    ("UPDATE instance SET owner = 'mallory'", "instance"),
    ("UPDATE version SET envelope = zeroblob(93)", "version"),
    ("UPDATE audit SET verdict = 'refused' WHERE number = 3", "audit chain"),
    ("DELETE FROM audit WHERE number = 3", "audit chain"),
    ("UPDATE key SET value = zeroblob(61) WHERE name = 'key.row-mac'", None),
])
def test_verify_db_names_what_is_wrong(own_broker, change, says):
    b = own_broker
    b.owner.create()
    b.stop()
    b.sql(change)
    said = verify(b, code=1)
    assert says is None or any(line.startswith("bad ") and says in line
                               for line in said.splitlines()), said


def test_a_trail_cut_at_its_end_shows_against_the_log(own_broker):
    b = own_broker
    b.stop()
    head = [line for line in b.log.read_text().splitlines() if " audit_head " in line][-1]
    words = " ".join(w for w in head.split() if w.split("=")[0] in ("writer", "number", "mac"))
    assert "good  record" in verify(b, "--head", words)
    writer, number = (w.split("=")[1] for w in words.split()[:2])
    b.sql("DELETE FROM audit WHERE writer = ? AND number = ?", writer, int(number))
    assert "bad   record" in verify(b, "--head", words, code=1)
    verify(b, "--head", "nonsense", code=2)


# ---- limits ----

def as_nobody_with_little_memory():
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (4096, 4096))
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)


def test_memory_that_cannot_be_locked_names_the_limit():
    with tempfile.TemporaryDirectory(prefix="vtpm-mem-") as d:
        b = Broker(d)
        b.run("init", "--state", str(b.state), "--profiles", d + "/profiles",
              *(["--user", "nobody"] if os.geteuid() == 0 else []))
        for_any_user(b, Path(d))
        for command in ("serve", "check-config"):
            fails(b, command, "--state", str(b.state), "--listen", "127.0.0.1:0", "--health", "none",
                  code=1, says="RLIMIT_MEMLOCK", preexec_fn=as_nobody_with_little_memory)
