# SPDX-License-Identifier: Apache-2.0
"""Two compute hosts, a broker on a third machine, and a guest with a real kernel that moves.

    world = World().open()
    guest = world.guest("deployment"); guest.start()          # on world.a; waits for a first tick
    guest.move("p2p", world.a, world.b)                       # virsh migrate
    assert guest.ticking() == {"h2"} and guest.last(world.b).nv == ...

The guest prints `tick COUNT nv VALUE pcr VALUE` five times a second, to a file that
libvirt writes on each host: who ticks is told by whose file grows.
"""
import configparser
import os
import re
import shutil
import subprocess
import sys
from collections import namedtuple
from contextlib import contextmanager
from pathlib import Path

import guest_image
import handing
import relay
import steps
import wire
import world as bed

Tick = namedtuple("Tick", "count nv pcr")
Keys = namedtuple("Keys", "secrets copies states")
Said = namedtuple("Said", "returncode stderr")
HOWS = ("p2p", "direct", "tunnelled")
BOOT = Path("var/lib/libvirt/boot")  # on each host
LINE = re.compile(rb"^tick (\d+) nv (\S+) pcr (\S+)\r?\n", re.M)
FLAGS = ["--live", "--persistent", "--undefinesource"]
RELAY_PORT = 16510


class Compute(bed.Compute):
    """A host that others reach, and of which each step of a hand-over can be held."""

    def __init__(self, site, host, name):
        bed.Compute.__init__(self, site, host, name)
        self.steps = steps.Steps(site.folder / f"steps-{name}")
        self.relay = None

    def enroll(self, *options):
        bed.Compute.enroll(self, "--address", self.host.address, *options)

    def start_agent(self, wait_for_libvirt=True, **env):
        bed.Compute.start_agent(self, wait_for_libvirt, VTPM_STEPS=str(self.steps.folder), **env)

    def start_relay(self):
        """On its port the end of a migration to this host can be held: see relay.py."""
        self.relay = subprocess.Popen(
            self.host.network(sys.executable, relay.__file__, self.host.address, RELAY_PORT,
                              16509, self.steps.folder),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self.relay.stdout.readline() == "listening\n"

    def is_up(self):
        return self.agent and self.agent.poll() is None


class World(bed.Broker):
    """Hosts a and b, each with libvirtd and an agent; broker and clients on a third machine."""

    def __init__(self):
        folder = bed.new_folder()
        self.wire = wire.Wire()
        bed.Broker.__init__(self, folder, self.wire, wire.NODES["broker"], 7443)
        self.hosts = [Compute(self, bed.Host(folder / name, name, wire.NODES[name]), name)
                      for name in ("h1", "h2")]
        self.a, self.b = self.hosts

    def open(self):
        kernel = guest_image.file(self.folder, bed.BUILD)
        self.wire.up()
        for one in self.hosts:
            (one.host.disk / BOOT).mkdir(exist_ok=True)
            shutil.copy(kernel, one.host.disk / BOOT)
            self.boot(one)
        self.start_broker(first=True)
        self.people_choose()
        for one in self.hosts:
            one.enroll()
            one.start_agent()
        return self

    def boot(self, one):
        one.host.up()
        self.wire.plug(one.name, one.host.pid)
        one.host.start_libvirtd()
        one.start_relay()

    def shut_down(self, one):
        self.wire.unplug(one.name)
        one.relay.kill()
        one.relay.wait()
        one.host.down()

    def repair(self):
        """All that was cut, held or killed is as before."""
        self.wire.mend()
        for one in self.hosts:
            one.steps.let_go()
        if self.broker.poll() is not None:
            self.start_broker()
        for one in self.hosts:
            if not one.host.pids("libvirtd"):
                one.host.start_libvirtd()
            if not one.is_up():
                one.start_agent()

    def kill_broker(self):
        self.broker.kill()
        self.broker.wait()

    def tails(self):
        """The last that the agents have logged, for whoever looks at a test that failed."""
        return "\n".join(f"{one.name}: {one.agent_log()[-1500:]}" for one in self.hosts)

    def close(self):
        processes = [p for p in (self.broker, *(one.agent for one in self.hosts),
                                 *(one.relay for one in self.hosts)) if p]
        for one in self.hosts:
            one.host.down()
        for process in processes:
            process.kill()
            process.wait()
        self.wire.down()
        assert not any(any((one.host.disk / "machine-etc").iterdir()) for one in self.hosts)
        if not os.environ.get("E2E_KEEP"):
            shutil.rmtree(self.folder)

    def other(self, one):
        return self.b if one is self.a else self.a

    def guest(self, policy, **how):
        return Guest(self, policy, **how)

    def token(self, name, role, *options):
        """One more person, and a profile of that name."""
        if (self.folder / f"{name}.token").exists():
            return
        words = ["token", "create", "--state", self.folder / "broker", "--subject", name,
                 "--project", "default", "--role", role, *options]
        bed.run(bed.BROKERD, *words, "--out", self.folder / f"{name}.token", env=self.env)
        path = self.folder / "config/vtpmctl/config"
        profiles = configparser.ConfigParser()
        profiles.read(path)
        profiles[name] = dict(profiles["operator"], token_file=self.folder / f"{name}.token")
        with open(path, "w") as config:
            profiles.write(config)

    def enroll_elsewhere(self, name):
        """A host of that name, which has no agent."""
        one = bed.Compute(self, Elsewhere(self.wire), name)
        if not (self.folder / name).exists():
            one.enroll("--address", "10.99.0.9")


class Elsewhere(bed.Machine):
    """The third machine, as the place of a host."""

    def __init__(self, site_wire):
        self.words = site_wire.network


def uri(one, port=16509):
    return f"qemu+tcp://{one.host.address}:{port}/system"


class Ticking:
    """A domain with a kernel, a TPM and a serial line; needs world, id, name, tpm_element()."""

    known_twice = frozenset()

    def define(self, one):
        path = one.host.folder / f"{self.name}.xml"
        path.write_text(domain_xml(self.name, self.id, self.tpm_element()))
        one.host.virsh("define", path)

    def start(self, one=None):
        one = one or self.world.a
        before = self.lines(one)
        one.host.virsh("start", self.name)
        bed.until(lambda: self.lines(one) > before, f"{self.name} ticks on {one.name}")
        now = self.last(one)
        assert "error" not in now.nv + now.pcr, now
        return now

    # ---- what it does, and where ----

    def log(self, one):
        return one.host.disk / f"var/log/libvirt/qemu/{self.name}-serial.log"

    def last(self, one):
        """Its last tick on a host; count 0 where there was none."""
        found = LINE.findall(self.log(one).read_bytes()) if self.log(one).exists() else []
        return Tick(int(found[-1][0]), *(f.decode() for f in found[-1][1:])) if found else (
            Tick(0, "", ""))

    def lines(self, one):
        return len(LINE.findall(self.log(one).read_bytes())) if self.log(one).exists() else 0

    def ran_twice(self):
        """The ticks of one boot that it made on both hosts: they are counted in its memory."""
        def made(one):
            found = LINE.findall(self.log(one).read_bytes()) if self.log(one).exists() else []
            return {(pcr, int(count)) for count, _, pcr in found}
        return sorted((made(self.world.a) & made(self.world.b)) - self.known_twice)

    def forget_what_ran_twice(self):
        self.known_twice |= set(self.ran_twice())

    def where(self):
        """The host on which it ticks, alone, and the other one."""
        (name,) = self.ticking()
        one = next(one for one in self.world.hosts if one.name == name)
        return one, self.world.other(one)

    def ticking(self, seconds=bed.SECONDS):
        """The names of the hosts on which it ticks now; waits until one ticked three times."""
        before = {one: self.lines(one) for one in self.world.hosts}

        def grown(ticks):
            return {one.name for one in before if self.lines(one) >= before[one] + ticks}
        bed.until(lambda: grown(3), f"{self.name} ticks somewhere", seconds)
        return grown(2)

    def state(self, one):
        """As libvirt says, such as "running (migrated)"; "" where it is not known."""
        return one.host.virsh("domstate", "--reason", self.name, check=False).stdout.strip()

    def running_on(self):
        """The names of the hosts whose libvirt says that it runs there."""
        return {one.name for one in self.world.hosts if self.name in one.host.running()}

    def running_now(self):
        """The names of the hosts whose libvirt says that it runs there and is not paused."""
        return {one.name for one in self.world.hosts if self.state(one).startswith("running")}

    def became(self, one, state):
        bed.until(lambda: self.state(one) == state,
                  f"{self.name} is {state} on {one.name}, not {self.state(one)}")

    def keys(self, one):
        """What a host has of its keys: libvirt's secrets, sealed copies, and TPM states."""
        copies = one.client_file("copies")
        state = one.host.disk / f"var/lib/libvirt/swtpm/{self.id}"
        return Keys([s for s in one.host.secrets() if s == self.secret],
                    [p.name for p in copies.glob(f"{self.id}*")] if copies.exists() else [],
                    sorted(p.name for p in state.rglob("*.permall")) if state.exists() else [])

    # ---- moving ----

    def words(self, how, source, target, *options, port=16509, flags=FLAGS):
        """
        Of virsh migrate, as that is run: on the source, or direct by a client elsewhere; or of
        vtpm-client migrate, on the source.
        """
        if how == "strict":
            return source.host.words(bed.CLIENT, "migrate", *options, self.name, target.name,
                                     uri(target, port))
        words = ["migrate", *flags, *options]
        if how == "direct":
            return self.world.wire.network("virsh", "-q", "-c", uri(source), *words, self.name,
                                           uri(target, port))
        words += ["--p2p"] + (["--tunnelled"] if how == "tunnelled" else [])
        return source.host.words("virsh", "-q", *words, self.name, uri(target, port))

    def move(self, how, source, target, *options, check=True, **more):
        if target.is_up():
            bed.until(lambda: target.status()["libvirt"] == "up", f"{target.name} serves libvirt")
        words = self.words(how, source, target, *options, **more)
        return bed.run(*words, env=self.world.env, check=check)

    @contextmanager
    def moves(self, how, source, target, *options, **more):
        """Meanwhile; yields a function that waits for the end: Said."""
        words = self.words(how, source, target, *options, **more)
        with subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=self.world.env) as virsh:
            def end(seconds=60):
                _, told = virsh.communicate(timeout=seconds)
                return Said(virsh.returncode, told)
            try:
                yield end
            finally:
                virsh.kill()

    def arrived(self, target, before):
        """It runs and ticks there alone, and its TPM is the one that it was."""
        assert self.ticking() == {target.name} == self.running_on()
        now = self.last(target)
        assert (now.nv, now.pcr) == (before.nv, before.pcr) and now.count > before.count
        return now

    def tpm_state(self, one):
        return one.host.disk / f"var/lib/libvirt/swtpm/{self.id}/tpm2/tpm2-00.permall"

    def kill_qemu(self, one):
        pid = one.host.disk / f"run/libvirt/qemu/{self.name}.pid"
        bed.until(pid.exists, f"{self.name} has an emulator on {one.name}")
        one.host.run("kill", "-KILL", pid.read_text(), check=False)

    def end(self):
        """Off, and defined nowhere; the TPM's state goes along."""
        for one in self.world.hosts:
            one.host.virsh("destroy", self.name, check=False)
            one.host.virsh("undefine", "--tpm", "--managed-save", self.name, check=False)


class Bare(Ticking):
    """A guest of which the broker knows nothing; its secret is defined by hand."""

    def __init__(self, world):
        self.world, self.id, self.secret = world, bed.new_id(), bed.new_id()
        self.name = f"bare-{self.id[:8]}"
        self.define(world.a)

    def tpm_element(self):
        return tpm_element(self.secret)

    def give(self, one, value):
        """Defines the secret on a host."""
        xml = one.host.folder / "secret.xml"
        xml.write_text(f"<secret ephemeral='yes' private='yes'><uuid>{self.secret}</uuid>"
                       f"<usage type='vtpm'><name>{self.name}</name></usage></secret>")
        file = one.host.folder / "value"
        file.write_text(value)
        one.host.virsh("secret-define", xml)
        one.host.virsh("secret-set-value", self.secret, "--file", file, "--plain")
        file.unlink()

    def take(self, one):
        one.host.virsh("secret-undefine", self.secret, check=False)

    def end(self):
        Ticking.end(self)
        for one in self.world.hosts:
            self.take(one)


class Guest(Ticking, handing.Handing):
    """An instance of the broker's, placed and defined on one of the hosts."""

    def __init__(self, world, policy, place="h1", permit=None, create=()):
        """create: more words of vtpmctl instance create."""
        self.world, self.policy, self.id = world, policy, bed.new_id()
        self.name = f"{policy}-{self.id[:8]}"
        world.ctl("owner", "instance", "create", self.name, "--id", self.id, "--image", policy,
                  *create)
        self.secret = self.show()["secret"]["id"]
        world.ctl("operator", "instance", "place", self.id, place)
        if permit or (permit is None and policy != "deployment"):
            self.permit()
        self.define(world.a if place == "h1" else world.b)

    def tpm_element(self):
        return self.world.ctl("owner", "instance", "xml", self.id).stdout

    def show(self):
        return self.world.json("owner", "instance", "show", self.id)

    def permit(self):
        self.world.ctl("owner", "permit", self.id)


def tpm_element(secret):
    return (f"<tpm model='tpm-crb'><backend type='emulator' version='2.0'>"
            f"<encryption secret='{secret}'/></backend></tpm>")


def domain_xml(name, domain, tpm):
    return f"""<domain type='qemu'><name>{name}</name><uuid>{domain}</uuid>
<memory unit='MiB'>96</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type>
<kernel>/{BOOT}/kernel</kernel><cmdline>{guest_image.WORDS} mark={domain}</cmdline></os>
<features><acpi/></features><on_crash>destroy</on_crash>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<serial type='file'><source path='/var/log/libvirt/qemu/{name}-serial.log' append='on'/></serial>
<controller type='usb' model='none'/><memballoon model='none'/>{tpm}</devices></domain>
"""
