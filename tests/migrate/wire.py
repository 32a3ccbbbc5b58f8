# SPDX-License-Identifier: Apache-2.0
"""A network of three: two hosts and the place of the broker, on a bridge in a namespace.

Between any two of them it can be cut, and what passes can be recorded. A cut is silent: frames
are dropped, no link goes down. All of it is gone with the one process that holds the namespace.
"""
import os
import subprocess
import sys
from contextlib import contextmanager

import capture
import world as bed

NODES = {"h1": "10.99.0.1", "h2": "10.99.0.2", "broker": "10.99.0.3"}


class Wire(bed.Machine):
    """As a machine it is the third: broker, operators and orchestrators run in its network."""

    def __init__(self):
        self.holder, self.cuts, self.plugged = None, set(), set()

    def up(self):
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "-n", "sleep", "infinity"],
            stdin=subprocess.DEVNULL)
        own = os.readlink("/proc/self/ns/net")
        bed.until(lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != own, "a namespace")
        self.ip("link", "set", "lo", "up")
        self.ip("link", "add", "br0", "type", "bridge")
        # Else it, too, would answer for the broker's address, with a MAC that goes with a port.
        self.ip("link", "set", "br0", "arp", "off", "up")
        self.plug("broker", self.holder.pid)

    def down(self):
        if self.holder:
            self.holder.kill()
            self.holder.wait()

    def network(self, *words):
        return ["nsenter", "-t", str(self.holder.pid), "-n", "--", *map(str, words)]

    def ip(self, *words):
        bed.run(*self.network("ip", *words))

    def plug(self, node, pid):
        """A cable from the bridge to the network of a process; that may be this one's."""
        port = f"to-{node}"
        self.ip("link", "add", port, "type", "veth", "peer", "name", "lan0", "netns", pid)
        self.ip("link", "set", port, "master", "br0", "up")
        there = ["nsenter", "-t", str(pid), "-n", "--", "ip"]
        bed.run(*there, "address", "add", f"{NODES[node]}/24", "dev", "lan0")
        bed.run(*there, "link", "set", "lan0", "up")
        self.plugged.add(node)
        self.apply()

    def unplug(self, node):
        """Before its machine goes down; the cable goes with that."""
        self.plugged.discard(node)

    # ---- cuts ----

    def cut(self, one, other):
        self.cuts.add(frozenset((one, other)))
        self.apply()

    def mend(self, *pair):
        """This pair, or all."""
        self.cuts -= {frozenset(pair)} if pair else set(self.cuts)
        self.apply()

    @contextmanager
    def without(self, one, other):
        self.cut(one, other)
        try:
            yield
        finally:
            self.mend(one, other)

    def apply(self):
        """Isolated ports do not hear each other; a port that is cut from both others is off."""
        for node in self.plugged:
            of_it = sum(node in pair for pair in self.cuts)
            self.set_port(node, "state", "0" if of_it == 2 else "3")
            self.set_port(node, "isolated", "on" if of_it and len(self.cuts) == 1 else "off")

    def set_port(self, node, what, value):
        """A port takes its state once the kernel has seen the cable's other end."""
        words = self.network("bridge", "link", "set", "dev", f"to-{node}", what, value)
        bed.until(lambda: bed.run(*words, check=False).returncode == 0, f"{node}: {what} {value}")

    def hears(self, machine, node):
        """Whether a machine can ask a node anything."""
        code = (f"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)\n"
                f"s.settimeout(0.3); s.connect(({NODES[node]!r}, 0))\n"
                f"s.send(bytes.fromhex('0800f7ff00000000')); s.recv(99)")
        return bed.run(*machine.network("python3", "-c", code), check=False).returncode == 0

    # ---- what passes ----

    @contextmanager
    def recorded(self, folder):
        """All that enters the bridge meanwhile; its streams are there afterwards."""
        tape = capture.Tape(folder / "tape")
        ports = [f"to-{n}" for n in NODES]
        words = self.network(sys.executable, capture.__file__, tape.path, *ports)
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              text=True) as recorder:
            try:
                assert recorder.stdout.readline() == "recording\n"
                yield tape
            finally:
                recorder.terminate()
                said = recorder.stdout.read()
        assert said == "lost 0\n", said
        tape.read()
