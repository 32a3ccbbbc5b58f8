# SPDX-License-Identifier: Apache-2.0
"""A real broker in a directory of its own, and those who talk to it."""
import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import requests
from cryptography.hazmat.primitives import serialization
from jwcrypto import jwe, jwk

import contract
import pkcs10

TOP = Path(__file__).resolve().parents[2]
DEADLINE_S = 30
NIL = "00000000-0000-0000-0000-000000000000"


def build():
    return Path(os.environ.get("VTPM_BUILD", TOP / "build"))


def brokerd():
    return str(build() / "broker/daemon/vtpm-brokerd")


def until(holds, what, deadline_s=DEADLINE_S):
    """Waits for a condition, never for a time."""
    end = time.monotonic() + deadline_s
    while not (result := holds()):
        assert time.monotonic() < end, f"waited {deadline_s} s: {what}"
        time.sleep(0.01)
    return result


def new_id():
    return str(uuid.uuid4())


class Caller:
    """One identity; every reply is held against the OpenAPI document."""

    def __init__(self, broker, name):
        self.broker, self.name = broker, name
        self.session = requests.Session()
        self.session.verify = str(broker.state / "ca.pem")
        self.session.trust_env = False
        self.session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=64))

    def call(self, method, path, body=None, data=None, headers=None, judged=True, **more):
        headers = dict(headers or {})
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None and not any(h.lower() == "content-type" for h in headers):
            headers["Content-Type"] = "application/json"
        response = self.session.request(method, self.broker.url + path, data=data, headers=headers,
                                        timeout=DEADLINE_S, **more)
        if judged:
            contract.judge(response)
        return response

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def put(self, path, body=None, **more):
        return self.call("PUT", path, body, **more)

    def post(self, path, body=None, **more):
        return self.call("POST", path, {} if body is None and "data" not in more else body, **more)

    def delete(self, path, **more):
        return self.call("DELETE", path, **more)


class Person(Caller):
    def __init__(self, broker, subject, token, project="p1"):
        super().__init__(broker, subject)
        self.subject, self.project, self.token = subject, project, token
        self.session.headers["Authorization"] = f"Bearer {token}"

    def create(self, **fields):
        """A new instance; its id. Fields go into the body, `id` into the path."""
        instance = fields.pop("id", None) or new_id()
        r = self.put(f"/v1/instances/{instance}", {"name": "vm", **fields})
        assert r.status_code == 201, r.text
        return instance

    def permit(self, instance, **fields):
        permit = fields.pop("id", None) or new_id()
        r = self.put(f"/v1/instances/{instance}/permits/{permit}", fields)
        assert r.status_code == 201, r.text
        return permit

    def place(self, instance, host, **fields):
        r = self.post(f"/v1/instances/{instance}/place", {"host": host, **fields})
        assert r.status_code == 200, r.text
        return r.json()

    def explain(self, instance, **query):
        r = self.get(f"/v1/instances/{instance}/explain", params=query)
        assert r.status_code == 200, r.text
        return r.json()


class Host(Caller):
    """A compute host: two keys and a certificate."""

    def __init__(self, broker, name):
        super().__init__(broker, name)
        self.identity, self.sealing = pkcs10.key(), pkcs10.key()
        self.spool, self.seq = new_id(), 0

    @property
    def fingerprint(self):
        return hashlib.sha256(pkcs10.spki(self.identity)).hexdigest()

    def csr(self, token_id, name=None, **more):
        return pkcs10.request(self.identity, self.sealing, name or self.name, token_id, **more)

    def ask_to_enroll(self, token, csr=None, policies=("user", "host", "deployment"), **more):
        csr = csr or self.csr(token["id"])
        return self.post("/v1/enroll", {"token_id": token["id"], "token": token["token"],
                                        "csr": csr, "policies": list(policies), "protocol": 1,
                                        "features": [], **more})

    def use_certificate(self, pem):
        where = self.broker.dir / f"{self.name}-{new_id()}.pem"
        where.write_text(pem + self.identity.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()).decode())
        where.chmod(0o600)
        self.session.close()
        self.session.cert = str(where)

    def enroll(self, approve=True, **more):
        admin = self.broker.host_admin
        token = admin.post("/v1/host-tokens", {"name": self.name}).json()
        r = self.ask_to_enroll(token, **more)
        assert r.status_code == 201, r.text
        self.use_certificate(r.json()["certificate"])
        self.enrolled = r.json()
        if approve:
            r = admin.post(f"/v1/hosts/{self.name}/approve", {"fingerprint": self.fingerprint})
            assert r.status_code == 200, r.text
        return self

    def release(self, instance, purpose="start", attempt=None, nonce=None, **more):
        body = {"attempt": attempt or new_id(), "nonce": nonce or uuid.uuid4().hex,
                "purpose": purpose, **more}
        return self.post(f"/v1/instances/{instance}/release", body)

    def open(self, compact):
        """What is in the JWE, by a library that is not ours: (header, value)."""
        pem = self.sealing.private_bytes(serialization.Encoding.PEM,
                                         serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption())
        token = jwe.JWE()
        token.deserialize(compact, jwk.JWK.from_pem(pem))
        return json.loads(token.objects["protected"]), token.payload

    def report(self, kind, instance, attempt, **more):
        self.seq += 1
        r = self.post("/v1/hosts/self/reports", {
            "spool": self.spool, "seq": self.seq,
            "reports": [{"kind": kind, "instance": instance, "attempt": attempt,
                         "at": "2026-01-31T12:00:00Z", **more}]})
        assert r.status_code == 200 and r.json()["seq"] == self.seq, r.text


PEOPLE = {
    "owner": ("alice", "member", {}),
    "member": ("bob", "member", {}),
    "stranger": ("mallory", "member", {"project": "p2"}),
    "operator": ("olga", "operator", {"projects": "*", "hosts": "*"}),
    "orchestrator": ("nova", "orchestrator", {"projects": "p1", "hosts": "h1,h2"}),
    "host_admin": ("hans", "host-admin", {}),
    "auditor": ("vera", "auditor", {}),
}


class Broker:
    """init, serve, stop; the files; the log."""

    def __init__(self, directory, *options, program=None):
        self.dir = Path(directory)
        self.state = self.dir / "state"
        self.log = self.dir / "log"
        self.program = program or brokerd()
        self.options = options
        self.process = None
        self.port = None
        self.tokens = 0
        self.lock = threading.RLock()
        self.anybody = Caller(self, "anybody")

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    @property
    def database(self):
        return self.state / "broker.db"

    def run(self, *words, check=True, **more):
        done = subprocess.run([self.program, *words], capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False, **more)
        assert not check or done.returncode == 0, done.stderr
        return done

    def init(self, backup=True):
        self.run("init", "--state", str(self.state), "--profiles", str(self.dir / "profiles"),
                 *(["--accept-no-root-key-backup"] if backup else []))
        return self

    def start(self, *options):
        port_file = self.dir / "port"
        port_file.unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "serve", "--state", str(self.state), "--listen", "127.0.0.1:0",
                 "--health", "127.0.0.1:0", "--port-file", str(port_file), *self.options,
                 *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        words = self.process.stdout.readline().split()
        assert words and words[0] == b"ready", self.log.read_text()[-2000:]
        self.port = int(port_file.read_text())
        return self

    def stop(self, how=signal.SIGTERM):
        if self.process is None:
            return None
        self.process.send_signal(how)
        status = self.process.wait(DEADLINE_S)
        self.process.stdout.close()
        self.process = None
        return status

    def token(self, subject, role, project="p1", **scope):
        """The text of a new token, by the command on the broker's own machine."""
        self.tokens += 1
        out = self.dir / f"token-{self.tokens}"
        self.run("token", "create", "--state", str(self.state), "--subject", subject, "--role", role,
                 "--project", project, "--out", str(out),
                 *(w for k, v in scope.items() for w in (f"--{k}", v)))
        return out.read_text().strip()

    def person(self, subject, role, project="p1", **scope):
        return Person(self, subject, self.token(subject, role, project, **scope), project)

    def __getattr__(self, name):
        """The identities with which tests act; each has its token made when it first acts."""
        if name not in PEOPLE:
            raise AttributeError(name)
        with self.lock:
            if name not in self.__dict__:
                subject, role, scope = PEOPLE[name]
                setattr(self, name, self.person(subject, role, **scope))
        return self.__dict__[name]

    def hosts(self):
        self.h1 = Host(self, "h1").enroll()
        self.h2 = Host(self, "h2").enroll()
        return self

    def sql(self, text, *values):
        """Straight into the database file, as one who can write it would."""
        code = ("import sqlite3,sys,json;d=sqlite3.connect(sys.argv[1],timeout=10);"
                "a=json.load(sys.stdin);c=d.execute(a[0],a[1]);"
                "r=c.fetchall() if c.description else c.rowcount;d.commit();"
                "print(json.dumps(r,default=lambda b:b.hex()))")
        done = subprocess.run([sys.executable, "-c", code, str(self.database)],
                              input=json.dumps([text, values]), capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def audit(self, **query):
        """The newest records first."""
        r = self.auditor.get("/v1/audit", params={"newest": "true", "limit": 500, **query})
        assert r.status_code == 200, r.text
        return r.json()["items"]


@contextmanager
def broker(*options, hosts=True, program=None):
    with tempfile.TemporaryDirectory(prefix="vtpm-api-") as directory:
        b = Broker(directory, *options, program=program).init().start()
        try:
            if hosts:
                b.hosts()
            yield b
        finally:
            if b.process is not None and b.process.poll() is None:
                b.stop()
            text = b.log.read_text(errors="replace")
        assert "Sanitizer" not in text and "Assertion" not in text, text[-4000:]


def refused(response, code, field=None):
    """The stable code, and nothing that would be a secret of ours."""
    problem = response.json()
    assert problem["code"] == code, f"{response.status_code} {response.text}"
    assert problem["status"] == response.status_code
    if field is not None:
        assert problem["field"] == field, response.text
    return problem


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
