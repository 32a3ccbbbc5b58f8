# SPDX-License-Identifier: Apache-2.0
"""A move that is refused says why to whoever asked for it, and costs the source nothing."""
import hashlib
import secrets
from contextlib import contextmanager

import pytest

import handing
import world as bed


class Costs:
    """What the source has before a refused move, and is to have after it."""

    def __init__(self, guest):
        self.guest = guest
        self.source, self.target = guest.where()
        self.before, self.placed = guest.last(self.source), guest.placed()
        self.keys = guest.keys(self.source)

    def nothing(self, leaves=None):
        guest = self.guest
        assert guest.ticking() == {self.source.name} == guest.running_on()
        now = guest.last(self.source)
        assert (now.nv, now.pcr) == (self.before.nv, self.before.pcr)
        assert guest.placed() == self.placed
        assert guest.keys(self.source) == self.keys
        assert guest.keys(self.target) == ([], [], [])
        assert guest.state(self.target) == ""
        bed.until(lambda: not guest.open_record(self.source), "nothing is marked")
        assert guest.handover().get("state") in (leaves, None, *handing.ENDED)
        assert guest.ran_twice() == []

    def refused(self, *words, how="p2p", options=(), leaves=None):
        """Moves, which is refused with these words; it costs nothing."""
        said = self.guest.move(how, self.source, self.target, *options, check=False)
        assert said.returncode != 0
        for word in words:
            assert word in said.stderr, said.stderr
        self.nothing(leaves)


@pytest.fixture
def costs(world, guests):
    yield Costs(guests("host"))
    world.repair()


@contextmanager
def host_is(world, one, verb, back):
    world.ctl("host-admin", "host", verb, one.name)
    try:
        yield
    finally:
        world.ctl("host-admin", "host", back, one.name)


# ---- the destination ----

@pytest.mark.parametrize("verb, back, word", [("drain", "undrain", "drain"),
                                              ("fence", "unfence", "fenced")])
def test_a_destination_that_takes_no_guests(world, costs, verb, back, word):
    with host_is(world, costs.target, verb, back):
        costs.refused(word)


def test_a_draining_source_lets_its_guests_go(world, costs):
    guest = costs.guest
    with host_is(world, costs.source, "drain", "undrain"):
        guest.move("p2p", costs.source, costs.target)
        guest.arrived(costs.target, costs.before)
        guest.settled("closed")


def test_a_destination_outside_its_host_set(world):
    guest = world.guest("deployment", create=["--host-set", "h1"])
    try:
        guest.start()
        costs = Costs(guest)
        assert guest.prepare(costs.target, check=False).returncode != 0
        costs.refused("host set")
    finally:
        guest.end()


def test_an_instance_that_the_broker_does_not_know_there(world):
    """Forced past the scheduler, with a secret of another instance."""
    guest, other = world.guest("deployment"), world.guest("deployment")
    try:
        guest.start()
        costs = Costs(guest)
        told = costs.source.host.virsh("dumpxml", "--migratable", guest.name).stdout
        path = world.folder / "forged.xml"
        path.write_text(told.replace(guest.secret, other.secret))
        costs.refused("secret", options=["--xml", path])
    finally:
        guest.end()
        other.end()


def test_a_wrong_value_on_the_destination(world, costs):
    """The emulator there cannot open the state; the source is suspended, then goes on."""
    guest, target = costs.guest, costs.target
    value = target.host.disk / "var/lib/libvirt/wrong"
    value.write_text(secrets.token_hex(32))
    spoils = f"""#!/bin/sh
[ "$2 $3" = "prepare begin" ] || exit 0
exec >/dev/null
virsh -q secret-set-value {guest.secret} --file /var/lib/libvirt/wrong --plain
"""
    hook = target.host.add_hook("60-wrong", spoils)
    try:
        said = guest.move("p2p", costs.source, target, check=False)
        assert said.returncode != 0
    finally:
        hook.unlink()
    assert guest.settled("aborted")["destination_said"] in ("erased", None, "")
    costs.nothing()


# ---- who may ----

def test_without_a_grant(world):
    guest = world.guest("user")
    try:
        guest.start()
        costs = Costs(guest)
        costs.refused("grant")
        assert "grant" in guest.prepare(costs.target, check=False).stderr
        guest.grant(costs.source)
        costs.refused("grant")
        guest.grant(costs.target, standing=False)
        guest.move("p2p", costs.source, costs.target)
        guest.arrived(costs.target, costs.before)
        guest.settled("closed")
        back = Costs(guest)
        guest.move("p2p", back.source, back.target)  # the grant for where it came from
        guest.arrived(back.target, back.before)
        guest.settled("closed")
        Costs(guest).refused("grant")
    finally:
        guest.end()


def test_a_direct_move_that_nobody_has_prepared(costs):
    costs.refused("vtpmctl handover prepare", how="direct")


@pytest.mark.parametrize("who", ["owner", "auditor", "host-admin"])
def test_who_may_not_prepare(costs, who):
    said = costs.guest.prepare(costs.target, check=False, profile=who)
    assert said.returncode != 0 and "may not do this" in said.stderr
    assert costs.guest.handover().get("state") not in ("prepared", "offered")


def test_an_operator_of_other_hosts(world, costs):
    world.token("narrow", "operator", "--hosts", costs.source.name)
    said = costs.guest.prepare(costs.target, check=False, profile="narrow")
    assert said.returncode != 0 and "reach" in said.stderr
    costs.nothing()


def test_a_second_move_meanwhile(costs):
    """libvirt has one outgoing job; the broker one open hand-over."""
    guest, target = costs.guest, costs.target
    with costs.source.steps.held("sealed") as at:
        with guest.moves("p2p", costs.source, target) as end:
            at.reached("sealed")
            assert guest.move("p2p", costs.source, target, check=False).returncode != 0
            said = guest.prepare(target, mode="strict", check=False)
            assert said.returncode != 0 and "under way" in said.stderr
            at.let_go()
            assert end().returncode == 0
    guest.arrived(target, costs.before)
    guest.settled("closed")


# ---- the guest is off, or saved ----

def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_offline_migration(costs):
    """It would leave the TPM behind; a destination that cannot ask anybody refuses it as well."""
    guest, source, target = costs.guest, costs.source, costs.target
    source.host.virsh("destroy", guest.name)
    source.no_reports_wait()
    had = digest(guest.tpm_state(source))

    def refused(how, word):
        said = guest.move(how, source, target, flags=["--offline", "--persistent",
                                                      "--undefinesource"], check=False)
        assert said.returncode != 0 and word in said.stderr, said.stderr
        assert digest(guest.tpm_state(source)) == had and guest.state(target) == ""

    for how in ("p2p", "direct"):
        refused(how, "vtpm-client migrate --cold")
    target.kill_agent()
    refused("p2p", "agent")
    target.start_agent()
    assert guest.start(source).nv == costs.before.nv


def test_a_saved_guest_is_resumed_and_moved(costs):
    guest, source, target = costs.guest, costs.source, costs.target
    image = "/var/lib/libvirt/qemu/save/image"
    for save, resume in ((["managedsave", guest.name], ["start", guest.name]),
                         (["save", guest.name, image], ["restore", image])):
        source.host.virsh(*save)
        source.no_reports_wait()
        assert guest.move("p2p", source, target, check=False).returncode != 0
        before = guest.lines(source)
        source.host.virsh(*resume)
        bed.until(lambda before=before: guest.lines(source) > before, "it ticks again")
        assert guest.last(source).pcr == costs.before.pcr
    guest.move("p2p", source, target)
    guest.arrived(target, costs.before)
    guest.settled("closed")


def test_a_start_at_the_source_calls_a_prepared_move_off(costs):
    guest, source = costs.guest, costs.source
    source.host.virsh("destroy", guest.name)
    source.no_reports_wait()
    guest.prepare(costs.target)
    assert guest.start(source).nv == costs.before.nv
    assert guest.handover()["state"] == "aborted"
    guest.settled("aborted")


def test_a_prepared_move_to_elsewhere_is_not_taken(world, costs):
    """The host for which it is prepared is the only one that it can go to."""
    world.enroll_elsewhere("h3")
    costs.guest.prepare("h3")
    try:
        costs.refused("hand-over", leaves="prepared")
    finally:
        costs.guest.abort()
    costs.nothing()


def test_a_source_whose_agent_is_away(costs):
    costs.source.kill_agent()
    said = costs.guest.move("p2p", costs.source, costs.target, check=False)
    assert said.returncode != 0 and "agent" in said.stderr
    costs.source.start_agent()
    costs.nothing()


def test_a_destination_whose_agent_is_away(costs):
    costs.target.kill_agent()
    said = costs.guest.move("p2p", costs.source, costs.target, check=False)
    assert said.returncode != 0 and "agent" in said.stderr
    costs.target.start_agent()
    costs.nothing()


def test_a_broker_that_is_away(world, costs):
    world.kill_broker()
    said = costs.guest.move("p2p", costs.source, costs.target, check=False)
    assert said.returncode != 0 and "vtpm-brokerd" in said.stderr
    world.start_broker()
    costs.nothing()
