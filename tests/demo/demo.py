#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The main job, told as a story: three guests with three policies, on real TPM emulators.

Needs no root. A broker and two hosts, h1 and h2, run on 127.0.0.1 in a temporary folder.
"""
import argparse
import hashlib
import re
import signal
import sys
import uuid
import zlib
from pathlib import Path

from stage import Process, Stage, Stop, free_ports, wait_until

NV = "0x1500016"
# guest: its image and that image's policy
GUESTS = {"laptop": ("win11", "user"), "web": ("debian", "host"), "worker": ("batch", "deployment")}


class Guest:
    """A guest as its TPM sees it: swtpm, started by `vtpm-client run`, used by tpm2-tools."""

    def __init__(self, stage, name, port):
        self.stage, self.name, self.port = stage, name, port
        self.id = str(uuid.uuid4())
        self.marker = f"disk key of {name}, {uuid.uuid4().hex[:8]}"
        self.env = dict(stage.env, TPM2TOOLS_TCTI=f"swtpm:host=127.0.0.1,port={port}")
        self.process = None

    def words(self, host):
        return ["vtpm-client", "run", "--state-dir", host, "--port", str(self.port), self.id]

    def start(self, host="h1"):
        self.process = self.stage.background(f"{self.name}-on-{host}", *self.words(host))
        wait_until(f"the TPM of {self.name} is ready", lambda: self.process.ended()
                   or re.search(r"^ready", self.process.said(), re.M))
        self.stage.output(self.process.said(), "")
        if self.process.ended():
            raise Stop(f"{self.name} did not start:\n{self.process.said()}")
        self.stage.check(f"{self.name} runs on {host}", True)

    def refused(self, host, code, says):
        """It must not start, and must say why, with a code of the list of errors."""
        said = self.stage.run(*self.words(host), fails=True)
        self.stage.check(f"{says} ({code})", f"({code})" in said, said)

    def stop(self):
        status = self.stage.end(self.process)
        if status != 0:
            raise Stop(f"{self.name} ended with {status}:\n{self.process.said()}")
        self.process = None

    def tpm(self, *words, show=True):
        return self.stage.run(*words, env=self.env, show=show)

    def write_nv(self):
        text = self.stage.folder / f"{self.name}.text"
        text.write_text(self.marker)
        self.tpm("tpm2_nvdefine", NV, "-C", "o", "-s", len(self.marker), "-a",
                 "ownerread|ownerwrite")
        self.tpm("tpm2_nvwrite", NV, "-C", "o", "-i", text.name)

    def read_nv(self):
        got = self.tpm("tpm2_nvread", NV, "-C", "o", "-s", len(self.marker))
        self.stage.check(f"the TPM of {self.name} gives back what was sealed in it",
                         got == self.marker, got)

    def state(self, host="h1"):
        found = sorted((self.stage.folder / host / "tpm" / self.id).rglob("tpm2-00.permall"))
        if not found:
            raise Stop(f"there is no TPM state of {self.name} on {host}")
        return found[0]


class Story:
    def __init__(self, stage):
        self.stage = stage
        ports = free_ports(8)
        self.address = f"127.0.0.1:{ports}"
        self.guests = {name: Guest(stage, name, ports + 2 + 2 * i)
                       for i, name in enumerate(GUESTS)}
        self.broker = None
        stage.hints = [f"vtpm-client run --state-dir h1 {guest.id}   # {guest.name}"
                       for guest in self.guests.values()]
        stage.hints.append(f"vtpm-brokerd serve --state broker --listen {self.address} "
                           "--health none &   # the broker, once it was stopped")

    def ctl(self, profile, *words, **how):
        return self.stage.run("vtpmctl", "--profile", profile, *words, **how)

    def serve(self):
        self.broker = self.stage.background(
            "broker", "vtpm-brokerd", "serve", "--state", "broker", "--listen", self.address,
            "--health", "none")
        wait_until("the broker is ready", lambda: self.broker.ended()
                   or re.search(r"^ready", self.broker.said(), re.M))
        if self.broker.ended():
            raise Stop(f"the broker did not start:\n{self.broker.said()}")

    def enroll(self, host):
        self.ctl("host-admin", "host", "token", host, "--out", f"{host}.enroll")
        said = self.stage.run("vtpm-client", "enroll", "--state-dir", host, "--no-wait",
                              f"{host}.enroll")
        found = re.search(r"\b[0-9a-f]{64}\b", said)
        if not found:
            raise Stop(f"enroll printed no fingerprint:\n{said}")
        self.ctl("host-admin", "host", "approve", host, "--fingerprint", found.group(),
                 only="^state")
        agent = self.stage.background(f"agent-{host}", "vtpm-client", "agent", "--state-dir",
                                      host, "--no-libvirt")
        wait_until(f"the agent of {host} answers", lambda: agent.ended()
                   or (self.stage.folder / host / "agent.sock").exists())
        self.stage.check(f"{host} is enrolled, approved by its fingerprint, and has its agent",
                         not agent.ended(), agent.said())

    def set_up(self):
        self.stage.step("A broker, and two hosts that it knows by their keys")
        self.stage.run("vtpm-brokerd", "init", "--state", "broker", "--listen", self.address,
                       "--url", f"https://{self.address}", only="state|CA key|profiles")
        self.stage.run("vtpm-brokerd", "backup", "--state", "broker", "--root-key", "root.backup",
                       only="root key")
        self.serve()
        self.stage.check("the broker serves", True)
        for host in ("h1", "h2"):
            self.enroll(host)

    def make_guests(self):
        self.stage.step("Three images with three policies, and a guest of each, placed on h1")
        for name, (image, policy) in GUESTS.items():
            guest = self.guests[name]
            self.ctl("operator", "image", "set", image, "--allowed", policy, only="^allowed")
            self.ctl("owner", "instance", "create", name, "--id", guest.id, "--image", image,
                     only="^(security|chosen)")
            self.ctl("operator", "instance", "place", name, "h1", only="placed")
            shown = self.ctl("owner", "--json", "instance", "show", name, show=False)
            self.stage.check(f"{name} got the policy {policy} from its image {image}",
                             re.search(rf'"security":\s*"{policy}"', shown), shown)

    def first_start(self):
        self.stage.step("The owner permits, the guests start, and each seals a key in its TPM")
        for name in ("laptop", "web"):
            self.ctl("owner", "permit", name, only="host|until")
        for guest in self.guests.values():
            guest.start()
            guest.write_nv()
            guest.read_nv()

    def at_rest(self):
        self.stage.step("The guests stop; what is left on the disk of h1 is ciphertext")
        for guest in self.guests.values():
            guest.stop()
        for guest in self.guests.values():
            state = guest.state().read_bytes()
            squeezed = len(zlib.compress(state, 9))
            self.stage.say(f"{guest.state().relative_to(self.stage.folder)}: {len(state)} bytes, "
                           f"{squeezed} after zlib")
            self.stage.check(f"the TPM state of {guest.name} holds no clear text",
                             guest.marker.encode() not in state and squeezed >= len(state))

    def refusals(self):
        self.stage.step("A used permit opens nothing, and nobody but the owner can give another")
        laptop = self.guests["laptop"]
        laptop.refused("h1", "permit_used", "laptop does not start again")
        said = self.ctl("operator", "permit", "laptop", fails=True)
        self.stage.check("the operator cannot permit", "vtpmctl:" in said, said)
        said = self.ctl("operator", "secret", "read", "laptop", fails=True)
        self.stage.check("the operator cannot read the secret", "vtpmctl:" in said, said)
        said = self.ctl("owner", "secret", "read", "worker", fails=True)
        self.stage.check("not even its owner reads a deployment secret", "no reader" in said, said)
        said = self.ctl("owner", "explain", "laptop")
        self.stage.check("explain says why, and what would have to change",
                         "vtpmctl permit" in said, said)

    def permit_again(self):
        self.stage.step("The owner permits once more: the same TPM, the same key in it")
        laptop = self.guests["laptop"]
        self.ctl("owner", "permit", "laptop", only="host|until")
        laptop.start()
        laptop.read_nv()
        laptop.stop()
        laptop.refused("h1", "permit_used", "and again, one permit is one start")

    def broker_down(self):
        self.stage.step("The broker is down: host starts from its sealed copy, deployment waits")
        self.stage.shown(["kill", self.broker.popen.pid])
        status = self.stage.end(self.broker)
        self.stage.check("the broker stopped cleanly", status == 0, self.broker.said())
        self.guests["web"].start()
        self.guests["web"].read_nv()
        self.guests["web"].stop()
        self.guests["worker"].refused("h1", "broker_unreachable",
                                      "a deployment guest needs the broker")

    def wrong_host(self):
        self.stage.step("The broker is back: the wrong host gets nothing, a fenced one neither")
        self.serve()
        worker = self.guests["worker"]
        worker.refused("h2", "not_found", "to h2, where worker is not placed, it does not exist")
        self.ctl("host-admin", "host", "fence", "h1", only="^state")
        worker.refused("h1", "host_fenced", "a fenced host gets nothing")
        self.ctl("host-admin", "host", "unfence", "h1", only="^state")
        worker.start()
        worker.read_nv()
        worker.stop()

    def by_hand(self):
        self.stage.step("Without the broker: a stolen state file and a guessed passphrase")
        state = self.guests["laptop"].state()
        before = hashlib.sha256(state.read_bytes()).hexdigest()
        (self.stage.folder / "guess").write_text("correct horse battery staple")
        port = self.guests["laptop"].port
        words = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state.parent}", "--server",
                 f"type=tcp,port={port}", "--ctrl", f"type=tcp,port={port + 1}", "--flags",
                 "not-need-init,startup-clear", "--key",
                 "pwdfile=guess,mode=aes-256-cbc,kdf=pbkdf2"]
        self.stage.shown(words)
        swtpm = Process(self.stage, "swtpm-by-hand", words)
        self.stage.processes.append(swtpm)
        wait_until("swtpm gives up", swtpm.ended)
        self.stage.output(swtpm.said(), "HMAC|Error")
        self.stage.check("swtpm refuses the passphrase", self.stage.end(swtpm) == 1, swtpm.said())
        after = hashlib.sha256(state.read_bytes()).hexdigest()
        self.stage.check("and the state file is what it was", before == after)

    def reported(self):
        records = self.ctl("auditor", "--json", "audit", "list", "--limit", "0", show=False)
        return records if "report.used_copy" in records else None

    def trail(self):
        self.stage.step("All of it was recorded first")
        self.ctl("auditor", "audit", "list", "--limit", "12")
        records = wait_until("h1 has reported its start from the copy", self.reported, 60)
        for reason in ("permit_used", "host_fenced"):
            self.stage.check(f"the refusal {reason} is on record", reason in records)
        self.stage.check("the start from the copy was reported once the broker was back",
                         "report.used_copy" in records)
        said = self.ctl("auditor", "audit", "verify")
        self.stage.check("the audit chain verifies", "ok" in said.lower() or "verif" in said, said)

    def tell(self):
        for part in (self.set_up, self.make_guests, self.first_start, self.at_rest,
                     self.refusals, self.permit_again, self.broker_down, self.wrong_host,
                     self.by_hand, self.trail):
            part()


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help="leave everything running")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        stage = Stage(args.build.resolve())
    except Stop as why:
        print(f"demo: {why}", file=sys.stderr)
        return 1
    try:
        Story(stage).tell()
    except Stop as why:
        stage.failure(str(why))
    except KeyboardInterrupt:
        stage.failure("Interrupted.")
    finally:
        stage.close(args.keep)
    return 1 if stage.failed else 0


if __name__ == "__main__":
    sys.exit(main())
