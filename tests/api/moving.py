# SPDX-License-Identifier: Apache-2.0
"""Hand-overs as the agents of two hosts make them."""
import threading
import uuid

from bed import new_id, refused

JWE = "eyJhbGciOiJFQ0RILUVTIn0..c29tZSBpdg.c29tZSBjaXBoZXJ0ZXh0.c29tZSB0YWc"
JWS = "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl"


class Move:
    """One guest that runs on h1 and is to move to h2."""

    def __init__(self, broker, security="deployment", mode="plain", **fields):
        self.b, self.mode, self.security = broker, mode, security
        self.a, self.to = broker.h1, broker.h2
        self.id = broker.owner.create(security=security, **fields)
        broker.operator.place(self.id, "h1")
        self.secret = self.show()["secret"]["id"]
        if security != "deployment":
            broker.owner.permit(self.id)
        if security == "user":
            self.grant("h2")
        self.start = new_id()
        r = self.a.release(self.id, attempt=self.start, lease=True)
        assert r.status_code == 200, r.text
        self.a.report("started", self.id, self.start)
        if mode == "cold":
            self.a.report("stopped", self.id, self.start)
        self.attempt = new_id()
        self.n = 1

    def show(self):
        return self.b.operator.get(f"/v1/instances/{self.id}").json()

    def grant(self, *hosts, **more):
        grant = new_id()
        r = self.b.owner.put(f"/v1/instances/{self.id}/grants/{grant}", {
            "purpose": "cold-migrate" if self.mode == "cold" else "migrate-in",
            "hosts": list(hosts), **more})
        assert r.status_code == 201, r.text
        return grant

    def url(self, verb="", n=None):
        return f"/v1/instances/{self.id}/handovers/{n or self.n}" + (verb and "/" + verb)

    def try_prepare(self, who=None, destination="h2", **more):
        who = who or self.b.orchestrator
        return who.post(f"/v1/instances/{self.id}/handovers",
                        {"destination": destination, "mode": self.mode, **more})

    def prepare(self, who=None, **more):
        r = self.try_prepare(who, **more)
        assert r.status_code == 201, r.text
        self.n = r.json()["number"]
        return self

    def try_ask(self, who=None, **more):
        listens(self.a)
        return (who or self.to).post(f"/v1/instances/{self.id}/ask", {
            "attempt": self.attempt, "nonce": uuid.uuid4().hex, "secret": self.secret,
            "purpose": "cold-migrate" if self.mode == "cold" else "migrate-in",
            "statement": JWS, **more})

    def ask(self, **more):
        r = self.try_ask(**more)
        assert r.status_code == 200, r.text
        return self

    def asked(self, **query):
        return self.to.get(f"/v1/instances/{self.id}/ask",
                           params={"attempt": self.attempt, **query})

    def try_refuse(self, who=None, **more):
        return (who or self.a).post(f"/v1/instances/{self.id}/ask/refuse", {
            "attempt": self.attempt, "destination": self.to.fingerprint, **more})

    def try_offer(self, who=None, **more):
        body = {"attempt": self.attempt, **({"jwe": JWE} if self.security == "host" else {}),
                **more}
        return (who or self.a).post(self.url("offer"), body)

    def offer(self):
        cold = {}
        if self.mode == "cold":
            r = self.a.put(self.url("parts/0"), data=b"sealed",
                           headers={"Content-Type": "application/octet-stream"})
            assert r.status_code == 204, r.text
            cold = {"parts": 1}
        r = self.ask().try_offer(**cold)
        assert r.status_code == 200 and r.json()["state"] == "offered", r.text
        return self

    def try_claim(self, who=None, **more):
        return (who or self.to).post(self.url("claim"), {
            "attempt": self.attempt, "nonce": uuid.uuid4().hex, "secret": self.secret,
            "lease": True, **more})

    def claim(self):
        r = self.try_claim()
        assert r.status_code == 200, r.text
        return self

    def claimed(self):
        return self.prepare().offer().claim()

    def try_say(self, who, what, **more):
        return who.post(self.url("say"), {"what": what, **more})

    def say(self, who, what, state, **more):
        r = self.try_say(who, what, **more)
        assert r.status_code == 200 and r.json()["state"] == state, r.text
        return r.json()

    def try_abort(self, who):
        return who.post(self.url("abort"))

    def state(self):
        return self.b.operator.get(self.url()).json()["state"]

    def commit(self):
        who, word = {"plain": (self.to, "running"), "strict": (self.a, "gone"),
                     "cold": (self.to, "stored")}[self.mode]
        self.say(who, word, "committed")
        return self

    def committed(self):
        return self.claimed().commit()

    def ran_there(self):
        """Its destination shows that the guest ran there."""
        if self.mode != "cold":
            self.say(self.to, "running", "committed")
            return self
        attempt = new_id()
        r = self.to.release(self.id, attempt=attempt)
        assert r.status_code == 200, r.text
        self.to.report("started", self.id, attempt)
        return self

    def reach(self, state):
        """Brings it to this state, on one of the ways that lead there."""
        if state == "aborted":
            self.prepare()
            assert self.try_abort(self.a).json()["state"] == "aborted"
            return self
        steps = ["prepared", "offered", "claimed", "aborting", "committed", "closed"]
        at = steps.index(state)
        self.prepare()
        if at >= 1:
            self.offer()
        if at >= 2:
            self.claim()
        if state == "aborting":
            assert self.try_abort(self.b.owner).json()["state"] == "aborting"
        if at >= 4:
            self.commit()
        if at >= 5:
            self.ran_there()
            self.say(self.a, "wiped", "closed")
        return self


def listens(host):
    """Its agent polls for events; the number to go on from."""
    r = host.get("/v1/hosts/self/handovers")
    assert r.status_code == 200, r.text
    after = r.json()["next"]
    assert host.get("/v1/hosts/self/events", params={"after": after}).status_code == 200
    return after


def events(host, after, wait=0):
    r = host.get("/v1/hosts/self/events", params={"after": after, "wait": wait})
    assert r.status_code == 200, r.text
    return r.json()


def at_once(*calls):
    """Each call on a thread of its own; what they return, in order."""
    got, gate = [None] * len(calls), threading.Barrier(len(calls))

    def run(i, call):
        gate.wait()
        got[i] = call()
    threads = [threading.Thread(target=run, args=(i, c)) for i, c in enumerate(calls)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return got


class Later:
    """A call on a thread of its own, for long polls."""

    def __init__(self, call):
        self.got = None
        self.thread = threading.Thread(target=self.run, args=(call,))
        self.thread.start()

    def run(self, call):
        self.got = call()

    def get(self):
        self.thread.join(60)
        assert not self.thread.is_alive()
        return self.got


def not_found(response):
    assert response.status_code == 404
    refused(response, "not_found")
