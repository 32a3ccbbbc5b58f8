# SPDX-License-Identifier: Apache-2.0
"""A broker that exists only to be measured: keys, one host, instances placed on it."""
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

DEADLINE_S = 30
HOST = "bench1"


def tool(build, name):
    path = Path(build) / "tests/bench" / name
    return str(path) if path.exists() else None


def broker_program(build):
    return str(Path(build) / "broker/daemon/vtpm-brokerd")


class Caller:
    """One connection that stays open, as one identity."""

    def __init__(self, site, token=None, certificate=None):
        context = ssl.create_default_context(cafile=str(site.state / "ca.pem"))
        if certificate:
            context.load_cert_chain(certificate, site.dir / "identity.pem")
        self.http = http.client.HTTPSConnection("localhost", site.port, context=context,
                                                timeout=DEADLINE_S)
        self.headers = {"Content-Type": "application/json"}
        if token:
            self.headers["Authorization"] = "Bearer " + token

    def call(self, method, path, body=None, want=(200, 201)):
        data = None if body is None else json.dumps(body)
        headers = dict(self.headers)
        if data is None:
            headers.pop("Content-Type")
        self.http.request(method, path, data, headers)
        reply = self.http.getresponse()
        text = reply.read()
        if reply.status not in want:
            sys.exit(f"bench: {method} {path}: {reply.status} {text[:300]!r}")
        return json.loads(text) if text else None


class Site:
    """init once; serve by one program at a time, on a port of its own."""

    def __init__(self, build, directory):
        self.build, self.dir = build, Path(directory)
        self.state = self.dir / "state"
        self.process = self.port = None
        self.log = open(self.dir / "log", "ab")  # pylint: disable=consider-using-with

    def init(self):
        subprocess.run([broker_program(self.build), "init", "--state", self.state, "--profiles",
                        self.dir / "profiles/config", "--accept-no-root-key-backup"],
                       check=True, stdout=subprocess.DEVNULL)
        return self

    def token(self, profile):
        return (self.dir / f"profiles/{profile}.token").read_text().strip()

    def start(self, program=None, env=None):
        port_file = self.dir / "port"
        port_file.unlink(missing_ok=True)
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [program or broker_program(self.build), "serve", "--state", self.state, "--listen",
             "127.0.0.1:0", "--health", "none", "--port-file", port_file],
            stdout=subprocess.DEVNULL, stderr=self.log, env={**os.environ, **(env or {})})
        end = time.monotonic() + DEADLINE_S
        while not (port_file.exists() and port_file.read_text().strip()):
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit("bench: the broker does not serve:\n" + (self.dir / "log").read_text()[-800:])
            time.sleep(0.01)
        self.port = int(port_file.read_text())
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(DEADLINE_S)
        self.process = None

    def enrol(self):
        admin = Caller(self, self.token("host-admin"))
        token = admin.call("POST", "/v1/host-tokens", {"name": HOST})
        subprocess.run([tool(self.build, "bench-keys"), HOST, token["id"], self.dir], check=True)
        made = Caller(self).call("POST", "/v1/enroll", {
            "token_id": token["id"], "token": token["token"],
            "csr": (self.dir / "host.csr").read_text(),
            "policies": ["user", "host", "deployment"], "protocol": 1, "features": []})
        (self.dir / "host.pem").write_text(made["certificate"])
        admin.call("POST", f"/v1/hosts/{HOST}/approve", {"fingerprint": made["fingerprint"]})

    def instances(self, count):
        """Made by the owner, placed by the operator; their ids, one to a line."""
        owner = Caller(self, self.token("owner"))
        operator = Caller(self, self.token("operator"))
        ids = [str(uuid.uuid4()) for _ in range(count)]
        for one in ids:
            owner.call("PUT", f"/v1/instances/{one}", {"name": "bench", "security": "deployment"})
            operator.call("POST", f"/v1/instances/{one}/place", {"host": HOST})
        (self.dir / "ids").write_text("".join(one + "\n" for one in ids))
        return ids

    def releases(self, connections, seconds, fresh=False):
        """One measurement; `cpu_us` is the broker's own, for each release."""
        made = load(self.build, self.port, self.state / "ca.pem", connections, seconds, fresh,
                    "--certificate", self.dir / "host.pem", "--key", self.dir / "identity.pem",
                    "--instances", self.dir / "ids", "--opens", self.dir / "sealing.pem",
                    "--server", self.process.pid)
        made["cpu_us"] = made["server_cpu_s"] * 1e6 / max(made["requests"], 1)
        good = made["statuses"].get("200", 0)
        if good != made["requests"] or made["opened_bytes"] != 64 or made["errors"]:
            sys.exit(f"bench: not every release was one: {made}")
        return made


def load(build, port, ca, connections, seconds, fresh, *more):
    words = [tool(build, "bench-load"), "--port", port, "--ca", ca, "--connections", connections,
             "--seconds", seconds, *(["--fresh"] if fresh else []), *more]
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False,
                          timeout=seconds + 60)
    if done.returncode:
        sys.exit("bench: " + done.stderr)
    return json.loads(done.stdout)


def directory():
    return tempfile.TemporaryDirectory(prefix="vtpm-bench-")
