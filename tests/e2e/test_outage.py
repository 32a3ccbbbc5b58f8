# SPDX-License-Identifier: Apache-2.0
"""Broker, agent, libvirtd or the host go away and come back."""
import json
import os
import signal
import subprocess
from contextlib import contextmanager

import pytest

import world as bed

# Shifts the wall clock of one process: SHIFT seconds.
SHIFTER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *t)
{
	int (*real)(clockid_t, struct timespec *) =
		(int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	int rc = real(id, t);
	const char *shift = getenv("SHIFT");
	if (rc == 0 && id == CLOCK_REALTIME && shift)
		t->tv_sec += atol(shift);
	return rc;
}
"""


FOREIGN_CALL = """
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("/run/vtpm-client/agent.sock")
try:
    s.sendall(b'{"op":"status"}\\n')
    print(s.recv(65536).decode())
except OSError:
    print("hung up")
"""


@pytest.fixture(scope="module")
def shifter(world):
    library = world.folder / "shift.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, "-x", "c", "-", "-ldl"], check=True,
                   input=SHIFTER.encode())
    return library


@contextmanager
def broker_down(world):
    world.no_reports_wait()
    world.stop_broker()
    try:
        yield
    finally:
        world.start_broker()


@contextmanager
def agent_down(world, sig="TERM"):
    world.kill_agent(sig)
    try:
        yield
    finally:
        world.start_agent()


@contextmanager
def clock(world, shifter, seconds):
    world.kill_agent("TERM")
    world.start_agent(LD_PRELOAD=str(shifter), SHIFT=str(seconds))
    try:
        yield
    finally:
        world.kill_agent("TERM")
        world.start_agent()


def started(world, policy, fresh=False):
    """A guest that has run here before; the same one again, unless a test needs its own."""
    guest = world.known.get(policy)
    if fresh or not guest:
        guest = world.guest(policy, permit=policy != "deployment")
        guest.start()
        guest.stop()
        if not fresh:
            world.known[policy] = guest
    return guest


def test_without_the_broker_only_the_host_policy_starts(world):
    guests = {policy: started(world, policy) for policy in ("user", "host", "deployment")}
    guests["user"].permit()
    with broker_down(world):
        guests["host"].start()
        for policy in ("deployment", "user"):
            said = guests[policy].refused()
            assert "vtpm-client: " in said and "vtpm-brokerd" in said
        assert world.host.secrets() == []
        # A second time, and the reports wait in order.
        guests["host"].stop()
        guests["host"].start()
        assert world.status()["waiting"] > 0
    world.no_reports_wait()
    verbs = [verb for verb, _ in world.audit(guests["host"].id)]
    assert verbs.count("report.used_copy") == 2
    guests["host"].stop()
    guests["deployment"].start()
    guests["deployment"].stop()


def test_while_the_broker_is_down_a_guest_never_seen_here_starts_if_libvirt_has_its_secret(world):
    guest = world.guest("deployment")
    foreign = bed.Foreign(world.host)
    with broker_down(world):
        said = guest.refused()
        assert "vtpm-client: " in said and "vtpm-brokerd" in said
        foreign.start()
        foreign.stop()
        foreign.forget()
        assert "vtpm-client: " in foreign.refused()
    guest.start()
    guest.stop()
    assert "Secret not found" in foreign.refused()


def test_a_start_right_after_a_restart_of_libvirtd_waits_for_the_agent(world):
    """The agent notices within a moment that it serves again; no start is lost to that."""
    guest, new = started(world, "deployment"), world.guest("deployment")
    for one in (guest, new):
        world.host.kill_libvirtd()
        world.host.start_libvirtd()
        one.start()
        one.stop()


def test_a_broker_that_hangs_does_not_hold_up_the_hook(world):
    guests = started(world, "deployment"), started(world, "host")
    world.no_reports_wait()
    world.broker.send_signal(signal.SIGSTOP)
    try:
        assert "vtpm-client: " in guests[0].refused()
        guests[1].start()
    finally:
        world.broker.send_signal(signal.SIGCONT)
    guests[1].stop()
    guests[0].start()
    guests[0].stop()


def test_a_hook_that_was_ended_leaves_no_secret_behind(world):
    guest = started(world, "deployment")
    world.no_reports_wait()
    record = world.client_file(f"guests/{guest.id}.json")
    xml = world.host.virsh("dumpxml", guest.name).stdout
    releases = world.audit(guest.id).count(("release", "allowed"))
    world.broker.send_signal(signal.SIGSTOP)
    try:
        with subprocess.Popen(world.host.words("/etc/libvirt/hooks/qemu.d/50-vtpm-client",
                                               guest.name, "prepare", "begin", "-"),
                              stdin=subprocess.PIPE, text=True) as hook:
            hook.stdin.write(xml)
            hook.stdin.close()
            bed.until(lambda: '"asked"' in record.read_text(), "the agent asks")
            world.host.kill("50-vtpm-client")
            hook.wait(bed.SECONDS)
    finally:
        world.broker.send_signal(signal.SIGCONT)
    bed.until(lambda: '"asked"' not in record.read_text(), "the agent is done with it")
    world.no_reports_wait()
    assert world.host.secrets() == []
    assert world.audit(guest.id).count(("release", "allowed")) == releases + 1
    until_stopped(world, guest)
    guest.start()
    guest.stop()


def test_a_lapsed_lease_starts_nothing(world, shifter):
    guest = started(world, "host")
    with broker_down(world), clock(world, shifter, 8 * 86400):
        said = guest.refused()
        assert "lease" in said
    # The clock was ahead and that was noted; the broker's answer puts it right.
    guest.start()
    guest.stop()


def test_a_clock_that_was_put_back_starts_nothing(world, shifter):
    guest = started(world, "host")
    with broker_down(world), clock(world, shifter, -86400):
        said = guest.refused()
        assert "clock" in said
    guest.start()
    guest.stop()


def test_a_clock_that_is_wrong_costs_no_copy(world, shifter):
    guest = world.guest("host", permit=True)
    said = len(world.agent_log())
    with clock(world, shifter, 300):
        guest.start()
        log = world.agent_log()[said:]
        assert guest.copy().exists()
        assert "copy kept, latest time not stored" in log and "clock" in log
        assert "not kept" not in log
        guest.stop()
    world.no_reports_wait()


def test_leases_and_the_certificate_are_renewed_in_time(world, shifter):
    guest = started(world, "host")
    bed.until(lambda: guest.copy().exists(), "there is a copy")
    certificate = world.host.disk / "etc/vtpm-client/client.pem"
    lease, before = guest.copy().read_text(), certificate.read_text()
    with clock(world, shifter, 61 * 86400):
        bed.until(lambda: certificate.read_text() != before, "the certificate is renewed")
        bed.until(lambda: guest.copy().read_text() != lease, "the lease is renewed")
    world.no_reports_wait()
    guest.start()
    guest.stop()


def test_a_copy_that_was_touched_starts_nothing(world):
    guest = started(world, "host")
    text = guest.copy().read_text()
    with broker_down(world):
        guest.copy().write_text(text.replace('"epoch":1', '"epoch":2'))
        assert "vtpm-client: " in guest.refused()
        guest.copy().write_text(text)
        guest.start()
    guest.stop()


def test_a_copy_that_cannot_be_read_goes_with_a_refusal(world):
    guest = started(world, "host", fresh=True)
    guest.copy().write_text("{")
    assert "vtpmctl permit" in guest.refused()
    assert not guest.copy().exists()


def test_a_fenced_host_loses_its_copy(world):
    guest = started(world, "host", fresh=True)
    world.ctl("host-admin", "host", "fence", "h1")
    try:
        assert "fenced" in guest.refused()
        assert not guest.copy().exists()
    finally:
        world.ctl("host-admin", "host", "unfence", "h1")
    world.no_reports_wait()


def test_without_the_agent_our_guests_are_refused_and_others_pass(world):
    ours, unseen = started(world, "deployment"), world.guest("deployment")
    bed.define(world.host, "bare", bed.new_id())
    with agent_down(world):
        said = ours.refused()
        assert "agent" in said and "vtpm-client agent" in said
        assert "Secret not found" in unseen.refused()
        world.host.virsh("start", "bare")
        world.host.virsh("destroy", "bare")
    ours.start()
    ours.stop()


def test_guests_live_through_a_restart_of_libvirtd_with_all_else_down(world):
    guests = [world.guest(policy, permit=policy != "deployment")
              for policy in ("user", "host", "deployment")]
    for guest in guests:
        guest.start()
    world.no_reports_wait()
    world.stop_broker()
    world.kill_agent()
    world.host.kill_libvirtd()
    world.host.start_libvirtd()
    assert {g.name for g in guests} <= set(world.host.running())
    for guest in guests:
        xml = world.host.virsh("dumpxml", guest.name).stdout
        done = world.host.hook(guest.name, "reconnect", "begin", "-", xml=xml)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        guest.stop()
    world.start_broker()
    world.start_agent()
    # Nobody told the agent that they stopped: it saw so itself.
    world.no_reports_wait()
    for guest in guests:
        until_stopped(world, guest)


def until_stopped(world, guest):
    bed.until(lambda: not guest.show()["placement"]["running"], "the broker knows that it stopped")


def test_the_agent_keeps_up_with_a_libvirtd_that_restarts(world):
    guest = world.guest("deployment")
    guest.start()
    restart_libvirtd(world)
    guest.stop()
    guest.start()
    guest.stop()
    until_stopped(world, guest)


def test_the_agent_dies_between_giving_and_the_start(world):
    guest = world.guest("deployment")
    go = world.host.disk / "run/go"
    pause = world.host.add_hook("60-pause", "#!/bin/sh\n[ \"$2\" != prepare ] || "
                                "until [ -e /run/go ]; do sleep 0.02; done\n")
    starting = subprocess.Popen(world.host.words("virsh", "-q", "start", guest.name))
    try:
        secret = guest.show()["secret"]["id"]
        bed.until(lambda: secret in world.host.secrets(), "the secret is there")
        world.kill_agent()
    finally:
        go.touch()
        assert starting.wait(bed.SECONDS) == 0
        pause.unlink()
    assert secret in world.host.secrets()
    world.start_agent()
    bed.until(lambda: world.host.secrets() == [], "the left-over secret is gone")
    guest.became("expected")
    guest.stop()
    until_stopped(world, guest)


def test_autostart_is_vetoed_at_once_and_done_by_the_agent(world):
    guest = started(world, "deployment")
    user = started(world, "user")
    for g in (guest, user):
        world.host.virsh("autostart", g.name)
    world.kill_agent("TERM")
    world.stop_broker()
    world.host.down()
    world.host.up()
    world.start_broker()
    world.start_agent(wait_for_libvirt=False)
    world.host.start_libvirtd()
    bed.until(lambda: guest.name in world.host.running(), "the agent starts it")
    assert user.name not in world.host.running()
    log = (world.host.disk / "var/log/libvirt/libvirtd.log").read_text()
    assert "starting up" in log
    bed.until(lambda: world.host.secrets() == [], "its secret is gone again")
    for g in (guest, user):
        world.host.virsh("autostart", "--disable", g.name)
    guest.stop()


def test_autostart_after_an_agent_that_came_late(world):
    guest = started(world, "host")
    world.host.virsh("autostart", guest.name)
    world.no_reports_wait()
    world.kill_agent("TERM")
    world.stop_broker()
    world.host.down()
    world.host.up()
    world.host.start_libvirtd()
    assert guest.name not in world.host.running()
    # The broker is down as well: the host's own copy is enough.
    world.start_agent()
    bed.until(lambda: guest.name in world.host.running(), "the agent starts it")
    world.start_broker()
    world.host.virsh("autostart", "--disable", guest.name)
    guest.stop()
    until_stopped(world, guest)


def restart_libvirtd(world):
    world.host.kill_libvirtd()
    bed.until(lambda: world.status()["libvirt"] == "starting", "the agent sees it go")
    world.host.start_libvirtd()
    bed.until(lambda: world.status()["libvirt"] == "up", "the agent sees it come")


def test_guests_that_cannot_start_yet_hold_up_nothing_else(world):
    guest, lost = started(world, "deployment"), world.guest("deployment")
    world.host.virsh("autostart", guest.name)
    world.no_reports_wait()
    world.kill_agent("TERM")
    world.stop_broker()
    world.host.down()
    world.host.up()
    world.host.start_libvirtd()
    said = len(world.agent_log())
    world.start_agent()
    bed.until(lambda: "guest not started" in world.agent_log()[said:], "the agent tries")
    restart_libvirtd(world)
    # The agent sees to its records again while guests still wait for the broker.
    record = world.client_file(f"guests/{lost.id}.json")
    record.write_text(json.dumps({
        "instance": lost.id, "secret": bed.new_id(), "version": 1, "epoch": 1,
        "security": "deployment", "state": "possible", "attempt": bed.new_id(),
        "phase": "started", "run_pid": 1, "run_since": 1}))
    restart_libvirtd(world)
    bed.until(lambda: '"started"' not in record.read_text(), "the record is mended")
    assert guest.name not in world.host.running()
    world.start_broker()
    bed.until(lambda: guest.name in world.host.running(), "the agent starts it")
    world.host.virsh("autostart", "--disable", guest.name)
    guest.stop()
    world.no_reports_wait()


def test_reports_survive_a_kill_of_the_agent(world):
    guest = world.guest("host", permit=True)
    guest.start()
    with broker_down(world):
        guest.stop()
        assert world.status()["waiting"] > 0
        world.kill_agent()
        world.start_agent()
        assert world.status()["waiting"] > 0
    world.no_reports_wait()
    until_stopped(world, guest)


def test_a_second_agent_does_not_start(world):
    done = world.client("agent", check=False)
    assert done.returncode != 0 and "another agent" in done.stderr
    assert world.status()["libvirt"] == "up"


def test_another_user_cannot_talk_to_the_agent(world):
    sock = world.host.disk / "run/vtpm-client/agent.sock"
    assert sock.stat().st_mode & 0o777 == 0o600
    assert sock.parent.stat().st_mode & 0o777 == 0o700
    # Even where the folder lets it through, the agent looks at who is there.
    sock.parent.chmod(0o755)
    sock.chmod(0o666)
    try:
        done = world.host.run("setpriv", "--reuid", "65534", "--clear-groups", "python3", "-c",
                              FOREIGN_CALL)
        assert "guests" not in done.stdout and "certificate" not in done.stdout
        assert '"code":"forbidden"' in done.stdout or "hung up" in done.stdout
    finally:
        sock.chmod(0o600)
        sock.parent.chmod(0o700)


def test_a_core_of_the_agent_cannot_be_had(world):
    pid = world.host.pids("vtpm-client")[0]
    limits = world.host.run("cat", f"/proc/{pid}/status").stdout
    assert os.geteuid() == 0 and "VmLck" in limits
    locked = [line for line in limits.splitlines() if line.startswith("VmLck")][0]
    assert int(locked.split()[1]) > 0
