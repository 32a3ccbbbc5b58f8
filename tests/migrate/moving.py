# SPDX-License-Identifier: Apache-2.0
"""Two compute hosts, a broker on a third machine, and a guest with a real kernel that moves.

    world = World().open()
    guest = world.guest("deployment"); guest.start()          # on world.a; waits for a first tick
    guest.move("p2p", world.a, world.b)                       # virsh migrate
    assert guest.ticking() == {"h2"} and guest.last(world.b).nv == ...

The guest prints `tick COUNT nv VALUE pcr VALUE` five times a second, to a file that
libvirt writes on each host: who ticks is told by whose file grows.
"""
import os
import re
import shutil
from collections import namedtuple
from pathlib import Path

import guest_image
import wire
import world as bed

Tick = namedtuple("Tick", "count nv pcr")
Keys = namedtuple("Keys", "secrets copies states")
HOWS = ("p2p", "direct", "tunnelled")
BOOT = Path("var/lib/libvirt/boot")  # on each host
LINE = re.compile(rb"^tick (\d+) nv (\S+) pcr (\S+)\r?\n", re.M)
FLAGS = ["--live", "--persistent", "--undefinesource"]


class World(bed.Broker):
    """Hosts a and b, each with libvirtd and an agent; broker and clients on a third machine."""

    def __init__(self):
        folder = bed.new_folder()
        self.wire = wire.Wire()
        bed.Broker.__init__(self, folder, self.wire, wire.NODES["broker"], 7443)
        self.hosts = [bed.Compute(self, bed.Host(folder / name, name, wire.NODES[name]), name)
                      for name in ("h1", "h2")]
        self.a, self.b = self.hosts

    def open(self):
        image = guest_image.files(self.folder, bed.BUILD)
        self.wire.up()
        for one in self.hosts:
            for file, name in zip(image, ("kernel", "initramfs")):
                (one.host.disk / BOOT).mkdir(exist_ok=True)
                shutil.copy(file, one.host.disk / BOOT / name)
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

    def shut_down(self, one):
        self.wire.unplug(one.name)
        one.host.down()

    def close(self):
        processes = [p for p in (self.broker, *(one.agent for one in self.hosts)) if p]
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

    def client_virsh(self, one, *words, **more):
        """virsh of an operator or orchestrator, on the third machine."""
        return bed.run(*self.wire.network("virsh", "-q", "-c", uri(one), *words), env=self.env,
                       **more)

    def guest(self, policy, place="h1", permit=None):
        return Guest(self, policy, place, permit)


def uri(one):
    return f"qemu+tcp://{one.host.address}/system"


class Ticking:
    """A domain with a kernel, a TPM and a serial line; needs world, id, name, tpm_element()."""

    def define(self, one):
        path = one.host.folder / f"{self.name}.xml"
        path.write_text(domain_xml(self.name, self.id, self.tpm_element()))
        one.host.virsh("define", path)

    def start(self, one=None):
        one = one or self.world.a
        before = self.lines(one)
        one.host.virsh("start", self.name)
        bed.until(lambda: self.lines(one) > before, f"{self.name} ticks on {one.name}")
        return self.last(one)

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

    def move(self, how, source, target, *options, check=True, **more):
        """virsh migrate, as that is run: on the source, or direct by a client elsewhere."""
        words = ["migrate", *FLAGS, *options]
        if how == "direct":
            return self.world.client_virsh(source, *words, self.name, uri(target), check=check,
                                           **more)
        words += ["--p2p"] + (["--tunnelled"] if how == "tunnelled" else [])
        return source.host.virsh(*words, self.name, uri(target), check=check, **more)

    def arrived(self, target, before):
        """It runs and ticks there alone, and its TPM is the one that it was."""
        assert self.ticking() == {target.name} == self.running_on()
        now = self.last(target)
        assert (now.nv, now.pcr) == (before.nv, before.pcr) and now.count > before.count
        return now

    def kill_qemu(self, one):
        pid = (one.host.disk / f"run/libvirt/qemu/{self.name}.pid").read_text()
        one.host.run("kill", "-KILL", pid, check=False)

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


class Guest(Ticking):
    """An instance of the broker's, placed and defined on one of the hosts."""

    def __init__(self, world, policy, place="h1", permit=None):
        self.world, self.policy, self.id = world, policy, bed.new_id()
        self.name = f"{policy}-{self.id[:8]}"
        world.ctl("owner", "instance", "create", self.name, "--id", self.id, "--image", policy)
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
<kernel>/{BOOT}/kernel</kernel><initrd>/{BOOT}/initramfs</initrd>
<cmdline>console=ttyS0 quiet panic=-1 nokaslr mitigations=off mark={domain}</cmdline></os>
<features><acpi/></features><on_crash>destroy</on_crash>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<serial type='file'><source path='/var/log/libvirt/qemu/{name}-serial.log' append='on'/></serial>
<controller type='usb' model='none'/><memballoon model='none'/>{tpm}</devices></domain>
"""
