# SPDX-License-Identifier: Apache-2.0
"""vtpmctl as a person uses it, against a real broker."""
import json
import os
import pty
import re
import socket
import stat
import subprocess
import uuid
import xml.etree.ElementTree as ElementTree

import bed
import pytest

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PROFILES = {"owner": "owner", "member": "member", "stranger": "stranger", "operator": "operator",
            "host-admin": "host_admin", "auditor": "auditor"}


def program():
    return str(bed.build() / "client/ctl/vtpmctl")


class Ctl:
    """The program with a file of profiles, one for each identity."""

    def __init__(self, broker, directory):
        self.broker, self.dir = broker, directory
        self.config = directory / "config"
        text = ""
        for profile, person in PROFILES.items():
            token = directory / f"{profile}.token"
            token.write_text(getattr(broker, person).token + "\n")
            token.chmod(0o600)
            text += (f"[{profile}]\nurl = {broker.url}\nca = {broker.state}/ca.pem\n"
                     f"token_file = {token.name}\n")
        self.config.write_text(text)

    def run(self, profile, *words, status=0, stdin=b"", **more):
        done = subprocess.run([program(), "--config", str(self.config), "--profile", profile, *words],
                              input=stdin, capture_output=True, timeout=bed.DEADLINE_S, check=False,
                              cwd=self.dir, **more)
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        for token in self.dir.glob("*.token"):
            value = token.read_text().strip().encode()
            assert value not in done.stdout + done.stderr, "a token was printed"
        return done

    def text(self, profile, *words, **more):
        return self.run(profile, *words, **more).stdout.decode()

    def json(self, profile, *words, **more):
        return json.loads(self.text(profile, "--json", *words, **more))

    def refused(self, profile, *words, status, says, **more):
        """The whole of stderr, which has the sentence."""
        errors = self.run(profile, *words, status=status, **more).stderr.decode()
        assert errors.startswith("vtpmctl: ") and says in errors, errors
        return errors

    def facts(self, profile, *words, **more):
        """What is printed as two columns."""
        lines = self.text(profile, *words, **more).splitlines()
        return dict(re.split(r"  +", line, maxsplit=1) for line in lines if "  " in line)

    def create(self, name, *words, **more):
        return self.json("owner", "instance", "create", name, *words, **more)["id"]


@pytest.fixture
def ctl(broker, tmp_path):
    return Ctl(broker, tmp_path)


def name_of(what):
    return f"{what}-{uuid.uuid4().hex[:8]}"


def on_terminal(words, answer=b"", cwd=None):
    """Runs with a terminal for all three; (exit status, what it showed)."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execv(words[0], words)
    shown = b""
    sent = False
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if b"[y/N]" in shown and not sent:
            os.write(terminal, answer)
            sent = True
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


# ---- who, and what there is ----

@pytest.mark.parametrize("profile,role", [("owner", "member"), ("operator", "operator"),
                                          ("host-admin", "host-admin"), ("auditor", "auditor")])
def test_whoami_shows_the_role(ctl, profile, role):
    assert ctl.facts(profile, "whoami")["role"] == role
    assert ctl.json(profile, "whoami")["role"] == role


def test_first_profile_and_environment(ctl):
    def role(**env):
        done = subprocess.run([program(), "--config", str(ctl.config), "--json", "whoami"],
                              capture_output=True, check=True, env={**os.environ, **env})
        return json.loads(done.stdout)["role"]
    assert role() == "member"
    assert role(VTPMCTL_PROFILE="auditor") == "auditor"


def test_version_with_and_without_broker(ctl):
    assert ctl.text("owner", "version").startswith("vtpmctl ")
    assert ctl.facts("owner", "version", "--broker")["protocol"] == "1"
    assert subprocess.run([program(), "--version"], capture_output=True, check=True).stdout


def test_create_shows_the_instance(ctl):
    facts = ctl.facts("owner", "instance", "create", name_of("web"), "--image", "debian-12",
                      "--flavor", "small", "--security", "host", "--host-set", "h1,h2")
    assert (facts["security"], facts["image"], facts["flavor"]) == ("host", "debian-12", "small")
    assert (facts["hosts"], facts["placed on"]) == ("h1,h2", "no host yet")
    assert facts["value"] == "version 1, generated" and facts["TPM state"] == "none"


def test_create_with_an_id_is_repeatable(ctl):
    i, name = bed.new_id(), name_of("web")
    for _ in range(2):
        assert ctl.create(name, "--id", i) == i
    ctl.refused("owner", "instance", "create", "other", "--id", i, status=6,
                says="It exists already with other contents")


def test_show_by_name_prefix_and_uuid(ctl):
    name = name_of("web")
    i = ctl.create(name)
    for word in (name, i, i[:13]):
        assert ctl.facts("owner", "instance", "show", word)["instance"] == i
        assert ctl.json("owner", "instance", "show", word)["id"] == i


def test_ambiguous_names_are_listed_and_nothing_is_done(ctl):
    name = name_of("twin")
    ids = {ctl.create(name), ctl.create(name)}
    errors = ctl.run("owner", "permit", name, status=5).stderr.decode()
    assert "More than one thing matches" in errors
    assert ids == {m.group() for m in UUID.finditer(errors)}


def test_unknown_names_and_uuids(ctl):
    ctl.refused("owner", "instance", "show", "nothing-of-that-name", status=5, says="no instance")
    ctl.refused("owner", "instance", "show", bed.new_id(), status=5, says="no such thing")
    ctl.refused("owner", "instance", "show", "", status=2, says="not empty")


def test_another_project_sees_nothing(ctl):
    name = name_of("web")
    i = ctl.create(name)
    ctl.refused("stranger", "instance", "show", i, status=5, says="no such thing")
    ctl.refused("stranger", "instance", "show", name, status=5, says="no instance")
    assert i not in ctl.text("stranger", "instance", "list")


def test_list_in_columns_and_as_json(ctl):
    name = name_of("web")
    i = ctl.create(name, "--security", "deployment")
    lines = ctl.text("owner", "instance", "list", "--match", name).splitlines()
    assert lines[0].split() == ["ID", "NAME", "SECURITY", "HOST", "TPM", "STATE", "OWNER"]
    assert lines[1].split() == [i, name, "deployment", "-", "none", "alice"] and len(lines) == 2
    assert ctl.json("owner", "instance", "list", "--match", name)["items"][0]["id"] == i
    assert len(ctl.text("owner", "instance", "list", "--limit", "1").splitlines()) == 2


def test_list_follows_all_pages(own_broker, tmp_path):
    ctl = Ctl(own_broker, tmp_path)
    for n in range(503):
        r = own_broker.owner.put(f"/v1/instances/{bed.new_id()}", {"name": f"n{n}"}, judged=False)
        assert r.status_code == 201
    assert len(ctl.text("owner", "instance", "list").splitlines()) == 504
    pages = [json.loads(p) for p in ctl.text("owner", "--json", "instance", "list").splitlines()]
    assert [len(p["items"]) for p in pages] == [500, 3] and pages[-1]["next"] is None
    assert len(ctl.text("auditor", "audit", "list", "--limit", "0").splitlines()) > 504


def test_xml_is_the_element_of_this_instance(ctl):
    i = ctl.create(name_of("web"))
    secret = ctl.json("owner", "instance", "show", i)["secret"]["id"]
    text = ctl.text("owner", "instance", "xml", i, "--model", "tpm-tis")
    tpm = ElementTree.fromstring(text)
    assert tpm.tag == "tpm" and tpm.get("model") == "tpm-tis" and i in text
    backend = tpm.find("backend")
    assert (backend.get("type"), backend.get("version")) == ("emulator", "2.0")
    assert backend.find("encryption").get("secret") == secret
    ctl.refused("owner", "instance", "xml", i, "--model", "tpm-spapr", status=2, says="--model")


# ---- values ----

def test_uploaded_value_comes_back_byte_by_byte(ctl, tmp_path):
    value = os.urandom(4096)
    (tmp_path / "value").write_bytes(value)
    i = ctl.create(name_of("web"), "--upload", "value")
    assert ctl.json("owner", "instance", "show", i)["secret"]["origin"] == "uploaded"
    ctl.run("owner", "secret", "read", i, "--out", "back")
    assert (tmp_path / "back").read_bytes() == value
    assert stat.S_IMODE((tmp_path / "back").stat().st_mode) == 0o600
    assert ctl.run("owner", "secret", "read", i).stdout == value


def test_value_from_standard_input(ctl):
    value = b"0123456789abcdef" * 2 + b"\n"
    done = ctl.run("owner", "--json", "instance", "create", name_of("web"), "--upload", "-",
                   stdin=value)
    assert b"ends with a line feed" in done.stderr
    assert ctl.run("owner", "secret", "read", json.loads(done.stdout)["id"]).stdout == value


def test_existing_file_is_not_overwritten_nor_the_read_made(ctl, tmp_path):
    i = ctl.create(name_of("web"))
    (tmp_path / "there").write_text("mine")
    ctl.refused("owner", "secret", "read", i, "--out", "there", status=1, says="exists already")
    assert (tmp_path / "there").read_text() == "mine"
    assert not [r for r in ctl.broker.audit(instance=i) if r["verb"] == "secret.read"]


def test_refused_read_leaves_no_file(ctl, tmp_path):
    i = ctl.create(name_of("web"), "--security", "deployment")
    errors = ctl.refused("owner", "secret", "read", i, "--out", "none", status=7, says="no reader")
    assert errors.count("no reader") == 1
    assert not (tmp_path / "none").exists()
    ctl.refused("operator", "secret", "read", ctl.create(name_of("web")), status=4, says="may not")


def test_value_is_not_shown_on_a_terminal(ctl, tmp_path):
    i = ctl.create(name_of("web"))
    status, shown = on_terminal([program(), "--config", str(ctl.config), "--profile", "owner",
                                 "secret", "read", i], cwd=tmp_path)
    assert status == 2 and "not shown on a terminal" in shown


def test_short_value_is_refused_before_an_instance_is_made(ctl, tmp_path):
    name = name_of("web")
    (tmp_path / "short").write_bytes(b"five!")
    ctl.refused("owner", "instance", "create", name, "--upload", "short", status=2, says="--weak")
    assert name not in ctl.text("owner", "instance", "list", "--match", name)
    i = ctl.create(name, "--upload", "short", "--weak")
    assert ctl.json("owner", "instance", "show", i)["secret"]["weak"] is True


def test_upload_replaces_while_there_is_no_state(ctl, tmp_path):
    i = ctl.create(name_of("web"))
    (tmp_path / "value").write_bytes(b"v" * 40)
    assert ctl.facts("owner", "secret", "upload", i, "value")["version"] == "2"
    ctl.json("operator", "instance", "place", i, "h1")
    ctl.json("owner", "permit", i)
    assert ctl.broker.h1.release(i).status_code == 200
    ctl.refused("owner", "secret", "upload", i, "value", status=6, says="TPM state")


# ---- placement, permits, explain ----

def test_place_permit_and_explain(ctl):
    name = name_of("web")
    i = ctl.create(name, "--security", "user")
    errors = ctl.refused("owner", "permit", name, status=6, says="placed on no host")
    assert errors.endswith(f"next: vtpmctl instance place {name} HOST\n")
    facts = ctl.facts("operator", "instance", "place", i, "h1")
    assert (facts["placed on"], facts["moved"]) == ("h1", "yes")
    told = ctl.text("owner", "explain", name)
    assert re.search(r"^verdict: +refused$", told, re.M) and "permit_missing" in told
    assert re.search(rf"^next: +the owner: vtpmctl permit {name}$", told, re.M)
    told = ctl.text("owner", "explain", name, "--purpose", "autostart")
    assert f"vtpmctl grant create {name} --hosts h1 --purpose autostart\n" in told
    assert f"vtpmctl permit {name} --purpose restore\n" in ctl.text("owner", "explain", name,
                                                                  "--purpose", "restore")
    assert ctl.facts("owner", "permit", name, "--minutes", "60")["host"] == "h1"
    assert ctl.json("owner", "explain", name)["verdict"] == "allowed"
    assert ctl.json("owner", "explain", name, "--host", "h2")["reason"] == "not_placed_here"
    assert ctl.json("owner", "explain", name, "--purpose", "migrate-in")["verdict"] == "refused"


def test_permits_are_listed_and_taken_back(ctl):
    i = ctl.create(name_of("web"))
    ctl.json("operator", "instance", "place", i, "h1")
    permit = ctl.json("owner", "permit", i, "--purpose", "reboot")["id"]
    lines = ctl.text("owner", "permit", "list", i).splitlines()
    assert lines[1].split()[:4] == [permit, "reboot", "h1", "unused"]
    ctl.refused("owner", "permit", "delete", i, "ffffffff-ffff", status=5, says="no permit")
    assert permit in ctl.text("owner", "permit", "delete", i, permit[:8])
    assert ctl.json("owner", "permit", "list", i)["items"][0]["state"] == "withdrawn"
    ctl.refused("operator", "permit", i, status=4, says="may not")


def test_grants_are_given_listed_and_taken_back(ctl):
    name = name_of("web")
    i = ctl.create(name, "--security", "user")
    ctl.json("operator", "instance", "place", i, "h1")
    done = ctl.run("owner", "grant", "create", name, "--purpose", "autostart", "--hosts", "h1,h2",
                   "--standing", "--days", "90")
    assert b"can start the guest at any time" in done.stderr
    assert re.search(rb"^uses +standing$", done.stdout, re.M)
    once = ctl.json("owner", "grant", "create", name, "--purpose", "migrate-in", "--hosts", "h2")
    assert (once["uses"], once["hosts"][0]["name"]) == (1, "h2")
    lines = ctl.text("owner", "grant", "list", name).splitlines()
    assert lines[0].split() == ["ID", "PURPOSE", "STATE", "USES", "UNTIL", "HOSTS"]
    row = next(line for line in lines if "autostart" in line)
    assert row.split()[2:4] == ["in_force", "standing"]
    assert set(row.split()[-1].split(",")) == {"h1", "h2"}
    row = next(line for line in lines if "migrate-in" in line)
    assert "1 of 1 left" in row
    assert ctl.broker.h1.release(i, purpose="autostart").status_code == 200
    assert ctl.json("owner", "explain", name, "--purpose", "autostart")["verdict"] == "allowed"
    assert once["id"] in ctl.text("owner", "grant", "delete", name, once["id"][:8])
    ctl.refused("owner", "grant", "delete", name, "ffffffff-ffff", status=5, says="no grant")
    states = {g["purpose"]: g["state"] for g in ctl.json("owner", "grant", "list", name)["items"]}
    assert states == {"autostart": "in_force", "migrate-in": "withdrawn"}


def test_grant_refusals(ctl):
    i = ctl.create(name_of("web"))
    base = ("grant", "create", i, "--purpose", "start")
    ctl.refused("owner", *base, status=2, says="--hosts")
    ctl.refused("owner", "grant", "create", i, "--hosts", "h1", status=2, says="--purpose")
    ctl.refused("owner", *base, "--hosts", "h1", "--uses", "0", status=2, says="--uses")
    ctl.refused("owner", *base, "--hosts", "h1", "--days", "367", status=2, says="--days")
    ctl.refused("owner", *base, "--hosts", "h1", "--uses", "2", "--standing", status=2,
                says="exclude")
    ctl.refused("owner", *base, "--hosts", "h1,nowhere", status=5, says="nowhere")
    ctl.refused("operator", *base, "--hosts", "h1", status=4, says="may not")
    ctl.refused("owner", "grant", "create", i, "--purpose", "rescue", "--hosts", "h1", status=2,
                says="purpose")


def test_place_refuses_another_image_and_unknown_hosts(ctl):
    i = ctl.create(name_of("web"), "--image", "a")
    ctl.refused("operator", "instance", "place", i, "h1", "--image", "b", status=6, says="image")
    ctl.refused("operator", "instance", "place", i, "nowhere", status=5, says="no host")
    ctl.refused("owner", "instance", "place", i, "h1", status=4, says="may not")


def test_new_tpm_starts_over(ctl):
    i = ctl.create(name_of("web"), "--security", "deployment")
    ctl.json("operator", "instance", "place", i, "h1")
    attempt = bed.new_id()
    assert ctl.broker.h1.release(i, attempt=attempt).status_code == 200
    ctl.broker.h1.report("started", i, attempt)
    assert ctl.facts("owner", "instance", "show", i)["TPM state"] == "expected"
    ctl.refused("owner", "instance", "new-tpm", i, status=6, says="stopped")
    ctl.broker.h1.report("stopped", i, attempt)
    assert ctl.facts("owner", "instance", "new-tpm", i)["TPM state"] == "none"


def test_matrix_needs_no_broker_nor_profile():
    def matrix(*words, status=0):
        done = subprocess.run([program(), "policy", "matrix", *words], capture_output=True,
                              check=False, env={"PATH": os.environ["PATH"]}, text=True)
        assert done.returncode == status, done.stderr
        return done.stdout
    cells = json.loads(matrix("--json"))["cells"]
    assert len({c["purpose"] for c in cells}) == 13 and len({c["policy"] for c in cells}) == 3
    some = json.loads(matrix("--json", "--policy", "user", "--purpose", "start", "--party",
                             "placed-host"))["cells"]
    assert {c["verdict"] for c in some if c["missing"] is None} == {"allowed"}
    assert [c["says"] for c in some if c["missing"] == "permit"] == [
        "the owner has not permitted this"]
    assert matrix("--purpose", "start").splitlines()[0].split()[0] == "PURPOSE"
    for option in ("--policy", "--purpose", "--party"):
        matrix(option, "nonsense", status=2)


# ---- policies ----

def test_image_policy_keeps_what_is_not_given(ctl):
    image = name_of("image")
    ctl.refused("operator", "image", "show", image, status=5, says="no such thing")
    facts = ctl.facts("operator", "image", "set", image, "--allowed", "user,host")
    assert (facts["allowed"], facts["default"], facts["generation"]) == ("user,host", "none", "1")
    facts = ctl.facts("operator", "image", "set", image, "--default", "host")
    assert (facts["allowed"], facts["default"]) == ("user,host", "host")
    facts = ctl.facts("operator", "image", "set", image, "--allowed", "any", "--default", "none")
    assert (facts["allowed"], facts["default"]) == ("any", "none")
    assert image in ctl.text("operator", "image", "list")
    assert ctl.json("auditor", "image", "show", image)["generation"] == 3


def test_image_policy_refusals(ctl):
    image = name_of("image")
    ctl.refused("operator", "image", "set", image, status=2, says="--allowed")
    ctl.refused("operator", "image", "set", image, "--allowed", "strong", status=2, says="policy")
    ctl.refused("owner", "image", "set", image, "--default", "user", status=4, says="may not")
    ctl.json("operator", "image", "set", image, "--default", "user")
    ctl.refused("operator", "image", "set", image, "--default", "host", "--if-match", "9", status=6,
                says="has changed")


def test_conflict_names_its_sources(ctl):
    image = name_of("image")
    ctl.json("operator", "image", "set", image, "--allowed", "user")
    ctl.refused("owner", "instance", "create", "x", "--image", image, "--security", "deployment",
                status=6, says="image")


def test_deployment_policy(own_broker, tmp_path):
    ctl = Ctl(own_broker, tmp_path)
    assert ctl.facts("operator", "deployment", "show")["allowed"] == "any"
    ctl.json("operator", "deployment", "set", "--allowed", "host,deployment", "--default", "deployment")
    assert ctl.json("owner", "instance", "create", "x")["security"] == "deployment"
    assert ctl.json("auditor", "deployment", "show")["default"] == "deployment"


# ---- hosts ----

def enroll_line(text):
    whole = re.fullmatch(r"vtpm-enroll:1:(.*)#(.*)#(.*)#([0-9a-f]{64})#([\w-]{43})\n", text)
    assert whole, text
    return whole.groups()


def test_host_is_let_in_and_shut_out(ctl, tmp_path):
    name = name_of("h")
    ctl.run("host-admin", "host", "token", name, "--out", "line")
    assert stat.S_IMODE((tmp_path / "line").stat().st_mode) == 0o600
    url, named, token_id, _, token = enroll_line((tmp_path / "line").read_text())
    assert (url, named) == (ctl.broker.url, name)
    host = bed.Host(ctl.broker, name)
    assert host.ask_to_enroll({"id": token_id, "token": token}).status_code == 201
    assert ctl.facts("host-admin", "host", "show", name)["state"] == "pending"
    ctl.refused("host-admin", "host", "approve", name, "--fingerprint", "0" * 64, status=2,
                says="fingerprint")
    ctl.refused("host-admin", "host", "approve", name, status=2, says="--fingerprint")
    assert ctl.facts("host-admin", "host", "approve", name, "--fingerprint",
                     host.fingerprint)["state"] == "approved"
    ctl.refused("host-admin", "host", "approve", name, "--fingerprint", "00", status=2,
                says="fingerprint must have 64 bytes")
    guest = ctl.create(name_of("g"))
    ctl.run("operator", "instance", "place", guest, name)
    ctl.run("host-admin", "host", "fence", name)
    assert f"vtpmctl host unfence {name}, once" in ctl.text("owner", "explain", guest)
    for verb, state in (("fence", "fenced"), ("unfence", "approved"), ("revoke", "revoked")):
        assert ctl.json("host-admin", "host", verb, name)["state"] == state
    line = next(row for row in ctl.text("auditor", "host", "list").splitlines() if name in row)
    assert line.split()[1] == "revoked" and host.fingerprint in line


def test_host_is_drained(ctl):
    host = bed.Host(ctl.broker, name_of("h")).enroll()
    told = ctl.text("host-admin", "host", "drain", host.name)
    assert re.search(r"^state +draining$", told, re.M) and f"no guest is placed on {host.name}" in told
    ctl.text("host-admin", "host", "undrain", host.name)
    guest = ctl.create(name_of("g"))
    ctl.run("operator", "instance", "place", guest, host.name)
    told = ctl.text("host-admin", "host", "drain", host.name)
    assert guest in told and f"on {host.name}, vtpm-client migrate" in told
    other = ctl.create(name_of("g"))
    errors = ctl.refused("operator", "instance", "place", other, host.name, status=6,
                         says="is being drained")
    assert "vtpmctl host undrain" in errors
    lines = ctl.text("operator", "host", "guests", host.name).splitlines()
    assert lines[0].split() == ["ID", "NAME", "SECURITY", "RUNNING"]
    assert lines[1].split()[0] == guest and lines[1].split()[3] == "no"
    assert ctl.json("host-admin", "host", "guests", host.name)["items"][0]["name"] is None
    assert ctl.facts("host-admin", "host", "undrain", host.name)["state"] == "approved"
    ctl.refused("operator", "host", "drain", host.name, status=4, says="may not")


@pytest.mark.parametrize("answer,state", [(b"y\n", "approved"), (b"n\n", "pending")])
def test_person_at_a_terminal_is_asked(ctl, tmp_path, answer, state):
    name = name_of("h")
    _, _, token_id, _, token = enroll_line(ctl.text("host-admin", "host", "token", name))
    host = bed.Host(ctl.broker, name)
    assert host.ask_to_enroll({"id": token_id, "token": token}).status_code == 201
    status, shown = on_terminal([program(), "--config", str(ctl.config), "--profile", "host-admin",
                                 "host", "approve", name], answer, cwd=tmp_path)
    assert host.fingerprint in shown and (status == 0) == (state == "approved")
    assert ctl.json("auditor", "host", "show", name)["state"] == state


def test_token_line_may_name_another_address(ctl):
    line = ctl.text("host-admin", "host", "token", name_of("h"), "--url", "https://broker:7443")
    assert enroll_line(line)[0] == "https://broker:7443"
    ctl.refused("host-admin", "host", "token", "h", "--url", "http://broker", status=2, says="--url")
    ctl.refused("operator", "host", "token", "h", status=4, says="may not")


# ---- audit ----

def test_audit_tells_who_did_what(ctl):
    i = ctl.create(name_of("web"))
    ctl.run("owner", "secret", "read", i)
    lines = ctl.text("auditor", "audit", "list", "--instance", i).splitlines()
    assert lines[0].split() == ["SEQ", "TIME", "WHO", "VERB", "PURPOSE", "ON", "HOST", "VERDICT"]
    assert lines[1].split()[2:] == ["alice", "secret.read", "read-back", i, "-", "allowed"]
    assert lines[2].split()[2:] == ["alice", "instance.create", "-", i, "-", "allowed"]
    assert len(ctl.json("owner", "audit", "list", "--instance", i)["items"]) == 2
    ctl.refused("owner", "audit", "list", status=2, says="instance")
    first = int(lines[2].split()[0])
    after = ctl.json("auditor", "audit", "list", "--after", str(first), "--limit", "1")["items"]
    assert [r["verb"] for r in after] == ["secret.read"]


def test_every_record_names_its_party(ctl, tmp_path):
    (tmp_path / "value").write_bytes(b"v" * 40)
    i = ctl.create(name_of("web"), "--upload", "value")
    ctl.run("owner", "permit", i, status=6)
    for record in ctl.json("auditor", "audit", "list", "--instance", i)["items"]:
        assert record["subject"] == "alice" and record["verb"], record


def test_audit_verifies(ctl):
    assert ctl.facts("auditor", "audit", "verify")["verdict"] == "every record verifies"
    assert ctl.json("auditor", "audit", "verify")["ok"] is True
    ctl.refused("owner", "audit", "verify", status=4, says="may not")


def test_damaged_audit_is_an_error(own_broker, tmp_path):
    ctl = Ctl(own_broker, tmp_path)
    ctl.create("web")
    assert own_broker.sql("UPDATE audit SET verdict = 'refused' WHERE seq = 2") == 1
    done = ctl.run("auditor", "audit", "verify", status=1)
    assert b"a record does not verify" in done.stdout and b"does not verify" in done.stderr


# ---- what goes wrong on the way ----

def config_with(ctl, **changes):
    """One profile, the owner's, but for the changes."""
    values = {"url": ctl.broker.url, "ca": f"{ctl.broker.state}/ca.pem", "token_file": "owner.token",
              **changes}
    ctl.config.write_text("[p]\n" + "".join(f"{k} = {v}\n" for k, v in values.items() if v))
    return ctl


def test_nobody_there(ctl):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    config_with(ctl, url=f"https://localhost:{port}").refused(
        "p", "whoami", status=8, says="The broker does not answer")


def test_another_ca(ctl, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other", "-days", "1",
                    "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "other.pem")],
                   capture_output=True, check=True)
    config_with(ctl, ca="other.pem").refused("p", "whoami", status=8, says="not the broker we know")


def test_bad_tokens(ctl, tmp_path):
    bad = tmp_path / "bad"
    bad.write_text("vtpm_" + "A" * 43)
    bad.chmod(0o600)
    config_with(ctl, token_file="bad").refused("p", "whoami", status=3, says="token")
    bad.chmod(0o644)
    ctl.refused("p", "whoami", status=2, says="others can read")
    config_with(ctl, token_file="").refused("p", "whoami", status=3, says="no identity")


@pytest.mark.parametrize("text,says", [("", "no profile"), ("[q]\nurl=https://x\nca=/x\n", "no profile"),
                                       ("[p]\nca=/x\n", "no url"), ("[p]\nkey=x\n", "unknown key")])
def test_bad_profiles(ctl, text, says):
    ctl.config.write_text(text)
    ctl.refused("p", "whoami", status=2, says=says)


def test_errors_as_json(ctl):
    done = ctl.run("owner", "--json", "instance", "show", bed.new_id(), status=5)
    problem = json.loads(done.stderr)
    assert (problem["code"], problem["exit_code"]) == ("not_found", 5) and done.stdout == b""
    done = ctl.run("owner", "--json", "permit", "--minutes", "0", "x", status=2)
    assert json.loads(done.stderr)["field"] == "minutes"


def test_full_disk_is_an_error(ctl):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([program(), "--config", str(ctl.config), "whoami"], stdout=full,
                              stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1 and b"cannot be written" in done.stderr


# ---- help and completion ----

def commands():
    text = subprocess.run([program(), "--help"], capture_output=True, check=True, text=True).stdout
    block = text.split("Commands:\n")[1].split("\n\n")[0]
    rows = re.findall(r"^  ([a-z-]+(?: [a-z-]+)?)", block, re.M)
    return [row.split() for row in rows]


def test_every_command_has_help():
    rows = commands()
    assert len(rows) > 25
    for words in rows:
        text = subprocess.run([program(), *words, "--help"], capture_output=True, check=True,
                              text=True).stdout
        assert text.startswith(f"usage: vtpmctl {' '.join(words)}"), words
        assert "--profile" in text


@pytest.mark.parametrize("line,want", [("ins", ["instance"]), ("instance n", ["new-tpm"]),
                                       ("instance create --up", ["--upload"]),
                                       ("permit x --min", ["--minutes"]),
                                       ("whoami --js", ["--json"])])
def test_completion(line, want):
    script = subprocess.run([program(), "completion", "bash"], capture_output=True, check=True,
                            text=True).stdout
    words = ["vtpmctl", *line.split(" ")]
    script += (f"\nCOMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}\n_vtpmctl\n"
               "printf '%s\\n' \"${COMPREPLY[@]}\"\n")
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout.split() == want and not done.stderr
