# SPDX-License-Identifier: Apache-2.0
"""A real broker, and a compute host with libvirtd and an agent in namespaces of its own.

The host's /etc/libvirt, /var/lib/libvirt, /run and so on are folders of the test, seen by its
processes alone; ending its process 1 ends all of it.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
BUILD = Path(os.environ.get("VTPM_BUILD", TOP / "build"))
BROKERD = BUILD / "broker/daemon/vtpm-brokerd"
CTL = BUILD / "client/ctl/vtpmctl"
CLIENT = BUILD / "client/compute/vtpm-client"
HOOK = BUILD / "client/compute/vtpm-client-hook"
UNIT = TOP / "packaging/vtpm-client.service"
PLACES = ["run", "etc", "var/lib", "var/log", "var/cache"]  # which every machine has
SECONDS = 30
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def until(holds, what, seconds=SECONDS):
    """Waits for a condition, never for a time."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"waited {seconds} s: {what}"
        time.sleep(0.02)
    return found


def new_id():
    return str(uuid.uuid4())


def new_folder():
    folder = Path(tempfile.mkdtemp(prefix="vtpm-e2e-"))
    folder.chmod(0o711)
    return folder


def free_port():
    """One of this machine's that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(*words, check=True, seconds=60, **more):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False,
                          timeout=seconds, stdin=None if "input" in more else subprocess.DEVNULL,
                          **more)
    assert not check or done.returncode == 0, f"{words}: {done.stderr}{done.stdout}"
    return done


class Machine:
    """This machine's network and files: for what needs no namespaces, and no root."""

    prefix = []

    def words(self, *words):
        return [str(w) for w in words]

    def network(self, *words):
        return [str(w) for w in words]


class Host(Machine):
    """A compute host; `down` and `up` again is a reboot: the disk stays, /run is new."""

    def __init__(self, folder, name="h1", address=None):
        """With an address, libvirtd listens there and is moved to; who plugs it in is another."""
        self.folder, self.name, self.init, self.pid = Path(folder), name, None, None
        self.address = address
        self.disk = self.folder / "disk"
        for place in PLACES + ["machine-etc"]:
            (self.disk / place).mkdir(parents=True)
        self.fill()

    def fill(self):
        (self.disk / "places").write_text("".join(f"{p}\n" for p in PLACES))
        etc = self.disk / "etc/libvirt"
        run("cp", "-a", "/etc/libvirt", etc)
        run("cp", "-a", "/var/lib/libvirt", self.disk / "var/lib/libvirt")
        shutil.rmtree(etc / "hooks", ignore_errors=True)
        (etc / "hooks/qemu.d").mkdir(parents=True)
        for old in (etc / "qemu").rglob("*.xml"):
            old.unlink()
        shutil.copy(HOOK, etc / "hooks/qemu.d/50-vtpm-client")
        for log in ("libvirt/qemu", "swtpm/libvirt/qemu"):
            (self.disk / "var/log" / log).mkdir(parents=True)
        (self.disk / "var/lib/swtpm-localca").mkdir()
        shutil.chown(self.disk / "var/lib/swtpm-localca", "tss", "tss")
        with open(etc / "libvirtd.conf", "a") as conf:
            conf.write(f'host_uuid = "{new_id()}"\nauth_unix_rw = "none"\n')
        with open(etc / "qemu.conf", "a") as conf:
            conf.write("cgroup_controllers = []\nnamespaces = []\n")
        if self.address:
            self.listen(etc)

    def listen(self, etc):
        """A connection counts as broken after 4 s, not 30."""
        alive = "keepalive_interval = 1\nkeepalive_count = 3\n"
        with open(etc / "libvirtd.conf", "a") as conf:
            conf.write(f'listen_tls = 0\nlisten_tcp = 1\nauth_tcp = "none"\n'
                       f'listen_addr = "{self.address}"\n{alive}')
        with open(etc / "qemu.conf", "a") as conf:
            conf.write(f'migration_address = "{self.address}"\n'
                       f'migration_host = "{self.address}"\n{alive}')

    def up(self):
        (self.disk / "booted").unlink(missing_ok=True)
        shutil.rmtree(self.disk / "run")
        (self.disk / "run").mkdir()
        self.init = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "-m", "-u", "-n", "-i", "-p", "-f",
             "--kill-child=KILL", "--mount-proc", HERE / "init.sh", self.disk, self.name],
            stdin=subprocess.DEVNULL, stderr=open(self.folder / "init.log", "ab"),
            start_new_session=True)
        until((self.disk / "booted").exists, "the host boots")
        children = Path(f"/proc/{self.init.pid}/task/{self.init.pid}/children")
        self.pid = until(lambda: children.read_text().split(), "process 1")[0]

    def down(self):
        if self.init:
            self.init.kill()
            self.init.wait()
            until(lambda: not Path(f"/proc/{self.pid}").exists(), "the host is off")
        self.init = None

    def words(self, *words):
        return ["nsenter", "-t", self.pid, "-m", "-r", "-u", "-n", "-i", "-p", "--wdns=/", "--",
                *map(str, words)]

    def network(self, *words):
        return ["nsenter", "-t", self.pid, "-n", "--", *map(str, words)]

    def run(self, *words, **more):
        return run(*self.words(*words), env={"PATH": PATH, "HOME": "/root", "LC_ALL": "C"}, **more)

    def virsh(self, *words, **more):
        return self.run("virsh", "-q", *words, **more)

    def pids(self, program):
        return self.run("pidof", program, check=False).stdout.split()

    def kill(self, program, sig="KILL"):
        for pid in self.pids(program):
            self.run("kill", f"-{sig}", pid, check=False)

    def start_libvirtd(self, wait=True):
        if not self.pids("virtlogd"):
            self.run("virtlogd", "-d")
        self.run("libvirtd", "-d", *(["-l"] if self.address else []))
        if wait:
            until(lambda: self.virsh("uri", check=False).returncode == 0, "libvirtd serves")

    def kill_libvirtd(self):
        self.kill("libvirtd")
        until(lambda: not self.pids("libvirtd"), "libvirtd is gone")

    def secrets(self):
        return self.virsh("secret-list").stdout.split()

    def running(self):
        return self.virsh("list", "--name").stdout.split()

    def hook(self, *argv, xml="", program="/etc/libvirt/hooks/qemu.d/50-vtpm-client"):
        return self.run(program, *argv, input=xml, check=False)

    def add_hook(self, name, text):
        path = self.disk / "etc/libvirt/hooks/qemu.d" / name
        path.write_text(text)
        path.chmod(0o755)
        return path


class Broker:
    """A broker and its people, on the machine `place`, with a folder of their own."""

    def __init__(self, folder, place, address, port):
        self.folder = folder
        self.place, self.address, self.port, self.broker = place, address, port, None
        self.env = {"PATH": PATH, "HOME": str(self.folder), "LC_ALL": "C",
                    "XDG_CONFIG_HOME": str(self.folder / "config")}

    def start_broker(self, first=False):
        state = self.folder / "broker"
        ready, listen = self.folder / "port", f"{self.address}:{self.port}"
        ready.unlink(missing_ok=True)
        if first:
            run(*self.place.network(BROKERD, "init", "--state", state, "--listen", listen,
                                    "--name", self.address, "--url", f"https://{listen}",
                                    "--accept-no-root-key-backup"), env=self.env)
        self.broker = subprocess.Popen(
            self.place.network(BROKERD, "serve", "--state", state, "--health", "none", "--listen",
                               listen, "--port-file", ready),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=self.env,
            stderr=open(self.folder / "broker.log", "ab"))
        until(lambda: ready.exists() and ready.read_text().strip(), "the broker serves")

    def stop_broker(self):
        self.broker.terminate()
        assert self.broker.wait(SECONDS) == 0

    def ctl(self, profile, *words, check=True):
        return run(*self.place.network(CTL, "--profile", profile, *words), check=check,
                   env=self.env)

    def json(self, profile, *words):
        return json.loads(self.ctl(profile, "--json", *words).stdout)

    def audit(self, instance):
        found = self.json("auditor", "audit", "list", "--instance", instance, "--limit", "100")
        return [(r["verb"], r["reason"]) for r in found["items"]]

    def people_choose(self):
        """An image for each policy, of the same name."""
        for policy in ("user", "host", "deployment"):
            self.ctl("operator", "image", "set", policy, "--allowed", policy)


class Compute:
    """A host that is enrolled, approved and has an agent."""

    def __init__(self, site, host, name):
        self.site, self.host, self.name, self.agent = site, host, name, None
        self.libvirt = isinstance(host, Host)

    def client(self, *words, **more):
        return run(*self.host.words(CLIENT, *words), env=self.site.env, **more)

    def enroll(self, *options):
        ticket = self.site.folder / f"{self.name}.enroll"
        self.site.ctl("host-admin", "host", "token", self.name, "--out", ticket)
        said = self.client("enroll", "--no-wait", *options, *self.state_dir(), ticket).stdout
        ticket.unlink()
        self.fingerprint = said.split("fingerprint ")[1].split()[0]
        self.site.ctl("host-admin", "host", "approve", self.name, "--fingerprint",
                      self.fingerprint)

    def state_dir(self):
        return [] if self.libvirt else ["--state-dir", self.site.folder / self.name]

    def client_file(self, name):
        where = self.host.disk / "var/lib/vtpm-client" if self.libvirt else (
            self.site.folder / self.name)
        return where / name

    def limits(self):
        """Under those of its unit, on a host that has libvirt."""
        return ["unshare", "-m", "sh", HERE / "limits.sh", UNIT, self.site.folder]

    def start_agent(self, wait_for_libvirt=True, **env):
        read, write = os.pipe()
        words = ["sh", "-c", f'exec "$@" --ready-fd {write}', "sh",
                 *(self.limits() if self.libvirt else []), CLIENT, "agent",
                 *self.state_dir(), *([] if self.libvirt else ["--no-libvirt"])]
        self.agent = subprocess.Popen(
            self.host.words(*words), stdin=subprocess.DEVNULL, pass_fds=[write],
            env=dict(self.site.env, **env), stdout=subprocess.DEVNULL,
            stderr=open(self.site.folder / f"{self.name}.log", "ab"))
        os.close(write)
        with os.fdopen(read) as said:
            assert said.readline() == "ready\n", self.agent_log()[-2000:]
        if self.libvirt and wait_for_libvirt:
            until(lambda: self.status()["libvirt"] == "up", "the agent has libvirt")

    def agent_log(self):
        return (self.site.folder / f"{self.name}.log").read_text()

    def status(self):
        return json.loads(self.client("status", "--json", *self.state_dir()).stdout)

    def kill_agent(self, sig="KILL"):
        if self.libvirt:
            self.host.kill("vtpm-client", sig)
        else:
            self.agent.send_signal(getattr(signal, f"SIG{sig}"))
        return self.agent.wait(SECONDS)

    def no_reports_wait(self):
        until(lambda: self.status()["waiting"] == 0, "the reports are sent")


class World(Broker, Compute):
    """A broker with its people, and one host that is enrolled, approved and has an agent."""

    def __init__(self, libvirt=True):
        folder = new_folder()
        host = Host(folder / "h1") if libvirt else Machine()
        Broker.__init__(self, folder, host, "127.0.0.1", 7443 if libvirt else free_port())
        Compute.__init__(self, self, host, "h1")
        self.known = {}

    def open(self):
        if self.libvirt:
            self.host.up()
            self.host.start_libvirtd()
        self.start_broker(first=True)
        self.enroll()
        self.start_agent()
        self.people_choose()
        return self

    def close(self):
        for process in (self.agent, self.broker):
            if process and process.poll() is None:
                process.terminate()
        if self.libvirt:
            self.host.down()
        for process in (self.agent, self.broker):
            if process:
                process.kill()
                process.wait()
        # Mounts were the host's own; nothing of the machine may show here.
        assert not self.libvirt or not any((self.host.disk / "machine-etc").iterdir())
        if not os.environ.get("E2E_KEEP"):
            shutil.rmtree(self.folder)

    def guest(self, policy, place=True, permit=False, **more):
        return Guest(self, policy, place, permit, **more)


class Guest:
    """An instance with its domain: firmware alone, on TCG, with a TPM of its own."""

    def __init__(self, world, policy, place=True, permit=False, secret=None):
        self.world, self.host, self.id = world, world.host, new_id()
        self.name, self.policy = f"g-{self.id[:8]}", policy
        world.ctl("owner", "instance", "create", self.name, "--id", self.id, "--image", policy)
        if place:
            world.ctl("operator", "instance", "place", self.id, "h1")
        if permit:
            self.permit()
        if world.libvirt:
            self.define(secret)

    def permit(self):
        self.world.ctl("owner", "permit", self.id)

    def show(self):
        return self.world.json("owner", "instance", "show", self.id)

    def define(self, secret=None):
        tpm = self.world.ctl("owner", "instance", "xml", self.id).stdout
        if secret:
            tpm = tpm.replace(self.show()["secret"]["id"], secret)
        define(self.host, self.name, self.id, tpm)

    def start(self):
        self.host.virsh("start", self.name)
        assert self.name in self.host.running()

    def refused(self):
        """What whoever ran virsh gets to read."""
        done = self.host.virsh("start", self.name, check=False)
        assert done.returncode != 0 and self.name not in self.host.running()
        return done.stderr

    def stop(self):
        self.host.virsh("destroy", self.name)

    def tpm_state(self):
        return self.host.disk / f"var/lib/libvirt/swtpm/{self.id}/tpm2/tpm2-00.permall"

    def copy(self):
        return self.world.client_file(f"copies/{self.id}.json")

    def became(self, state):
        until(lambda: self.show()["state"] == state, f"the state is {state}")


class Foreign:
    """A guest of which the broker knows nothing, with a secret that somebody else has defined."""

    def __init__(self, host):
        self.host, self.name, self.secret = host, f"foreign-{new_id()[:8]}", new_id()
        xml, value = host.folder / "secret.xml", host.folder / "value"
        xml.write_text(f"<secret ephemeral='yes' private='yes'><uuid>{self.secret}</uuid>"
                       f"<usage type='vtpm'><name>{self.name}</name></usage></secret>")
        value.write_text("somebody else's passphrase")
        host.virsh("secret-define", xml)
        host.virsh("secret-set-value", self.secret, "--file", value, "--plain")
        define(host, self.name, new_id(),
               "<tpm model='tpm-crb'><backend type='emulator' version='2.0'>"
               f"<encryption secret='{self.secret}'/></backend></tpm>")

    start, stop, refused = Guest.start, Guest.stop, Guest.refused

    def forget(self):
        self.host.virsh("secret-undefine", self.secret)


def define(host, name, domain, tpm=""):
    xml = host.folder / f"{name}.xml"
    xml.write_text(domain_xml(name, domain, tpm))
    host.virsh("define", xml)


def domain_xml(name, domain, tpm=""):
    return f"""<domain type='qemu'><name>{name}</name><uuid>{domain}</uuid>
<memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<controller type='usb' model='none'/><memballoon model='none'/>{tpm}</devices></domain>
"""
